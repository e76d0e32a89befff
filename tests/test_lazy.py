import pickle
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from imblearn.over_sampling import RandomOverSampler
from joblib import Parallel, delayed
from PIL import Image
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import train_test_split

from mmsk import BadInputError, columns
from mmsk.exceptions import UnreadableCellWarning
from mmsk.lazy import CellReader, LazyCell
from mmsk.preprocessing import (
    MFCC,
    AudioLoader,
    ImageLoader,
    MelSpectrogram,
    ModalityMasker,
    TensorFlattener,
    WaveformImage,
)
from tests.preprocessing.files import make_pixels, write_image
from tests.preprocessing.registry import photo_objects, sound_objects

LOADERS = [
    (ImageLoader(size=(12, 10)), photo_objects),
    (AudioLoader(8_000, duration=0.2), sound_objects),
    (MelSpectrogram(8_000, duration=0.2, n_fft=256, n_mels=16), sound_objects),
    (MFCC(6, 8_000, duration=0.2, n_fft=256, n_mels=16), sound_objects),
]
every_loader = pytest.mark.parametrize(
    ("loader", "make_cells"), LOADERS, ids=[type(loader).__name__ for loader, _ in LOADERS]
)


class Counting(ImageLoader):
    """Counts what it decodes."""

    decoded: list = []

    def _read(self, cell):
        self.decoded.append(cell)
        return super()._read(cell)


@pytest.fixture(autouse=True)
def nothing_decoded():
    Counting.decoded.clear()


@pytest.fixture
def paths(tmp_path):
    return [write_image(tmp_path / f"{i}.png", seed=i) for i in range(6)]


@every_loader
def test_lazy_cells_hold_what_decoded_ones_do(loader, make_cells, tmp_path):
    raw = [*make_cells(tmp_path), None]
    whole = loader.fit_transform(raw)[:, 0]
    lazy = clone(loader).set_params(lazy=True, n_jobs=2).fit_transform(raw)[:, 0]
    assert lazy[-1] is None
    for cell, promise in zip(whole[:-1], lazy[:-1], strict=True):
        assert isinstance(promise, LazyCell) and promise.step == type(loader).__name__
        assert (promise.shape, promise.dtype, promise.ndim) == (cell.shape, cell.dtype, cell.ndim)
        np.testing.assert_array_equal(np.asarray(promise), cell)
        np.testing.assert_array_equal(promise.read(promise.raw), cell)
        assert np.asarray(promise, dtype="float64").dtype == np.float64


@every_loader
def test_lazy_cells_go_through_pickle_and_threads(loader, make_cells, tmp_path):
    raw = make_cells(tmp_path)
    lazy = clone(loader).set_params(lazy=True).fit_transform(raw)[:, 0]
    expected = loader.fit_transform(raw)[:, 0]
    decoded = [[None] * len(lazy) for _ in range(3)]
    copies = pickle.loads(pickle.dumps(lazy))

    def decode(into):
        for row, cell in enumerate(copies):
            into[row] = np.asarray(cell)

    threads = [threading.Thread(target=decode, args=(into,)) for into in decoded]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for cells in decoded:
        for cell, right in zip(cells, expected, strict=True):
            np.testing.assert_array_equal(cell, right)


def test_a_decoded_reader_stays_light(paths):
    lazy = MelSpectrogram(lazy=True, duration=1.0).fit_transform([np.zeros(9, "float32"), np.ones(9, "float32")])[:, 0]
    size = len(pickle.dumps(lazy))
    np.asarray(lazy[0])
    assert len(pickle.dumps(lazy)) == size < 5_000  # the filters alone are half a megabyte
    assert lazy[0].read is lazy[1].read


def test_nothing_is_decoded_before_it_is_asked_for(paths):
    table = Counting(lazy=True).fit_transform([[path, paths[0]] for path in paths])
    assert not Counting.decoded
    assert table[0, 0] is table[3, 1]
    np.asarray(table[2, 0])
    assert Counting.decoded == [paths[2]]


def test_changes_of_the_loader_do_not_reach_its_cells(paths):
    loader = ImageLoader(size=(8, 8), lazy=True)
    cell = loader.fit_transform(paths)[0, 0]
    loader.set_params(size=(4, 4))
    assert np.asarray(cell).shape == cell.shape == (3, 8, 8)


@pytest.mark.parametrize("make_wrong", [lambda d: d / "none.png", lambda d: d, lambda d: 3.5, lambda d: object()])
@pytest.mark.parametrize("make_loader", [lambda: ImageLoader(lazy=True), lambda: AudioLoader(duration=1.0, lazy=True)])
def test_wrong_cells_are_refused_before_training(make_wrong, make_loader, tmp_path):
    right = np.zeros((9, 9), "uint8") if isinstance(make_loader(), ImageLoader) else np.zeros(9, "float32")
    frame = pd.DataFrame({"cell": pd.Series([right, None, make_wrong(tmp_path)], dtype=object)})
    with pytest.raises(BadInputError, match="row 2, column 'cell'") as caught:
        make_loader().fit_transform(frame)
    assert caught.value.step == type(make_loader()).__name__ and caught.value.fix


def test_an_empty_file_is_refused_before_training(paths):
    Path(paths[1]).write_bytes(b"")
    with pytest.raises(BadInputError, match="empty"):
        ImageLoader(lazy=True).fit_transform(paths)


def test_unreadable_cells_are_found_by_decoding_each_file_once(paths, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    raw = [paths[0], str(tmp_path / "text.png"), paths[0], None]
    with pytest.warns(UnreadableCellWarning, match="1 cells"):
        cells = Counting(lazy=True, on_error="missing").fit_transform(raw)[:, 0]
    assert [cell is not None for cell in cells] == [True, False, True, False]
    assert sorted(Counting.decoded) == sorted([paths[0], str(tmp_path / "text.png")])


@pytest.mark.parametrize(
    ("loader", "words"),
    [
        (AudioLoader(lazy=True), "Give a duration"),
        (AudioLoader(duration=1.0, mono=False, lazy=True), "no fixed shape"),
        (MelSpectrogram(lazy=True), "Give a duration"),
        (MFCC(pool="mean", lazy=True), "pool=None"),
    ],
)
def test_what_cannot_be_lazy_says_so(loader, words):
    with pytest.raises(BadInputError, match=words) as caught:
        loader.fit_transform([np.zeros(100, "float32")])
    assert caught.value.step == type(loader).__name__ and caught.value.row is None


def test_lazy_is_a_checked_parameter():
    with pytest.raises(ValueError, match="lazy"):
        ImageLoader(lazy="yes").fit([make_pixels()])


# ---- lazy cells in what other libraries do with a table


def test_tables_carry_lazy_cells_untouched(paths):
    frame = pd.DataFrame({"photo": [*paths, None, ""], "age": np.arange(8.0)})
    y = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    load = ColumnTransformer([("image", Counting(lazy=True), ["photo"])], remainder="passthrough")
    loaded = load.set_output(transform="pandas").fit_transform(frame)
    assert loaded.columns.tolist() == ["image__photo", "remainder__age"]
    assert "LazyCell" in repr(loaded) and loaded["image__photo"].isna().tolist() == [False] * 6 + [True] * 2
    train, test, _, _ = train_test_split(loaded, y, random_state=0)
    assert {id(cell) for part in (train, test) for cell in part["image__photo"].dropna()} == {
        id(cell) for cell in loaded["image__photo"].dropna()
    }
    for table in (loaded, loaded.to_numpy()):
        sampled, labels = RandomOverSampler(random_state=0).fit_resample(table, y)
        cells = np.asarray(sampled, dtype=object)[:, 0]
        assert np.bincount(labels).tolist() == [5, 5]
        assert all(isinstance(cell, LazyCell) for cell in cells if not columns.is_missing(cell))
    assert all(isinstance(cell, LazyCell) for cell in pickle.loads(pickle.dumps(loaded))["image__photo"][:6])
    assert not Counting.decoded


def test_the_array_output_carries_lazy_cells(paths):
    load = ColumnTransformer([("image", Counting(lazy=True), [0]), ("again", Counting(lazy=True), [0])])
    table = load.fit_transform(np.array([[path] for path in paths], dtype=object))
    assert table.shape == (6, 2) and all(isinstance(cell, LazyCell) for cell in table.ravel())
    assert not Counting.decoded


def test_processes_decode_lazy_cells(paths):
    lazy = ImageLoader(size=(8, 8), lazy=True).fit_transform(paths)[:, 0]
    decoded = Parallel(n_jobs=2)(delayed(np.asarray)(cell) for cell in lazy)
    np.testing.assert_array_equal(np.stack(decoded), columns.stack_column(lazy)[0])


def test_columns_know_lazy_cells(paths):
    whole = ImageLoader(size=(8, 8)).fit_transform([*paths, None])[:, 0]
    lazy = Counting(size=(8, 8), lazy=True).fit_transform([*paths, None])[:, 0]
    assert not columns.is_missing(lazy[0]) and columns.is_tensor_column(lazy)
    assert columns.presence_of(lazy).tolist() == [True] * 6 + [False]
    assert columns.make_column(list(lazy))[0] is lazy[0]
    assert columns.group_columns(["photo", "age"], [lazy, np.ones(7)]) == {"photo": [0], "table": [1]}
    assert not Counting.decoded
    for one, other in zip(columns.stack_column(lazy), columns.stack_column(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(Counting.decoded) == 6
    Path(paths[2]).unlink()
    with pytest.raises(BadInputError, match="Counting: no such file.*row 2"):
        columns.stack_column(lazy)


def test_flattening_decodes_lazy_cells(paths):
    whole = ImageLoader(size=(4, 4)).fit_transform([*paths, None])
    lazy = Counting(size=(4, 4), lazy=True).fit_transform([*paths, None])
    for flattener in (TensorFlattener(), TensorFlattener(statistics=("mean", "std"))):
        Counting.decoded.clear()
        fitted = clone(flattener).fit(lazy)
        assert not Counting.decoded
        np.testing.assert_array_equal(fitted.transform(lazy), flattener.fit_transform(whole))
    Path(paths[2]).unlink()
    with pytest.raises(BadInputError, match="TensorFlattener: no such file.*row 2") as caught:
        fitted.transform(lazy)
    assert caught.value.value == paths[2]


def test_masks_of_lazy_cells_are_those_of_their_paths(paths):
    lazy = Counting(lazy=True).fit_transform([[path, path] for path in paths])
    raw = np.array([[path, path] for path in paths], dtype=object)
    masker = ModalityMasker(max_missing=1, rate=0.7, random_state=0)
    hidden = [columns.frame_presence(masker.fit_transform(table)) for table in (lazy, raw)]
    np.testing.assert_array_equal(*hidden)
    assert not hidden[0].all() and not Counting.decoded


def test_a_cell_whose_file_is_gone_says_so_without_a_row(paths):
    cell = ImageLoader(lazy=True).fit_transform(paths)[0, 0]
    Path(paths[0]).unlink()
    with pytest.raises(BadInputError, match="no such file") as caught:
        np.asarray(cell)
    assert caught.value.row is None


def test_a_cell_of_a_picture_in_memory():
    cell = LazyCell(
        CellReader(ImageLoader((2, 2), mode="L")), Image.new("L", (5, 5), 7), shape=(1, 2, 2), dtype="u1", step=""
    )
    assert np.asarray(cell).tolist() == [[[7, 7], [7, 7]]] and repr(cell).endswith("shape=(1, 2, 2), dtype=uint8)")


@pytest.mark.parametrize("on_error", ["raise", "missing"])
@pytest.mark.parametrize(
    "loader", [MelSpectrogram(f_min=9000, f_max=100, duration=0.1), WaveformImage(color=(1, 2), duration=0.1)], ids=str
)
def test_parameters_that_do_not_go_together_are_no_bad_cells(loader, on_error, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(800), 8_000)
    with pytest.raises(ValueError, match="f_min|color"):
        clone(loader).set_params(lazy=True, on_error=on_error).fit_transform([str(tmp_path / "a.wav")])


def test_a_promise_that_cannot_be_kept_names_the_file(paths):
    cells = ImageLoader(size=(4, 4), lazy=True).fit_transform([*paths])
    Path(paths[2]).unlink()
    with pytest.raises(BadInputError, match=rf"ImageLoader: no such file.*value '{paths[2]}'"):
        np.asarray(cells[2, 0])
    with pytest.raises(BadInputError, match=r"no fixed shape.*mono=True"):
        AudioLoader(lazy=True, duration=1.0, mono=False).fit_transform([np.zeros(10)])
