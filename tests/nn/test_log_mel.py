import numpy as np
import pandas as pd
import pytest
import torch

from mmsk import MFCC, BadInputError, MelSpectrogram, MultiModalClassifier, SpectrogramEncoder
from mmsk.columns import make_column
from mmsk.net._modality import describe

RATE = 8000


def sounds(n_sounds=6, length=6000):
    rng = np.random.default_rng(0)
    time = np.arange(length) / RATE
    waves = np.sin(2 * np.pi * np.linspace(200, 3000, n_sounds)[:, None] * time) + 0.1 * rng.normal(
        size=(n_sounds, length)
    )
    return (0.3 * waves).astype(np.float32)


def frontend_of(transformer):
    frontend, n_bins = SpectrogramEncoder(frontend=transformer)._build_frontend()
    return frontend, n_bins


@pytest.mark.parametrize(
    "transformer",
    [
        MelSpectrogram(sampling_rate=RATE, n_fft=256, hop_length=100, n_mels=30),
        MelSpectrogram(sampling_rate=RATE, n_fft=401, hop_length=160, n_mels=40, top_db=None, f_min=50.0),
        MFCC(13, sampling_rate=RATE, n_fft=256, hop_length=128, n_mels=40),
    ],
    ids=["mel", "odd frames, no floor", "mfcc"],
)
def test_agrees_with_the_transformer(transformer):
    waves = sounds()
    cells = np.stack(transformer.fit_transform(list(waves))[:, 0])
    frontend, n_bins = frontend_of(transformer)
    computed = frontend(torch.from_numpy(waves)).numpy()
    assert computed.shape == cells.shape and n_bins == cells.shape[1]
    np.testing.assert_allclose(computed, cells, atol=0.02)


def test_int16_samples_and_sounds_shorter_than_a_frame():
    transformer = MelSpectrogram(sampling_rate=RATE, n_fft=256, hop_length=100, n_mels=30)
    frontend, _ = frontend_of(transformer)
    pcm = (sounds() * 32767).astype(np.int16)
    expected = np.stack(transformer.fit_transform(list(pcm))[:, 0])
    np.testing.assert_allclose(frontend(torch.from_numpy(pcm)).numpy(), expected, atol=0.05)
    assert frontend(torch.zeros(2, 10)).shape == (2, 30, 1)


def test_the_quietest_bins_lie_below_the_loudest_one_of_their_own_sound():
    frontend, _ = frontend_of(MelSpectrogram(sampling_rate=RATE, n_fft=256, n_mels=30, top_db=30.0))
    loud, quiet = torch.from_numpy(sounds(2))[0], torch.from_numpy(sounds(2))[0] * 1e-3
    together = frontend(torch.stack([loud, quiet]))
    torch.testing.assert_close(together[1], frontend(quiet[None])[0])
    assert (together.amax((1, 2)) - together.amin((1, 2)) <= 30.001).all()


@pytest.mark.parametrize("network", ["residual", "four_branch"])
def test_an_encoder_learns_from_waveforms_and_answers_as_one_on_spectrograms(network):
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    time = np.arange(4000) / RATE
    waves = np.sin(2 * np.pi * (500 + 800 * y[:, None]) * time + rng.random((40, 1))).astype(np.float32)
    column = make_column(waves)
    column[3] = None
    mel = MelSpectrogram(sampling_rate=RATE, n_fft=256, hop_length=128, n_mels=32)
    params = {"network": network, "widths": (8, 16), "output_dim": 16, "dropout": 0.0}
    fits = []
    for frontend, cells in ((mel, column), (None, mel.fit_transform(column)[:, 0])):
        encoder = SpectrogramEncoder(frontend=frontend, **params)
        model = MultiModalClassifier([("sound", encoder)], max_epochs=4, batch_size=10, random_state=0)
        X = pd.DataFrame({"sound__clip": cells, "age": np.zeros(40)})
        fits.append(model.fit(X, y).predict_proba(X))
    np.testing.assert_allclose(fits[0], fits[1], atol=0.02)


def test_frontend_parameters_are_searched_and_checked():
    encoder = SpectrogramEncoder(frontend=MelSpectrogram(sampling_rate=RATE))
    assert encoder.set_params(frontend__n_mels=20).frontend.n_mels == 20
    waves = make_column(sounds())
    spectrograms = make_column(np.zeros((4, 20, 9), dtype=np.float32))
    with pytest.raises(BadInputError, match="reads waveform cells, modality 'sound' holds spectrogram cells"):
        encoder.build(describe("sound", [0], None, [spectrograms], "test"))
    for bad, message in [
        (MFCC(50, sampling_rate=RATE, n_mels=40), "n_mfcc=50 coefficients were asked of n_mels=40"),
        (MFCC(pool="mean", sampling_rate=RATE), "pools over time"),
    ]:
        with pytest.raises(BadInputError, match=message):
            SpectrogramEncoder(frontend=bad).build(describe("sound", [0], None, [waves], "test"))
