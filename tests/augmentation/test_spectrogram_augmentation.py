import pytest
import torch
from sklearn.base import clone

from mmsk import MelSpectrogram
from tests.augmentation.cells import STILL, generator
from tests.preprocessing.files import write_sound

N, BINS, FRAMES = 64, 40, 100


def only(**parameters):
    """An augmentation with nothing but these changes."""
    return clone(STILL["spectrogram"]).set_params(**parameters)


def ramps():
    return torch.arange(BINS * FRAMES, dtype=torch.float32).reshape(1, BINS, FRAMES).repeat(N, 1, 1) - 80


@pytest.mark.parametrize(("name", "share", "axis"), [("time", 0.2, 2), ("frequency", 0.3, 1)])
def test_masks_are_whole_spans_of_the_rows_mean(name, share, axis):
    cells = ramps()
    changed = only(**{f"{name}_masks": 1, f"{name}_mask_share": share})(cells, generator())
    touched = changed != cells
    assert (changed[touched] == cells.mean()).all()
    spans = touched.any(3 - axis)
    assert torch.equal(touched.all(3 - axis), spans)
    width = spans.sum(1)
    assert ((spans[:, 1:] & ~spans[:, :-1]).sum(1) + spans[:, 0] <= 1).all()  # one run each
    length = cells.shape[axis]
    assert width.min() <= 0.1 * share * length + 1
    assert 0.9 * share * length < width.max() <= share * length
    first, last = spans.float().argmax(1), length - 1 - spans.flip(1).float().argmax(1)
    assert first[width > 0].min() < 0.1 * length
    assert last[width > 0].max() > 0.9 * length


def test_several_masks_cover_more():
    one, four = (only(time_masks=n, time_mask_share=0.1)(ramps(), generator()) != ramps() for n in (1, 4))
    assert four.float().mean() > 2.5 * one.float().mean()


def test_a_shift_goes_around_the_circle():
    cells = ramps()
    changed = only(shift=0.3)(cells, generator())
    steps = -changed[:, 0].sub(cells[0, 0, 0])[:, 0].long() % FRAMES
    for row, step in zip(changed, steps.tolist(), strict=True):
        assert torch.equal(row, cells[0].roll(step, 1))
    signed = (steps + FRAMES // 2) % FRAMES - FRAMES // 2
    assert -30 <= signed.min() < -20
    assert 20 < signed.max() <= 30


def test_stretch_and_frequency_shift_move_what_they_say():
    cells = torch.zeros(N, BINS, FRAMES)
    cells[:, 20, :] = 1.0
    places = only(frequency_shift=0.1)(cells, generator()).mean(2) @ torch.arange(BINS, dtype=torch.float32)
    assert 16 <= places.min() < 17
    assert 23 < places.max() <= 24
    clicks = torch.arange(FRAMES, dtype=torch.float32).repeat(N, BINS, 1)
    slope = only(time_stretch=0.2)(clicks, generator())[:, 0].diff(dim=1).amax(1)
    assert 1 / 1.2 - 1e-3 < slope.min() < 0.87
    assert 1.15 < slope.max() < 1 / 0.8 + 1e-3


def test_gain_is_a_number_a_row_and_noise_one_a_value():
    cells = ramps()
    added = only(gain=6.0)(cells, generator()) - cells
    torch.testing.assert_close(added, added[:, :1, :1].expand_as(added), atol=1e-3, rtol=0)
    assert -6.01 < added.min() < -5
    assert 5 < added.max() < 6.01
    noise = (only(noise=4.0)(cells, generator()) - cells).flatten(1)
    assert noise.mean(1).abs().max() < 0.4
    assert noise.std(1).min() < 0.5
    assert 3.5 < noise.std(1).max() < 4.2


def test_a_real_spectrogram_is_masked_in_decibels(tmp_path):
    path = write_sound(tmp_path / "tone.wav")
    cell = MelSpectrogram(sampling_rate=8000, duration=0.5, n_mels=BINS).fit_transform([path])[0, 0]
    cells = torch.from_numpy(cell).repeat(4, 1, 1)
    changed = only(frequency_masks=2, frequency_mask_share=0.5)(cells, generator())
    for row in changed:
        masked = (row != cells[0]).all(1)
        assert 0 < masked.sum() < BINS
        torch.testing.assert_close(row[masked], cells[0].mean().expand_as(row[masked]))
