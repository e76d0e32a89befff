"""The transformer block that the attention fusions share.

A. Vaswani et al., "Attention is all you need", NeurIPS 2017, with the normalisation before each part (R. Xiong et al.,
ICML 2020). torch's own layers draw their dropout from the global generator, and their keys have offsets that no
gradient reaches, since attention does not change when all keys move alike.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from mmsk.nn._layers import Dropout


class AttentionBlock(nn.Module):
    """Attention over tokens and a perceptron a token, each added to what it is given.

    Parameters
    ----------
    dim : int
        Size of a token.
    n_heads : int
        Heads of the attention; divides `dim`.
    dropout : float
        Dropout of what is added.
    crossed : bool, default=False
        Whether keys and values come from other tokens, which then have a normalisation of their own.
    """

    def __init__(self, dim, n_heads, dropout, crossed=False):
        super().__init__()
        self.n_heads = n_heads
        self.norm = nn.LayerNorm(dim)
        self.source_norm = nn.LayerNorm(dim) if crossed else None
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)
        self.dropout = Dropout(dropout)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim), Dropout(dropout)
        )

    def forward(self, tokens, mask=None, source=None):
        """Let tokens attend.

        Parameters
        ----------
        tokens : Tensor of shape (n_rows, n_tokens, dim)
            What is changed.
        mask : Tensor of shape (n_rows, n_keys), dtype bool, default=None
            Which keys may be attended to, at least one a row; None is all.
        source : Tensor of shape (n_rows, n_keys, dim), default=None
            Where keys and values come from; None is `tokens`.

        Returns
        -------
        Tensor of shape (n_rows, n_tokens, dim)
            The changed tokens.
        """
        x = self.norm(tokens)
        keys = x if source is None else self.source_norm(source)
        heads = [
            part.unflatten(2, (self.n_heads, -1)).transpose(1, 2)
            for part in (self.query(x), self.key(keys), self.value(keys))
        ]
        mask = None if mask is None else mask[:, None, None, :]
        attended = F.scaled_dot_product_attention(*heads, attn_mask=mask).transpose(1, 2).flatten(2)
        tokens = tokens + self.dropout(self.out(attended))
        return tokens + self.perceptron(tokens)


class TokenMaps(nn.Module):
    """Tokens of all modalities brought to one size, those of a sequence told where they stand.

    Parameters
    ----------
    dims : sequence of int
        Embedding or token size of each modality.
    dim : int
        The common size.
    """

    def __init__(self, dims, dim):
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(n, dim) for n in dims)

    def forward(self, parts):
        tokens = []
        for fit, part in zip(self.maps, parts, strict=True):
            mapped = fit(part if part.ndim == 3 else part[:, None])
            tokens.append(mapped + positions(mapped) if mapped.shape[1] > 1 else mapped)
        return tokens


def positions(tokens):
    """Compute sines and cosines of the place in a sequence, as Vaswani et al. 2017 (section 3.5) define them.

    Parameters
    ----------
    tokens : Tensor of shape (n_rows, n_tokens, dim)
        The sequences.

    Returns
    -------
    Tensor of shape (n_tokens, dim)
        What is added to them.
    """
    n_tokens, dim = tokens.shape[1:]
    place = torch.arange(n_tokens, device=tokens.device, dtype=tokens.dtype)[:, None]
    rate = torch.exp(
        torch.arange(0, dim, 2, device=tokens.device, dtype=tokens.dtype) * (-math.log(10_000.0) / max(dim, 1))
    )
    return torch.stack([torch.sin(place * rate), torch.cos(place * rate)], 2).flatten(1)[:, :dim]
