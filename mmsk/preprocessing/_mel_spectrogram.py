"""Sounds to tensor columns of log-mel spectrograms."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval

from mmsk.exceptions import BadInputError
from mmsk.preprocessing._base_sound import BaseSoundTransformer
from mmsk.preprocessing._mel import log_mel, mel_filters, n_frames
from mmsk.preprocessing._sound import n_samples


class MelSpectrogram(BaseSoundTransformer):
    """Turn sounds into log-mel spectrograms: cells of shape (n_mels, n_frames), float32 decibels.

    A cell may be a path, an encoded file as ``bytes``, or an array of samples such as `AudioLoader` gives. An array
    says no sampling rate: it is taken to be at `sampling_rate` already. Several channels are averaged.

    Parameters
    ----------
    sampling_rate : int, default=22_050
        Samples a second; files at another rate are resampled (soxr, HQ).
    duration : float, default=None
        Seconds of every cell: longer sounds are cropped, shorter ones followed by zeros. With None each cell has as
        many frames as its sound.
    n_fft : int, default=1024
        Samples of a frame.
    hop_length : int, default=512
        Samples from one frame to the next; a sound of T samples has ``1 + T // hop_length`` frames, or
        ``1 + (T - 1) // hop_length`` with an odd `n_fft`.
    n_mels : int, default=128
        Number of mel bands.
    f_min : float, default=0.0
        Lowest frequency in hertz.
    f_max : float, default=None
        Highest frequency in hertz; None means half of `sampling_rate`.
    top_db : float, default=80.0
        Values further than this below the greatest one of the same sound are raised to that level. None keeps them.
    position : {"start", "center"}, default="start"
        The part of a sound longer than `duration` that is kept.
    on_error : {"raise", "missing"}, default="raise"
        What a sound that cannot be read does: raise `BadInputError`, or become a missing cell, with one
        `UnreadableCellWarning` a call.
    lazy : bool, default=False
        Give cells that are decoded when they are asked for (`mmsk.lazy.LazyCell`), so that a set of files may be
        larger than memory. `transform` checks that the files are there; with ``on_error="missing"`` it decodes each
        once, as only that tells which cells are missing. Needs a `duration`.
    memory : str, Path or joblib.Memory, default=None
        Where decoded files and encoded ``bytes`` are kept between folds, searches and runs, as `Pipeline` has it.
        They are read back from disk when they are needed, so that `lazy` adds nothing. A file is decoded again when
        its size or its time of change differs. Arrays are in memory already and not kept.
    n_jobs : int, default=None
        Number of threads; None means 1 unless in a `joblib.parallel_config` context.
    verbose : int, default=0
        With 1 or more, show a progress bar.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Names of the columns seen in `fit`, where all of them are strings.

    See Also
    --------
    MFCC : Cepstral coefficients, with pooling to plain numeric columns.
    AudioLoader : The samples themselves.

    Notes
    -----
    The values are those of ``librosa.power_to_db(librosa.feature.melspectrogram(...), top_db=top_db)`` on the same
    samples: a centred short-time Fourier transform with a Hann window and zeros beyond the ends, power, filters on
    Slaney's mel scale with area normalisation [1]_, and ``10 * log10(max(power, 1e-10))``. Silence is -100 dB. The sums
    are formed in float64 and the cells rounded to float32.

    With `memory` every call that has to decode adds one directory of cells below ``memory``, small ones are joined;
    ``joblib.Memory(memory).reduce_size(bytes_limit="2G")`` deletes those used longest ago, and ``clear()`` all.

    References
    ----------
    .. [1] M. Slaney, "Auditory Toolbox", Technical Report 1998-010, Interval Research Corporation, 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.preprocessing import MelSpectrogram
    >>> second = np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050)
    >>> cells = MelSpectrogram(duration=1.0, n_mels=64).fit_transform([second, None])
    >>> cells[0, 0].shape, cells[0, 0].dtype.name, cells[1, 0] is None
    ((64, 44), 'float32', True)
    """

    _parameter_constraints: dict = {
        "n_fft": [Interval(Integral, 2, None, closed="left")],
        "hop_length": [Interval(Integral, 1, None, closed="left")],
        "n_mels": [Interval(Integral, 1, None, closed="left")],
        "f_min": [Interval(Real, 0, None, closed="left")],
        "f_max": [Interval(Real, 0, None, closed="neither"), None],
        "top_db": [Interval(Real, 0, None, closed="neither"), None],
        **BaseSoundTransformer._parameter_constraints,
    }

    def __init__(
        self,
        sampling_rate=22_050,
        duration=None,
        n_fft=1024,
        hop_length=512,
        n_mels=128,
        f_min=0.0,
        f_max=None,
        top_db=80.0,
        position="start",
        on_error="raise",
        lazy=False,
        memory=None,
        n_jobs=None,
        verbose=0,
    ):
        self.sampling_rate = sampling_rate
        self.duration = duration
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.n_mels = n_mels
        self.f_min = f_min
        self.f_max = f_max
        self.top_db = top_db
        self.position = position
        self.on_error = on_error
        self.lazy = lazy
        self.memory = memory
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _cell_layout(self):
        length = n_samples(self.sampling_rate, self.duration)
        if length is None:
            return None
        return (self.n_mels, n_frames(length, self.n_fft, self.hop_length)), np.float32

    def _cell_reader(self):
        spectrogram = self._spectrogram()
        return lambda cell: spectrogram(self._read_waveform(cell)).astype(np.float32)

    def _spectrogram(self):
        """Give the function from samples to float64 decibels."""
        try:
            filters = mel_filters(self.sampling_rate, self.n_fft, self.n_mels, self.f_min, self.f_max)
        except BadInputError as error:
            raise BadInputError(error.problem, step=type(self).__name__, fix=error.fix) from None
        return lambda samples: log_mel(
            samples, filters=filters, n_fft=self.n_fft, hop_length=self.hop_length, top_db=self.top_db
        )
