"""Photos to embeddings."""

from mmsk import nn
from mmsk.encoders._base import BaseEncoder
from mmsk.exceptions import BadInputError
from mmsk.net._constraints import PROBABILITY, SIZE, SIZES, one_of


class ImageEncoder(BaseEncoder):
    """Convolutional network for photos, cells of shape (channels, height, width).

    Parameters
    ----------
    backbone : str, default="small"
        ``"small"`` is a residual network of 0.6 million weights that trains from scratch on a few hundred photos; any
        other name is one of ``torchvision.models.list_models(torchvision.models)``, such as ``"resnet18"`` or
        ``"vgg16"``, or, with the extra ``mmsk[timm]``, of ``timm.list_models()``, such as ``"xception"``.
    widths : sequence of int, default=(32, 64, 128)
        Channels of the small network's residual blocks.
    output_dim : int or None, default=128
        Size of the embedding, reached through a linear layer; None takes the features of the backbone as they are.
    dropout : float, default=0.5
        Dropout before the embedding.
    weights : "DEFAULT", str or Path, default=None
        Where training starts: from random weights, from the best that torchvision or timm offer, which are downloaded
        once, or from a file: one that `save_weights` of such an encoder wrote, of which ``output_dim=None`` takes the
        backbone alone, or a ``.pt`` or ``.safetensors`` file of the backbone's own weights, as torchvision and timm
        distribute them.
    trainable : {"all", "head"} or int, default="all"
        How much learns: everything, only the layer after the backbone, or that and the last stages of the backbone,
        this many of them.
    freeze_batchnorm : bool, default=True
        Whether parts of the backbone that do not learn keep their batch statistics, too.
    lr_scale : float, default=1.0
        What the learning rate of the backbone is multiplied with, also inside a fused network.
    max_epochs, batch_size : int, default=40, 64
        Passes over the rows and rows a step, when trained alone. With ``max_epochs=0`` and ``output_dim=None``
        `transform` gives the features of the backbone as `weights` have them.
    lr, weight_decay : float, default=3e-3, 1e-2
        Peak learning rate and decay of AdamW, when trained alone.
    callbacks : list, default=None
        Names or skorch callbacks, as `MultiModalClassifier` takes them, when trained alone.
    device : str, default="auto"
        A GPU where there is one, or any torch device.
    n_jobs : int, default=None
        CPU threads; None is one, -1 is all.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, order and dropout.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net.
    history_ : skorch.History
        Losses and durations by epoch.
    n_iter_ : int
        Epochs trained.
    classes_ : ndarray of shape (n_classes,)
        Labels, if the target was one of classes.
    n_features_in_ : int
        Number of columns seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if they had any.

    See Also
    --------
    mmsk.ImageLoader : Reads the files.

    Notes
    -----
    Pixels are standardised by channel: with the statistics of the training photos, or with those that came with
    `weights`. Backbones take 3 channels; a grey photo is repeated.

    With ``trainable="head"`` and `freeze_batchnorm` the backbone computes each training photo once rather than once an
    epoch, unless photos are augmented. Stages are the parts that torchvision makes of a network: the four of a ResNet
    and its stem, the five blocks of VGG, the blocks of a vision transformer; what lies between the stages of Swin and
    DenseNet counts as a stage, too. Of VGG and AlexNet the convolutions are taken and
    their answer averaged; other networks lose only their last layer.

    Pickles hold all weights and ask neither for the file nor for the internet.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk import ImageEncoder
    >>> photos = np.random.default_rng(0).integers(0, 256, (8, 3, 16, 16), dtype=np.uint8)
    >>> ImageEncoder(max_epochs=1, random_state=0).fit(photos, [0, 1] * 4).transform(photos).shape
    (8, 128)
    """

    _parameter_constraints: dict = {
        **BaseEncoder._parameter_constraints,
        "backbone": [str],
        "widths": SIZES,
        "output_dim": [*SIZE, None],
        "dropout": PROBABILITY,
        "trainable": [*one_of("all", "head"), *SIZE],
        "freeze_batchnorm": ["boolean"],
        "lr_scale": BaseEncoder._parameter_constraints["lr"],
    }
    _kinds = ("image",)

    def __init__(
        self,
        backbone="small",
        *,
        widths=(32, 64, 128),
        output_dim=128,
        dropout=0.5,
        weights=None,
        trainable="all",
        freeze_batchnorm=True,
        lr_scale=1.0,
        max_epochs=40,
        batch_size=64,
        lr=3e-3,
        weight_decay=1e-2,
        callbacks=None,
        device="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.backbone = backbone
        self.widths = widths
        self.output_dim = output_dim
        self.dropout = dropout
        self.weights = weights
        self.trainable = trainable
        self.freeze_batchnorm = freeze_batchnorm
        self.lr_scale = lr_scale
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.callbacks = callbacks
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def build(self, modality):
        """Build the network for cells of a modality.

        Parameters
        ----------
        modality : mmsk.net.Modality
            What the cells look like.

        Returns
        -------
        torch.nn.Module
            Maps a tensor of cells to embeddings of shape (n_cells, output_dim).
        """
        self._check_kind(modality)
        if self.backbone == "small":
            network = nn.ImageNetwork(modality.shape[0], tuple(self.widths), self.output_dim, self.dropout)
        else:
            pretrained = self.weights is not None
            network = nn.make_backbone(self.backbone, modality.shape, self.output_dim, self.dropout, pretrained)
        network.lr_scale = self.lr_scale
        return network.freeze(self.trainable, self.freeze_batchnorm)

    def load_into(self, module):
        """Put the weights that the parameter `weights` names into a module that :meth:`build` made.

        Parameters
        ----------
        module : torch.nn.Module
            The module.
        """
        if self.weights != "DEFAULT":
            super().load_into(module)
        elif self.backbone == "small":
            raise BadInputError(
                "weights='DEFAULT' was asked of backbone='small', which nobody has trained",
                step=type(self).__name__,
                fix="Name a backbone of torchvision or timm, or the file of an encoder that you trained.",
            )
        else:
            self._load_state(module, nn.default_state(self.backbone, module.shape))

    def _load_state(self, module, state):
        if self.backbone == "small" or any(name.startswith("trunk.") for name in state):  # what save_weights wrote
            if self.output_dim is None:
                state = {name: value for name, value in state.items() if not name.startswith("projection.")}
            # Of grey photos there is one mean, and a backbone that starts from a file has three channels.
            own = module.state_dict()
            grey = [name for name in ("standardize.mean", "standardize.scale") if len(state.get(name, ())) == 1]
            super()._load_state(module, state | {name: state[name].expand_as(own[name]).clone() for name in grey})
        else:
            nn.load_state(module.trunk, module.fit_state(state), repr(str(self.weights)), type(self).__name__)
