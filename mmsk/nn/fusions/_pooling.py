"""Fusions without a network of their own: embeddings side by side, their sum, mean or maximum."""

import torch
from torch import nn

from mmsk.nn.fusions._masks import blank, mean_of_present


class Concatenation(nn.Module):
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
            One a modality.
        presence : Tensor of shape (n_rows, n_modalities), dtype bool, or None
            Which modalities a row has; None if all rows have all.

        Returns
        -------
        Tensor of shape (n_rows, output_dim)
            The fused embedding.
        """
        return embeddings[0] if len(embeddings) == 1 and presence is None else torch.cat(blank(embeddings, presence), 1)


class Pooling(nn.Module):
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
        stacked = torch.stack([fit(e) for fit, e in zip(self.maps, blank(embeddings, presence), strict=True)], 1)
        if self.how == "mean":
            return mean_of_present(stacked, presence)
        if self.how == "sum":
            return (stacked if presence is None else torch.where(presence[:, :, None], stacked, 0.0)).sum(1)
        if presence is None:
            return stacked.amax(1)
        fused = stacked.masked_fill(~presence[:, :, None], -torch.inf).amax(1)
        return torch.where(presence.any(1, keepdim=True), fused, 0.0)
