"""What mixing augmentations share: who is mixed with whom, how much, and how each kind of cell is mixed."""

from typing import NamedTuple

import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, Real

from mmsk.augmentation._base import SHARE
from mmsk.augmentation._draws import per_row, to_dtype, to_float


class MixDraw(NamedTuple):
    """What was drawn for each row of a batch; all its modalities and its target are mixed by it alike.

    Attributes
    ----------
    partner : Tensor of shape (n_rows,), dtype int64
        Row that each row is mixed with.
    share : Tensor of shape (n_rows,), dtype float32
        How much of the row itself stays, from 0 to 1.
    place : Tensor of shape (n_rows, 2), dtype float32
        Where pieces are exchanged, from 0 to 1: from the top, and from the left or in time.
    """

    partner: torch.Tensor
    share: torch.Tensor
    place: torch.Tensor


class BaseMix(BaseEstimator):
    """Base class of augmentations that mix each row with another one of its batch.

    A subclass gives ``_mix_pieces(kind, cells, others, share, place)`` for what is not mixed linearly, and
    ``_place_of_text(place)``.

    Parameters
    ----------
    alpha : float
        The share of the row itself is drawn from Beta(alpha, alpha): small ones leave most rows nearly pure, 1 is
        uniform, 0 turns mixing off.
    probability : float
        Probability that a row is mixed at all.
    """

    _parameter_constraints: dict = {"alpha": [Interval(Real, 0, None, closed="left")], "probability": SHARE}

    def __init__(self, alpha, *, probability):
        self.alpha = alpha
        self.probability = probability

    def validate(self):
        """Check the parameters.

        Raises
        ------
        InvalidParameterError
            If a parameter has a value it may not have; a `ValueError`.
        """
        self._validate_params()

    def draw(self, n_rows, generator, device):
        """Draw partners, shares and places for a batch.

        Parameters
        ----------
        n_rows : int
            Rows of the batch.
        generator : torch.Generator
            Where all draws come from, on that device.
        device : torch.device
            Where the batch lies.

        Returns
        -------
        MixDraw
            A draw of its own for every row. Partners are another row each, except in a batch of one.
        """
        self.validate()
        # Each row takes the next one in a random circle, so that none is its own partner.
        order = torch.randperm(n_rows, generator=generator, device=device)
        partner = torch.empty_like(order).scatter_(0, order, order.roll(1))
        share = torch.ones(n_rows, device=device)
        if self.alpha:
            # Beta through two gammas; float64, as gammas of a small alpha are often smaller than a float32 can be.
            shape = torch.full((2, n_rows), float(self.alpha), device=device, dtype=torch.float64)
            own, other = torch._standard_gamma(shape, generator=generator).clamp_min_(1e-300)
            chosen = torch.rand(n_rows, generator=generator, device=device) < self.probability
            share = torch.where(chosen, own / (own + other), 1.0).float()
        return MixDraw(partner, share, torch.rand(n_rows, 2, generator=generator, device=device))

    def mix(self, kind, cells, others, share, place):
        """Mix cells with those of their partners.

        Parameters
        ----------
        kind : {"image", "video", "spectrogram", "waveform", "series", "codes", "table", "array"}
            What the cells are.
        cells, others : Tensor of shape (n_cells, ...)
            The rows' own cells, and those of their partners; both are left as they are.
        share : Tensor of shape (n_cells,)
            How much of the own cell stays.
        place : Tensor of shape (n_cells, 2)
            Where pieces are exchanged, from 0 to 1.

        Returns
        -------
        Tensor of shape (n_cells, ...)
            Mixed cells of the same dtype.
        """
        if not cells.numel():
            return cells
        if kind == "codes":
            return _splice(cells, others, share, self._place_of_text(place))
        return self._mix_pieces(kind, cells, others, share, place)


def mix_linearly(cells, others, share):
    """Weigh cells against their partners.

    Parameters
    ----------
    cells, others : Tensor of shape (n_cells, ...)
        Own and partners' cells. A number that one of them lacks (NaN) is as it is in `cells`.
    share : Tensor of shape (n_cells,)
        Weight of the own cell.

    Returns
    -------
    Tensor of shape (n_cells, ...)
        Weighted means, of the same dtype.
    """
    values = to_float(cells)
    mixed = torch.lerp(to_float(others), values, per_row(share, cells).to(values.dtype))
    if cells.dtype.is_floating_point:
        mixed = torch.where(mixed.isnan(), values, mixed)
    return to_dtype(mixed, cells.dtype)


def _splice(codes, others, share, place):
    """Keep a share of each text and put a piece of the other one at a place in it.

    Characters cannot be averaged, so the text is in parts one and in parts the other, each as long as its share.
    """
    own, other = codes.long(), others.long()
    own_length, other_length = ((text != 0).sum(1) for text in (own, other))
    share = share.double()
    n_own = (share * own_length).ceil().long()
    n_other = ((1 - share) * other_length).floor().long()
    n_before = (place * n_own).round().long()
    start = (place * (other_length - n_other)).round().long()
    position = torch.arange(codes.shape[1], device=codes.device)
    within = position - n_before[:, None]
    from_other = (within >= 0) & (within < n_other[:, None])
    # What stands behind the piece is the end of the own text.
    moved = torch.where(within < 0, position, position - (n_own + n_other - own_length)[:, None])
    last = codes.shape[1] - 1
    mixed = torch.where(
        from_other,
        other.gather(1, (within + start[:, None]).clamp(0, last)),
        own.gather(1, moved.clamp(0, last)),
    )
    return torch.where(position < (n_own + n_other)[:, None], mixed, 0).to(codes.dtype)
