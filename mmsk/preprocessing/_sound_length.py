"""Truncated sound files: libsndfile plays what is left and says nothing, so their own length is asked first."""

import os

from mmsk.exceptions import BadInputError

# A writer that could not seek back, such as a pipe, leaves this instead of the length.
_UNKNOWN = 0xFFFFFFFF
_LARGEST_OGG_PAGE = 27 + 255 + 255 * 255


def check_not_truncated(file):
    """Compare the length that a WAV, AIFF or Ogg file states with what is there.

    The reader itself finds truncated FLAC files, and MP3 files whose first frame states their length. Other MP3 files
    state none: cut ones are shorter sounds.

    Parameters
    ----------
    file : binary file
        An open file that can seek.

    Raises
    ------
    BadInputError
        If the file ends early.

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
    elif head[:4] == b"RF64" and head[8:] == b"WAVE":
        # The 64-bit length stands in the first chunk, behind its name, its size and the length of the file.
        promised = int.from_bytes(file.read(24)[16:], "little")
        left = _find_chunk(file, size, b"data", "little")[1]
    elif head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        promised, left = _find_chunk(file, size, b"SSND", "big")
    elif head[:4] == b"OggS":
        _check_last_page(file, size)
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
            fix="Mend the file or blank the cell.",
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


def _check_last_page(file, size):
    """Ask for the flag that the last page of an Ogg stream carries (RFC 3533, section 6), and for all of that page."""
    file.seek(max(0, size - _LARGEST_OGG_PAGE))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    lengths = page[27 : 27 + page[26]] if len(page) > 26 else b""
    complete = len(page) > 26 and len(page) >= 27 + page[26] + sum(lengths)
    if not complete or not page[5] & 4:
        raise BadInputError(
            "the sound is truncated: its last Ogg page is missing or incomplete",
            fix="Mend the file or blank the cell.",
        )
