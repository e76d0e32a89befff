"""Means of the losses of rows; weights are None where all rows count alike, which short steps notice."""

import torch


def weights_where(there, weight, losses):
    """Weigh the rows that have a modality.

    Parameters
    ----------
    there : Tensor of shape (n_rows,), dtype bool, or None
        Which have it; None is all.
    weight : Tensor of shape (n_rows,) or None
        Weights of all rows.
    losses : Tensor of shape (n_rows,)
        What will be weighed.

    Returns
    -------
    Tensor of shape (n_rows,) or None
        Zero in rows that lack it.
    """
    if there is None:
        return weight
    return there.to(losses.dtype) if weight is None else weight * there


def weighted_mean(losses, weight):
    """Average losses.

    Parameters
    ----------
    losses : Tensor of shape (n_rows,)
        One a row.
    weight : Tensor of shape (n_rows,) or None
        Weights.

    Returns
    -------
    Tensor of shape ()
        Zero if nothing has a weight.
    """
    if weight is None:
        return losses.mean()
    return (losses * weight).sum() / weight.sum().clamp_min(torch.finfo(weight.dtype).tiny)


def total_weight(weight, losses):
    """Add up weights.

    Parameters
    ----------
    weight : Tensor of shape (n_rows,) or None
        Weights.
    losses : Tensor of shape (n_rows,)
        What they weigh.

    Returns
    -------
    Tensor of shape ()
        The sum.
    """
    return losses.new_tensor(len(losses)) if weight is None else weight.sum()
