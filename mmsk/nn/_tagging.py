"""The networks of the "Beginner's guide to audio data", a notebook beside the Freesound audio tagging challenge 2018.

kaggle.com/code/fizzbuzz/beginner-s-guide-to-audio-data; weights start as Keras lets them: Glorot's uniform draws, and
biases of zero.
"""

import itertools

from torch import nn

from mmsk.exceptions import BadInputError
from mmsk.nn._layers import Dropout, Projection, Standardize


def start_as_keras(network):
    """Draw the initial weights that Keras draws by default.

    Parameters
    ----------
    network : nn.Module
        Its convolutions and linear layers get new weights.

    Returns
    -------
    nn.Module
        The network.
    """
    for part in network.modules():
        if isinstance(part, (nn.Conv1d, nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)
    return network


class TaggingNetwork1d(nn.Module):
    """Raw sound to embeddings through eight convolutions, in pairs with pooling between them.

    Parameters
    ----------
    n_channels : int
        Sound channels.
    n_samples : int
        Length of the cells; the recipe has two seconds at 16 kHz.
    dropout : float
        Dropout after the last pair; that after the others has half this rate.
    output_dim : int, default=None
        Size of the embedding, reached through a further linear layer; None is 1028, where the recipe ends.
    """

    shortest = 1616

    def __init__(self, n_channels, n_samples, dropout, output_dim=None):
        super().__init__()
        if n_samples < self.shortest:
            raise BadInputError(
                f"network='cnn1d' was given cells of {n_samples} samples, of which its poolings leave nothing",
                step="WaveformEncoder",
                fix=f"Give at least {self.shortest}, or use network='strided'.",
            )
        self.standardize = Standardize(n_channels)
        pairs = [(n_channels, 16, 9, nn.MaxPool1d(16)), (16, 32, 3, nn.MaxPool1d(4)), (32, 32, 3, nn.MaxPool1d(4))]
        pairs += [(32, 256, 3, nn.AdaptiveMaxPool1d(1))]
        layers = []
        for n_in, n_out, size, pool in pairs:
            convolutions = nn.Conv1d(n_in, n_out, size), nn.ReLU(), nn.Conv1d(n_out, n_out, size), nn.ReLU()
            layers += [*convolutions, pool, Dropout(dropout if n_out == 256 else dropout / 2)]
        dense = nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 1028), nn.ReLU()
        self.trunk = start_as_keras(nn.Sequential(*layers, nn.Flatten(), *dense))
        self.projection = nn.Identity() if output_dim is None else Projection(1028, output_dim, 0.0)
        self.output_dim = 1028 if output_dim is None else output_dim

    def forward(self, x):
        x = x[:, None] if x.ndim == 2 else x
        return self.projection(self.trunk(self.standardize(x)))


class TaggingNetwork2d(nn.Module):
    """MFCC to embeddings through four convolutions of 4 coefficients by 10 frames.

    Parameters
    ----------
    n_bins, n_frames : int
        Shape of the cells; the recipe has 40 coefficients and 173 frames.
    dropout : float
        Dropout before the embedding where there is an `output_dim`; the recipe itself has none.
    output_dim : int, default=None
        Size of the embedding, reached through a further linear layer; None is 64, where the recipe ends.
    frontend : nn.Module, default=None
        Turns waveforms into the spectrograms.
    """

    shortest = 16

    def __init__(self, n_bins, n_frames, dropout, output_dim=None, frontend=None):
        super().__init__()
        if min(n_bins, n_frames) < self.shortest:
            raise BadInputError(
                f"network='cnn2d' was given cells of {n_bins} bins and {n_frames} frames, of which its poolings leave "
                "nothing",
                step="SpectrogramEncoder",
                fix=f"Give at least {self.shortest} of each, or use network='residual'.",
            )
        self.frontend = frontend
        self.standardize = Standardize(n_bins)
        layers = []
        for n_in, n_out in itertools.pairwise([1, 32, 32, 32, 32]):
            # As Keras pads an even window to the "same" size: what is left over goes to the end.
            padding = nn.ZeroPad2d((4, 5, 1, 2))
            layers += [padding, nn.Conv2d(n_in, n_out, (4, 10)), nn.BatchNorm2d(n_out), nn.ReLU(), nn.MaxPool2d(2)]
        n_flat = 32 * (n_bins // 16) * (n_frames // 16)
        dense = nn.Flatten(), nn.Linear(n_flat, 64), nn.BatchNorm1d(64), nn.ReLU()
        self.trunk = start_as_keras(nn.Sequential(*layers, *dense))
        self.projection = nn.Identity() if output_dim is None else Projection(64, output_dim, dropout)
        self.output_dim = 64 if output_dim is None else output_dim

    def forward(self, x):
        x = x if self.frontend is None else self.frontend(x)
        return self.projection(self.trunk(self.standardize(x)[:, None]))
