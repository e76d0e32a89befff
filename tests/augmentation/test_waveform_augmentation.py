import librosa
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from mmsk import (
    AudioLoader,
    BadInputError,
    MelSpectrogram,
    MultiModalClassifier,
    SpectrogramEncoder,
    WaveformEncoder,
)
from mmsk.augmentation import WaveformAugmentation
from mmsk.augmentation._vocoder import stretch
from mmsk.columns import make_column
from tests.augmentation.cells import STILL, generator
from tests.preprocessing.files import make_tone, write_sound

RATE = 8000


def only(**parameters):
    """An augmentation with nothing but these changes."""
    return clone(STILL["waveform"]).set_params(**parameters)


def tones(n=4, frequency=500.0, seconds=1.0):
    return torch.from_numpy(make_tone(seconds, frequency, RATE)).float().repeat(n, 1)


def peak(samples):
    """Strongest frequency in Hz."""
    spectrum = np.abs(np.fft.rfft(samples.numpy() * np.hanning(len(samples)), 8 * len(samples)))
    return spectrum.argmax() * RATE / (8 * len(samples))


def test_noise_has_the_ratio_asked_for():
    sounds = tones(40)
    noise = only(noise_snr=(10.0, 20.0))(sounds, generator()) - sounds
    ratio = 10 * torch.log10(sounds.square().mean(1) / noise.square().mean(1))
    assert 9.8 < ratio.min() < 11
    assert 19 < ratio.max() < 20.2
    spectrum = torch.fft.rfft(noise).abs().square()
    low, high = spectrum[:, 1:2000].mean(), spectrum[:, 2000:4000].mean()
    assert 0.9 < low / high < 1.1  # white
    assert abs(np.corrcoef(noise[:2].numpy())[0, 1]) < 0.05
    fixed = only(noise_snr=(15.0, 15.0))(sounds, generator()) - sounds
    measured = 10 * torch.log10(sounds.square().mean(1) / fixed.square().mean(1))
    torch.testing.assert_close(measured, torch.full((40,), 15.0), atol=0.2, rtol=0)


def test_noise_follows_the_level_of_its_row():
    levels = torch.tensor([[1.0], [1e-3], [0.0]])
    sounds = tones(3) * levels
    noise = only(noise_snr=(15.0, 15.0))(sounds, generator()) - sounds
    measured = 10 * torch.log10(sounds[:2].square().mean(1) / noise[:2].square().mean(1))
    torch.testing.assert_close(measured, torch.full((2,), 15.0), atol=0.2, rtol=0)
    assert not noise[2].any()


def test_silence_stays_silent():
    silent = torch.zeros(3, 4000)
    changed = WaveformAugmentation(time_stretch=(0.8, 1.25), pitch_shift=(-2, 2))(silent, generator())
    assert torch.equal(changed, silent)


def test_gain_multiplies_in_decibels():
    sounds = tones(60) / 4
    gain = only(gain=(-6.0, 6.0))(sounds, generator()).square().mean(1) / sounds.square().mean(1)
    decibels = 10 * torch.log10(gain)
    assert -6.01 < decibels.min() < -5
    assert 5 < decibels.max() < 6.01


def test_samples_keep_to_the_range_of_a_recorder():
    loud = only(gain=(40.0, 40.0))
    assert loud(tones(), generator()).abs().max() == 1.0
    assert loud((tones() * 32767).to(torch.int16), generator()).max() == 32767
    beyond = tones() * 10  # was beyond before, and comes no further
    assert loud(beyond, generator()).abs().max() == beyond.abs().max()


@pytest.mark.parametrize("gain", [(None, None), ("a", "b"), (1.0, -1.0), (0.0, 1.0, 2.0)])
def test_ranges_are_two_ascending_numbers(gain):
    with pytest.raises(BadInputError, match="gain is .*, expected two ascending numbers"):
        WaveformAugmentation(gain=gain).validate()


def test_a_shift_goes_around_the_circle():
    clicks = torch.zeros(50, 100, dtype=torch.int16)
    clicks[:, 90] = 5
    places = only(shift=0.2)(clicks, generator()).argmax(1)
    steps = (places - 90 + 50) % 100 - 50
    assert only(shift=0.2)(clicks, generator()).sum() == clicks.sum()
    assert -20 <= steps.min() < -15
    assert 15 < steps.max() <= 20


def test_probability_leaves_rows_as_they_are():
    sounds = tones(200)
    for parameters in ({"gain": (6.0, 6.0)}, {"noise_snr": (10.0, 10.0)}, {"shift": 0.2}):
        changed = only(probability=0.3, **parameters)(sounds / 4, generator())
        share = (changed != sounds / 4).any(1).float().mean()
        assert 0.2 < share < 0.4, parameters
    some = only(probability=0.5, time_stretch=(0.8, 0.9), n_fft=256)(sounds[:20], generator())
    untouched = (some == sounds[:20]).all(1)
    assert 3 < untouched.sum() < 17


def test_a_crop_is_a_piece_of_the_row():
    ramps = torch.arange(1000, dtype=torch.float32).repeat(50, 1) + 1000 * torch.arange(50)[:, None]
    pieces = only(crop=100)(ramps, generator())
    assert pieces.shape == (50, 100)
    assert (pieces.diff(dim=1) == 1).all()
    start = pieces[:, 0] - 1000 * torch.arange(50)
    assert start.min() < 150
    assert 750 < start.max() <= 900
    assert torch.equal(only(crop=2000)(ramps, generator()), ramps)
    assert only(crop=100)(ramps[:, None].repeat(1, 2, 1), generator()).shape == (50, 2, 100)
    assert only(crop=999)(ramps, generator())[:, 0].sub(1000 * torch.arange(50)).unique().tolist() == [0, 1]


@pytest.mark.parametrize("rate", [0.8, 1.0, 1.25, 1.7])
def test_stretch_agrees_with_librosa(rate, tmp_path):
    sweep = librosa.chirp(fmin=100, fmax=3000, sr=RATE, duration=1.0)
    theirs = librosa.effects.time_stretch(sweep, rate=rate, n_fft=512)
    ours = stretch(torch.from_numpy(sweep)[None], torch.tensor([rate]), len(theirs), 512)[0].numpy()
    middle = slice(512, -1024)  # ends differ by the silence beyond them
    error = np.square(ours - theirs)[middle].sum() / np.square(theirs)[middle].sum()
    assert -10 * np.log10(error) > 50


def test_stretching_moves_a_click_and_keeps_the_pitch():
    sounds = tones(6)
    sounds[:, 3000:] = 0
    changed = only(time_stretch=(0.5, 2.0), n_fft=256)(sounds, generator())
    ends = (changed.abs() > 0.1).float().mul(torch.arange(RATE)).amax(1)
    rates = 3000 / ends
    assert rates.min() > 0.45
    assert rates.max() < 2.2
    assert rates.max() / rates.min() > 1.5
    for row, end in zip(changed, ends, strict=True):
        assert peak(row[: int(end)]) == pytest.approx(500, abs=5)
    fixed = only(time_stretch=(2.0, 2.0), n_fft=256)(sounds, generator())
    assert fixed[:, 1700:].abs().max() < 0.05


@pytest.mark.parametrize("semitones", [-7, -2, 3, 12])
def test_pitch_moves_by_semitones_and_length_stays(semitones):
    sounds = tones(2)
    changed = only(pitch_shift=(semitones, semitones))(sounds, generator())
    assert changed.shape == sounds.shape
    for row in changed:
        assert peak(row[1000:-1000]) == pytest.approx(500 * 2 ** (semitones / 12), rel=0.005)
        assert row[1000:-1000].square().mean() == pytest.approx(
            0.125, rel=0.3
        )  # as of librosa: between bins a vocoder beats


def test_frequencies_that_would_fold_over_are_taken_out():
    changed = only(pitch_shift=(12, 12), n_fft=512)(tones(1, 3000.0), generator())
    assert changed[0, 1000:-1000].square().mean() < 1e-4


def test_stretch_and_pitch_are_independent():
    sounds = tones(1)
    sounds[:, 4000:] = 0
    changed = only(time_stretch=(0.8, 0.8), pitch_shift=(4, 4), n_fft=512)(sounds, generator())[0]
    end = int((changed.abs() > 0.1).nonzero().max())
    assert end == pytest.approx(5000, abs=200)
    assert peak(changed[500:4500]) == pytest.approx(500 * 2 ** (4 / 12), rel=0.01)


def test_one_sample_and_less_than_a_window():
    for n_samples in (1, 2, 30):
        short = torch.full((3, n_samples), 0.5)
        changed = WaveformAugmentation(time_stretch=(0.8, 1.25), pitch_shift=(-2, 2))(short, generator())
        assert changed.shape == short.shape
        assert changed.isfinite().all()


def test_real_files(tmp_path):
    paths = [write_sound(tmp_path / f"tone.{kind}", frequency=440) for kind in ("wav", "flac", "ogg")]
    column = AudioLoader(sampling_rate=RATE, duration=0.5).fit_transform(paths)
    cells = torch.stack([torch.from_numpy(cell) for cell in column[:, 0]])
    changed = only(pitch_shift=(2, 2))(cells, generator())
    for row in changed:
        assert peak(row[800:-800]) == pytest.approx(440 * 2 ** (2 / 12), rel=0.01)


def test_a_batch_of_which_no_row_is_drawn():
    sounds = tones(2)
    changed = only(time_stretch=(0.8, 1.25), pitch_shift=(-2, 2), probability=1e-9)(sounds, generator())
    assert torch.equal(changed, sounds)


@pytest.mark.parametrize(
    ("crop", "parameters"),
    [
        (2000, {"fusion": "early"}),
        (
            2000,
            {
                "encoders": [
                    ("sound", SpectrogramEncoder("cnn2d", frontend=MelSpectrogram(n_fft=256, hop_length=64, n_mels=20)))
                ]
            },
        ),
        (500, {"encoders": [("sound", WaveformEncoder("cnn1d"))]}),
    ],
)
def test_a_crop_that_the_network_cannot_take_is_refused(crop, parameters):
    sounds = np.random.default_rng(0).normal(size=(8, 4000)).astype(np.float32)
    table, y = pd.DataFrame({"sound": make_column(sounds)}), [0, 1] * 4

    def model(crop):
        augment = [("sound", WaveformAugmentation(crop=crop))]
        return MultiModalClassifier(augment=augment, max_epochs=1, random_state=0, **parameters)

    with pytest.raises(BadInputError, match=f"augment: modality 'sound' .* built for 4000 samples.* the {crop} that"):
        model(crop).fit(table, y)
    assert model(4000).fit(table, y).n_iter_ == 1
