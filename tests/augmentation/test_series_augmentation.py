import torch
from sklearn.base import clone

from tests.augmentation.cells import STILL, generator

N, CHANNELS, SAMPLES = 64, 6, 200


def only(**parameters):
    """An augmentation with nothing but these changes."""
    return clone(STILL["series"]).set_params(**parameters)


def waves():
    time = torch.arange(SAMPLES) / 10
    wave = torch.stack([(k + 1) * torch.sin(time) + 10 * k for k in range(CHANNELS)])
    return wave.repeat(N, 1, 1)


def test_jitter_is_relative_to_each_channel():
    cells = waves()
    noise = only(jitter=0.1)(cells, generator()) - cells
    torch.testing.assert_close(
        noise.std((0, 2)) / cells[0].std(1, correction=0), torch.full((CHANNELS,), 0.1), atol=0.005, rtol=0
    )
    constant = torch.ones(2, 3, 50)
    assert torch.equal(only(jitter=0.5)(constant, generator()), constant)


def test_scaling_is_a_factor_a_channel():
    cells = waves() + 100
    factor = only(scaling=0.1)(cells, generator()) / cells
    torch.testing.assert_close(factor, factor[:, :, :1].expand_as(factor))
    assert abs(factor[:, :, 0].mean() - 1) < 0.02
    assert 0.08 < factor[:, :, 0].std() < 0.12


def test_time_warp_keeps_start_end_and_order():
    ramp = torch.arange(SAMPLES, dtype=torch.float32).repeat(N, CHANNELS, 1)
    warped = only(time_warp=0.5)(ramp, generator())
    torch.testing.assert_close(warped[:, :, [0, -1]], ramp[:, :, [0, -1]], atol=1e-3, rtol=0)
    speed = warped.diff(dim=2)
    assert speed.min() > 0.3
    assert speed.max() < 2.2
    assert speed[:, 0].std(1).min() > 0.02  # within a row it changes,
    assert speed.diff(dim=2).abs().max() < 0.1  # smoothly,
    torch.testing.assert_close(warped, warped[:, :1].expand_as(warped))  # and for all channels alike
    assert (warped - ramp).abs().amax((1, 2)).max() > 10


def test_dropped_channels_are_constant_and_never_all():
    cells = waves()
    changed = only(channel_drop=0.5)(cells, generator())
    dropped = (changed != cells).any(2)
    assert 0.4 < dropped.float().mean() < 0.6
    means = cells.mean(2, keepdim=True).expand_as(cells)
    torch.testing.assert_close(changed[dropped], means[dropped])
    everything = only(channel_drop=1.0)(cells, generator())
    assert ((everything == cells).all(2).sum(1) == 1).all()


def test_one_sample():
    cells = torch.randn(3, 2, 1, generator=generator(1))
    changed = only(time_warp=0.5, jitter=0.5, scaling=0.0)(cells, generator())
    assert torch.equal(changed, cells)
