"""Small layers that the networks share."""

import itertools
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional as F


class Standardize(nn.Module):
    """Subtract a mean and divide by a scale along the first axis of a cell.

    The statistics are learned from training cells, ignore NaN, and are part of the weights. They are kept in float64
    for float64 cells, so that a column of large, close numbers does not lose its differences before they are taken.

    Parameters
    ----------
    n_channels : int
        Length of the first axis of a cell: colour channels, frequency bins, sensors or table columns.

    Attributes
    ----------
    is_known : bool
        Whether the statistics came with weights, which were trained with them and no others.
    """

    is_known = False

    def __init__(self, n_channels):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_channels))
        self.register_buffer("scale", torch.ones(n_channels))

    @torch.no_grad()
    def learn(self, parts):
        """Learn mean and standard deviation.

        Parameters
        ----------
        parts : iterable of (Tensor of shape (n_part, n_channels, ...), Tensor of shape (n_part,))
            Some training cells at a time, which bounds the memory this takes, and how often each counts.
        """
        sums = center = dtype = None
        for cells, weight in parts:
            weight = weight.double()
            if center is None:
                dtype = cells.dtype
                sums = torch.zeros((3, cells.shape[1]), dtype=torch.float64)
                # Values are shifted by a first guess of the mean: the textbook sum of squares cancels badly without.
                guess = _channel_sums(cells, weight, sums[0])
                center = guess[1] / guess[0].clamp_min(1e-300)
            sums += _channel_sums(cells, weight, center)
        count, first, second = sums
        count = count.clamp_min(1e-300)
        mean = center + first / count
        variance = (second / count - (first / count) ** 2).clamp_min(0.0)
        # A constant column has rounding noise for a variance; dividing by it would blow the noise up.
        noise = torch.finfo(torch.float64).eps * center.abs() * 10.0
        scale = variance.sqrt()
        dtype = torch.promote_types(self.mean.dtype, torch.float64 if dtype == torch.float64 else torch.float32)
        noise = noise.clamp_min(torch.finfo(dtype).tiny)
        self.mean = mean.to(dtype)
        self.scale = torch.where(scale > noise, scale, torch.ones_like(scale)).to(dtype)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        # Statistics of large numbers, such as times, are in float64 whatever the weights are, and must stay so.
        for name in ("mean", "scale"):
            own, stored = getattr(self, name), state_dict.get(prefix + name)
            if stored is not None:
                setattr(self, name, own.to(torch.promote_types(own.dtype, stored.dtype)))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x):
        shape = (-1, *[1] * (x.ndim - 2))
        return (x.to(self.mean.dtype) - self.mean.reshape(shape)) / self.scale.reshape(shape)


@contextmanager
def evaluating(module):
    """Let a module compute as it does at predict.

    Parameters
    ----------
    module : nn.Module
        The module.

    Yields
    ------
    None
        Nothing.
    """
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)


def run_cells(module, run, x):
    """Run a module on cells, which while it trains may be a single one.

    Parameters
    ----------
    module : nn.Module
        The module.
    run : callable
        It, or one of its methods.
    x : Tensor of shape (n_cells, ...)
        Cells.

    Returns
    -------
    Tensor of shape (n_cells, ...)
        What comes out.
    """
    if len(x) > 1 or not module.training:
        return run(x)
    # Batch statistics of a single cell are not defined: it is taken with those learned so far.
    with evaluating(module):
        return run(x)


def _channel_sums(cells, weight, center):
    """Return weighted count, sum and sum of squares a channel, NaN left out."""
    values = cells.double().reshape(cells.shape[0], cells.shape[1], -1) - center[:, None]
    present = ~values.isnan()
    values = torch.where(present, values, torch.zeros_like(values))
    weight = weight[:, None]
    return torch.stack(
        [
            (weight * present.sum(2)).sum(0),
            (weight * values.sum(2)).sum(0),
            (weight * values.square().sum(2)).sum(0),
        ]
    )


class Dropout(nn.Module):
    """Dropout that draws from a generator of its own instead of torch's global one.

    Parameters
    ----------
    p : float
        Probability of a zero.

    Attributes
    ----------
    generator : torch.Generator or None
        Where the draws come from; whoever trains the network sets it.
    """

    def __init__(self, p):
        super().__init__()
        self.p = p
        self.generator = None

    def forward(self, x):
        if not self.training or self.p == 0.0:
            return x
        keep = torch.empty_like(x).bernoulli_(1.0 - self.p, generator=self.generator)
        return x * keep.div_(1.0 - self.p)


class ChannelDropout(Dropout):
    """:class:`Dropout` of whole channels, as `torch.nn.Dropout2d` does it."""

    def forward(self, x):
        if not self.training or self.p == 0.0:
            return x
        keep = x.new_empty(x.shape[:2]).bernoulli_(1.0 - self.p, generator=self.generator).div_(1.0 - self.p)
        return x * keep.reshape(*keep.shape, *[1] * (x.ndim - 2))


class Projection(nn.Module):
    """Linear map to the embedding, brought to one scale so that no modality outweighs another.

    One or two numbers are left as they are: of them nothing but signs would remain.

    Parameters
    ----------
    n_in, n_out : int
        Sizes of the pooled features and of the embedding.
    dropout : float
        Dropout before the map.
    """

    def __init__(self, n_in, n_out, dropout):
        super().__init__()
        self.dropout = Dropout(dropout)
        self.linear = nn.Linear(n_in, n_out)
        self.n_out = n_out

    def forward(self, x):
        embedding = self.linear(self.dropout(x))
        return embedding if self.n_out < 3 else F.layer_norm(embedding, (self.n_out,))


def perceptron(sizes, dropout):
    """Build hidden layers with ReLU and dropout.

    Parameters
    ----------
    sizes : sequence of int
        Input size, then the size of each hidden layer.
    dropout : float
        Dropout after each hidden layer.

    Returns
    -------
    nn.Sequential
        The layers; the identity where there is no hidden one.
    """
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()] + ([Dropout(dropout)] if dropout else [])
    return nn.Sequential(*layers)
