import numpy as np
import pytest

from mmsk import ImageEncoder, SpectrogramEncoder
from mmsk.columns import make_column
from mmsk.exceptions import BadInputError
from mmsk.preprocessing import MelSpectrogram, SpectrogramImage, WaveformImage
from mmsk.preprocessing._colours import color_table
from tests.preprocessing.files import make_tone, write_sound
from tests.preprocessing.real import real_sounds

BLACK = {"color": (0, 0, 0)}


def draw(loader, samples):
    return loader.fit_transform([np.asarray(samples, dtype=np.float32)])[0, 0]


def is_drawn(cell):
    return (cell == 0).all(axis=0)


@pytest.mark.parametrize("name", ["viridis", "magma"])
def test_colours_are_those_of_matplotlib(name):
    from matplotlib import colormaps

    expected = 255 * colormaps[name](np.arange(256))[:, :3].T
    assert np.abs(color_table(name) - expected).max() <= 2
    assert (color_table("grey") == np.arange(256)).all()


def test_a_waveform_is_filled_between_its_extremes():
    samples = np.zeros(1000)
    samples[500:510] = 0.25
    samples[700:710] = -0.5
    drawn = is_drawn(draw(WaveformImage((41, 100), amplitude=0.5, **BLACK), samples))
    assert drawn[20].sum() >= 98  # silence is a line along the middle
    assert drawn[10:20, 50].all()
    assert not drawn[:10].any()
    assert drawn[20:, 70].all()
    assert drawn.any(axis=0).all()


def test_columns_touch_so_that_the_line_is_not_broken():
    drawn = is_drawn(draw(WaveformImage((200, 50), **BLACK), np.sin(np.linspace(0, 40, 5000))))
    for column, after in zip(drawn.T[:-1], drawn.T[1:], strict=True):
        rows, rows_after = np.flatnonzero(column), np.flatnonzero(after)
        assert rows.min() <= rows_after.max() + 1
        assert rows_after.min() <= rows.max() + 1
        assert len(rows) == rows.max() - rows.min() + 1


def test_loudness_shows_only_against_a_given_amplitude():
    quiet, loud = 0.1 * make_tone(), make_tone()
    own, fixed = WaveformImage((64, 64)), WaveformImage((64, 64), amplitude=1.0)
    np.testing.assert_array_equal(draw(own, quiet), draw(own, loud))
    assert is_drawn(draw(fixed.set_params(**BLACK), quiet)).sum() < 0.3 * is_drawn(draw(fixed, loud)).sum()
    assert is_drawn(draw(fixed.set_params(amplitude=0.01), loud)).any(axis=0).all()  # cut off, not lost


@pytest.mark.parametrize("n_samples", [1, 2, 7, 63, 64, 65, 130])
def test_short_sounds_fill_the_picture(n_samples):
    samples = np.linspace(-1, 1, n_samples)
    drawn = is_drawn(draw(WaveformImage((32, 64), **BLACK), samples))
    assert drawn.any(axis=0).all()
    assert draw(SpectrogramImage((32, 64)), samples).shape == (3, 32, 64)


def test_silence_has_the_lowest_colour_and_a_flat_line():
    silence = np.zeros(8000)
    assert (draw(SpectrogramImage((8, 8)), silence) == color_table("viridis")[:, :1, None]).all()
    assert np.flatnonzero(is_drawn(draw(WaveformImage((9, 20), **BLACK), silence)).any(axis=1)).tolist() == [4]


def test_colours_of_a_waveform():
    cell = draw(WaveformImage((16, 16), color=(1, 2, 3), background=(7, 8, 9)), make_tone(0.01))
    assert {tuple(pixel) for pixel in cell.reshape(3, -1).T.tolist()} == {(1, 2, 3), (7, 8, 9)}


def test_a_spectrogram_has_time_to_the_right_and_frequency_up():
    rate = 8_000
    samples = np.concatenate([make_tone(0.5, 300, rate), make_tone(0.5, 3000, rate)])
    levels = draw(SpectrogramImage((40, 60), "grey", rate, n_fft=512, n_mels=40), samples)[0].astype(float)
    assert levels[:20, :28].mean() < levels[20:, :28].mean()
    assert levels[:20, 32:].mean() > levels[20:, 32:].mean()


@pytest.mark.parametrize("top_db", [80.0, 30.0, None])
def test_at_its_own_size_a_picture_holds_the_decibels(top_db):
    samples = np.random.default_rng(0).normal(size=6000) * np.linspace(0, 1, 6000)
    parameters = {"sampling_rate": 8_000, "n_fft": 512, "hop_length": 128, "n_mels": 30, "top_db": top_db}
    decibels = draw(MelSpectrogram(**parameters), samples)
    low, high = decibels.min() if top_db is None else decibels.max() - top_db, decibels.max()
    picture = draw(SpectrogramImage(decibels.shape, "grey", **parameters), samples)
    assert np.abs(picture[0, ::-1] / 255 * (high - low) + low - decibels).max() <= (high - low) / 255


@pytest.mark.parametrize("path", real_sounds(2), ids=lambda path: path.name)
def test_real_sounds(path):
    for loader in (WaveformImage(), SpectrogramImage()):
        cell = loader.fit_transform([path])[0, 0]
        assert cell.shape == (3, 128, 128)
        assert len(np.unique(cell)) > 1


@pytest.mark.parametrize(
    ("loader", "match"),
    [
        (WaveformImage(size=(0, 3)), "size must be two positive"),
        (SpectrogramImage(size=(3,)), "size must be two positive"),
        (WaveformImage(color=(0, 0, 256)), "color must be red, green and blue"),
        (WaveformImage(background=(0, 0)), "background must be red, green and blue"),
        (SpectrogramImage(n_mels=600), "n_mels=600 bands"),
    ],
)
def test_parameters_that_cannot_be(loader, match):
    with pytest.raises(BadInputError, match=f"{type(loader).__name__}: .*{match}"):
        draw(loader, make_tone())
    with pytest.raises(ValueError, match="colormap"):
        draw(SpectrogramImage(colormap="jet"), make_tone())


def test_pictures_of_files_feed_a_network_of_pictures_and_no_other(tmp_path):
    paths = [write_sound(tmp_path / f"{i}.wav", seconds=0.2, frequency=300 + 1500 * (i % 2)) for i in range(12)]
    cells = SpectrogramImage((32, 32), sampling_rate=8_000, n_fft=512, n_mels=32).fit_transform([*paths, None])
    y = [*([0, 1] * 6), 0]
    embedding = ImageEncoder(widths=(4, 8), max_epochs=2, random_state=0).fit(cells, y).transform(cells)
    assert np.isfinite(embedding[:12]).all()
    assert np.isnan(embedding[12]).all()
    with pytest.raises(BadInputError, match="draws pictures"):
        SpectrogramEncoder(frontend=SpectrogramImage()).fit(make_column(np.zeros((4, 3000), "f4"))[:, None], [0, 1] * 2)
