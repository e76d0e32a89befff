"""Sounds to pictures of their spectrograms."""

import numpy as np
from PIL import Image
from sklearn.utils._param_validation import StrOptions

from mmsk.preprocessing._colours import COLORMAPS, check_size, color_table
from mmsk.preprocessing._mel_spectrogram import MelSpectrogram


class SpectrogramImage(MelSpectrogram):
    """Draw sounds as log-mel spectrograms: cells of shape (3, height, width), uint8, for networks of pictures.

    A cell may be a path, an encoded file as ``bytes``, or an array of samples such as `AudioLoader` gives. An array
    says no sampling rate: it is taken to be at `sampling_rate` already. Several channels are averaged.

    Parameters
    ----------
    size : tuple of int, default=(128, 128)
        Height and width of the pictures in pixels.
    colormap : {"viridis", "magma", "grey"}, default="viridis"
        Colours from the quietest to the loudest.
    sampling_rate : int, default=22_050
        Samples a second; files at another rate are resampled (soxr, HQ).
    duration : float, default=None
        Seconds of every sound: longer ones are cropped, shorter ones followed by zeros. With None the picture shows the
        whole of each sound, however long.
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
    MelSpectrogram : The decibels themselves, for `mmsk.SpectrogramEncoder`.
    WaveformImage : Pictures of waveforms.
    mmsk.ImageEncoder : Looks at them.

    Notes
    -----
    Time goes to the right and frequency up. The colours reach from `top_db` below the loudest value of the same sound,
    or from its quietest where `top_db` is None, to the loudest; a sound without any differences gets the lowest colour.
    Decibels are brought to `size` by linear interpolation, averaged where they become fewer, before they are coloured.

    With `memory` every call that has to decode adds one directory of cells below ``memory``, small ones are joined;
    ``joblib.Memory(memory).reduce_size(bytes_limit="2G")`` deletes those used longest ago, and ``clear()`` all.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.preprocessing import SpectrogramImage
    >>> second = np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050)
    >>> cells = SpectrogramImage(size=(64, 96)).fit_transform([second, None])
    >>> cells[0, 0].shape, cells[0, 0].dtype.name, cells[1, 0] is None
    ((3, 64, 96), 'uint8', True)
    """

    _parameter_constraints: dict = {
        "size": [tuple, list],
        "colormap": [StrOptions(set(COLORMAPS))],
        **MelSpectrogram._parameter_constraints,
    }

    def __init__(
        self,
        size=(128, 128),
        colormap="viridis",
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
        self.size = size
        self.colormap = colormap

    def _cell_layout(self):
        return (3, *check_size(self.size, type(self).__name__)), np.uint8

    def _cell_reader(self):
        height, width = check_size(self.size, type(self).__name__)
        spectrogram, colors = self._spectrogram(), color_table(self.colormap)

        def read(cell):
            decibels = spectrogram(self._read_waveform(cell))
            low, high = decibels.min(), decibels.max()
            if self.top_db is not None and low < high:
                low = high - self.top_db
            levels = (decibels[::-1] - low) * (255.0 / ((high - low) or 1.0))
            picture = Image.fromarray(levels.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
            return colors[:, np.asarray(picture).round().astype(np.uint8)]

        return read
