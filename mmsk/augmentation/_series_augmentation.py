"""Random changes to sensor recordings."""

import torch
from sklearn.utils._param_validation import Integral, Interval, Real

from mmsk.augmentation._base import SHARE, STRENGTH, BaseAugmentation
from mmsk.augmentation._draws import to_dtype, to_float, uniform
from mmsk.augmentation._interpolation import read_at


class SeriesAugmentation(BaseAugmentation):
    """Sensor recordings with noise, other amplitudes, a warped clock or dead channels, drawn anew for every row.

    Cells have shape (n_cells, channels, n_samples). 0 turns a change off. Changes are made in the order of the
    parameters.

    Parameters
    ----------
    time_warp : float, default=0.1
        The clock runs at a smoothly changing speed, drawn from ``1 - time_warp`` to ``1 + time_warp`` and then scaled
        so that start and end stay.
    scaling : float, default=0.1
        Standard deviation of the factor that each channel is multiplied by, which is 1 in the mean.
    jitter : float, default=0.05
        Standard deviation of the noise added to each sample, in standard deviations of its channel in that row.
    channel_drop : float, default=0.0
        Probability of each channel to be replaced by its mean over time; one channel at least is left.
    n_knots : int, default=4
        Moments between which the speed of `time_warp` changes linearly; more of them warp more often.

    Notes
    -----
    T. T. Um et al., "Data augmentation of wearable sensor data for Parkinson's disease monitoring using convolutional
    neural networks", ICMI 2017; their speeds follow cubic splines, and their noise is in the unit of the sensor.

    Recordings of integers stay integers, so changes of less than half a unit are lost: give small counts as floats.
    Recordings shorter than the longest are changed together with what they were filled with.

    Examples
    --------
    >>> import torch
    >>> from mmsk.augmentation import SeriesAugmentation
    >>> steps = torch.sin(torch.arange(100) / 5).repeat(8, 6, 1)
    >>> SeriesAugmentation(channel_drop=0.2)(steps, torch.Generator().manual_seed(0)).shape
    torch.Size([8, 6, 100])
    """

    kinds = ("series",)
    _n_dims = (3,)
    _parameter_constraints: dict = {
        "time_warp": [Interval(Real, 0, 1, closed="left")],
        "scaling": STRENGTH,
        "jitter": STRENGTH,
        "channel_drop": SHARE,
        "n_knots": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(self, time_warp=0.1, scaling=0.1, jitter=0.05, channel_drop=0.0, *, n_knots=4):
        self.time_warp = time_warp
        self.scaling = scaling
        self.jitter = jitter
        self.channel_drop = channel_drop
        self.n_knots = n_knots

    def _change(self, cells, generator):
        n_rows, n_channels, n_samples = cells.shape
        values = to_float(cells)

        def normal(*shape):
            return torch.randn(n_rows, *shape, generator=generator, device=cells.device, dtype=values.dtype)

        if self.time_warp and n_samples > 1:
            values = read_at(values, self._clock(cells, generator))
        if self.scaling:
            values = values * (1 + self.scaling * normal(n_channels, 1))
        if self.jitter:
            scale = values.std(2, keepdim=True, correction=0)
            values = normal(n_channels, n_samples).mul_(self.jitter * scale).add_(values)
        if self.channel_drop:
            score = uniform(n_rows, 0, 1, cells, generator, n_channels, 1)
            dropped = (score < self.channel_drop) & (score < score.amax(1, keepdim=True))
            values = torch.where(dropped, values.mean(2, keepdim=True), values)
        return to_dtype(values, cells.dtype)

    def _clock(self, cells, generator):
        """Draw what sample is read at each moment; ascending, from the first to the last."""
        n_rows, _, n_samples = cells.shape
        knots = uniform(n_rows, 1 - self.time_warp, 1 + self.time_warp, cells, generator, 1, self.n_knots)
        moments = torch.linspace(0, self.n_knots - 1, n_samples - 1, device=cells.device).expand(n_rows, -1)
        time = read_at(knots, moments)[:, 0].double().cumsum(1)
        time = torch.nn.functional.pad(time, (1, 0))
        return time * ((n_samples - 1) / time[:, -1:])
