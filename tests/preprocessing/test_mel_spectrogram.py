import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from mmsk.exceptions import BadInputError
from mmsk.preprocessing import MFCC, AudioLoader, MelSpectrogram
from mmsk.preprocessing._mel import mel_filters
from tests.preprocessing.files import make_tone, write_sound
from tests.preprocessing.real import real_sounds

librosa = pytest.importorskip("librosa")

RATE = 22_050
AGREEMENT = 1e-3


def spectrogram(samples, rate=RATE, top_db=80.0, **parameters):
    power = librosa.feature.melspectrogram(y=samples, sr=rate, **parameters)
    return librosa.power_to_db(power, top_db=top_db)


def noise(n=20_000, scale=0.1):
    return (scale * np.random.default_rng(0).normal(size=n)).astype(np.float32)


@pytest.mark.parametrize("path", real_sounds(3), ids=lambda path: path.name)
def test_real_sounds_agree_with_librosa(path):
    samples = AudioLoader(RATE).fit_transform([path])[0, 0]
    cell = MelSpectrogram(RATE).fit_transform([path])[0, 0]
    assert cell.dtype == np.float32
    np.testing.assert_allclose(cell, spectrogram(samples, n_fft=1024, hop_length=512), atol=AGREEMENT)
    coefficients = MFCC(sampling_rate=RATE).fit_transform([path])[0, 0]
    expected = librosa.feature.mfcc(y=samples, sr=RATE, n_mfcc=20, n_fft=1024, hop_length=512)
    np.testing.assert_allclose(coefficients, expected, atol=AGREEMENT)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_fft": 1024, "hop_length": 512, "n_mels": 128},
        {"n_fft": 2048, "hop_length": 300, "n_mels": 64},
        {"n_fft": 1001, "hop_length": 250, "n_mels": 20},
        {"n_fft": 4096, "hop_length": 64, "n_mels": 40},
    ],
)
def test_noise_agrees_with_librosa(parameters):
    samples = noise()
    cell = MelSpectrogram(RATE, **parameters).fit_transform([samples])[0, 0]
    np.testing.assert_allclose(cell, spectrogram(samples, **parameters), atol=AGREEMENT)
    fixed = MelSpectrogram(RATE, duration=len(samples) / RATE, **parameters).fit_transform([samples])[0, 0]
    np.testing.assert_array_equal(cell, fixed)


@pytest.mark.parametrize("rate", [11_025, 8_000, 44_100])
@pytest.mark.parametrize("n_fft", [1024, 2047])
def test_filters_are_those_of_librosa(rate, n_fft):
    expected = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=40, fmin=50.0, dtype=np.float64)
    filters = mel_filters(rate, n_fft, 40, 50.0, None)
    np.testing.assert_allclose(filters.toarray(), expected, atol=1e-12)
    assert filters.nnz < 0.1 * expected.size


def test_range_of_frequencies_agrees_with_librosa():
    cell = MelSpectrogram(RATE, n_mels=30, f_min=200.0, f_max=6_000.0).fit_transform([noise()])[0, 0]
    expected = spectrogram(noise(), n_fft=1024, hop_length=512, n_mels=30, fmin=200.0, fmax=6_000.0)
    np.testing.assert_allclose(cell, expected, atol=AGREEMENT)


@pytest.mark.parametrize("top_db", [20.0, None])
def test_dynamic_range(top_db):
    samples = np.concatenate([noise(), noise(scale=1e-4)])
    cell = MelSpectrogram(RATE, n_mels=40, top_db=top_db).fit_transform([samples])[0, 0]
    expected = spectrogram(samples, n_fft=1024, hop_length=512, n_mels=40, top_db=top_db)
    np.testing.assert_allclose(cell, expected, atol=AGREEMENT)


def test_dynamic_range_is_that_of_each_sound():
    loud, quiet = noise(), noise(scale=1e-3)
    loader = MelSpectrogram(RATE, duration=0.5, n_mels=40)
    together = loader.fit_transform([loud, quiet])[1, 0]
    np.testing.assert_array_equal(together, loader.transform([quiet])[0, 0])


@pytest.mark.filterwarnings("ignore:n_fft=.* is too large:UserWarning")
@pytest.mark.parametrize("length", [1, 100, 1023, 1024])
def test_short_sounds_agree_with_librosa(length):
    samples = noise(length)
    cell = MelSpectrogram(RATE, n_mels=40).fit_transform([samples])[0, 0]
    expected = spectrogram(samples, n_fft=1024, hop_length=512, n_mels=40)
    assert cell.shape == expected.shape
    np.testing.assert_allclose(cell, expected, atol=AGREEMENT)


def test_silence_is_at_the_floor():
    assert (MelSpectrogram(RATE).fit_transform([np.zeros(2_000)])[0, 0] == -100).all()


def test_waveform_cells_give_what_files_give(tmp_path):
    paths = [write_sound(tmp_path / "a.wav", 0.4, sampling_rate=16_000), write_sound(tmp_path / "b.flac", 0.8)]
    direct = MelSpectrogram(8_000, duration=0.5, n_fft=512, n_mels=32).fit_transform(paths)
    chained = make_pipeline(
        AudioLoader(8_000, duration=0.5), MelSpectrogram(8_000, n_fft=512, n_mels=32)
    ).fit_transform(paths)
    for row in range(2):
        np.testing.assert_array_equal(direct[row, 0], chained[row, 0])


def test_channels_are_averaged():
    cell = MelSpectrogram(8_000, n_fft=512, n_mels=32).fit_transform([np.stack([make_tone(), 0 * make_tone()])])
    mono = MelSpectrogram(8_000, n_fft=512, n_mels=32).fit_transform([0.5 * make_tone()])
    np.testing.assert_allclose(cell[0, 0], mono[0, 0], atol=1e-4)


def test_cells_of_fixed_duration_are_views_of_one_block():
    cells = MelSpectrogram(8_000, duration=0.5, n_fft=512, n_mels=32).fit_transform([make_tone(), noise(100)])[:, 0]
    assert cells[0].base is cells[1].base and cells[0].base.shape == (2, 32, 8)


@pytest.mark.parametrize("loader", [MelSpectrogram, MFCC])
@pytest.mark.parametrize("parameters", [{"f_min": 5_000.0, "f_max": 300.0}, {"f_max": 20_000.0}, {"f_min": 12_000.0}])
def test_bad_range_is_a_bad_parameter_not_a_bad_cell(loader, parameters):
    with pytest.raises(BadInputError, match="f_min < f_max") as caught:
        loader(on_error="missing", **parameters).fit_transform([noise()])
    assert caught.value.row is None and caught.value.step == loader.__name__


def test_more_bands_than_frequencies_are_refused():
    with pytest.raises(BadInputError, match="would stay silent") as caught:
        MelSpectrogram(RATE, n_fft=256, n_mels=128, on_error="missing").fit_transform([noise()])
    assert caught.value.fix == "Lower n_mels or raise n_fft."


def test_samples_that_are_not_finite_are_refused():
    samples = noise()
    samples[5] = np.nan
    with pytest.raises(BadInputError, match="NaN or infinite"):
        MelSpectrogram(RATE).fit_transform([noise(), samples])
