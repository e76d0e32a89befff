"""No loader holds all of its cells twice, nor all files beside them."""

import tracemalloc

import numpy as np
import pytest
import soundfile

from mmsk.preprocessing import AudioLoader, CharEncoder, ImageLoader, MelSpectrogram
from tests.preprocessing.files import write_image


def sounds(directory, suffix, n=40):
    paths = [str(directory / f"{i}.{suffix}") for i in range(n)]
    samples = np.random.default_rng(0).uniform(-1, 1, size=80_000)
    for path in paths:
        soundfile.write(path, samples, 16_000)
    return paths


def photos(directory, suffix, n=40):
    return [write_image(directory / f"{i}.{suffix}", seed=i) for i in range(n)]


def texts(directory, suffix, n=20_000):
    return [f"text number {i} {suffix}" for i in range(n)]


@pytest.mark.parametrize(
    ("loader", "make_cells", "suffix"),
    [
        (AudioLoader(16_000, duration=5.0), sounds, "wav"),
        (AudioLoader(16_000), sounds, "wav"),
        (AudioLoader(16_000, duration=5.0, n_jobs=2), sounds, "flac"),
        (MelSpectrogram(16_000, duration=5.0, hop_length=64), sounds, "wav"),
        (ImageLoader(size=(300, 300)), photos, "jpg"),
        (ImageLoader(size=(300, 300), n_jobs=2), photos, "png"),
        (CharEncoder(max_length=1000), texts, ""),
        (CharEncoder(max_length=400, vocabulary="unicode"), texts, "\N{SNOWMAN}"),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else None,
)
def test_peak_is_little_more_than_the_cells(loader, make_cells, suffix, tmp_path):
    raw = make_cells(tmp_path, suffix)
    loader.fit_transform(raw[:2])
    tracemalloc.start()
    cells = loader.fit(raw[:2]).transform(raw)[:, 0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = sum(cell.nbytes for cell in cells)
    # Beside the cells: what one or two files need while they are read, and 250 bytes for each cell and its place.
    assert size > 8e6 and peak < 1.25 * size + 4e6 + 250 * len(raw)
