"""Users' modules."""

import torch
from torch import nn

from mmsk.nn._layers import Standardize


class ForeignNetwork(nn.Module):
    """A module that knows nothing of cells, dtypes or generators, made to fit.

    Parameters
    ----------
    body : nn.Module
        Maps cells to features.
    shape : tuple of int
        Shape of a cell.
    kind : str
        What the cells are; ``"codes"`` stay integers.
    output_dim : int or None
        Size of the embedding, reached through a linear layer; None keeps the features.
    standardize : bool
        Whether to standardise cells along their first axis. In either case an absent number of a table, the rest of
        whose row is there, counts as the mean of its column.
    """

    # Its dropout draws from torch's global generator, which training therefore stands in for.
    draws_globally = True

    def __init__(self, body, shape, kind, output_dim=None, standardize=True):
        super().__init__()
        self.is_codes = kind == "codes"
        self.is_waveform = kind == "waveform"
        n_channels = 1 if self.is_waveform or not shape else shape[0]
        self.fills_only = not standardize and kind == "table"
        self.standardize = Standardize(n_channels) if (standardize or self.fills_only) and not self.is_codes else None
        self.body = body
        self.linear = None
        n_features = self._measure(shape)
        if output_dim is not None:
            self.linear = nn.Linear(n_features, output_dim)
        self.output_dim = n_features if output_dim is None else output_dim

    @torch.no_grad()
    def _measure(self, shape):
        self.body.eval()
        cell = torch.ones(2, *shape, dtype=torch.int64 if self.is_codes else torch.float32)
        features = self.body(cell)
        self.body.train()
        if features.ndim != 2 or len(features) != 2:
            raise ValueError(f"for two cells it gave an output of shape {tuple(features.shape)}")
        return features.shape[1]

    def forward(self, x):
        dtype = next((p.dtype for p in self.parameters()), torch.float32)
        if self.is_codes:
            x = x.long()
        elif self.fills_only:
            x = torch.where(x.isnan(), self.standardize.mean, x).to(dtype)
        elif self.standardize is not None:
            x = self.standardize(x[:, None])[:, 0] if self.is_waveform else self.standardize(x)
            x = x.to(dtype)
            x = torch.where(x.isnan(), torch.zeros_like(x), x)
        else:
            x = x.to(dtype)
        features = self.body(x)
        return features if self.linear is None else self.linear(features)
