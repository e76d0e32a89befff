"""Sound files with something missing: libsndfile plays what is left and says nothing, so they are asked first."""

import os
import struct
import zlib

from mmsk.exceptions import BadInputError

# A writer that could not seek back, such as a pipe, leaves this instead of the length.
_UNKNOWN = 0xFFFFFFFF
# Flags of the pages of an Ogg stream.
_FIRST, _LAST = 2, 4
_FETCH = "Fetch the file anew, or blank the cell."
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def check_not_truncated(file):
    """Compare what a WAV, AIFF or Ogg file states of itself with what is there, and refuse several Ogg streams in one.

    The reader itself finds truncated FLAC files, and MP3 files whose first frame states their length. Other MP3 files
    state none: cut ones are shorter sounds.

    Parameters
    ----------
    file : binary file
        An open file that can seek.

    Raises
    ------
    BadInputError
        If the file ends early, a page of an Ogg stream is damaged or missing, or another stream follows the first, of
        which the reader would know nothing.

    Examples
    --------
    >>> import io
    >>> from mmsk.preprocessing._sound_length import check_not_truncated
    >>> check_not_truncated(io.BytesIO(b"RIFF" + bytes(4) + b"WAVEdata" + (100).to_bytes(4, "little") + bytes(60)))
    Traceback (most recent call last):
        ...
    mmsk.exceptions.BadInputError: the sound is truncated: its header promises 100 bytes of samples and 60 are there...
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        promised, left = _find_chunk(file, size, b"data", "little")
    elif head[:4] == b"RIFX" and head[8:] == b"WAVE":
        promised, left = _find_chunk(file, size, b"data", "big")
    elif head[:4] == b"RF64" and head[8:] == b"WAVE":
        # The 64-bit length stands in the first chunk, behind its name, its size and the length of the file.
        promised = int.from_bytes(file.read(24)[16:], "little")
        left = _find_chunk(file, size, b"data", "little")[1]
    elif head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        promised, left = _find_chunk(file, size, b"SSND", "big")
    elif head[:4] == b"OggS":
        file.seek(0)
        _check_pages(file.read())
        return
    else:
        return
    if promised == 0 and left > 0:
        raise BadInputError(
            f"the header of the sound promises no samples and {left} bytes follow",
            fix="Mend the header: whoever wrote it could not go back to fill in the length.",
        )
    if promised != _UNKNOWN and promised > left:
        raise BadInputError(
            f"the sound is truncated: its header promises {promised} bytes of samples and {left} are there",
            fix=_FETCH,
        )


def _find_chunk(file, size, name, byteorder):
    """Give the stated length of a chunk and the bytes that follow; zeros if there is no such chunk."""
    position = 12
    while position + 8 <= size:
        file.seek(position)
        head = file.read(8)
        length = int.from_bytes(head[4:], byteorder)
        if head[:4] == name:
            return length, size - position - 8
        position += 8 + length + length % 2
    return 0, 0


def _check_pages(data):
    """Walk over the pages of an Ogg stream (RFC 3533, section 6), whose first and last one are flagged."""
    position, flags, under_way, numbers = 0, 0, False, {}
    while data[position : position + 4] == b"OggS":  # what stands behind the stream is none of it
        head = data[position : position + 27]
        n_segments = head[26] if len(head) == 27 else 0
        lengths = data[position + 27 : position + 27 + n_segments]
        end = position + 27 + n_segments + sum(lengths)
        if len(head) < 27 or len(lengths) < n_segments or end > len(data):
            flags = 0
            break
        flags = head[5]
        if flags & _FIRST and under_way:
            raise BadInputError(
                "the file holds several Ogg streams, of which only the first would be read",
                fix="Split it, or encode it anew as one.",
            )
        stream, number, checksum = struct.unpack_from("<III", head, 14)
        if _checksum(head[:22] + bytes(4) + data[position + 26 : end]) != checksum:
            raise BadInputError(
                f"the sound is damaged: page {number} of its Ogg stream has not the checksum that it states", fix=_FETCH
            )
        if number != numbers.get(stream, number):
            raise BadInputError(
                f"the sound is damaged: page {number} of its Ogg stream came where page {numbers[stream]} was expected",
                fix=_FETCH,
            )
        numbers[stream] = (number + 1) % 2**32
        under_way |= not flags & _FIRST
        position = end
    if not flags & _LAST:
        raise BadInputError(
            "the sound is truncated: its last Ogg page is missing or incomplete",
            fix=_FETCH,
        )


def _checksum(page):
    """Compute what Ogg calls CRC: that of zlib with the bits of bytes and result mirrored, from 0 and not inverted."""
    return int(f"{zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF:032b}"[::-1], 2)
