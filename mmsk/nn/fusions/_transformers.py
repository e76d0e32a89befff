"""Fusions by attention: over all tokens, over ordered pairs of modalities, through a bottleneck."""

import torch
from torch import nn

from mmsk.nn.fusions._masks import blank, everywhere, mean_of_present
from mmsk.nn.fusions._transformer import AttentionBlock, TokenMaps


def _blocks(n_layers, *args, **kwargs):
    return nn.ModuleList(AttentionBlock(*args, **kwargs) for _ in range(n_layers))


class JoinedTransformer(nn.Module):
    """Transformer over the tokens of all modalities and one of its own, whose last state is the fused embedding.

    Parameters
    ----------
    dims : sequence of int
        Embedding or token size of each modality.
    dim : int
        Size of the tokens.
    n_layers : int
        Transformer blocks.
    n_heads : int
        Heads of each block.
    dropout : float
        Dropout in the blocks.
    """

    def __init__(self, dims, dim, n_layers, n_heads, dropout):
        super().__init__()
        self.output_dim = dim
        self.maps = TokenMaps(dims, dim)
        self.summary = nn.Parameter(torch.randn(dim))
        self.blocks = _blocks(n_layers, dim, n_heads, dropout)
        self.norm = nn.LayerNorm(dim)

    def forward(self, embeddings, presence):
        """Fuse embeddings, or sequences of tokens of shape (n_rows, n_tokens, dim)."""
        parts = self.maps(blank(embeddings, presence))
        tokens = torch.cat([self.summary.expand(len(parts[0]), 1, -1), *parts], 1)
        mask = None
        if presence is not None:
            # The summary attends to itself in rows that have nothing else.
            seen = [torch.ones_like(presence[:, :1]), *presence.split(1, 1)]
            lengths = [1, *(part.shape[1] for part in parts)]
            mask = torch.cat([there.expand(-1, n) for there, n in zip(seen, lengths, strict=True)], 1)
        for block in self.blocks:
            tokens = block(tokens, mask)
        return self.norm(tokens[:, 0])


class CrossedTransformers(nn.Module):
    """For every ordered pair of modalities, blocks in which one attends to the other; their mean tokens side by side.

    Beside the tokens of the modality attended to stands a learned one, to turn to instead; where that modality is
    absent, it is all there is.

    Parameters
    ----------
    dims : sequence of int
        Embedding or token size of each modality.
    dim : int
        Size of the tokens.
    n_layers : int
        Blocks a pair.
    n_heads : int
        Heads of each block.
    dropout : float
        Dropout in the blocks.
    """

    def __init__(self, dims, dim, n_layers, n_heads, dropout):
        super().__init__()
        self.maps = TokenMaps(dims, dim)
        self.pairs = [(i, j) for i in range(len(dims)) for j in range(len(dims)) if i != j]
        self.instead = nn.ParameterList(nn.Parameter(torch.randn(1, dim)) for _ in self.pairs)
        self.stacks = nn.ModuleList(_blocks(n_layers, dim, n_heads, dropout, crossed=True) for _ in self.pairs)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in self.pairs or dims)
        self.output_dim = dim * len(self.norms)

    def forward(self, embeddings, presence):
        """Fuse embeddings, or sequences of tokens of shape (n_rows, n_tokens, dim)."""
        presence = everywhere(embeddings) if presence is None else presence
        parts = self.maps(blank(embeddings, presence))
        if not self.pairs:
            return torch.where(presence, self.norms[0](parts[0].mean(1)), 0.0)
        crossed = [
            self._cross(parts[i], parts[j], presence[:, j], stack, instead)
            for (i, j), stack, instead in zip(self.pairs, self.stacks, self.instead, strict=True)
        ]
        crossed = [norm(part.mean(1)) for norm, part in zip(self.norms, crossed, strict=True)]
        return torch.cat(blank(crossed, presence[:, [i for i, _ in self.pairs]]), 1)

    def _cross(self, tokens, source, there, stack, instead):
        source = torch.cat([instead.expand(len(source), -1, -1), source], 1)
        mask = there[:, None].expand(source.shape[:2]).clone()
        mask[:, 0] = True
        for block in stack:
            tokens = block(tokens, mask, source)
        return tokens


class BottleneckTransformer(nn.Module):
    """A transformer a modality; layer by layer they exchange what a few shared tokens hold, and nothing else.

    The shared tokens after a layer are the mean of those that each present modality makes of them. The fused
    embedding is the mean over the modalities present of their mean tokens.

    Parameters
    ----------
    dims : sequence of int
        Embedding or token size of each modality.
    dim : int
        Size of the tokens.
    n_tokens : int
        Shared tokens.
    n_layers : int
        Transformer blocks of each modality.
    n_heads : int
        Heads of each block.
    dropout : float
        Dropout in the blocks.
    """

    def __init__(self, dims, dim, n_tokens, n_layers, n_heads, dropout):
        super().__init__()
        self.output_dim = dim
        self.maps = TokenMaps(dims, dim)
        self.shared = nn.Parameter(torch.randn(n_tokens, dim))
        self.layers = nn.ModuleList(_blocks(len(dims), dim, n_heads, dropout) for _ in range(n_layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, embeddings, presence):
        """Fuse embeddings, or sequences of tokens of shape (n_rows, n_tokens, dim)."""
        parts = self.maps(blank(embeddings, presence))
        lengths = [part.shape[1] for part in parts]
        shared = self.shared.expand(len(parts[0]), -1, -1)
        for layer in self.layers:
            changed = [block(torch.cat([part, shared], 1)) for block, part in zip(layer, parts, strict=True)]
            parts = [tokens[:, :n] for tokens, n in zip(changed, lengths, strict=True)]
            views = torch.stack([tokens[:, n:] for tokens, n in zip(changed, lengths, strict=True)], 1)
            shared = mean_of_present(views, presence)
        means = torch.stack([self.norm(part.mean(1)) for part in parts], 1)
        return mean_of_present(means, presence)
