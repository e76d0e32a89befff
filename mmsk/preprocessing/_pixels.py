"""Pictures of any kind to 8-bit grey or RGB: what Pillow would clip, drop or guess is decided here."""

import numpy as np
from PIL import Image

from mmsk.columns import unmasked
from mmsk.exceptions import BadInputError

WHITE = 255
# How far apart the greys of two and four bits are in eight.
_GREYS = {"L;2": 85, "L;4": 17}
# The TIFF tag that says which number is white.
_PHOTOMETRIC = 262
# By how much pixels computed in float32 may miss 0 and 1.
_ROUNDING = 1e-6


def image_from_array(cell):
    """Wrap an array of pixels, its kind and layout recognised, into an 8-bit Pillow image.

    Parameters
    ----------
    cell : ndarray of shape (H, W), (H, W, C) or (C, H, W)
        bool, uint8 (0 to 255), uint16 (0 to 65535) or float (0 to 1); C is 1, 3 (RGB) or 4 (RGB and alpha).

    Returns
    -------
    PIL.Image.Image
        An image of mode L, RGB or RGBA.

    Raises
    ------
    BadInputError
        If dtype, range or layout leave open what is meant.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.preprocessing._pixels import image_from_array
    >>> image = image_from_array(np.full((3, 20, 10), 0.5))
    >>> image.mode, image.size, image.getpixel((0, 0))
    ('RGB', (10, 20), (128, 128, 128))
    """
    if cell.ndim not in (2, 3) or 0 in cell.shape:
        raise BadInputError(
            f"an array of shape {cell.shape} came where (H, W), (H, W, C) or (C, H, W) was expected",
            fix="Give one picture a cell.",
        )
    pixels = _to_bytes(unmasked(cell))
    if pixels.ndim == 3:
        pixels = _channels_last(pixels)
    return Image.fromarray(np.ascontiguousarray(pixels))


def _channels_last(pixels):
    first, last = pixels.shape[0] in (1, 3, 4), pixels.shape[-1] in (1, 3, 4)
    if first and last:
        raise BadInputError(
            f"in an array of shape {pixels.shape} the channels may be the first or the last axis",
            fix="Give a PIL image, or an array whose height and width are neither 1, 3 nor 4.",
        )
    if not first and not last:
        raise BadInputError(
            f"an array of shape {pixels.shape} has no axis of 1, 3 or 4 channels", fix="Keep 1, 3 or 4 channels."
        )
    if first:
        pixels = pixels.transpose(1, 2, 0)
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def _to_bytes(cell):
    cell = cell.astype(cell.dtype.newbyteorder("="), copy=False)
    if cell.dtype == np.uint8:
        return cell
    if cell.dtype == bool:
        return cell * np.uint8(WHITE)
    if cell.dtype == np.uint16:
        return _round(cell / 257)
    if cell.dtype.kind != "f":
        raise BadInputError(
            f"an array of {cell.dtype} leaves open which number is white",
            fix="Give bool, uint8, uint16, or floats from 0 to 1.",
        )
    low, high = _finite_range(cell)
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise BadInputError(
            f"float pixels from {low!r} to {high!r} came where 0 to 1 was expected",
            fix="Scale them to 0 to 1, or cast them to uint8 if 255 is white.",
        )
    return _round(cell.clip(0, 1) * WHITE)


def scale_transparency(image):
    """Bring the transparent colour of a PNG to the scale of its pixels, which Pillow leaves as it is stored.

    Parameters
    ----------
    image : PIL.Image.Image
        An image that is open and not decoded yet.

    Raises
    ------
    BadInputError
        If the picture has 16 bits a colour, of which Pillow keeps eight.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> from mmsk.preprocessing._pixels import scale_transparency
    >>> file = io.BytesIO()
    >>> Image.new("L", (2, 2), 5).save(file, "PNG", transparency=5)
    >>> with Image.open(file) as image:
    ...     scale_transparency(image)
    ...     image.info["transparency"]
    5
    """
    if image.format != "PNG" or "transparency" not in image.info or not image.tile:
        return
    stored = image.tile[0][3]
    if stored == "RGB;16B":
        raise BadInputError(
            "the PNG has 16 bits a colour and a transparent one, which is not told from others in eight bits",
            fix="Save it with an alpha channel, or with 8 bits.",
        )
    image.info["transparency"] = image.info["transparency"] * _GREYS.get(stored, 1)


def is_negative(image):
    """Tell a TIFF of more than eight bits whose zero is white, which Pillow inverts in eight bits only.

    Parameters
    ----------
    image : PIL.Image.Image
        An image as it was opened.

    Returns
    -------
    bool
        Whether bright pixels have small numbers.

    Examples
    --------
    >>> from PIL import Image
    >>> from mmsk.preprocessing._pixels import is_negative
    >>> is_negative(Image.new("I;16", (2, 2)))
    False
    """
    tags = getattr(image, "tag_v2", {})  # which no copy of an opened picture has, such as one from another process
    return image.format == "TIFF" and _is_deep(image) and tags.get(_PHOTOMETRIC) == 0


def _is_deep(image):
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def to_mode(image, mode):
    """Turn a Pillow image of any mode into 8-bit grey or RGB.

    Alpha and transparent colours are flattened on white. 16-bit grey is divided by 257; 32-bit integers within 16 bits
    too. Float pixels from 0 to 1 are multiplied by 255. Wider integers and floats go from their smallest to their
    greatest value in that image.

    Parameters
    ----------
    image : PIL.Image.Image
        A decoded image.
    mode : {"RGB", "L"}
        What comes back.

    Returns
    -------
    PIL.Image.Image
        An image of mode `mode`.

    Raises
    ------
    BadInputError
        If pixels are not finite, constant where a range is needed, or in 32 bits what eight would hold.

    Examples
    --------
    >>> from PIL import Image
    >>> from mmsk.preprocessing._pixels import to_mode
    >>> to_mode(Image.new("RGBA", (1, 1), (255, 0, 0, 0)), "RGB").getpixel((0, 0))
    (255, 255, 255)
    """
    if _is_deep(image):
        image = _eight_bits(image)
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, "white")
        background.alpha_composite(image)
        image = background
    if image.mode in ("CMYK", "YCbCr", "HSV") and mode == "L":
        image = image.convert("RGB")
    return image.convert(mode)


def _eight_bits(image):
    values = np.asarray(image)
    low, high = _finite_range(values)
    if image.mode == "F" and low >= 0 and high <= 1:
        scaled = values * WHITE
    elif image.mode == "I" and low >= 0 and 0 < high <= WHITE:
        raise BadInputError(
            f"pixels of 32 bits from {low} to {high} leave open which number is white",
            fix='Give 8 bits: array.astype("uint8"), or image.convert("L") before it has more.',
        )
    elif image.mode != "F" and low >= 0 and high <= 65535:
        scaled = values / 257
    elif high > low:
        scaled = (values.astype(np.float64) - low) * (WHITE / (high - low))
    else:
        raise BadInputError(
            f"every pixel is {low:g}, which leaves open how dark that is", fix="Scale the pixels to 0 to 1 or 8 bits."
        )
    grey = _round(scaled)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = WHITE
    return Image.fromarray(grey)


def _finite_range(values):
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low) or not np.isfinite(high):  # a NaN makes both of them NaN
        raise BadInputError("the picture holds NaN or infinite pixels", fix="Blank the cell or mend the pixels.")
    return low, high


def _round(values):
    return np.rint(values).astype(np.uint8)
