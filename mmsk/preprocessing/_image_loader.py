"""Photos to tensor columns."""

import io
from numbers import Integral
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from sklearn.utils._param_validation import StrOptions

from mmsk.base import BaseCellTransformer
from mmsk.exceptions import BadInputError
from mmsk.preprocessing._files import check_file
from mmsk.preprocessing._jpeg import shrink_jpeg, whole_fraction
from mmsk.preprocessing._pixels import image_from_array, is_negative, scale_transparency, to_mode

# Pillow knows some fifty formats; these are the ones photos come in and whose decoders are well tried. (A JPEG of
# several pictures, as telephones write them, counts as JPEG.)
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_FIX = f"Give a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} picture, or blank the cell."


class ImageLoader(BaseCellTransformer):
    """Read pictures into cells of shape (channels, height, width), uint8.

    A cell may be a path, an encoded picture as ``bytes``, a `PIL.Image.Image`, or an array: (H, W), (H, W, C) or
    (C, H, W) of bool, uint8, uint16 or floats from 0 to 1, where C is 1, 3 or 4. Arrays that leave open which axis
    holds the channels, or which number is white, are refused.

    Parameters
    ----------
    size : tuple of int, default=(128, 128)
        Height and width in pixels.
    mode : {"RGB", "L"}, default="RGB"
        Three channels of colour, or one of grey (ITU-R 601).
    resize : {"stretch", "crop", "pad"}, default="stretch"
        How other proportions are brought to `size`: stretched, cropped around the centre, or padded with black on
        both sides. Pixels are averaged when a picture shrinks (bilinear with antialiasing).
    on_error : {"raise", "missing"}, default="raise"
        What a picture that cannot be read does: raise `BadInputError`, or become a missing cell, with one
        `UnreadableCellWarning` a call.
    lazy : bool, default=False
        Give cells that are decoded when they are asked for (`mmsk.lazy.LazyCell`), so that a set of files may be
        larger than memory. `transform` checks that the files are there; with ``on_error="missing"`` it decodes each
        once, as only that tells which cells are missing.
    memory : str, Path or joblib.Memory, default=None
        Where decoded files and encoded ``bytes`` are kept between folds, searches and runs, as `Pipeline` has it.
        They are read back from disk when they are needed, so that `lazy` adds nothing. A file is decoded again when
        its size or its time of change differs. Arrays and open pictures are in memory already and not kept.
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
    AudioLoader : The same for sounds.
    TensorFlattener : Turns the cells into plain numeric columns.

    Notes
    -----
    The orientation in the EXIF data is applied, and alpha is flattened on white. 16-bit grey is divided by 257. Float
    TIFF files are multiplied by 255 when their values are from 0 to 1; otherwise they, and integers beyond 16 bits,
    are scaled from the smallest to the greatest value of the picture; integers of 32 bits that eight would hold are
    refused. Of an animation or a file of several pages the
    first picture is read. A JPEG much larger than `size` is decoded at a fraction of its resolution that is at
    least three times `size`, which moves pixels by 0.2 of 255 in the mean. Where proportions are stretched, the pixels
    of JPEG photos come from faster libraries than Pillow and differ from its by rounding. Rows with equal cells share
    one array.

    Pictures of more than ``PIL.Image.MAX_IMAGE_PIXELS`` pixels are refused from their header, before they are decoded.

    With `memory` every call that has to decode adds one directory of cells below ``memory``, small ones are joined;
    ``joblib.Memory(memory).reduce_size(bytes_limit="2G")`` deletes those used longest ago, and ``clear()`` all.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.preprocessing import ImageLoader
    >>> photos = [np.full((40, 60, 3), 200, dtype="uint8"), None]
    >>> cells = ImageLoader(size=(32, 32)).fit_transform(photos)
    >>> cells[0, 0].shape, cells[0, 0].dtype.name, cells[1, 0] is None
    ((3, 32, 32), 'uint8', True)
    """

    _parameter_constraints: dict = {
        "size": [tuple, list],
        "mode": [StrOptions({"RGB", "L"})],
        "resize": [StrOptions({"stretch", "crop", "pad"})],
        **BaseCellTransformer._parameter_constraints,
    }

    def __init__(
        self,
        size=(128, 128),
        mode="RGB",
        resize="stretch",
        on_error="raise",
        lazy=False,
        memory=None,
        n_jobs=None,
        verbose=0,
    ):
        self.size = size
        self.mode = mode
        self.resize = resize
        self.on_error = on_error
        self.lazy = lazy
        self.memory = memory
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _cell_layout(self):
        if len(self.size) != 2 or not all(isinstance(side, Integral) and side > 0 for side in self.size):
            raise BadInputError(
                "size must be two positive integers",
                step="ImageLoader",
                value=self.size,
                fix="Give (height, width) in pixels.",
            )
        return (len(self.mode), *self.size), np.uint8

    def _cell_reader(self):
        return self._read

    def _check_raw(self, cell):
        if isinstance(cell, (str, Path)):
            check_file(cell, expected="an image")
        elif not isinstance(cell, (bytes, np.ndarray, Image.Image)):
            raise BadInputError(
                f"a cell of type {type(cell).__name__} came where an image was expected",
                fix="Give a path, bytes, a PIL image or an array.",
            )

    def _read(self, cell):
        self._check_raw(cell)
        if isinstance(cell, np.ndarray):
            return self._to_cell(image_from_array(cell))
        if isinstance(cell, Image.Image):
            return self._shielded(lambda: self._from_opened(cell))
        return self._shielded(lambda: self._decode(cell))

    def _from_opened(self, image):
        _check_area(image)
        scale_transparency(image)
        return self._to_cell(image)

    def _decode(self, source):
        # Sides may still be swapped by the orientation; what is decoded must be large enough either way.
        side = 3 * max(self.size)
        if self.resize == "stretch":
            cell = shrink_jpeg(source, self.mode, *self.size, side)
            if cell is not None:
                return cell
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
            _check_area(image)
            scale_transparency(image)
            fraction = whole_fraction(image.size, side)
            image.draft(None, (image.width // fraction, image.height // fraction))
            return self._to_cell(image)

    def _shielded(self, decode):
        try:
            return decode()
        except BadInputError:
            raise
        except Exception as error:  # Pillow's decoders raise whatever their parsing runs into
            raise BadInputError(f"the image cannot be decoded: {error}", fix=_FIX) from error

    def _to_cell(self, image):
        _check_area(image)
        negative = is_negative(image)
        image = to_mode(ImageOps.exif_transpose(image), self.mode)
        image = ImageOps.invert(image) if negative else image
        height, width = self.size
        if self.resize == "crop":
            image = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
        elif self.resize == "pad":
            image = _pad(image, width, height)
        else:
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        pixels = np.asarray(image)
        return pixels[np.newaxis] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _check_area(image):
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise BadInputError(
            f"the picture has {image.width} x {image.height} pixels where at most {limit} are decoded",
            fix="Shrink it, or raise PIL.Image.MAX_IMAGE_PIXELS if it can be trusted.",
        )


def _pad(image, width, height):
    scale = min(width / image.width, height / image.height)
    inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    padded = Image.new(image.mode, (width, height))
    padded.paste(image.resize(inner, Image.Resampling.BILINEAR), ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return padded
