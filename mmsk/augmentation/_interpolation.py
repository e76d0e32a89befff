"""Values between samples, and samples shifted in a circle."""

import torch
from torch.nn import functional as F


def read_at(cells, positions, cubic=False):
    """Read each row at positions of its own, between samples where they are no whole numbers.

    Parameters
    ----------
    cells : Tensor of shape (n_rows, n_channels, n_samples)
        Floats.
    positions : Tensor of shape (n_rows, n_positions)
        Sample numbers; those beyond an end read the last sample there.
    cubic : bool, default=False
        Whether a cubic through four samples is read (R. Keys, "Cubic convolution interpolation for digital image
        processing", 1981, with a = -1/2) in place of a line through two.

    Returns
    -------
    Tensor of shape (n_rows, n_channels, n_positions)
        The values.
    """
    n_samples = cells.shape[-1]
    positions = positions.clamp(0, n_samples - 1)
    base = positions.floor()
    t = (positions - base).to(cells.dtype)[:, None]
    # Places are computed once, as seen from the sample before; its neighbours are the same places further on.
    samples, places, shape = _places(F.pad(cells, (1, 2), mode="replicate"), base.long())

    def neighbour(k):
        return samples[k:].index_select(0, places).reshape(shape)

    if not cubic:
        return torch.lerp(neighbour(1), neighbour(2), t)
    # The four weights add up to one, and each is a cubic in t.
    values = neighbour(0).mul_(((-0.5 * t).add_(1).mul_(t).sub_(0.5)).mul_(t))
    values.addcmul_(neighbour(1), (1.5 * t).sub_(2.5).mul_(t).mul_(t).add_(1))
    values.addcmul_(neighbour(2), ((-1.5 * t).add_(2).mul_(t).add_(0.5)).mul_(t))
    return values.addcmul_(neighbour(3), (0.5 * t).sub_(0.5).mul_(t).mul_(t))


def roll(cells, steps):
    """Shift each row in a circle.

    Parameters
    ----------
    cells : Tensor of shape (n_rows, n_channels, n_samples)
        Cells of any dtype.
    steps : Tensor of shape (n_rows,), dtype int64
        How far to the right; to the left if negative.

    Returns
    -------
    Tensor of shape (n_rows, n_channels, n_samples)
        The shifted cells.
    """
    n_samples = cells.shape[-1]
    # Two copies side by side spare a division for every sample.
    return cut(torch.cat([cells, cells], 2), (-steps).remainder(n_samples), n_samples)


def cut(cells, start, length):
    """Cut a piece out of each row.

    Parameters
    ----------
    cells : Tensor of shape (n_rows, n_channels, n_samples)
        Cells of any dtype.
    start : Tensor of shape (n_rows,), dtype int64
        Where each piece begins; it lies within the row.
    length : int
        Samples of a piece.

    Returns
    -------
    Tensor of shape (n_rows, n_channels, length)
        The pieces.
    """
    if cells.device.type == "cpu":  # copying whole pieces takes a quarter of the time; a GPU would wait for the list
        return torch.stack([row[:, first : first + length] for row, first in zip(cells, start.tolist(), strict=True)])
    samples, places, shape = _places(cells, start[:, None] + torch.arange(length, device=cells.device))
    return samples.index_select(0, places).reshape(shape)


def _places(cells, places):
    """Give samples in one line, where in it each row's places are, and the shape of what is read there."""
    n_rows, n_channels, n_samples = cells.shape
    first = torch.arange(n_rows * n_channels, device=cells.device).reshape(n_rows, n_channels, 1) * n_samples
    return cells.reshape(-1), (places[:, None] + first).reshape(-1), (n_rows, n_channels, places.shape[1])
