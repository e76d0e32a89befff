"""Raw sound and sensor series to embeddings."""

from mmsk import nn
from mmsk.encoders._base import BaseEncoder
from mmsk.net._constraints import PROBABILITY, SIZE, SIZES, one_of


class WaveformEncoder(BaseEncoder):
    """One-dimensional convolutional network for samples, cells of shape (T,) or (channels, T).

    Parameters
    ----------
    network : {"strided", "cnn1d"}, default="strided"
        Strided convolutions, for anything from sensor series of some dozen steps to minutes of sound; or the eight
        convolutions of the "Beginner's guide to audio data", for about two seconds of sound at 16 kHz.
    widths : sequence of int, default=(32, 64, 128, 128, 128)
        Channels of the strided convolutions.
    kernel_size : int, default=65
        Length of the first strided filter in samples; series of less than some thousand steps get a shorter one.
    output_dim : int, default=None
        Size of the embedding. None is 128, or the 1028 with which ``"cnn1d"`` ends; any other number is reached from
        there through a further layer.
    dropout : float, default=0.2
        Dropout before the embedding; ``"cnn1d"`` has it behind its last convolution, and half of it behind the others.
    weights : str or Path, default=None
        A file that `save_weights` of such an encoder wrote, or a ``.pt`` file of the same weights, to start from. The
        scale of the cells comes from it, too.
    max_epochs, batch_size : int, default=40, 64
        Passes over the rows and rows a step, when trained alone.
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
    mmsk.AudioLoader : Reads sound files.

    Notes
    -----
    Each channel is standardised with the statistics of the training cells. Cells shorter than the longest of training
    are filled with the mean of each of their channels. Those of more than 12 channels are taken for spectrograms and
    filled with their own minimum, unless a `SeriesAugmentation` says that they are none.

    Cells are of any numbers; int16 and uint8 stay so until they are on the device. Unless another is named this encoder
    is taken for cells (T,) and, with up to 12 channels, (channels, T) of floats or int16.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk import WaveformEncoder
    >>> from mmsk.columns import make_column
    >>> series = make_column(np.random.default_rng(0).normal(size=(8, 6, 50)).astype("float32"))
    >>> WaveformEncoder(max_epochs=1, random_state=0).fit(series, [0, 1] * 4).transform(series).shape
    (8, 128)
    """

    _parameter_constraints: dict = {
        **BaseEncoder._parameter_constraints,
        "network": one_of("strided", "cnn1d"),
        "widths": SIZES,
        "kernel_size": SIZE,
        "output_dim": [*SIZE, None],
        "dropout": PROBABILITY,
    }
    _kinds = ("waveform", "series", "spectrogram")

    def __init__(
        self,
        network="strided",
        *,
        widths=(32, 64, 128, 128, 128),
        kernel_size=65,
        output_dim=None,
        dropout=0.2,
        weights=None,
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
        self.network = network
        self.widths = widths
        self.kernel_size = kernel_size
        self.output_dim = output_dim
        self.dropout = dropout
        self.weights = weights
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
        n_channels = 1 if modality.kind == "waveform" else modality.shape[0]
        n_samples = modality.shape[-1]
        if self.network == "cnn1d":
            return nn.TaggingNetwork1d(n_channels, n_samples, self.dropout, self.output_dim)
        output_dim = 128 if self.output_dim is None else self.output_dim
        return nn.WaveformNetwork(n_channels, n_samples, tuple(self.widths), self.kernel_size, output_dim, self.dropout)
