"""Networks that are not ours: torchvision backbones and users' modules."""

import inspect

import torch
from torch import nn
from torch.nn import functional as F

from mmsk.exceptions import BadInputError
from mmsk.nn._layers import Dropout, Standardize


class ForeignNetwork(nn.Module):
    """A module that knows nothing of cells, dtypes or generators, made to fit.

    Parameters
    ----------
    body : nn.Module
        Maps cells to features.
    shape : tuple of int
        Shape of a cell.
    kind : str
        What the cells are; ``"codes"`` stay integers.
    output_dim : int or None
        Size of the embedding, reached through a linear layer; None keeps the features.
    standardize : bool
        Whether to standardise cells along their first axis.
    """

    # Its dropout draws from torch's global generator, which training therefore stands in for.
    draws_globally = True

    def __init__(self, body, shape, kind, output_dim=None, standardize=True):
        super().__init__()
        self.is_codes = kind == "codes"
        self.is_waveform = kind == "waveform"
        n_channels = 1 if self.is_waveform or not shape else shape[0]
        self.standardize = Standardize(n_channels) if standardize and not self.is_codes else None
        self.body = body
        self.linear = None
        n_features = self._measure(shape)
        if output_dim is not None:
            self.linear = nn.Linear(n_features, output_dim)
        self.output_dim = n_features if output_dim is None else output_dim

    @torch.no_grad()
    def _measure(self, shape):
        self.body.eval()
        cell = torch.ones(2, *shape, dtype=torch.int64 if self.is_codes else torch.float32)
        features = self.body(cell)
        self.body.train()
        if features.ndim != 2 or len(features) != 2:
            raise ValueError(f"for two cells it gave an output of shape {tuple(features.shape)}")
        return features.shape[1]

    def forward(self, x):
        dtype = next((p.dtype for p in self.parameters()), torch.float32)
        if self.is_codes:
            x = x.long()
        elif self.standardize is not None:
            x = self.standardize(x[:, None])[:, 0] if self.is_waveform else self.standardize(x)
            x = x.to(dtype)
            # The rest of the row is there: an absent number of a table counts as average.
            x = torch.where(x.isnan(), torch.zeros_like(x), x)
        else:
            x = x.to(dtype)
        features = self.body(x)
        return features if self.linear is None else self.linear(features)


class Backbone(nn.Module):
    """A torchvision classification network whose last layer gives the embedding.

    Parameters
    ----------
    model : nn.Module
        Built with `output_dim` classes.
    n_channels : int
        Channels of the photos; one is repeated to three.
    output_dim : int
        Size of the embedding.
    dropout : float
        Dropout of the embedding.
    """

    draws_globally = True

    def __init__(self, model, n_channels, output_dim, dropout):
        super().__init__()
        self.standardize = Standardize(n_channels)
        self.model = model
        self.dropout = Dropout(dropout)
        self.output_dim = output_dim

    def forward(self, x):
        x = self.standardize(x).contiguous(memory_format=torch.channels_last)
        x = x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x
        return self.dropout(F.layer_norm(self.model(x), (self.output_dim,)))


def make_backbone(name, shape, output_dim, dropout):
    """Build a torchvision classification network by name.

    Parameters
    ----------
    name : str
        One of ``torchvision.models.list_models(torchvision.models)``.
    shape : tuple of int
        Shape of a photo, (channels, height, width).
    output_dim : int
        Size of the embedding.
    dropout : float
        Dropout of the embedding.

    Returns
    -------
    Backbone
        With fresh weights.
    """
    from torchvision import models

    if name not in models.list_models(module=models):
        raise BadInputError(
            f"backbone={name!r} is neither 'small' nor a classification network of torchvision",
            step="ImageEncoder",
            fix="See torchvision.models.list_models(torchvision.models).",
        )
    if shape[0] not in (1, 3):
        raise BadInputError(
            f"backbone={name!r} takes photos of 1 or 3 channels, these have {shape[0]}",
            step="ImageEncoder",
            fix="Load them with ImageLoader(mode='RGB'), or use backbone='small'.",
        )
    builder = models.get_model_builder(name)
    arguments = {"weights": None, "num_classes": output_dim}
    known = inspect.signature(builder).parameters
    if name in ("googlenet", "inception_v3"):
        arguments |= {"aux_logits": False, "init_weights": True}
    if name.startswith("vit_"):
        if shape[1] != shape[2]:
            raise BadInputError(f"backbone={name!r} takes square photos", step="ImageEncoder")
        arguments["image_size"] = shape[1]
    if "progress" in known:
        arguments["progress"] = False
    backbone = Backbone(builder(**arguments), shape[0], output_dim, dropout).eval()
    try:
        with torch.no_grad():
            backbone(torch.zeros(1, *shape))
    except RuntimeError as error:
        raise BadInputError(
            f"backbone={name!r} cannot take photos of {shape[1]} x {shape[2]} pixels: {error}",
            step="ImageEncoder",
            fix="Load them larger, with ImageLoader(size=...), or use backbone='small'.",
        ) from error
    return backbone.train()
