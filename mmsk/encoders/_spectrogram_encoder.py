"""Spectrograms and MFCC to embeddings."""

from sklearn.utils._param_validation import StrOptions

from mmsk import nn
from mmsk.encoders._base import BaseEncoder
from mmsk.exceptions import BadInputError
from mmsk.net._constraints import PROBABILITY, SIZE, SIZES
from mmsk.preprocessing import MelSpectrogram, SpectrogramImage
from mmsk.preprocessing._mel import mel_filters, n_frames


class SpectrogramEncoder(BaseEncoder):
    """Convolutional network for spectrograms and MFCC, cells of shape (bins, frames).

    Parameters
    ----------
    network : {"residual", "four_branch", "cnn2d"}, default="residual"
        A small residual network; four branches that look through windows of 8, 16, 32 and 64 bins or frames; or the
        four convolutions of the "Beginner's guide to audio data", made for MFCC of 40 coefficients and 173 frames.
    widths : sequence of int, default=(16, 32, 64, 128)
        Channels of the residual network's blocks.
    output_dim : int, default=None
        Size of the embedding. None is 128, or the 64 with which ``"cnn2d"`` ends; any other number is reached from
        there through a further layer.
    dropout : float, default=0.2
        Dropout before the embedding; ``"cnn2d"`` as it ends itself has none.
    frontend : MelSpectrogram or MFCC, default=None
        Computes the spectrograms of waveforms, cells of shape (T,) as `AudioLoader` gives them, with the parameters of
        this transformer: a batch at a time, on the device, and of sounds that were augmented as sounds. Its
        `sampling_rate` must be that of the cells; its `duration` and what concerns reading are not used.
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
    mmsk.MelSpectrogram : Makes such cells of sound files.
    mmsk.MFCC : Likewise.

    Notes
    -----
    With a `frontend` the sums of the spectrogram are formed in float32, where the transformer takes float64.

    Each bin is standardised with the statistics of the training cells. Cells shorter than the longest of training are
    filled with their own minimum, waveforms for a `frontend` with silence.

    Cells are of any numbers. Unless another is named this encoder is taken for those of floats or int16 with more than
    12 bins.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk import SpectrogramEncoder
    >>> from mmsk.columns import make_column
    >>> clips = make_column(np.random.default_rng(0).normal(size=(8, 20, 30)).astype("float32"))
    >>> encoder = SpectrogramEncoder(output_dim=16, max_epochs=1, random_state=0)
    >>> encoder.fit(clips, [0, 1] * 4).transform(clips).shape
    (8, 16)
    """

    _parameter_constraints: dict = {
        **BaseEncoder._parameter_constraints,
        "network": [StrOptions({"residual", "four_branch", "cnn2d"})],
        "widths": SIZES,
        "output_dim": [*SIZE, None],
        "dropout": PROBABILITY,
        "frontend": [MelSpectrogram, None],
    }

    def __init__(
        self,
        network="residual",
        *,
        widths=(16, 32, 64, 128),
        output_dim=None,
        dropout=0.2,
        frontend=None,
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
        self.output_dim = output_dim
        self.dropout = dropout
        self.frontend = frontend
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
        frontend, n_bins = (None, modality.shape[0]) if self.frontend is None else self._build_frontend()
        if self.network == "cnn2d":
            length = modality.shape[-1]
            frames = length if frontend is None else n_frames(length, frontend.n_fft, frontend.hop_length)
            return nn.TaggingNetwork2d(n_bins, frames, self.dropout, self.output_dim, frontend)
        output_dim = 128 if self.output_dim is None else self.output_dim
        if self.network == "four_branch":
            return nn.FourBranchNetwork(n_bins, output_dim, self.dropout, frontend=frontend)
        return nn.SpectrogramNetwork(n_bins, tuple(self.widths), output_dim, self.dropout, frontend)

    @property
    def _kinds(self):
        return ("spectrogram",) if self.frontend is None else ("waveform",)

    def _build_frontend(self):
        given = self.frontend
        if isinstance(given, SpectrogramImage):
            raise BadInputError(
                f"frontend={given!r} draws pictures",
                step=type(self).__name__,
                fix="Give a MelSpectrogram or MFCC, or let an ImageEncoder look at the pictures.",
            )
        given._cell_layout()  # refuses parameters that do not go together
        filters = mel_filters(given.sampling_rate, given.n_fft, given.n_mels, given.f_min, given.f_max).toarray()
        n_mfcc = getattr(given, "n_mfcc", None)
        if getattr(given, "pool", None) is not None:
            raise BadInputError(
                f"frontend={given!r} pools over time, which leaves no spectrogram",
                step=type(self).__name__,
                fix="Set pool=None.",
            )
        frontend = nn.LogMel(filters, given.n_fft, given.hop_length, given.top_db, n_mfcc)
        return frontend, n_mfcc or given.n_mels
