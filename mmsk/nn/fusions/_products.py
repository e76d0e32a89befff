"""Fusions by products of the modalities: the whole tensor, and its factorisation."""

import math

import torch
from torch import nn

from mmsk.nn.fusions._masks import blank


def _with_one(part):
    return torch.cat([torch.ones_like(part[:, :1]), part], 1)


class TensorProduct(nn.Module):
    """Outer product of [1; P_i x_i] over the modalities, flattened; an absent modality is [1; 0].

    Parameters
    ----------
    dims : sequence of int
        Embedding size of each modality.
    dim : int
        Size that each embedding is mapped to first.
    """

    def __init__(self, dims, dim):
        super().__init__()
        self.output_dim = (dim + 1) ** len(dims)
        self.maps = nn.ModuleList(nn.Linear(n, dim) for n in dims)

    def forward(self, embeddings, presence):
        """Fuse; see :meth:`Concatenation.forward` for shapes."""
        mapped = [fit(e) for fit, e in zip(self.maps, blank(embeddings, presence), strict=True)]
        product, *rest = map(_with_one, blank(mapped, presence))
        for part in rest:
            product = (product[:, :, None] * part[:, None, :]).flatten(1)
        return product


class LowRankProduct(nn.Module):
    """Linear map of the outer product of [1; x_i], whose weights are a sum of `rank` products of vectors.

    The outer product itself is never formed: h = b + sum over r of the product over i of W_i^r [1; x_i],
    the sum divided by the root of the rank so that its size does not grow with it.

    Parameters
    ----------
    dims : sequence of int
        Embedding size of each modality.
    rank : int
        How many products.
    output_dim : int
        Size of the fused embedding.
    """

    def __init__(self, dims, rank, output_dim):
        super().__init__()
        self.output_dim = output_dim
        self.rank = rank
        # The ones start with weights of 1 or -1, so that an absent modality leaves the others' product as it is, and
        # the rest small enough for a product of many factors to keep its size.
        self.factors = nn.ParameterList()
        for dim in dims:
            factor = torch.randn(dim + 1, rank * output_dim) / math.sqrt(dim * len(dims))
            factor[0] = factor[0].sign()
            self.factors.append(nn.Parameter(factor))
        self.scale = 1.0 / math.sqrt(rank)
        self.bias = nn.Parameter(torch.zeros(output_dim))

    def forward(self, embeddings, presence):
        """Fuse; see :meth:`Concatenation.forward` for shapes."""
        parts = map(_with_one, blank(embeddings, presence))
        product, *rest = (part @ factor for part, factor in zip(parts, self.factors, strict=True))
        for part in rest:
            product = product * part
        return self.scale * product.unflatten(1, (self.rank, self.output_dim)).sum(1) + self.bias
