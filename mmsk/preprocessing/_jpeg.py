"""Ordinary JPEG photos, decoded and shrunk by libjpeg-turbo and torch in little more than half of Pillow's time."""

import io

import numpy as np
import simplejpeg
from PIL import ExifTags, Image

# Most headers fit, and photos as small as data sets hold them fit whole.
_HEAD = 2**16
_COLOURS = ("Gray", "RGB", "YCbCr")
_FRACTIONS = (8, 4, 2, 1)
# What brings a stored picture into the position that its EXIF data ask for.
_TURNS = {
    2: lambda cell: cell[:, :, ::-1],
    3: lambda cell: cell[:, ::-1, ::-1],
    4: lambda cell: cell[:, ::-1],
    5: lambda cell: cell.swapaxes(1, 2),
    6: lambda cell: cell[:, ::-1].swapaxes(1, 2),
    7: lambda cell: cell[:, ::-1, ::-1].swapaxes(1, 2),
    8: lambda cell: cell[:, :, ::-1].swapaxes(1, 2),
}
# ITU-R 601, as Pillow has it: shares of red, green and blue in 65 536 parts.
_GREY = np.array([19_595, 38_470, 7_471], dtype=np.int32)
_SIDEWAYS = (5, 6, 7, 8)


def shrink_jpeg(source, mode, height, width, side):
    """Decode a JPEG and stretch it to one size, where Pillow would give the same pixels.

    Parameters
    ----------
    source : str, Path or bytes
        A file, or an encoded picture.
    mode : {"RGB", "L"}
        What comes back.
    height, width : int
        Size in pixels.
    side : int
        Large pictures are decoded at a half, a quarter or an eighth of their resolution, but with no side shorter.

    Returns
    -------
    ndarray of shape (channels, height, width), dtype uint8, or None
        Pixels that differ from Pillow's by rounding; None where Pillow is to decode: other formats, four inks, and
        pictures that are too large or damaged.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> from mmsk.preprocessing._jpeg import shrink_jpeg
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (40, 30), "white").save(file, "JPEG")
    >>> shrink_jpeg(file.getvalue(), "L", 10, 20, side=30).shape
    (1, 10, 20)
    """
    encoded, stored, colours = _read_ordinary(source)
    if encoded is None:
        return None
    fraction = whole_fraction(stored, side)
    least = dict(zip(("min_height", "min_width"), (length // fraction for length in stored), strict=True))
    try:
        # The luma that is stored is not the grey of the colours: these are clipped to what a screen can show.
        pixels = simplejpeg.decode_jpeg(encoded, "GRAY" if mode == "L" and colours == "Gray" else "RGB", **least)
    except ValueError:  # Pillow says what is wrong
        return None
    import torch

    turn = _orientation(encoded)
    size = (width, height) if turn in _SIDEWAYS else (height, width)
    batch = torch.from_numpy(pixels.transpose(2, 0, 1)[np.newaxis])
    cell = torch.nn.functional.interpolate(batch, size, mode="bilinear", antialias=True)[0].numpy()
    if mode == "L" and len(cell) > 1:
        cell = (np.tensordot(_GREY, cell.astype(np.int32), 1)[np.newaxis] + 2**15 >> 16).astype(np.uint8)
    return np.ascontiguousarray(_TURNS[turn](cell)) if turn in _TURNS else cell


def whole_fraction(lengths, side):
    """Say at which fraction of its resolution a JPEG may be decoded.

    Parameters
    ----------
    lengths : tuple of int
        Height and width.
    side : int
        No side may become shorter.

    Returns
    -------
    int
        1, 2, 4 or 8, which divides both: the last block would be filled up, which moves all other pixels.

    Examples
    --------
    >>> from mmsk.preprocessing._jpeg import whole_fraction
    >>> whole_fraction((1200, 1600), 144), whole_fraction((1199, 1601), 144)
    (8, 1)
    """
    return next((n for n in _FRACTIONS if min(lengths) >= n * side and not any(length % n for length in lengths)), 1)


def _read_ordinary(source):
    """Give the content of an ordinary JPEG, its height and width, and its kind of colours, or None three times."""
    # Without a buffer, as a thread that calls the system has to wait for its next turn.
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb", buffering=0) as file:
        encoded = file.read(_HEAD)
        try:
            height, width, colours, _ = simplejpeg.decode_jpeg_header(encoded)
        except ValueError:
            return None, None, None
        limit = Image.MAX_IMAGE_PIXELS
        if colours not in _COLOURS or (limit is not None and height * width > limit):
            return None, None, None
        if len(encoded) == _HEAD:
            encoded += file.read(3 * height * width)  # more than pixels take is not read, whatever the file holds
    return encoded, (height, width), colours


def _orientation(encoded):
    if b"Exif" not in encoded and b"Orientation" not in encoded:
        return 1
    with Image.open(io.BytesIO(encoded), formats=("JPEG",)) as image:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
