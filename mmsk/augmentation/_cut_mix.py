"""Rows with a piece of another row in them."""

import torch

from mmsk.augmentation._base_mix import BaseMix, mix_linearly
from mmsk.augmentation._boxes import box_mask, place_span, span_mask
from mmsk.augmentation._draws import per_row


class CutMix(BaseMix):
    """Rows with a piece of another row of their batch in them, all modalities by the same share, and so the target.

    Of photos and videos a rectangle of the picture's proportions is exchanged, of sounds and recordings a span of time,
    of text a run of characters; numbers are weighted means. What one of the two rows lacks stays as it is in the row.

    Parameters
    ----------
    alpha : float, default=1.0
        The share of the row itself is drawn from Beta(alpha, alpha): small ones leave most rows nearly pure, 1 is
        uniform, 0 turns mixing off.
    probability : float, default=1.0
        Probability that a row is mixed at all.

    See Also
    --------
    MixUp : Blends instead.

    Notes
    -----
    S. Yun et al., "CutMix: regularization strategy to train strong classifiers with localizable features", ICCV 2019.
    A share and a place are drawn for every row, not for every batch, and pieces lie within the cell (theirs are cut off
    at the edge), so that the share is kept but for the rounding of their sides to whole pixels.

    Examples
    --------
    >>> import torch
    >>> from mmsk.augmentation import CutMix
    >>> mix = CutMix()
    >>> partner, share, place = mix.draw(4, torch.Generator().manual_seed(0), "cpu")
    >>> photos = torch.arange(4, dtype=torch.uint8).reshape(4, 1, 1, 1).repeat(1, 3, 100, 100)
    >>> mixed = mix.mix("image", photos, photos[partner], share, place)
    >>> kept = (mixed == photos).float().mean((1, 2, 3))
    >>> bool((kept - share).abs().max() < 0.02)
    True
    """

    def __init__(self, alpha=1.0, *, probability=1.0):
        super().__init__(alpha, probability=probability)

    def _place_of_text(self, place):
        return place[:, 1]

    def _mix_pieces(self, kind, cells, others, share, place):
        if kind in ("image", "video"):
            height, width = ((1 - share).sqrt() * n for n in cells.shape[-2:])
            mask = box_mask(height, width, cells, place)
            mask = mask.reshape(len(cells), *[1] * (cells.ndim - 3), *mask.shape[1:])
        elif kind in ("spectrogram", "waveform", "series"):
            length = cells.shape[-1]
            mask = span_mask(length, *place_span(length, (1 - share) * length, place[:, 1]))
            mask = per_row(mask, cells).movedim(1, -1)
        else:
            return mix_linearly(cells, others, share)
        return torch.where(mask, others, cells)
