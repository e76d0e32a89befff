"""Fusions that decide number by number which modality speaks: gates, modulation, draws."""

import torch
from torch import nn

from mmsk.nn.fusions._masks import blank, everywhere, mean_of_present


def _maps(dims, output_dim):
    return nn.ModuleList(nn.Linear(dim, output_dim) for dim in dims)


def _apply(layers, parts):
    return torch.stack([layer(part) for layer, part in zip(layers, parts, strict=True)], 1)


class GatedUnits(nn.Module):
    """Gated multimodal unit: h = sum over i of sigmoid(Z_i [x_1; ...; x_n]) * tanh(W_i x_i).

    Parameters
    ----------
    dims : sequence of int
        Embedding size of each modality.
    output_dim : int
        Size of the fused embedding.
    """

    def __init__(self, dims, output_dim):
        super().__init__()
        self.output_dim = output_dim
        self.maps = _maps(dims, output_dim)
        self.gates = _maps([sum(dims)] * len(dims), output_dim)

    def forward(self, embeddings, presence):
        """Fuse; see :meth:`Concatenation.forward` for shapes."""
        embeddings = blank(embeddings, presence)
        values = torch.tanh(_apply(self.maps, embeddings))
        gates = torch.sigmoid(_apply(self.gates, [torch.cat(embeddings, 1)] * len(embeddings)))
        fused = gates * values
        return (fused if presence is None else torch.where(presence[:, :, None], fused, 0.0)).sum(1)


class FeatureModulation(nn.Module):
    """Each modality scaled and shifted, number by number, by what the others say; then the mean of those present.

    Parameters
    ----------
    dims : sequence of int
        Embedding size of each modality.
    output_dim : int
        Size of the fused embedding.
    """

    def __init__(self, dims, output_dim):
        super().__init__()
        self.output_dim = output_dim
        self.maps = _maps(dims, output_dim)
        others = [sum(dims) - dim for dim in dims]
        # A single modality has no others that could modulate it.
        self.modulators = _maps(others, 2 * output_dim) if len(dims) > 1 else None

    def forward(self, embeddings, presence):
        """Fuse; see :meth:`Concatenation.forward` for shapes."""
        embeddings = blank(embeddings, presence)
        values = _apply(self.maps, embeddings)
        if self.modulators is not None:
            others = [torch.cat(embeddings[:i] + embeddings[i + 1 :], 1) for i in range(len(embeddings))]
            scale, shift = _apply(self.modulators, others).chunk(2, 2)
            values = (1.0 + scale) * values + shift
        return mean_of_present(values, presence)


class Embracement(nn.Module):
    """Each number of the fused embedding drawn from one modality that is present; their mean when predicting.

    Parameters
    ----------
    dims : sequence of int
        Embedding size of each modality.
    output_dim : int
        Size of the fused embedding.

    Attributes
    ----------
    generator : torch.Generator or None
        Where the draws come from; whoever trains the network sets it.
    """

    def __init__(self, dims, output_dim):
        super().__init__()
        self.output_dim = output_dim
        self.docks = _maps(dims, output_dim)
        self.generator = None

    def forward(self, embeddings, presence):
        """Fuse; see :meth:`Concatenation.forward` for shapes."""
        docked = torch.relu(_apply(self.docks, blank(embeddings, presence)))
        if not self.training:
            return mean_of_present(docked, presence)
        presence = everywhere(embeddings) if presence is None else presence
        count = presence.sum(1, keepdim=True)
        draw = torch.rand(len(docked), self.output_dim, device=docked.device, generator=self.generator)
        # The how-manieth of those present; rounding might give one more than there are.
        chosen = torch.minimum((draw * count).long() + 1, count)
        taken = presence[:, :, None] & (presence.cumsum(1)[:, :, None] == chosen[:, None, :])
        return torch.where(taken, docked, 0.0).sum(1)
