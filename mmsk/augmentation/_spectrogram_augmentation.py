"""Random changes to spectrograms."""

import torch
from sklearn.utils._param_validation import Integral, Interval, Real

from mmsk.augmentation._base import SHARE, STRENGTH, BaseAugmentation
from mmsk.augmentation._boxes import place_span, span_mask
from mmsk.augmentation._draws import per_row, to_dtype, to_float, uniform
from mmsk.augmentation._interpolation import read_at, roll

_COUNT = [Interval(Integral, 0, None, closed="left")]


class SpectrogramAugmentation(BaseAugmentation):
    """Spectrograms with bands and moments masked, shifted, stretched or noisy, drawn anew for every row.

    Cells have shape (n_cells, bins, frames), floats such as the decibels of `mmsk.MelSpectrogram`. 0 turns a change
    off. Changes are made in the order of the parameters.

    Parameters
    ----------
    shift : float, default=0.0
        Largest shift in time as a share of the frames, in both directions; what leaves at one end comes back at the
        other.
    time_stretch : float, default=0.0
        Sounds are made longer by a factor from ``1 - time_stretch`` to ``1 + time_stretch``, about a random moment
        that stays where it is; beyond an end its last frame is held.
    frequency_shift : float, default=0.0
        Largest shift in frequency as a share of the bins, in both directions; on a mel scale about a change of pitch.
        Beyond an end its last bin is held.
    gain : float, default=0.0
        Largest number added to a whole row, in both directions: dB, if the cells are.
    noise : float, default=0.0
        Largest standard deviation of the Gaussian noise added to every value, in the unit of the cells.
    time_masks, frequency_masks : int, default=2
        How many spans of frames and of bins are masked.
    time_mask_share, frequency_mask_share : float, default=0.15
        Widest span as a share of the frames and of the bins; widths are uniform from 0.

    See Also
    --------
    WaveformAugmentation : For cells that are samples.

    Notes
    -----
    The masks are those of SpecAugment: D. Park et al., "SpecAugment: a simple data augmentation method for automatic
    speech recognition", Interspeech 2019. Masked values become the mean of the row, as there: a mask then says that
    nothing is known, while the row's least value would say that nothing was heard.

    Examples
    --------
    >>> import torch
    >>> from mmsk.augmentation import SpectrogramAugmentation
    >>> decibels = -80 * torch.rand(8, 64, 100)
    >>> changed = SpectrogramAugmentation(shift=0.5)(decibels, torch.Generator().manual_seed(0))
    >>> changed.shape
    torch.Size([8, 64, 100])
    """

    kinds = ("spectrogram",)
    _n_dims = (3,)
    _parameter_constraints: dict = {
        "shift": SHARE,
        "time_stretch": [Interval(Real, 0, 1, closed="left")],
        "frequency_shift": SHARE,
        "gain": STRENGTH,
        "noise": STRENGTH,
        "time_masks": _COUNT,
        "frequency_masks": _COUNT,
        "time_mask_share": SHARE,
        "frequency_mask_share": SHARE,
    }

    def __init__(
        self,
        shift=0.0,
        time_stretch=0.0,
        frequency_shift=0.0,
        gain=0.0,
        noise=0.0,
        time_masks=2,
        frequency_masks=2,
        time_mask_share=0.15,
        frequency_mask_share=0.15,
    ):
        self.shift = shift
        self.time_stretch = time_stretch
        self.frequency_shift = frequency_shift
        self.gain = gain
        self.noise = noise
        self.time_masks = time_masks
        self.frequency_masks = frequency_masks
        self.time_mask_share = time_mask_share
        self.frequency_mask_share = frequency_mask_share

    def _change(self, cells, generator):
        n_rows, n_bins, n_frames = cells.shape
        if self.shift:
            steps = self.shift * n_frames * uniform(n_rows, -1, 1, cells, generator)
            cells = roll(cells, steps.round().long())
        values = to_float(cells)
        if self.time_stretch:
            longer = 1 + self.time_stretch * uniform(n_rows, -1, 1, cells, generator, 1)
            fixed = uniform(n_rows, 0, n_frames - 1, cells, generator, 1)
            values = read_at(values, (torch.arange(n_frames, device=cells.device) - fixed) / longer + fixed)
        if self.frequency_shift:
            steps = self.frequency_shift * n_bins * uniform(n_rows, -1, 1, cells, generator, 1)
            bins = torch.arange(n_bins, device=cells.device) - steps
            values = read_at(values.transpose(1, 2), bins).transpose(1, 2)
        if self.gain:
            values = values + per_row(self.gain * uniform(n_rows, -1, 1, cells, generator), cells)
        if self.noise:
            level = per_row(self.noise * uniform(n_rows, 0, 1, cells, generator), cells)
            drawn = torch.randn(values.shape, generator=generator, device=cells.device, dtype=values.dtype)
            values = drawn.mul_(level).add_(values)
        frames = self._spans(n_frames, self.time_masks, self.time_mask_share, cells, generator)
        bins = self._spans(n_bins, self.frequency_masks, self.frequency_mask_share, cells, generator)
        if frames is not None or bins is not None:
            mean = values.mean((1, 2), keepdim=True)
            mask = False
            if frames is not None:
                mask = mask | frames[:, None, :]
            if bins is not None:
                mask = mask | bins[:, :, None]
            values = torch.where(mask, mean, values)
        return to_dtype(values, cells.dtype)

    def _spans(self, length, n_spans, share, cells, generator):
        """Mark `n_spans` random spans a row, or None where there are none."""
        if not n_spans or not share:
            return None
        masks = []
        for _ in range(n_spans):
            width, place = uniform(len(cells), 0, 1, cells, generator, 2).T
            masks.append(span_mask(length, *place_span(length, width * share * length, place)))
        return torch.stack(masks).any(0)
