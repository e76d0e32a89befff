"""Sounds to pictures of their waveforms."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from mmsk.preprocessing._base_sound import BaseSoundTransformer
from mmsk.preprocessing._colours import check_color, check_size


class WaveformImage(BaseSoundTransformer):
    """Draw sounds as waveforms: cells of shape (3, height, width), uint8, for networks of pictures.

    A cell may be a path, an encoded file as ``bytes``, or an array of samples such as `AudioLoader` gives. An array
    says no sampling rate: it is taken to be at `sampling_rate` already. Several channels are averaged.

    Parameters
    ----------
    size : tuple of int, default=(128, 128)
        Height and width of the pictures in pixels.
    sampling_rate : int, default=22_050
        Samples a second; files at another rate are resampled (soxr, HQ).
    duration : float, default=None
        Seconds of every sound: longer ones are cropped, shorter ones followed by zeros. With None the picture shows the
        whole of each sound, however long.
    amplitude : float, default=None
        The sample value at the upper edge, its negative at the lower one; louder samples are cut off. None takes the
        greatest of each sound, so that pictures tell nothing of loudness.
    color : tuple of int, default=(31, 119, 180)
        Red, green and blue of the waveform.
    background : tuple of int, default=(255, 255, 255)
        Red, green and blue of everything else.
    position : {"start", "center"}, default="start"
        The part of a sound longer than `duration` that is kept.
    on_error : {"raise", "missing"}, default="raise"
        What a sound that cannot be read does: raise `BadInputError`, or become a missing cell, with one
        `UnreadableCellWarning` a call.
    lazy : bool, default=False
        Give cells that are decoded when they are asked for (`mmsk.lazy.LazyCell`), so that a set of files may be
        larger than memory. `transform` checks that the files are there; with ``on_error="missing"`` it decodes each
        once, as only that tells which cells are missing.
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
    SpectrogramImage : Pictures of spectrograms.
    mmsk.ImageEncoder : Looks at them.

    Notes
    -----
    A column of pixels is filled from the least to the greatest of its samples and of the one before, which is what a
    drawn line of all samples covers; where there are fewer samples than columns they are joined by straight lines.

    With `memory` every call that has to decode adds one directory of cells below ``memory``, small ones are joined;
    ``joblib.Memory(memory).reduce_size(bytes_limit="2G")`` deletes those used longest ago, and ``clear()`` all.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.preprocessing import WaveformImage
    >>> second = np.sin(2 * np.pi * 3 * np.arange(22_050) / 22_050)
    >>> cells = WaveformImage(size=(9, 24), color=(0, 0, 0)).fit_transform([second, None])
    >>> cells[0, 0].shape, cells[0, 0].dtype.name, cells[1, 0] is None
    ((3, 9, 24), 'uint8', True)
    >>> for row in cells[0, 0][0]:
    ...     print("".join("-#"[int(pixel == 0)] for pixel in row))
    -##------##------##-----
    ####----####----####----
    #--#----#--#----#--#----
    #--#----#--#----#--#----
    #--##--##--##--##--##--#
    ----#--#----#--#----#--#
    ----#--#----#--#----#--#
    ----####----####----####
    -----##------##------##-
    """

    _parameter_constraints: dict = {
        "size": [tuple, list],
        "amplitude": [Interval(Real, 0, None, closed="neither"), None],
        "color": [tuple, list],
        "background": [tuple, list],
        **BaseSoundTransformer._parameter_constraints,
    }

    def __init__(
        self,
        size=(128, 128),
        sampling_rate=22_050,
        duration=None,
        amplitude=None,
        color=(31, 119, 180),
        background=(255, 255, 255),
        position="start",
        on_error="raise",
        lazy=False,
        memory=None,
        n_jobs=None,
        verbose=0,
    ):
        self.size = size
        self.sampling_rate = sampling_rate
        self.duration = duration
        self.amplitude = amplitude
        self.color = color
        self.background = background
        self.position = position
        self.on_error = on_error
        self.lazy = lazy
        self.memory = memory
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _cell_layout(self):
        return (3, *check_size(self.size, type(self).__name__)), np.uint8

    def _cell_reader(self):
        step = type(self).__name__
        height, width = check_size(self.size, step)
        color, background = check_color(self.color, "color", step), check_color(self.background, "background", step)
        rows = np.arange(height)[:, None]

        def read(cell):
            least, greatest = _envelope(self._read_waveform(cell), width)
            peak = self.amplitude or max(greatest.max(), -least.min()) or 1.0
            top, bottom = (
                np.rint((height - 1) * (0.5 - 0.5 * (edge / peak).clip(-1, 1))) for edge in (greatest, least)
            )
            return np.where((rows >= top) & (rows <= bottom), color, background)

        return read


def _envelope(samples, width):
    """Give the least and the greatest sample of every column of a picture, columns touching each other."""
    if len(samples) <= width:
        given = samples if len(samples) else np.zeros(1)
        samples = np.interp(np.linspace(0, len(given) - 1, 2 * width), np.arange(len(given)), given)
    starts = np.arange(width) * len(samples) // width
    least, greatest = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    before = samples[starts[1:] - 1]
    np.minimum(least[1:], before, out=least[1:])
    np.maximum(greatest[1:], before, out=greatest[1:])
    return least, greatest
