"""Rows blended with other rows."""

import torch

from mmsk.augmentation._base_mix import BaseMix, mix_linearly


class MixUp(BaseMix):
    """Rows blended with another row of their batch, all modalities and the target by the same share.

    Photos, sounds, recordings and numbers are weighted means. Characters cannot be averaged: a text keeps its first
    part, as long as the row's share of it, and goes on with the last part of the partner's. What one of the two rows
    lacks stays as it is in the row.

    Parameters
    ----------
    alpha : float, default=0.2
        The share of the row itself is drawn from Beta(alpha, alpha): small ones leave most rows nearly pure, 1 is
        uniform, 0 turns mixing off.
    probability : float, default=1.0
        Probability that a row is mixed at all.

    See Also
    --------
    CutMix : Exchanges pieces instead.

    Notes
    -----
    H. Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018; here a share is drawn for every row, not
    for every batch.

    Examples
    --------
    >>> import torch
    >>> from mmsk.augmentation import MixUp
    >>> mix = MixUp(alpha=1.0)
    >>> partner, share, place = mix.draw(4, torch.Generator().manual_seed(0), "cpu")
    >>> numbers = torch.arange(4.0)[:, None]
    >>> mixed = mix.mix("table", numbers, numbers[partner], share, place)
    >>> torch.allclose(mixed[:, 0], share * numbers[:, 0] + (1 - share) * numbers[partner, 0])
    True
    """

    def __init__(self, alpha=0.2, *, probability=1.0):
        super().__init__(alpha, probability=probability)

    def _place_of_text(self, place):
        return torch.ones_like(place[:, 1])

    def _mix_pieces(self, kind, cells, others, share, place):
        return mix_linearly(cells, others, share)
