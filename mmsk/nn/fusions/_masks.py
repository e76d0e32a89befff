"""Presence masks: what a row lacks cannot change what is made of it."""

import torch


def everywhere(embeddings):
    """Make the presence mask of rows that have every modality.

    Parameters
    ----------
    embeddings : list of Tensor of shape (n_rows, ...)
        One a modality.

    Returns
    -------
    Tensor of shape (n_rows, n_modalities), dtype bool
        All true.
    """
    return embeddings[0].new_ones(len(embeddings[0]), len(embeddings), dtype=torch.bool)


def blank(embeddings, presence):
    """Put zeros where a modality is absent, whatever stands there.

    Parameters
    ----------
    embeddings : list of Tensor of shape (n_rows, ...)
        One a modality.
    presence : Tensor of shape (n_rows, n_modalities), dtype bool, or None
        Which modalities a row has; None if all rows have all.

    Returns
    -------
    list of Tensor of shape (n_rows, ...)
        In the shapes they came.
    """
    if presence is None:
        return embeddings
    # Not a product with the mask: a NaN times zero is a NaN.
    return [
        torch.where(there.reshape(-1, *[1] * (e.ndim - 1)), e, 0.0)
        for e, there in zip(embeddings, presence.unbind(1), strict=True)
    ]


def mean_of_present(parts, presence):
    """Average over the modalities that a row has.

    Parameters
    ----------
    parts : Tensor of shape (n_rows, n_modalities, ...)
        What is averaged.
    presence : Tensor of shape (n_rows, n_modalities), dtype bool, or None
        Which modalities a row has; None if all rows have all.

    Returns
    -------
    Tensor of shape (n_rows, ...)
        Zero in rows without any modality.
    """
    if presence is None:
        return parts.mean(1)
    there = presence.reshape(*presence.shape, *[1] * (parts.ndim - 2))
    return torch.where(there, parts, 0.0).sum(1) / there.sum(1).clamp_min(1)
