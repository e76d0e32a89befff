"""The one reader of sounds: files, encoded bytes and samples to finite float32 at one sampling rate."""

import io
import math
import os
from pathlib import Path

import numpy as np
import soundfile
import soxr

from mmsk.columns import unmasked
from mmsk.exceptions import BadInputError
from mmsk.preprocessing._files import check_file
from mmsk.preprocessing._mp3 import with_length
from mmsk.preprocessing._sound_length import check_not_truncated
from mmsk.preprocessing._wav import find_plain_wav

# libsndfile knows more (raw samples, MATLAB files, phone formats); these say their rate and whether they are whole.
FORMATS = ("AIFF", "FLAC", "MP3", "OGG", "RF64", "WAV", "WAVEX")
# Two gigabytes of float32, more than three hours at 44.1 kHz: a header that promises more is refused.
MAX_SAMPLES = 2**29
# Beyond this libsndfile says that it does not know: a FLAC that was written into a pipe, for instance.
_LONGEST = 2**62
# A mix 60 dB below its channels is cancellation, not sound.
_CANCELLED = 1e-6
# Decoders and resamplers overshoot by a little; what goes beyond this is no sound from -1 to 1.
_LOUDEST = 2.0
FLOAT = np.dtype(np.float32)
_FIX = "Give a WAV, FLAC, OGG, MP3 or AIFF file, or blank the cell."


def n_samples(sampling_rate, duration):
    """Count the samples of a sound of fixed duration.

    Parameters
    ----------
    sampling_rate : int
        Samples a second.
    duration : float or None
        Seconds; None means that sounds keep their own length.

    Returns
    -------
    int or None
        The number of samples, or None without a duration.

    Examples
    --------
    >>> from mmsk.preprocessing._sound import n_samples
    >>> n_samples(22_050, 0.5), n_samples(22_050, None)
    (11025, None)
    """
    return None if duration is None else max(1, round(sampling_rate * duration))


def read_sound(cell, *, sampling_rate, duration=None, position="start", mono=True, dtype=FLOAT, out=None):
    """Read one sound.

    Parameters
    ----------
    cell : str, Path, bytes or ndarray of shape (T,) or (channels, T)
        A file, an encoded file, or samples that are at `sampling_rate` already: floats, or signed 16 or 32 bit
        integers or unsigned 8 bit ones, which are scaled to -1 to 1.
    sampling_rate : int
        Samples a second that come back; files at another rate are resampled (soxr, HQ).
    duration : float, default=None
        Seconds that come back: longer sounds are cropped, shorter ones followed by zeros.
    position : {"start", "center"}, default="start"
        The part of a longer sound that is kept.
    mono : bool, default=True
        Whether channels are averaged.
    dtype : dtype, default=float32
        What comes back: float32 from -1 to 1, or int16: 32768 times as much, rounded, and clipped to what int16 holds.
    out : ndarray of shape (T,), default=None
        Where the samples are written, of that dtype and the length that `duration` asks for; needs `mono`.

    Returns
    -------
    ndarray of shape (T,) or (channels, T)
        Finite samples; the first shape if `mono`.

    Raises
    ------
    BadInputError
        If the cell cannot be read whole, holds no samples, some that are not finite, channels that cancel each other,
        or samples of more than twice what int16 holds where that was asked for.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.preprocessing._sound import read_sound
    >>> read_sound(np.array([0, 16384], dtype="int16"), sampling_rate=4, duration=1)
    array([0. , 0.5, 0. , 0. ], dtype=float32)
    """
    check_sound(cell)
    length = n_samples(sampling_rate, duration)
    if isinstance(cell, np.ndarray):
        samples, rate = _finite(_crop(_from_array(cell), length, position)), sampling_rate
    else:
        samples, rate = _from_file(cell, sampling_rate, duration, position, dtype, out)
    if samples.shape[-1] == 0:
        raise BadInputError("the sound holds no samples", fix=_FIX)
    samples = _mix(samples) if mono else samples
    if rate != sampling_rate:
        samples = _resample(samples, rate, sampling_rate)
    return _fit_length(samples if samples.dtype == dtype else _to_pcm(samples), length, out)


def check_sound(cell):
    """Refuse, without decoding it, what cannot be a sound.

    Parameters
    ----------
    cell : object
        A raw cell.

    Raises
    ------
    BadInputError
        If it is neither a regular file with content, nor bytes, nor an array.

    Examples
    --------
    >>> from mmsk.preprocessing._sound import check_sound
    >>> check_sound(3.5)
    Traceback (most recent call last):
        ...
    mmsk.exceptions.BadInputError: a cell of type float came where a sound was expected. Give a path, ...
    """
    if isinstance(cell, (str, Path)):
        check_file(cell, expected="a sound")
    elif not isinstance(cell, (bytes, np.ndarray)):
        raise BadInputError(
            f"a cell of type {type(cell).__name__} came where a sound was expected",
            fix="Give a path, bytes, or an array of samples.",
        )


def _from_file(source, sampling_rate, duration, position, dtype, out):
    """Give the wanted part of a sound, finite, and its sampling rate; where it is final, in `dtype` and in `out`."""
    try:
        # Without a buffer, as a thread that calls the system has to wait for its next turn.
        with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb", buffering=0) as file:
            wav = find_plain_wav(file)
            if wav is not None:
                first, wanted = _part(wav.n_frames, wav.rate, wav.n_channels, duration, position)
                target, rate = None, wav.rate
                if wav.n_channels == 1 and rate == sampling_rate and dtype.kind in ("f", wav.dtype.kind):
                    target = np.empty(wanted, dtype) if out is None else out[:wanted]
                samples = wav.read(file, first, wanted, target)
            else:
                check_not_truncated(file)
                file.seek(0)
                samples, rate, wanted = _decode(file if isinstance(source, bytes) else source, duration, position)
    except OSError as error:
        raise BadInputError(f"the file cannot be read: {error}", fix="Check its permissions and its disk.") from error
    if samples.shape[1] < wanted:
        raise BadInputError(
            f"the sound is truncated: its header promises {wanted} samples and {samples.shape[1]} are there",
            fix="Mend the file or blank the cell.",
        )
    # Integers are finite, and to look at every sample takes as long as to read it.
    return samples if wav is not None and wav.dtype.kind == "i" else _finite(samples), rate


def _decode(source, duration, position):
    try:
        with soundfile.SoundFile(_name(source)) as sound:
            if sound.format not in FORMATS:
                raise BadInputError(f"the sound is in the format {sound.format}, which is not read", fix=_FIX)
            if sound.frames > _LONGEST:
                raise BadInputError("the sound does not state its length", fix="Encode it anew.")
            stated = with_length(_content(source), sound.frames) if sound.format == "MP3" else None
            if stated is None:
                return _read_part(sound, duration, position)
        with soundfile.SoundFile(io.BytesIO(stated)) as sound:
            return _read_part(sound, duration, position)
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: a name ending in .raw needs a rate
        raise BadInputError(f"the sound cannot be decoded: {error}", fix=_FIX) from error


def _name(source):
    """Give soundfile the bytes of a name, which in an older encoding make no text that it takes."""
    return os.fsencode(source) if os.name == "posix" and not isinstance(source, io.BytesIO) else source


def _content(source):
    return source.getvalue() if isinstance(source, io.BytesIO) else Path(source).read_bytes()


def _read_part(sound, duration, position):
    first, wanted = _part(sound.frames, sound.samplerate, sound.channels, duration, position)
    if first and sound.seekable():
        sound.seek(first)
    elif first:  # formats of telephones build each sample on the one before
        sound.read(first, dtype="int16")
    return sound.read(wanted, dtype="float32", always_2d=True).T, sound.samplerate, wanted


def _finite(samples):
    if not np.isfinite(samples).all():
        raise BadInputError("the sound holds NaN or infinite samples", fix="Blank the cell or mend the samples.")
    return samples


def _part(n_frames, rate, n_channels, duration, position):
    """Say which part of a file is read: its first sample, and how many."""
    wanted = n_frames if duration is None else min(n_frames, n_samples(rate, duration))
    _check_size(wanted, n_channels)
    return (n_frames - wanted) // 2 if position == "center" else 0, wanted


def _check_size(length, n_channels):
    if length * n_channels > MAX_SAMPLES:
        raise BadInputError(
            f"the sound has {length} samples in {n_channels} channels where at most {MAX_SAMPLES} in all are read",
            fix="Set a duration, or cut the file.",
        )


def _from_array(cell):
    if cell.ndim not in (1, 2) or (cell.ndim == 2 and cell.shape[0] > cell.shape[1] > 0):
        raise BadInputError(
            f"an array of shape {cell.shape} came where samples of shape (T,) or (channels, T) were expected",
            fix="Put the channels first, one sound a cell.",
        )
    cell = unmasked(cell).astype(cell.dtype.newbyteorder("="), copy=False)
    if cell.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as that
            samples = cell.astype(np.float32, copy=False)
    elif cell.dtype in (np.int16, np.int32):
        samples = (cell / -float(np.iinfo(cell.dtype).min)).astype(np.float32)
    elif cell.dtype == np.uint8:
        samples = ((cell - 128.0) / 128.0).astype(np.float32)
    else:
        raise BadInputError(
            f"an array of {cell.dtype} leaves open how loud its samples are",
            fix="Give floats from -1 to 1, or PCM samples as int16, int32 or uint8.",
        )
    return np.atleast_2d(samples)


def _to_pcm(samples):
    peak = float(np.abs(samples).max(initial=0))
    if peak > _LOUDEST:
        raise BadInputError(
            f"the samples reach {peak:g} where -1 to 1 was expected, and int16 would clip them",
            fix='Scale them, or keep dtype="float32".',
        )
    return np.rint(np.clip(samples * np.float32(2**15), -(2**15), 2**15 - 1)).astype(np.int16)


def _crop(samples, length, position):
    if length is None or samples.shape[-1] <= length:
        return samples
    start = (samples.shape[-1] - length) // 2 if position == "center" else 0
    return samples[:, start : start + length]


def _mix(samples):
    if len(samples) == 1:
        return samples[0]
    mixed = samples.mean(axis=0)
    power = np.square(samples, dtype=np.float64).mean()
    if power > 0 and np.square(mixed, dtype=np.float64).mean() < _CANCELLED * power:
        raise BadInputError(
            "the channels cancel each other, so that their mean is silence",
            fix="Flip the sign of one channel, keep one, or load with AudioLoader(mono=False).",
        )
    return mixed


def _resample(samples, rate, sampling_rate):
    length = math.ceil(samples.shape[-1] * sampling_rate / rate)
    _check_size(length, samples.size // samples.shape[-1])  # a header may promise one sample a second
    resampled = soxr.resample(samples.T, rate, sampling_rate, quality="HQ").T
    return _fit_length(resampled, length)


def _fit_length(samples, length, out=None):
    """Cut or zero-pad the end; samples may have been read to where they belong."""
    if out is None and (length is None or samples.shape[-1] == length):
        return np.ascontiguousarray(samples)
    if out is None:
        out = np.empty((*samples.shape[:-1], length), dtype=samples.dtype)
    shared = min(length, samples.shape[-1])
    if not np.may_share_memory(samples, out):
        out[..., :shared] = samples[..., :shared]
    out[..., shared:] = 0
    return out
