"""Random changes to photos and videos."""

import math

import torch
from sklearn.utils._param_validation import Interval, Real, StrOptions
from torch.nn import functional as F

from mmsk.augmentation._base import PAIR, SHARE, STRENGTH, BaseAugmentation
from mmsk.augmentation._boxes import box_mask, draw_sizes
from mmsk.augmentation._draws import per_row, to_dtype, to_float, uniform

_PADDING = {"reflect": "reflection", "border": "border", "zeros": "zeros"}


class ImageAugmentation(BaseAugmentation):
    """Turned, moved, flipped, recoloured and partly erased photos, drawn anew for every row.

    Photos have shape (n_cells, channels, height, width), videos (n_cells, frames, channels, height, width); all
    frames of a video are changed alike. 0, False or None turns a change off. What is on by default suits photos of
    things; a digit or a letter wants ``horizontal_flip=False``.

    Parameters
    ----------
    rotation : float, default=10.0
        Largest angle in degrees, in both directions.
    shift : float, default=0.1
        Largest shift of the centre as a share of height and of width; zoom and rotation are about the new centre.
    shear : float, default=0.0
        Largest shear angle in degrees, below 90: rows are pushed sideways.
    zoom : float, default=0.1
        Sizes are multiplied by a factor from ``1 - zoom`` to ``1 + zoom``.
    horizontal_flip, vertical_flip : bool, default=True, False
        Whether half of the rows are mirrored left to right, or turned upside down.
    crop : float, default=0.0
        Largest share of the area that a random crop cuts away, below 1. The crop has 3/4 to 4/3 of the photo's aspect
        ratio and is resized to the photo's size.
    brightness : float, default=0.2
        Distances from black are multiplied by a factor from ``1 - brightness`` to ``1 + brightness``.
    contrast : float, default=0.0
        Distances from the photo's mean are multiplied by a factor from ``1 - contrast`` to ``1 + contrast``.
    channel_shift : float, default=0.0
        Largest number added to a channel, drawn for each channel, as a share of the range from black to white.
    erasing : float, default=0.0
        Probability that a rectangle of a row is erased.
    erasing_area : tuple of float, default=(0.02, 0.33)
        Least and largest share of the area that is erased.
    erasing_ratio : tuple of float, default=(0.3, 3.3)
        Least and largest height of that rectangle over its width.
    erasing_value : "noise" or float, default="noise"
        What stands there afterwards: a random number for every pixel and channel, or this one.
    fill : {"reflect", "border", "zeros"}, default="reflect"
        What comes from beyond the edge: the photo mirrored, its last pixel, or 0.

    See Also
    --------
    MixUp : Mixes rows with each other.
    CutMix : Exchanges rectangles between rows.

    Notes
    -----
    All changes of position are one bilinear `torch.nn.functional.grid_sample` with a matrix a row, all changes of
    colour one multiplication and addition; integers are rounded and kept within their range once, at the end. Black
    and white are 0 and 255 for uint8, the least and largest number of the row for other dtypes. Erasing is that of
    Zhong et al., "Random erasing data augmentation", AAAI 2020; the crop is that of Szegedy et al., "Going deeper with
    convolutions", CVPR 2015. A pad-and-crop is ``shift`` with ``fill="zeros"``.

    Examples
    --------
    >>> import torch
    >>> from mmsk.augmentation import ImageAugmentation
    >>> photos = torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8)
    >>> changed = ImageAugmentation(rotation=20, erasing=0.5)(photos, torch.Generator().manual_seed(0))
    >>> changed.shape, changed.dtype
    (torch.Size([8, 3, 32, 32]), torch.uint8)
    """

    kinds = ("image", "video")
    _n_dims = (4, 5)
    _ranges = {"erasing_area": (0.0, 1.0), "erasing_ratio": (1e-3, 1e3)}
    _parameter_constraints: dict = {
        "rotation": STRENGTH,
        "shift": STRENGTH,
        "shear": [Interval(Real, 0, 90, closed="left")],
        "zoom": [Interval(Real, 0, 1, closed="left")],
        "horizontal_flip": ["boolean"],
        "vertical_flip": ["boolean"],
        "crop": [Interval(Real, 0, 1, closed="left")],
        "brightness": SHARE,
        "contrast": SHARE,
        "channel_shift": SHARE,
        "erasing": SHARE,
        "erasing_area": PAIR,
        "erasing_ratio": PAIR,
        "erasing_value": [StrOptions({"noise"}), Real],
        "fill": [StrOptions(set(_PADDING))],
    }

    def __init__(
        self,
        rotation=10.0,
        shift=0.1,
        shear=0.0,
        zoom=0.1,
        *,
        horizontal_flip=True,
        vertical_flip=False,
        crop=0.0,
        brightness=0.2,
        contrast=0.0,
        channel_shift=0.0,
        erasing=0.0,
        erasing_area=(0.02, 0.33),
        erasing_ratio=(0.3, 3.3),
        erasing_value="noise",
        fill="reflect",
    ):
        self.rotation = rotation
        self.shift = shift
        self.shear = shear
        self.zoom = zoom
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.crop = crop
        self.brightness = brightness
        self.contrast = contrast
        self.channel_shift = channel_shift
        self.erasing = erasing
        self.erasing_area = erasing_area
        self.erasing_ratio = erasing_ratio
        self.erasing_value = erasing_value
        self.fill = fill

    def _change(self, cells, generator):
        # The frames of a video stand side by side as channels, so that one grid and one rectangle serve all of them.
        flat = cells.reshape(len(cells), -1, *cells.shape[-2:])
        moves = any((self.rotation, self.shift, self.shear, self.zoom, self.crop))
        moves = moves or self.horizontal_flip or self.vertical_flip
        recolours = any((self.brightness, self.contrast, self.channel_shift))
        if moves or recolours:
            values = to_float(flat)
            if moves:
                values = self._move(values, generator)
            if recolours:
                values = self._recolour(values, flat, cells.shape[-3], generator)
            flat = to_dtype(values, cells.dtype)
        if self.erasing:
            flat = self._erase(flat, generator)
        return flat.reshape(cells.shape)

    def _move(self, values, generator):
        """Read each picture at places that a matrix gives."""
        matrix = self._matrices(values, generator).to(values.dtype)
        # Planes of x and of y are added, then seen as pairs: a quarter of the time of affine_grid.
        across, down = (
            (torch.arange(n, device=values.device, dtype=values.dtype) * 2 + 1) / n - 1
            for n in (values.shape[-1], values.shape[-2])
        )
        along_rows = matrix[:, :, 0, None] * across
        along_columns = matrix[:, :, 1, None] * down + matrix[:, :, 2, None]
        grid = (along_rows[:, :, None, :] + along_columns[:, :, :, None]).permute(0, 2, 3, 1)
        return F.grid_sample(values, grid, padding_mode=_PADDING[self.fill], align_corners=False)

    def _matrices(self, values, generator):
        """Draw what maps places of the new picture, from -1 to 1, to places of the old one; shape (n_rows, 2, 3)."""
        n_rows, (height, width) = len(values), values.shape[-2:]

        def draw(low, high):
            return uniform(n_rows, low, high, values, generator)

        angle = math.radians(self.rotation) * draw(-1, 1)
        slant = (math.radians(self.shear) * draw(-1, 1)).tan()
        smaller = 1 / (1 + self.zoom * draw(-1, 1))
        mirror = 1 - 2 * (draw(0, 1) < 0.5) * float(self.horizontal_flip)
        upside_down = 1 - 2 * (draw(0, 1) < 0.5) * float(self.vertical_flip)
        cosine, sine = angle.cos() * smaller, angle.sin() * smaller
        # Angles are angles between pixels, which are squares also where the picture is none.
        matrix = torch.stack(
            [
                torch.stack([cosine * mirror, (cosine * slant - sine) * upside_down * (height / width)], 1),
                torch.stack([sine * mirror * (width / height), (sine * slant + cosine) * upside_down], 1),
            ],
            1,
        )
        centre = 2 * self.shift * uniform(n_rows, -1, 1, values, generator, 2)
        if self.crop:
            sides = draw_sizes((1 - self.crop, 1.0), (0.75 * height / width, height / width / 0.75), values, generator)
            part = torch.stack([sides[1] / width, sides[0] / height], 1)
            centre = centre + (1 - part) * uniform(n_rows, -1, 1, values, generator, 2)
            matrix = matrix * part[:, None, :]
        return torch.cat([matrix, centre[:, :, None]], 2)

    def _recolour(self, values, before, n_channels, generator):
        """Apply one linear function to each channel of each row."""
        low, high = _black_and_white(before)
        n_rows = len(values)
        factor = per_row(1 + self.brightness * uniform(n_rows, -1, 1, values, generator), values)
        contrast = per_row(1 + self.contrast * uniform(n_rows, -1, 1, values, generator), values)
        added = self.channel_shift * uniform(n_rows, -1, 1, values, generator, n_channels)
        added = per_row(added.repeat(1, values.shape[1] // n_channels), values) * (high - low)
        if self.contrast:
            added = added + factor * (1 - contrast) * (values.mean((1, 2, 3), keepdim=True) - low)
        changed = (values * (factor * contrast)).add_(added + low * (1 - factor * contrast))
        return torch.minimum(torch.maximum(changed, low), high) if isinstance(low, torch.Tensor) else changed

    def _erase(self, flat, generator):
        n_rows = len(flat)
        height, width = draw_sizes(self.erasing_area, self.erasing_ratio, flat, generator)
        chosen = uniform(n_rows, 0, 1, flat, generator) < self.erasing
        mask = box_mask(height, width, flat, uniform(n_rows, 0, 1, flat, generator, 2)) & chosen[:, None, None]
        if self.erasing_value == "noise":
            value = _noise(flat, generator)
        else:
            value = to_dtype(torch.full((), float(self.erasing_value), device=flat.device), flat.dtype)
        return torch.where(mask[:, None], value, flat)


def _black_and_white(pixels):
    """Give the range of the pixels, as numbers or, a row, as tensors that broadcast."""
    if pixels.dtype == torch.uint8:
        return 0.0, 255.0
    values = to_float(pixels)
    return values.amin((1, 2, 3), keepdim=True), values.amax((1, 2, 3), keepdim=True)


def _noise(pixels, generator):
    low, high = _black_and_white(pixels)
    if pixels.dtype == torch.uint8:
        # Eight bytes a draw: a fifth of the time of randint.
        words = torch.empty(-(-pixels.numel() // 8), dtype=torch.int64, device=pixels.device)
        words.random_(-(2**63), None, generator=generator)
        return words.view(torch.uint8)[: pixels.numel()].reshape(pixels.shape)
    drawn = torch.rand(pixels.shape, generator=generator, device=pixels.device, dtype=low.dtype)
    return to_dtype(drawn * (high - low) + low, pixels.dtype)
