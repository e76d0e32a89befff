import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.model_selection import cross_val_predict

from mmsk import (
    BadInputError,
    ImageEncoder,
    ImageLoader,
    MelSpectrogram,
    MultiModalClassifier,
    SpectrogramEncoder,
    WaveformEncoder,
)
from mmsk.columns import make_column
from mmsk.exceptions import UnreadableCellWarning
from mmsk.net._cells import collect
from mmsk.net._modality import describe
from mmsk.net._sources import Block, UnreadCells


def cells_of(*columns):
    columns = list(columns)
    modality = describe("image", range(len(columns)), None, columns, "test")
    return collect(modality, columns, "test")


def write_photos(folder, n_photos, seed=0):
    """Real JPEG files, every second one bright."""
    rng = np.random.default_rng(seed)
    paths = []
    for i in range(n_photos):
        pixels = rng.integers(0, 80, (20, 24, 3), dtype=np.uint8) + (i % 2) * np.uint8(150)
        paths.append(str(folder / f"{i}.jpg"))
        Image.fromarray(pixels).save(paths[-1], quality=95)
    return paths


@pytest.fixture
def block():
    return np.random.default_rng(0).integers(0, 255, (12, 3, 8, 8), dtype=np.uint8)


def test_rows_of_one_block_are_not_copied(block):
    column = make_column(block)
    some = column[[7, 2, 2, 11]]
    some[1] = None
    cells = cells_of(some)
    assert np.shares_memory(cells.source.array, block)
    assert cells.slots[:, 0].tolist() == [7, -1, 2, 11]
    assert cells.take(np.array([3, 1])).slots[:, 0].tolist() == [11, -1]


@pytest.mark.parametrize(
    "change",
    [
        lambda column: make_column([cell.copy() for cell in column]),
        lambda column: make_column([cell[:, ::-1] for cell in column]),
        lambda column: pickle.loads(pickle.dumps(column)),
    ],
    ids=["copies", "mirrored views", "pickled"],
)
def test_other_cells_are_copied_into_one(block, change):
    column = change(make_column(block))
    cells = cells_of(column)
    assert isinstance(cells.source, Block)
    taken = cells.source.take(torch.tensor([3, 0])).numpy()
    np.testing.assert_array_equal(taken, [column[3], column[0]])


def test_one_warning_tells_how_many_cells_were_cut():
    sounds = [np.ones(100, np.float32)] * 20
    model = MultiModalClassifier(max_epochs=1).fit(pd.DataFrame({"sound": make_column(sounds)}), [0, 1] * 10)
    longer = [np.full(120 + i, 0.5, np.float32) for i in range(300)] + sounds * 20
    with pytest.warns(UnreadableCellWarning, match="300 cells of modality 'sound' are longer") as caught:
        model.predict(pd.DataFrame({"sound": make_column(longer)}))
    assert len(caught) == 1


def test_codes_stay_as_narrow_as_they_came():
    narrow = np.random.default_rng(0).integers(2, 250, (12, 9)).astype(np.uint8)
    wide = narrow.astype(np.int32)
    assert np.shares_memory(cells_of(make_column(narrow)).source.array, narrow)
    assert np.shares_memory(cells_of(make_column(wide)).source.array, wide)
    assert cells_of(make_column([*narrow])).source.array.dtype == np.uint8
    mixed = cells_of(make_column([*narrow[:6], *wide[6:]])).source.array
    assert mixed.dtype == np.int32
    np.testing.assert_array_equal(mixed, wide)


def test_narrow_and_wide_codes_are_the_same_sentence():
    codes = np.random.default_rng(0).integers(2, 20, (40, 9)).astype(np.uint8)
    y = (codes[:, 0] > 10).astype(int)
    narrow, wide = (pd.DataFrame({"text": make_column(codes.astype(dtype))}) for dtype in (np.uint8, np.int32))
    answers = [
        MultiModalClassifier(max_epochs=2, random_state=0).fit(X_train, y).predict_proba(X)
        for X_train in (narrow, wide)
        for X in (narrow, wide)
    ]
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])


def test_windows_into_a_longer_block_keep_their_place():
    long = np.arange(60, dtype=np.float32).reshape(3, 20)
    column = make_column([long[1, :10], long[0, 10:], long[2, 5:15]])
    cells = cells_of(column)
    np.testing.assert_array_equal(cells.source.take(torch.from_numpy(cells.slots[:, 0])).numpy(), np.stack(column))


def test_a_read_only_block_is_copied(block):
    block.flags.writeable = False
    assert not np.shares_memory(cells_of(make_column(block)).source.array, block)


def test_mapped_cells_stay_on_disk(tmp_path, block):
    for i, part in enumerate((block[:6], block[6:])):
        np.save(tmp_path / f"{i}.npy", part)
    parts = [np.load(tmp_path / f"{i}.npy", mmap_mode="c") for i in range(2)]
    cells = cells_of(make_column([cell for part in parts for cell in part]))
    assert isinstance(cells.source, UnreadCells)
    np.testing.assert_array_equal(cells.source.take(torch.tensor([8, 1])).numpy(), block[[8, 1]])


def test_statistics_walk_distinct_cells_with_the_weights_of_their_rows(block):
    column = make_column(block)[[0, 3, 0, 5]]
    parts = list(cells_of(column).weighted_parts(np.array([1.0, 2.0, 4.0, 0.5]), n_values=2 * 3 * 8 * 8))
    assert [weight.tolist() for _, weight in parts] == [[5.0, 2.0], [0.5]]
    np.testing.assert_array_equal(torch.cat([cells for cells, _ in parts]).numpy(), block[[0, 3, 5]])


def image_model(**params):
    encoders = [("image", ImageEncoder(widths=(8, 16), output_dim=16, dropout=0.0))]
    return MultiModalClassifier(encoders, max_epochs=3, batch_size=8, random_state=0, **params)


def test_lazy_cells_give_the_model_that_loaded_ones_give(tmp_path):
    paths = write_photos(tmp_path, 20)
    paths[3] = None
    y = ["dark", "light"] * 10
    age = np.arange(20.0)
    answers = []
    for lazy in (False, True):
        cells = ImageLoader(size=(16, 16), lazy=lazy).fit_transform(paths)
        X = pd.DataFrame({"image__photo": cells[:, 0], "age": age})
        answers.append(image_model(n_jobs=None).fit(X, y).predict_proba(X))
        answers.append(cross_val_predict(image_model(), X, y, cv=2, method="predict_proba", n_jobs=2))
    np.testing.assert_array_equal(answers[0], answers[2])
    np.testing.assert_array_equal(answers[1], answers[3])


def test_lazy_cells_are_read_by_several_threads(tmp_path):
    paths = write_photos(tmp_path, 12)
    X = pd.DataFrame({"image__photo": ImageLoader(size=(16, 16), lazy=True).fit_transform(paths)[:, 0]})
    model = image_model(n_jobs=2).fit(X, [0, 1] * 6)
    assert model.score(X, [0, 1] * 6) == 1.0


def test_a_file_that_breaks_after_loading_is_named(tmp_path):
    paths = write_photos(tmp_path, 12)
    X = pd.DataFrame({"image__photo": ImageLoader(size=(16, 16), lazy=True).fit_transform(paths)[:, 0]})
    (tmp_path / "7.jpg").write_bytes(b"no picture")
    with pytest.raises(BadInputError, match=r"ImageLoader: .*row 7, column 'image__photo', value '.*7\.jpg'"):
        image_model().fit(X, [0, 1] * 6)


def test_lazy_cells_of_another_size_are_refused_at_predict(tmp_path):
    paths = write_photos(tmp_path, 8)
    load = {side: ImageLoader(size=(side, side), lazy=True).fit_transform(paths) for side in (16, 20)}
    model = image_model().fit(pd.DataFrame(load[16], columns=["image__photo"]), [0, 1] * 4)
    with pytest.raises(BadInputError, match=r"shape \(3, 20, 20\) where modality 'image' has shape \(3, 16, 16\)"):
        model.predict(pd.DataFrame(load[20], columns=["image__photo"]))


def test_short_spectrograms_end_in_silence():
    short = np.linspace(-80, -20, 6400, dtype=np.float32).reshape(64, 100)
    column = make_column([np.full((64, 200), -10.0, np.float32), short])
    modality = describe("sound", [0], ["sound"], [column], "step")
    block = collect(modality, [column], "step").source.array
    assert modality.kind == "spectrogram"
    np.testing.assert_array_equal(block[1, :, :100], column[1])
    assert (block[1, :, 100:] == -80).all()  # zero decibels would be loud


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "uint8", "int64"])
def test_short_recordings_are_filled_with_their_own_mean(dtype):
    cells = [np.array([[90, 94, 92, 96], [10, 20, 30, 40]], dtype), np.array([[101, 103], [7, 8]], dtype)]
    column = make_column(cells)
    modality = describe("watch", [0], None, [column], "test", [WaveformEncoder()])
    tail = collect(modality, [column], "test").source.array[1, :, 2:]
    assert tail.tolist() == ([[102, 102], [8, 8]] if tail.dtype.kind in "iu" else [[102, 102], [7.5, 7.5]])
    line = make_column([cell[0] for cell in cells])
    for reader, filling in ((WaveformEncoder(), 102), (SpectrogramEncoder(frontend=MelSpectrogram()), 0)):
        modality = describe("wave", [0], None, [line], "test", [reader])
        assert collect(modality, [line], "test").source.array[1].tolist() == [101, 103, filling, filling]


def test_an_offset_of_short_recordings_does_not_matter():
    rng, y = np.random.default_rng(0), np.arange(80) % 2
    lengths = [60, *rng.integers(20, 60, 79)]
    waves = [
        np.sin(np.arange(t) * (0.3 if k else 0.8) + rng.uniform(0, 6))[None] + 0.3 * rng.normal(size=(1, t))
        for k, t in zip(y, lengths, strict=True)
    ]
    model = MultiModalClassifier([("watch", WaveformEncoder(widths=(16, 16)))], max_epochs=15, random_state=0)
    for offset in (0, 100):
        X = pd.DataFrame({"watch": make_column([(wave + offset).astype("float32") for wave in waves])})
        assert model.fit(X[:50], y[:50]).score(X[50:], y[50:]) > 0.9
