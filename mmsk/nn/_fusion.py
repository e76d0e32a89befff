"""Fusions: embeddings of the modalities and their presence mask to one vector."""

import torch
from torch import nn


def everywhere(embeddings):
    """Make the presence mask of rows that have every modality.

    Parameters
    ----------
    embeddings : list of Tensor of shape (n_rows, dim)
        One a modality.

    Returns
    -------
    Tensor of shape (n_rows, n_modalities), dtype bool
        All true.
    """
    return embeddings[0].new_ones(len(embeddings[0]), len(embeddings), dtype=torch.bool)


class ConcatFusion(nn.Module):
    """Embeddings side by side, zeros where a modality is absent.

    Parameters
    ----------
    dims : sequence of int
        Embedding size of each modality.
    """

    def __init__(self, dims):
        super().__init__()
        self.output_dim = sum(dims)

    def forward(self, embeddings, presence):
        """Fuse.

        Parameters
        ----------
        embeddings : list of Tensor of shape (n_rows, dim)
            One a modality; zero in rows that lack it.
        presence : Tensor of shape (n_rows, n_modalities), dtype bool, or None
            Which modalities a row has; None if all rows have all.

        Returns
        -------
        Tensor of shape (n_rows, output_dim)
            The fused embedding.
        """
        if presence is None:
            return embeddings[0] if len(embeddings) == 1 else torch.cat(embeddings, 1)
        return torch.cat([e * p[:, None] for e, p in zip(embeddings, presence.unbind(1), strict=True)], 1)


class PooledFusion(nn.Module):
    """Sum, mean or element-wise maximum over the modalities that are present.

    Embeddings of unequal sizes are first mapped linearly to the largest one.

    Parameters
    ----------
    dims : sequence of int
        Embedding size of each modality.
    how : {"sum", "mean", "max"}
        The pooling.
    """

    def __init__(self, dims, how):
        super().__init__()
        self.output_dim = max(dims)
        self.how = how
        self.maps = nn.ModuleList(
            nn.Identity() if dim == self.output_dim else nn.Linear(dim, self.output_dim) for dim in dims
        )

    def forward(self, embeddings, presence):
        """Fuse.

        Parameters
        ----------
        embeddings : list of Tensor of shape (n_rows, dim)
            One a modality.
        presence : Tensor of shape (n_rows, n_modalities), dtype bool, or None
            Which modalities a row has; None if all rows have all.

        Returns
        -------
        Tensor of shape (n_rows, output_dim)
            The fused embedding; zero in rows without any modality.
        """
        stacked = torch.stack([fit(e) for fit, e in zip(self.maps, embeddings, strict=True)], 1)
        presence = everywhere(embeddings) if presence is None else presence
        there = presence[:, :, None]
        if self.how == "max":
            fused = stacked.masked_fill(~there, -torch.inf).amax(1)
            return torch.where(presence.any(1, keepdim=True), fused, torch.zeros_like(fused))
        fused = (stacked * there).sum(1)
        if self.how == "mean":
            fused = fused / presence.sum(1, keepdim=True).clamp_min(1)
        return fused


def make_fusion(name, dims):
    """Build a fusion by name.

    Parameters
    ----------
    name : {"concat", "sum", "mean", "max"}
        Which one.
    dims : sequence of int
        Embedding size of each modality.

    Returns
    -------
    nn.Module
        Takes a list of embeddings and a presence mask; has an attribute `output_dim`.
    """
    return ConcatFusion(dims) if name == "concat" else PooledFusion(dims, name)
