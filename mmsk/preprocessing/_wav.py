"""Plain WAV files, which need no decoder: their samples stand behind a short header."""

import os
import struct
from dataclasses import dataclass

import numpy as np

# Bytes that are read with the header: short sounds are there after one read.
_HEAD = 2**16
# Bytes at a time: few calls, between which threads wait for each other, of what is still in the processor's cache when
# it is scaled.
_PART = 2**18
# Format tag and bits of what is read here: PCM, and IEEE floats.
_KINDS = {(1, 16): np.dtype("<i2"), (3, 32): np.dtype("<f4")}
_STEP = np.float32(2**-15)
_CHUNK, _FORMAT = struct.Struct("<4sI"), struct.Struct("<HHIIHH")


@dataclass(slots=True)
class PlainWav:
    """Where and how the samples of a WAV file are stored.

    Attributes
    ----------
    rate : int
        Samples a second.
    n_frames, n_channels : int
        Number of samples of a channel, and of channels.
    dtype : dtype
        16-bit integers or 32-bit floats.
    start : int
        Position of the first sample in bytes.
    head : bytes
        The beginning of the file.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.preprocessing._wav import PlainWav
    >>> PlainWav(8_000, 100, 2, np.dtype("<i2"), 44, b"RIFF").n_channels
    2
    """

    rate: int
    n_frames: int
    n_channels: int
    dtype: np.dtype
    start: int
    head: bytes

    def read(self, file, first, n_frames, out=None):
        """Read samples.

        Parameters
        ----------
        file : binary file
            The open file.
        first, n_frames : int
            The first sample of every channel, and their number.
        out : ndarray of shape (n_frames * n_channels,), dtype float32 or that of the file, default=None
            Where the samples are written, sample by sample of all channels.

        Returns
        -------
        ndarray of shape (n_channels, n_frames), dtype float32 or that of `out`
            The samples, integers scaled to -1 to 1 if they become floats; fewer if the file ends early.
        """
        size = self.dtype.itemsize
        n_values, start = n_frames * self.n_channels, self.start + first * self.n_channels * size
        samples = np.empty(n_values, dtype=np.float32) if out is None else out
        if start + n_values * size <= len(self.head):
            _convert(np.frombuffer(self.head, self.dtype, n_values, start), samples)
            n_read = n_values
        else:
            file.seek(start)
            n_read = _fill(file, samples) if samples.dtype == self.dtype else self._read_converted(file, samples)
        return samples[: n_read - n_read % self.n_channels].reshape(-1, self.n_channels).T

    def _read_converted(self, file, samples):
        stored, done = np.empty(min(_PART // self.dtype.itemsize, len(samples)), dtype=self.dtype), 0
        while n_read := _fill(file, stored[: len(samples) - done]):
            _convert(stored[:n_read], samples[done : done + n_read])
            done += n_read
        return done


def _fill(file, values):
    """Read values until they are full or the file ends; give their number."""
    done = 0
    while n_read := file.readinto(values.view(np.uint8)[done:]):  # the system gives at most two gigabytes at a time
        done += n_read
    return done // values.itemsize


def _convert(stored, samples):
    if stored.dtype.kind == samples.dtype.kind:
        samples[:] = stored
    else:
        np.multiply(stored, _STEP, out=samples)


def find_plain_wav(file):
    """Read the header of a WAV file of 16-bit integers or 32-bit floats.

    Parameters
    ----------
    file : binary file
        A file at its beginning.

    Returns
    -------
    PlainWav or None
        None where a decoder is needed, or the header does not agree with itself or with the size of the file.

    Examples
    --------
    >>> import io
    >>> import soundfile
    >>> from mmsk.preprocessing._wav import find_plain_wav
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros((5, 2)), 8_000, format="WAV", subtype="PCM_16")
    >>> _ = file.seek(0)
    >>> header = find_plain_wav(file)
    >>> header.rate, header.read(file, 0, 5).shape
    (8000, (2, 5))
    """
    head = file.read(_HEAD)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    position, kind = 12, (0, 0, 0, 0, 0, 0)
    while position + 24 <= len(head):  # a chunk of format is that long; shorter ones at the end are of no use
        name, length = _CHUNK.unpack_from(head, position)
        position += 8
        if name == b"data":
            break
        if name == b"fmt ":
            kind = _FORMAT.unpack_from(head, position)
        position += length + length % 2
    else:
        return None
    tag, n_channels, rate, _, width, bits = kind
    dtype = _KINDS.get((tag, bits))
    if dtype is None or not rate or not n_channels or width != n_channels * dtype.itemsize:
        return None
    size = len(head) if len(head) < _HEAD else file.seek(0, os.SEEK_END)
    if not 0 < length <= size - position or length % width:
        return None
    return PlainWav(rate, length // width, n_channels, dtype, position, head)
