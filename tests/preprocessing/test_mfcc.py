import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from mmsk.exceptions import BadInputError
from mmsk.preprocessing import MFCC
from tests.preprocessing.files import make_tone


def noise(n=20_000, seed=0):
    return (0.1 * np.random.default_rng(seed).normal(size=n)).astype(np.float32)


@pytest.mark.parametrize("n_mfcc", [1, 13, 40])
def test_noise_agrees_with_librosa(n_mfcc):
    librosa = pytest.importorskip("librosa")
    cell = MFCC(n_mfcc, n_mels=40, n_fft=2048, hop_length=300).fit_transform([noise()])[0, 0]
    expected = librosa.feature.mfcc(y=noise(), sr=22_050, n_mfcc=n_mfcc, n_mels=40, n_fft=2048, hop_length=300)
    assert cell.dtype == np.float32
    np.testing.assert_allclose(cell, expected, atol=1e-3)


def test_pooled_values_are_those_of_the_frames():
    sounds = [noise(), noise(5_000, seed=1), None]
    frames = MFCC(8).fit_transform(sounds)[:, 0]
    pooled = MFCC(8, pool="mean_std").fit_transform(sounds)
    assert pooled.dtype == np.float64 and pooled.shape == (3, 16)
    for row in range(2):
        np.testing.assert_allclose(pooled[row, :8], frames[row].mean(axis=1), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(pooled[row, 8:], frames[row].std(axis=1), rtol=1e-4, atol=1e-4)
    assert np.isnan(pooled[2]).all()
    np.testing.assert_array_equal(MFCC(8, pool="mean").fit_transform(sounds)[:2], pooled[:2, :8])


def test_names_of_pooled_columns():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"clip": [None, noise()], "talk": [noise(), None]})
    output = MFCC(2, pool="mean_std").set_output(transform="pandas").fit_transform(frame)
    assert output.columns.tolist() == [
        *("clip_mean0", "clip_mean1", "clip_std0", "clip_std1"),
        *("talk_mean0", "talk_mean1", "talk_std0", "talk_std1"),
    ]
    assert (output.dtypes == np.float64).all()
    assert output.isna().sum().tolist() == [1] * 8
    assert output.iloc[1, :4].tolist() == output.iloc[0, 4:].tolist()


def test_pooled_columns_feed_a_classic_classifier():
    low = [make_tone(frequency=frequency) for frequency in range(200, 300, 10)]
    high = [make_tone(frequency=frequency) for frequency in range(1_000, 1_100, 10)]
    sounds, y = [*low, *high, None], np.repeat([0, 1, 0], [10, 10, 1])
    model = make_pipeline(
        MFCC(8, 8_000, n_fft=512, n_mels=24, pool="mean_std"), SimpleImputer(), RandomForestClassifier(random_state=0)
    )
    model.fit(sounds, y)
    assert model.predict([make_tone(frequency=245), make_tone(frequency=1_045)]).tolist() == [0, 1]


def test_more_coefficients_than_bands_are_refused():
    with pytest.raises(BadInputError, match="n_mfcc=30") as caught:
        MFCC(30, n_mels=20, on_error="missing").fit_transform([noise()])
    assert caught.value.step == "MFCC"
