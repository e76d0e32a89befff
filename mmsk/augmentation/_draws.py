"""Draws a row, and the numbers that cells are changed in."""

import torch


def uniform(n_rows, low, high, like, generator, *shape):
    """Draw numbers between two bounds for every row.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    low, high : float
        The bounds.
    like : Tensor
        Cells; the draws lie on their device.
    generator : torch.Generator
        Where the draws come from.
    *shape : int
        How many a row; nothing is one number.

    Returns
    -------
    Tensor of shape (n_rows, *shape), dtype float32
        The draws.
    """
    return torch.rand(n_rows, *shape, generator=generator, device=like.device) * (high - low) + low


def to_float(cells):
    """Convert cells to the floats they are changed in.

    Parameters
    ----------
    cells : Tensor
        Cells of any real dtype.

    Returns
    -------
    Tensor
        Cells as float64 if they are that or wide integers, else as float32; the same tensor if there is nothing to do.
    """
    wide = (torch.float64, torch.int32, torch.int64, torch.uint32, torch.uint64)
    return cells.to(torch.float64 if cells.dtype in wide else torch.float32)


def to_dtype(values, dtype):
    """Convert floats back to the dtype of the cells; integers are rounded and keep to their range.

    Parameters
    ----------
    values : Tensor
        Changed cells.
    dtype : torch.dtype
        Dtype they came in.

    Returns
    -------
    Tensor
        The same values in `dtype`.
    """
    if dtype.is_floating_point:
        return values.to(dtype)
    limits = torch.iinfo(dtype)
    if limits.min == 0:  # truncation rounds non-negative numbers, and costs half of what round() does
        return (values + 0.5).clamp_(0, limits.max).to(dtype)
    return values.round().clamp_(limits.min, limits.max).to(dtype)


def per_row(values, cells):
    """Give numbers a row as many dimensions as the cells.

    Parameters
    ----------
    values : Tensor of shape (n_rows, ...)
        The numbers.
    cells : Tensor of shape (n_rows, ...)
        What they shall broadcast against.

    Returns
    -------
    Tensor
        The numbers, with axes of length one appended.
    """
    return values.reshape(*values.shape, *[1] * (cells.ndim - values.ndim))
