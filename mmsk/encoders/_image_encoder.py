"""Photos to embeddings."""

from mmsk import nn
from mmsk.encoders._base import BaseEncoder
from mmsk.net._constraints import PROBABILITY, SIZE, SIZES


class ImageEncoder(BaseEncoder):
    """Convolutional network for photos, cells of shape (channels, height, width).

    Parameters
    ----------
    backbone : str, default="small"
        ``"small"`` is a residual network of 0.6 million weights that trains from scratch on a few hundred photos; any
        other name is one of ``torchvision.models.list_models(torchvision.models)``, such as ``"resnet18"``.
    widths : sequence of int, default=(32, 64, 128)
        Channels of the small network's residual blocks.
    output_dim : int, default=128
        Size of the embedding.
    dropout : float, default=0.5
        Dropout before the embedding.
    max_epochs, batch_size : int, default=40, 64
        Passes over the rows and rows a step, when trained alone.
    lr, weight_decay : float, default=3e-3, 1e-2
        Peak learning rate and decay of AdamW, when trained alone.
    callbacks : list, default=None
        skorch callbacks, when trained alone.
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
    Pixels are standardised by channel with the statistics of the training photos. Backbones take 3 channels; a grey
    photo is repeated. Weights start at random.

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
        "output_dim": SIZE,
        "dropout": PROBABILITY,
    }
    _kinds = ("image",)

    def __init__(
        self,
        backbone="small",
        *,
        widths=(32, 64, 128),
        output_dim=128,
        dropout=0.5,
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
            return nn.ImageNetwork(modality.shape[0], tuple(self.widths), self.output_dim, self.dropout)
        return nn.make_backbone(self.backbone, modality.shape, self.output_dim, self.dropout)
