"""One-dimensional convolutions for raw sound and sensor series."""

import itertools

import torch
from torch import nn
from torch.nn import functional as F

from mmsk.nn._layers import Projection, Standardize


class WaveformNetwork(nn.Module):
    """Samples of shape (T,) or (channels, T) to embeddings.

    A long first filter learns a filter bank, as in W. Dai et al., "Very deep convolutional neural networks for raw
    waveforms", ICASSP 2017; every further convolution is followed by a pooling step.

    Parameters
    ----------
    n_channels : int
        Sound channels or sensors.
    n_samples : int
        Length of the cells, which decides how far the first layers may shrink them.
    widths : sequence of int
        Channels of the convolutions.
    kernel_size : int
        Length of the first filter in samples.
    output_dim : int
        Size of the embedding.
    dropout : float
        Dropout before the embedding.
    """

    def __init__(self, n_channels, n_samples, widths, kernel_size, output_dim, dropout):
        super().__init__()
        self.output_dim = output_dim
        self.token_dim = widths[-1]
        self.standardize = Standardize(n_channels)
        # A sensor series of a hundred steps must not be strided away as 16 000 samples of sound are.
        stride = max(1, min(kernel_size // 4, n_samples // 256))
        kernel_size = max(3, min(kernel_size, 4 * stride + 1 if stride > 1 else 9)) | 1
        self.stem = nn.Sequential(
            nn.Conv1d(n_channels, widths[0], kernel_size, stride, kernel_size // 2, bias=False),
            nn.BatchNorm1d(widths[0]),
            nn.ReLU(),
        )
        self.steps = nn.ModuleList(
            nn.Sequential(nn.Conv1d(n_in, n_out, 3, 1, 1, bias=False), nn.BatchNorm1d(n_out), nn.ReLU())
            for n_in, n_out in itertools.pairwise(widths)
        )
        self.projection = Projection(2 * widths[-1], output_dim, dropout)

    def forward(self, x):
        return self.pool(self.sequence(x))

    def sequence(self, x):
        """Describe every step in time.

        Parameters
        ----------
        x : Tensor of shape (n_cells, n_samples) or (n_cells, n_channels, n_samples)
            Cells.

        Returns
        -------
        Tensor of shape (n_cells, n_steps, token_dim)
            What :meth:`pool` and fusions over tokens read.
        """
        x = x[:, None] if x.ndim == 2 else x
        x = self.stem(self.standardize(x))
        for step in self.steps:
            x = step(F.max_pool1d(x, 3, 2, 1) if x.shape[2] > 16 else x)
        return x.transpose(1, 2)

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
        return self.projection(torch.cat([sequence.mean(1), sequence.amax(1)], 1))
