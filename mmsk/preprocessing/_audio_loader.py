"""Sounds to tensor columns of samples."""

from functools import partial

import numpy as np
from sklearn.utils._param_validation import StrOptions

from mmsk.preprocessing._base_sound import BaseSoundTransformer
from mmsk.preprocessing._sound import n_samples


class AudioLoader(BaseSoundTransformer):
    """Read sounds into cells of shape (T,), float32 from -1 to 1 or int16.

    A cell may be a path, an encoded file as ``bytes``, or an array of samples, (T,) or (channels, T). An array says no
    sampling rate: it is taken to be at `sampling_rate` already. Arrays hold floats, or PCM samples as int16, int32 or
    uint8, which are scaled.

    Parameters
    ----------
    sampling_rate : int, default=16_000
        Samples a second of the cells; files at another rate are resampled (soxr, HQ).
    duration : float, default=None
        Seconds of every cell: longer sounds are cropped, shorter ones followed by zeros. With None each cell keeps
        its own length.
    position : {"start", "center"}, default="start"
        The part of a longer sound that is kept.
    mono : bool, default=True
        Average the channels, or keep them in cells of shape (channels, T).
    dtype : {"float32", "int16"}, default="float32"
        Cells from -1 to 1, or 16-bit samples, which take half the memory and come several times as fast from 16-bit WAV
        files. Everything that takes sounds in mmsk takes both; weights of an encoder go with what it was trained on.
        Other samples are rounded to 16 bits; those beyond -1 to 1 are clipped, and sounds that reach beyond twice that
        are refused.
    on_error : {"raise", "missing"}, default="raise"
        What a sound that cannot be read does: raise `BadInputError`, or become a missing cell, with one
        `UnreadableCellWarning` a call.
    lazy : bool, default=False
        Give cells that are decoded when they are asked for (`mmsk.lazy.LazyCell`), so that a set of files may be
        larger than memory. `transform` checks that the files are there; with ``on_error="missing"`` it decodes each
        once, as only that tells which cells are missing. Needs a `duration` and `mono`.
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
    MelSpectrogram : Sounds, or the cells of this loader, to spectrograms.
    MFCC : Sounds, or the cells of this loader, to cepstral coefficients.

    Notes
    -----
    Channels in antiphase would average to silence. Where the mean is 60 dB below the channels, the cell counts as
    unreadable. A WAV, AIFF, Ogg or MP3 file that ends before its stated length is refused, and so are damaged Ogg
    files. An MP3 without a header states no length; a FLAC file that is damaged or ends early is refused if that
    concerns what `duration` leaves of it, and other formats have no checksums. Rows with equal cells share one array.

    With `memory` every call that has to decode adds one directory of cells below ``memory``, small ones are joined;
    ``joblib.Memory(memory).reduce_size(bytes_limit="2G")`` deletes those used longest ago, and ``clear()`` all.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.preprocessing import AudioLoader
    >>> sounds = [np.zeros(24_000, dtype="int16"), None]
    >>> cells = AudioLoader(sampling_rate=16_000, duration=1.0).fit_transform(sounds)
    >>> cells[0, 0].shape, cells[0, 0].dtype.name, cells[1, 0] is None
    ((16000,), 'float32', True)
    """

    _parameter_constraints: dict = {
        "mono": ["boolean"],
        "dtype": [StrOptions({"float32", "int16"})],
        **BaseSoundTransformer._parameter_constraints,
    }

    def __init__(
        self,
        sampling_rate=16_000,
        duration=None,
        position="start",
        mono=True,
        dtype="float32",
        on_error="raise",
        lazy=False,
        memory=None,
        n_jobs=None,
        verbose=0,
    ):
        self.sampling_rate = sampling_rate
        self.duration = duration
        self.position = position
        self.mono = mono
        self.dtype = dtype
        self.on_error = on_error
        self.lazy = lazy
        self.memory = memory
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _cell_layout(self):
        # Files differ in their number of channels, which nothing but the files can say.
        if self.duration is None or not self.mono:
            return None
        return (n_samples(self.sampling_rate, self.duration),), np.dtype(self.dtype)

    def _cell_reader(self):
        return partial(self._read_waveform, mono=self.mono, dtype=np.dtype(self.dtype))

    def _cell_writer(self):
        dtype = np.dtype(self.dtype)
        return lambda cell, place: self._read_waveform(cell, dtype=dtype, out=place)
