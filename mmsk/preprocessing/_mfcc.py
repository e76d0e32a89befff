"""Sounds to mel-frequency cepstral coefficients."""

from numbers import Integral

import numpy as np
from scipy.fft import dct
from sklearn.utils._param_validation import Interval, StrOptions

from mmsk.exceptions import BadInputError
from mmsk.preprocessing._mel_spectrogram import MelSpectrogram


class MFCC(MelSpectrogram):
    """Turn sounds into mel-frequency cepstral coefficients: cells of shape (n_mfcc, n_frames), float32.

    A cell may be a path, an encoded file as ``bytes``, or an array of samples such as `AudioLoader` gives. An array
    says no sampling rate: it is taken to be at `sampling_rate` already. Several channels are averaged.

    With `pool` the coefficients are pooled over the frames of a sound and come as plain numeric columns, for linear
    models, trees, support vectors or over-sampling; sounds may differ in length.

    Parameters
    ----------
    n_mfcc : int, default=20
        Number of coefficients, at most `n_mels`.
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
        Decibels further than this below the greatest one of the same sound are raised to that level. None keeps them.
    pool : {"mean", "mean_std"}, default=None
        Give the mean of every coefficient over the frames, or its mean and standard deviation, as float64 columns
        named such as ``clip_mean0``; NaN where the sound is missing.
    position : {"start", "center"}, default="start"
        The part of a sound longer than `duration` that is kept.
    on_error : {"raise", "missing"}, default="raise"
        What a sound that cannot be read does: raise `BadInputError`, or become a missing cell, with one
        `UnreadableCellWarning` a call.
    lazy : bool, default=False
        Give cells that are decoded when they are asked for (`mmsk.lazy.LazyCell`), so that a set of files may be
        larger than memory. `transform` checks that the files are there; with ``on_error="missing"`` it decodes each
        once, as only that tells which cells are missing. Needs a `duration` and no `pool`.
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
    MelSpectrogram : The spectrograms the coefficients are computed from.
    TensorFlattener : Pools or flattens any tensor column.

    Notes
    -----
    The values are those of ``librosa.feature.mfcc``: the orthonormal discrete cosine transform of type II of the
    decibels that `MelSpectrogram` gives [1]_.

    With `memory` every call that has to decode adds one directory of cells below ``memory``, small ones are joined;
    ``joblib.Memory(memory).reduce_size(bytes_limit="2G")`` deletes those used longest ago, and ``clear()`` all.

    References
    ----------
    .. [1] S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic word recognition in
       continuously spoken sentences", IEEE Transactions on Acoustics, Speech, and Signal Processing 28(4), 1980.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.preprocessing import MFCC
    >>> second = np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050)
    >>> MFCC().fit_transform([second])[0, 0].shape
    (20, 44)
    >>> pooled = MFCC(n_mfcc=2, pool="mean_std").fit([second])
    >>> pooled.get_feature_names_out(["clip"])
    array(['clip_mean0', 'clip_mean1', 'clip_std0', 'clip_std1'], dtype=object)
    >>> pooled.transform([second, None]).shape
    (2, 4)
    """

    _parameter_constraints: dict = {
        "n_mfcc": [Interval(Integral, 1, None, closed="left")],
        "pool": [StrOptions({"mean", "mean_std"}), None],
        **MelSpectrogram._parameter_constraints,
    }

    def __init__(
        self,
        n_mfcc=20,
        sampling_rate=22_050,
        duration=None,
        n_fft=1024,
        hop_length=512,
        n_mels=128,
        f_min=0.0,
        f_max=None,
        top_db=80.0,
        pool=None,
        position="start",
        on_error="raise",
        lazy=False,
        memory=None,
        n_jobs=None,
        verbose=0,
    ):
        super().__init__(
            sampling_rate=sampling_rate,
            duration=duration,
            n_fft=n_fft,
            hop_length=hop_length,
            n_mels=n_mels,
            f_min=f_min,
            f_max=f_max,
            top_db=top_db,
            position=position,
            on_error=on_error,
            lazy=lazy,
            memory=memory,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        self.n_mfcc = n_mfcc
        self.pool = pool

    def get_feature_names_out(self, input_features=None):
        """Give the names of the output columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the input columns, where `fit` saw none.

        Returns
        -------
        ndarray of str
            The input names; with `pool`, one name a statistic and coefficient of every column.
        """
        names = super().get_feature_names_out(input_features)
        if self.pool is None:
            return names
        statistics = self.pool.split("_")
        pooled = [f"{name}_{statistic}{i}" for name in names for statistic in statistics for i in range(self.n_mfcc)]
        return np.asarray(pooled, dtype=object)

    def _cell_layout(self):
        if self.n_mfcc > self.n_mels:
            raise BadInputError(
                f"n_mfcc={self.n_mfcc} coefficients were asked of n_mels={self.n_mels} bands",
                step=type(self).__name__,
                fix="Keep n_mfcc at or below n_mels.",
            )
        if self.pool is not None and self.lazy:
            raise BadInputError(
                "pooled coefficients are plain numbers, which cannot be lazy",
                step=type(self).__name__,
                fix="Leave lazy=False, or pool=None.",
            )
        if self.pool is not None:
            return (self.n_mfcc * len(self.pool.split("_")),), np.float64
        layout = super()._cell_layout()
        return layout and ((self.n_mfcc, layout[0][1]), np.float32)

    def _cell_reader(self):
        spectrogram = self._spectrogram()
        # The rows of the transform that are kept, and only those.
        basis = np.ascontiguousarray(dct(np.eye(self.n_mels), axis=0, type=2, norm="ortho")[: self.n_mfcc])

        def read(cell):
            coefficients = basis @ spectrogram(self._read_waveform(cell))
            if self.pool is None:
                return coefficients.astype(np.float32)
            return np.concatenate([getattr(coefficients, name)(axis=1) for name in self.pool.split("_")])

        return read

    def _join_columns(self, columns):
        if self.pool is None:
            return super()._join_columns(columns)
        (width,), dtype = self._cell_layout()
        table = np.full((len(columns[0]), len(columns), width), np.nan, dtype=dtype)
        for j, column in enumerate(columns):
            for row, cell in enumerate(column):
                if cell is not None:
                    table[row, j] = cell
        return table.reshape(len(table), len(columns) * width)
