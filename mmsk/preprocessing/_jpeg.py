"""Ordinary JPEG photos, decoded and shrunk by libjpeg-turbo and torch in little more than half of Pillow's time."""

import io

import numpy as np
import simplejpeg
from PIL import ExifTags, Image

# Most headers fit, and photos as small as data sets hold them fit whole.
_HEAD = 2**16
_COLOURS = ("Gray", "RGB", "YCbCr")
_UPRIGHT = 1


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
        A picture with both sides at least twice as long is left to Pillow, which can decode a fraction of it.

    Returns
    -------
    ndarray of shape (channels, height, width), dtype uint8, or None
        Pixels that differ from Pillow's by rounding; None where Pillow is to decode: other formats, four inks, and
        pictures that are to be turned, too large or damaged.

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
    encoded = _read_ordinary(source, side)
    if encoded is None:
        return None
    try:
        pixels = simplejpeg.decode_jpeg(encoded, "RGB" if mode == "RGB" else "GRAY")
    except ValueError:  # Pillow says what is wrong
        return None
    import torch

    batch = torch.from_numpy(pixels.transpose(2, 0, 1)[np.newaxis])
    return torch.nn.functional.interpolate(batch, (height, width), mode="bilinear", antialias=True)[0].numpy()


def _read_ordinary(source, side):
    """Give the content of an ordinary JPEG, or None."""
    # Without a buffer, as a thread that calls the system has to wait for its next turn.
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb", buffering=0) as file:
        encoded = file.read(_HEAD)
        try:
            height, width, colours, _ = simplejpeg.decode_jpeg_header(encoded)
        except ValueError:
            return None
        limit = Image.MAX_IMAGE_PIXELS
        too_large = limit is not None and height * width > limit
        if too_large or colours not in _COLOURS or min(height, width) >= 2 * side:
            return None
        if len(encoded) == _HEAD:
            encoded += file.read(3 * height * width)  # more than pixels take is not read, whatever the file holds
    if (b"Exif" in encoded or b"Orientation" in encoded) and not _is_upright(encoded):
        return None
    return encoded


def _is_upright(encoded):
    with Image.open(io.BytesIO(encoded), formats=("JPEG",)) as image:
        return image.getexif().get(ExifTags.Base.Orientation, _UPRIGHT) == _UPRIGHT
