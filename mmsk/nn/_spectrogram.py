"""Networks for spectrograms and MFCC, cells of shape (bins, frames)."""

import torch
from torch import nn

from mmsk.nn._layers import Projection, Standardize
from mmsk.nn._residual import ResidualTrunk


class SpectrogramNetwork(nn.Module):
    """Spectrograms to embeddings through a small residual network.

    Parameters
    ----------
    n_bins : int
        Frequency bins or coefficients.
    widths : sequence of int
        Channels of the residual blocks.
    output_dim : int
        Size of the embedding.
    dropout : float
        Dropout before the embedding.
    frontend : nn.Module, default=None
        Turns waveforms into the spectrograms.
    """

    def __init__(self, n_bins, widths, output_dim, dropout, frontend=None):
        super().__init__()
        self.output_dim = output_dim
        self.token_dim = widths[-1]
        self.frontend = frontend
        self.standardize = Standardize(n_bins)
        self.trunk = ResidualTrunk(1, widths)
        self.projection = Projection(2 * widths[-1], output_dim, dropout)

    def forward(self, x):
        return self.pool(self.sequence(x))

    def sequence(self, x):
        """Describe every step in time.

        Parameters
        ----------
        x : Tensor of shape (n_cells, n_bins, n_frames)
            Cells.

        Returns
        -------
        Tensor of shape (n_cells, n_steps, token_dim)
            What :meth:`pool` and fusions over tokens read.
        """
        x = x if self.frontend is None else self.frontend(x)
        return self.trunk(self.standardize(x)[:, None]).mean(2).transpose(1, 2)

    def pool(self, sequence):
        """Make embeddings of sequences.

        Parameters
        ----------
        sequence : Tensor of shape (n_cells, n_steps, token_dim)
            As :meth:`sequence` gives them.

        Returns
        -------
        Tensor of shape (n_cells, output_dim)
            The embeddings.
        """
        # Steady sounds show in the mean over time, single events in the maximum.
        return self.projection(torch.cat([sequence.mean(1), sequence.amax(1)], 1))


def _strip(n_in, n_out, kernel, along):
    """Build one convolution along frequency (2) or time (3), stride 2, with batch normalisation and ReLU."""
    sizes, stride = ((kernel, 1), (2, 1)) if along == 2 else ((1, kernel), (1, 2))
    half = kernel // 2
    return nn.Sequential(
        # A layer of its own: oneDNN corrupts memory in the backward pass of a convolution padded by more than its input
        # (seen with torch 2.14 on a CPU), and windows longer than the input are wanted here.
        nn.ZeroPad2d((0, 0, half, half) if along == 2 else (half, half, 0, 0)),
        nn.Conv2d(n_in, n_out, sizes, stride, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(),
    )


class FourBranchNetwork(nn.Module):
    """Four branches that look through windows of 8, 16, 32 and 64 bins or frames.

    Each branch separates its square windows into strips, (1, k) then (k, 1), twice; the branches are added and two
    more strips of 16 follow. The layout is the sound network of the multimodal_keras recipe (base_models.py,
    github.com/shibuiwilliam/multimodal_keras).

    Parameters
    ----------
    n_bins : int
        Frequency bins or coefficients.
    output_dim : int
        Size of the embedding.
    dropout : float
        Dropout before the embedding.
    kernels : sequence of even int, default=(8, 16, 32, 64)
        Window lengths, one branch each.
    frontend : nn.Module, default=None
        Turns waveforms into the spectrograms.
    """

    def __init__(self, n_bins, output_dim, dropout, kernels=(8, 16, 32, 64), frontend=None):
        super().__init__()
        self.output_dim = output_dim
        self.frontend = frontend
        self.standardize = Standardize(n_bins)
        self.branches = nn.ModuleList(
            nn.Sequential(_strip(1, 32, k, 3), _strip(32, 32, k, 2), _strip(32, 64, k, 3), _strip(64, 64, k, 2))
            for k in kernels
        )
        self.merge = nn.Sequential(_strip(64, 128, 16, 3), _strip(128, 128, 16, 2))
        self.projection = Projection(128, output_dim, dropout)

    def forward(self, x):
        x = x if self.frontend is None else self.frontend(x)
        x = self.standardize(x)[:, None]
        x = sum(branch(x) for branch in self.branches)
        return self.projection(self.merge(x).mean((2, 3)))
