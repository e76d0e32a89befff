"""Small residual convolutional network for photos and spectrograms.

K. He et al., "Deep residual learning for image recognition", CVPR 2016: basic blocks, fewer and narrower of them.
"""

import torch
from torch import nn
from torch.nn import functional as F

from mmsk.nn._layers import Dropout, Projection, Standardize
from mmsk.nn._transfer import TransferNetwork


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation and a shortcut around them.

    Parameters
    ----------
    n_in, n_out : int
        Channels in and out.
    stride : int
        Stride of the first convolution; the shortcut averages over it.
    """

    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(n_out)
        self.shortcut = nn.Identity()
        if stride != 1 or n_in != n_out:
            pool = nn.AvgPool2d(stride, ceil_mode=True) if stride != 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, nn.Conv2d(n_in, n_out, 1, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x):
        out = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(out)) + self.shortcut(x))


class ResidualTrunk(nn.Module):
    """A strided stem and one residual block a width, each after the first halving the resolution.

    Parameters
    ----------
    n_channels : int
        Input channels.
    widths : sequence of int
        Channels of the blocks.
    """

    def __init__(self, n_channels, widths):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(n_channels, widths[0], 5, 2, 2, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        blocks, previous = [], widths[0]
        for i, width in enumerate(widths):
            blocks.append(ResidualBlock(previous, width, 1 if i == 0 else 2))
            previous = width
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x):
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        if min(x.shape[2:]) > 8:  # tiny inputs keep what little resolution they have
            x = F.max_pool2d(x, 3, 2, 1)
        return self.blocks(x)


class ImageNetwork(TransferNetwork):
    """Photos to embeddings.

    Parameters
    ----------
    n_channels : int
        Colour channels.
    widths : sequence of int
        Channels of the residual blocks.
    output_dim : int or None
        Size of the embedding; None takes the features as they are.
    dropout : float
        Dropout before the embedding.
    """

    # Photos are averaged over a coarse grid rather than as a whole: with a few hundred of them, where in the picture
    # something is tells a lot that the network cannot yet tell from its look.
    grid = 4

    def __init__(self, n_channels, widths, output_dim, dropout):
        super().__init__()
        n_features = self.grid**2 * widths[-1]
        self.output_dim = n_features if output_dim is None else output_dim
        self.token_dim = widths[-1]
        self.standardize = Standardize(n_channels)
        self.trunk = ResidualTrunk(n_channels, widths)
        self.projection = Dropout(dropout) if output_dim is None else Projection(n_features, output_dim, dropout)

    def stages(self):
        """List stem and blocks; see `TransferNetwork.stages`."""
        return [[self.trunk.stem], *([block] for block in self.trunk.blocks)]

    def sequence(self, x):
        """Describe every place of the coarse grid.

        Parameters
        ----------
        x : Tensor of shape (n_cells, n_channels, height, width)
            Cells.

        Returns
        -------
        Tensor of shape (n_cells, n_places, token_dim)
            What :meth:`pool` and fusions over tokens read.
        """
        return self._given(x)

    def features(self, x):
        """Compute the sequence of cells; see `TransferNetwork.features`."""
        return F.adaptive_avg_pool2d(self.trunk(self.standardize(x)), self.grid).flatten(2).transpose(1, 2)

    def project(self, features):
        """Make embeddings of sequences; see :meth:`pool`."""
        return self.pool(features)

    def pool(self, sequence):
        """Make embeddings of sequences.

        Parameters
        ----------
        sequence : Tensor of shape (n_cells, n_places, token_dim)
            As :meth:`sequence` gives them.

        Returns
        -------
        Tensor of shape (n_cells, output_dim)
            The embeddings.
        """
        return self.projection(sequence.transpose(1, 2).flatten(1))
