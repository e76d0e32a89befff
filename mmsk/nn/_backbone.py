"""Classification networks of torchvision and timm, without the layer that answers."""

import inspect

import torch
from torch import nn

from mmsk.exceptions import BadInputError
from mmsk.nn._layers import Dropout, Projection, Standardize
from mmsk.nn._transfer import TransferNetwork, find_stages
from mmsk.nn._weights import with_versions

_STEP = "ImageEncoder"
# What timm calls the network that Keras and the literature call otherwise.
_TIMM_NAMES = {"xception": "legacy_xception"}
# Trained on pixels from -1 to 1: torchvision changes ImageNet's scale into that one inside the network.
_INCEPTION = ("googlenet", "inception_v3")


class Backbone(TransferNetwork):
    """A network of torchvision or timm that gives features, and their projection.

    Parameters
    ----------
    trunk : nn.Module
        Maps photos of three channels to features.
    standardize : Standardize
        Scale of the pixels.
    n_features : int
        Size of the features.
    output_dim : int or None
        Size of the embedding; None takes the features as they are.
    dropout : float
        Dropout before the embedding.
    dropped : tuple of str
        How the names of weights start that files hold and the trunk does not.
    shape : tuple of int
        Shape of a photo, (channels, height, width).
    """

    draws_globally = True

    def __init__(self, trunk, standardize, n_features, output_dim, dropout, dropped, shape):
        super().__init__()
        self.standardize = standardize
        self.trunk = trunk
        self.projection = Dropout(dropout) if output_dim is None else Projection(n_features, output_dim, dropout)
        self.output_dim = n_features if output_dim is None else output_dim
        self.dropped = dropped
        self.shape = tuple(shape)

    def features(self, x):
        """Compute what the network gives before its last layer; see `TransferNetwork.features`."""
        x = self.standardize(x).contiguous(memory_format=torch.channels_last)
        return self.trunk(x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x)

    def project(self, features):
        """Make embeddings of features; see `TransferNetwork.project`."""
        return self.projection(features)

    def stages(self):
        """List the parts of the trunk in order; see `TransferNetwork.stages`."""
        return find_stages(self.trunk)

    def fit_state(self, state):
        """Bring the weights of the whole network, as files hold them, into the form of the trunk.

        Parameters
        ----------
        state : dict of str to Tensor
            Weights by name.

        Returns
        -------
        dict of str to Tensor
            Without those of layers the trunk lacks; positions of a vision transformer fit the size of the photos.
        """
        kept = {name: value for name, value in state.items() if not name.startswith(self.dropped)}
        state = with_versions(kept, self.trunk)
        position = state.get("encoder.pos_embedding")
        if position is not None and position.shape != self.trunk.encoder.pos_embedding.shape:
            from torchvision.models.vision_transformer import interpolate_embeddings

            state = interpolate_embeddings(self.trunk.image_size, self.trunk.patch_size, dict(state))
        return state


def make_backbone(name, shape, output_dim, dropout, pretrained=False):
    """Build a classification network of torchvision or timm by name.

    Parameters
    ----------
    name : str
        One of ``torchvision.models.list_models(torchvision.models)``, or of ``timm.list_models()``.
    shape : tuple of int
        Shape of a photo, (channels, height, width).
    output_dim : int or None
        Size of the embedding; None takes the features as they are.
    dropout : float
        Dropout before the embedding.
    pretrained : bool, default=False
        Whether weights will be loaded, so that pixels have to have the scale that those were trained with.

    Returns
    -------
    Backbone
        With fresh weights.
    """
    if shape[0] not in (1, 3):
        raise BadInputError(
            f"backbone={name!r} takes photos of 1 or 3 channels, these have {shape[0]}",
            step=_STEP,
            fix="Load them with ImageLoader(mode='RGB'), or use backbone='small'.",
        )
    trunk, dropped, mean, std = _from_torchvision(name, shape) if _in_torchvision(name) else _from_timm(name, shape)
    standardize = _known_scale(mean, std) if pretrained else Standardize(shape[0])
    n_features = _measure(name, trunk, shape)
    return Backbone(trunk, standardize, n_features, output_dim, dropout, dropped, shape)


def _in_torchvision(name):
    from torchvision import models

    return name in models.list_models(module=models)


def _from_torchvision(name, shape):
    from torchvision import models

    builder = models.get_model_builder(name)
    arguments = {"weights": None}
    if name in _INCEPTION:
        arguments |= {"aux_logits": False, "init_weights": True}
    if name.startswith("vit_"):
        if shape[1] != shape[2]:
            raise BadInputError(f"backbone={name!r} takes square photos", step=_STEP)
        arguments["image_size"] = shape[1]
    if "progress" in inspect.signature(builder).parameters:
        arguments["progress"] = False
    trunk = builder(**arguments)
    scale = models.get_model_weights(name).DEFAULT.transforms()
    mean, std = ([0.5] * 3, [0.5] * 3) if name in _INCEPTION else (scale.mean, scale.std)
    return trunk, ("AuxLogits.", "aux1.", "aux2.", *_drop_head(name, trunk)), mean, std


def _drop_head(name, trunk):
    if name.startswith(("vgg", "alexnet")):
        # The dense layers, nine tenths of the weights, are bound to what they were trained for: features are what the
        # convolutions give, averaged, as Keras has it with include_top=False and pooling="avg".
        trunk.avgpool, trunk.classifier = nn.AdaptiveAvgPool2d(1), nn.Identity()
        return ("classifier.",)
    kinds = nn.Conv2d if name.startswith("squeezenet") else nn.Linear
    last = [path for path, part in trunk.named_modules() if isinstance(part, kinds)][-1]
    parent, _, child = last.rpartition(".")
    setattr(trunk.get_submodule(parent), child, nn.Identity())
    return (last + ".",)


def _from_timm(name, shape):
    timm = import_timm(name)
    name = _TIMM_NAMES.get(name, name)
    if name not in timm.list_models():
        raise BadInputError(
            f"backbone={name!r} is neither 'small' nor a classification network of torchvision or timm",
            step=_STEP,
            fix="See torchvision.models.list_models(torchvision.models) and timm.list_models().",
        )
    trunk = timm.create_model(name, pretrained=False, **_timm_size(timm, name, shape))
    config = trunk.pretrained_cfg
    heads = config["classifier"]
    trunk.reset_classifier(0)
    heads = (heads,) if isinstance(heads, str) else tuple(heads)
    return trunk, tuple(head + "." for head in heads), config["mean"], config["std"]


def _timm_size(timm, name, shape):
    return {"img_size": tuple(shape[1:])} if timm.get_pretrained_cfg(name).fixed_input_size else {}


def import_timm(name):
    """Import timm, which is an extra.

    Parameters
    ----------
    name : str
        The network that is wanted of it.

    Returns
    -------
    module
        The package.
    """
    try:
        import timm
    except ImportError as error:
        raise BadInputError(
            f"backbone={name!r} is neither 'small' nor a classification network of torchvision, and timm, which knows "
            "more, is not installed",
            step=_STEP,
            fix="See torchvision.models.list_models(torchvision.models), or pip install 'mmsk[timm]'.",
        ) from error
    return timm


def _known_scale(mean, std):
    standardize = Standardize(3)
    standardize.mean = 255.0 * torch.tensor(mean, dtype=torch.float32)
    standardize.scale = 255.0 * torch.tensor(std, dtype=torch.float32)
    standardize.is_known = True
    return standardize


@torch.no_grad()
def _measure(name, trunk, shape):
    trunk.eval()
    try:
        n_features = trunk(torch.zeros(1, 3, *shape[1:])).shape[1]
    except (RuntimeError, AssertionError) as error:
        raise BadInputError(
            f"backbone={name!r} cannot take photos of {shape[1]} x {shape[2]} pixels: {error}",
            step=_STEP,
            fix="Load them larger, with ImageLoader(size=...), or use backbone='small'.",
        ) from error
    trunk.train()
    return n_features


def default_state(name, shape):
    """Get the best weights that torchvision or timm offer for a network, from their cache or by download.

    Parameters
    ----------
    name : str
        The network.
    shape : tuple of int
        Shape of a photo, (channels, height, width).

    Returns
    -------
    dict of str to Tensor
        Weights by name.

    Raises
    ------
    BadInputError
        If there are none, or the download fails.
    """
    if _in_torchvision(name):
        from torchvision import models

        weights = models.get_model_weights(name).DEFAULT
        load, place = (lambda: weights.get_state_dict(progress=False, check_hash=True)), weights.url
    else:
        timm = import_timm(name)
        known = _TIMM_NAMES.get(name, name)
        load = lambda: timm.create_model(known, pretrained=True, **_timm_size(timm, known, shape)).state_dict()  # noqa: E731
        config = timm.get_pretrained_cfg(known)
        place = config.url or f"https://huggingface.co/{config.hf_hub_id}"
    try:
        return load()
    except (OSError, RuntimeError, ValueError) as error:
        raise BadInputError(
            f"the weights of backbone={name!r} could not be had from {place}: {error}",
            step=_STEP,
            fix="Connect to the internet, or fetch that file elsewhere and give its path as weights.",
        ) from error
