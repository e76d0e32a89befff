"""Log-mel spectrograms as librosa defines them, in float64 and in chunks that stay in the processor's cache."""

from functools import lru_cache

import numpy as np
from scipy.signal import get_window
from scipy.sparse import csr_array

from mmsk.exceptions import BadInputError

# Samples of the frames that are transformed at a time: with their spectra a megabyte, which stays in the processor's
# cache. Of smaller chunks threads would mostly hand each other the interpreter lock.
_CHUNK = 2**16
_SMALLEST_POWER = 1e-10
_KNEE_HERTZ = 1000.0
_KNEE_MEL = 15.0
_LOG_STEP = np.log(6.4) / 27.0


def n_frames(length, n_fft, hop_length):
    """Count the frames of a centred spectrogram.

    Parameters
    ----------
    length : int
        Samples of the sound.
    n_fft, hop_length : int
        Samples of a frame, and from one frame to the next.

    Returns
    -------
    int
        The number of frames.

    Examples
    --------
    >>> from mmsk.preprocessing._mel import n_frames
    >>> n_frames(22_050, 1024, 512)
    44
    """
    # Half a frame of zeros stands at both ends; an odd frame has its middle sample over.
    return 1 + max(0, length - n_fft % 2) // hop_length


@lru_cache(maxsize=16)
def mel_filters(sampling_rate, n_fft, n_mels, f_min, f_max):
    """Build the triangular filters of a mel spectrogram (Slaney's scale and area normalisation).

    Parameters
    ----------
    sampling_rate : int
        Samples a second.
    n_fft : int
        Samples of a frame.
    n_mels : int
        Number of filters.
    f_min : float
        Lowest frequency in hertz.
    f_max : float or None
        Highest frequency in hertz; None means half of `sampling_rate`.

    Returns
    -------
    csr_array of shape (n_mels, 1 + n_fft // 2)
        The filters; most of their weights are zero.

    Raises
    ------
    BadInputError
        If the frequencies are not ``f_min < f_max <= sampling_rate / 2``, or a band holds no frequency of the
        transform.

    Examples
    --------
    >>> from mmsk.preprocessing._mel import mel_filters
    >>> mel_filters(22_050, 1024, 64, 0.0, None).shape
    (64, 513)
    """
    nyquist = sampling_rate / 2
    f_max = nyquist if f_max is None else f_max
    if not f_min < f_max <= nyquist:
        raise BadInputError(
            f"f_min={f_min} and f_max={f_max} do not go with sampling_rate={sampling_rate}",
            fix=f"Keep f_min < f_max <= {nyquist:g}.",
        )
    # torchaudio's own function halves an odd sampling rate to a whole number and takes every n_fft for even, which
    # moves decibels by up to 0.07; and it would load torch for one small matrix.
    edges = _mel_to_hertz(np.linspace(_hertz_to_mel(f_min), _hertz_to_mel(f_max), n_mels + 2))[:, np.newaxis]
    distances = np.fft.rfftfreq(n_fft, 1 / sampling_rate) - edges
    widths = np.diff(edges, axis=0)
    rising, falling = distances[:-2] / widths[:-1], -distances[2:] / widths[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    n_empty = int((triangles.max(axis=1) == 0).sum())
    if n_empty:
        raise BadInputError(
            f"{n_empty} of n_mels={n_mels} bands lie between two frequencies of n_fft={n_fft} and would stay silent",
            fix="Lower n_mels or raise n_fft.",
        )
    return csr_array(triangles * 2 / (edges[2:] - edges[:-2]))


def _hertz_to_mel(frequency):
    """Follow Slaney's scale: linear up to 1000 Hz, which is mel 15, and logarithmic beyond."""
    if frequency < _KNEE_HERTZ:
        return frequency * _KNEE_MEL / _KNEE_HERTZ
    return _KNEE_MEL + np.log(frequency / _KNEE_HERTZ) / _LOG_STEP


def _mel_to_hertz(mel):
    linear = mel * _KNEE_HERTZ / _KNEE_MEL
    return np.where(mel < _KNEE_MEL, linear, _KNEE_HERTZ * np.exp(_LOG_STEP * (mel - _KNEE_MEL)))


def log_mel(samples, *, filters, n_fft, hop_length, top_db):
    """Compute a log-mel spectrogram.

    The frames are centred, with zeros beyond the ends, and weighted by a Hann window; power is summed by the mel
    filters and expressed in dB: ``10 * log10(max(power, 1e-10))``, so that silence is -100 dB.

    Parameters
    ----------
    samples : ndarray of shape (T,)
        The sound.
    filters : csr_array of shape (n_mels, 1 + n_fft // 2)
        What :func:`mel_filters` gives.
    n_fft, hop_length : int
        Samples of a frame, and from one frame to the next.
    top_db : float or None
        Values further than this below the greatest one are raised to that level.

    Returns
    -------
    ndarray of shape (n_mels, n_frames), dtype float64
        Decibels.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.preprocessing._mel import log_mel, mel_filters
    >>> filters = mel_filters(22_050, 1024, 64, 0.0, None)
    >>> log_mel(np.zeros(2048), filters=filters, n_fft=1024, hop_length=512, top_db=80.0)[0]
    array([-100., -100., -100., -100., -100.])
    """
    n_bins, length = 1 + n_fft // 2, max(n_fft, len(samples) + 2 * (n_fft // 2))
    padded = np.zeros(length)
    padded[n_fft // 2 : n_fft // 2 + len(samples)] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    window = _hann(n_fft)
    decibels = np.empty((filters.shape[0], len(frames)))
    step = max(1, _CHUNK // n_fft)
    # Written over by every chunk: memory that is asked for anew would cost as much as the transform.
    weighted, spectrum = np.empty((step, n_fft)), np.empty((step, n_bins), dtype=np.complex128)
    parts, power = spectrum.view(np.float64), weighted.ravel()[: step * n_bins].reshape(step, n_bins)
    for start in range(0, len(frames), step):
        n = min(step, len(frames) - start)
        np.multiply(frames[start : start + n], window, out=weighted[:n])
        np.fft.rfft(weighted[:n], out=spectrum[:n])
        np.square(parts[:n], out=parts[:n])
        np.add(parts[:n, ::2], parts[:n, 1::2], out=power[:n])
        decibels[:, start : start + n] = filters @ power[:n].T
    np.log10(np.maximum(decibels, _SMALLEST_POWER, out=decibels), out=decibels)
    decibels *= 10
    return decibels if top_db is None else np.maximum(decibels, decibels.max() - top_db, out=decibels)


@lru_cache(maxsize=16)
def _hann(n_fft):
    return get_window("hann", n_fft)
