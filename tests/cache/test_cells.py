"""Cells of every kind come back as they were."""

import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone

from mmsk import cache
from mmsk.preprocessing import MFCC, AudioLoader, ImageLoader, MelSpectrogram
from mmsk.testing import LOADER_CHECKS
from tests.cache.reading import Bytes, n_reads, segments, texts
from tests.preprocessing.files import make_tone, write_image, write_sound


def test_cells_of_one_run_are_views_of_one_array(files, tmp_path):
    paths = files("abcd", "efgh", "ijkl")
    for _ in range(2):
        cells = Bytes(memory=str(tmp_path / "kept")).fit_transform(paths)[:, 0]
        assert cells[0].base is cells[1].base is cells[2].base
        assert cells[0].base.shape == (3, 4) and type(cells[0]) is np.ndarray
        assert all(cache.is_mapped(cell) for cell in cells)


def test_cells_may_differ_in_shape_and_be_empty(files, tmp_path):
    paths = files("a", "efg", "ijklmnop" * 9)
    (empty,) = files("")
    reader = Bytes(None, memory=str(tmp_path / "kept"))
    for _ in range(2):
        assert texts(reader.fit_transform([*paths, empty, None])) == ["a", "efg", "ijklmnop" * 9, "", None]
    assert n_reads() == 4
    assert texts(reader.fit_transform([files("")[0]])) == [""]
    assert texts(reader.fit_transform([empty])) == [""]


def sounds(directory):
    return [
        write_sound(directory / "one.wav", seconds=0.3),
        write_sound(directory / "two.flac", seconds=0.2, frequency=880),
        (directory / Path(write_sound(directory / "three.ogg", seconds=0.4, frequency=220)).name).read_bytes(),
        make_tone(0.2).astype(np.float32),
    ]


@pytest.mark.parametrize(
    "loader",
    [
        AudioLoader(8_000),
        AudioLoader(8_000, duration=0.25, mono=True),
        AudioLoader(8_000, duration=0.1, mono=False),
        MelSpectrogram(8_000, n_fft=256, n_mels=16),
        MFCC(6, 8_000, duration=0.2, n_fft=256, n_mels=16),
        MFCC(6, 8_000, n_fft=256, n_mels=16, pool="mean_std"),
    ],
)
def test_real_sounds_come_back_bit_by_bit(loader, tmp_path):
    raw = [*sounds(tmp_path), None]
    expected = loader.fit_transform(raw)
    for _ in range(2):
        kept = clone(loader).set_params(memory=str(tmp_path / "kept"), n_jobs=2).fit_transform(raw)
        assert kept.dtype == expected.dtype and kept.shape == expected.shape
        for cell, right in zip(kept[:, 0], expected[:, 0], strict=True):
            np.testing.assert_array_equal(cell, right)
            assert right is None or np.asarray(cell).dtype == np.asarray(right).dtype
    assert len(segments(tmp_path)) == 1


CHECKED = [
    lambda memory: ImageLoader((8, 6), resize="pad", memory=memory),
    lambda memory: MelSpectrogram(8_000, n_fft=256, n_mels=16, memory=memory),
]


@pytest.mark.parametrize("check", LOADER_CHECKS)
@pytest.mark.parametrize("make_loader", CHECKED, ids=["ImageLoader", "MelSpectrogram"])
def test_loaders_with_memory_pass_the_suite_of_all_loaders(make_loader, check, tmp_path):
    if make_loader is CHECKED[0]:
        cells = [write_image(tmp_path / f"{i}.png", seed=i) for i in range(3)]
    else:
        cells = sounds(tmp_path)[:3]
    LOADER_CHECKS[check](make_loader(str(tmp_path / "kept")), cells)


def test_writing_into_a_cell_changes_no_file_and_no_other_cell(files, tmp_path):
    paths = files("abcd", "efgh")
    reader = Bytes(memory=str(tmp_path / "kept")).fit(paths)
    for _ in range(2):
        written, other = reader.transform(paths), reader.transform(paths)
        written[0, 0][:] = 0
        assert texts(other) == texts(reader.transform(paths)) == ["abcd", "efgh"]
    assert n_reads() == 2


def test_torch_takes_cells_without_a_warning(files, tmp_path):
    torch = pytest.importorskip("torch")
    cells = Bytes(memory=str(tmp_path / "kept")).fit_transform(files("abcd"))
    assert torch.from_numpy(cells[0, 0]).tolist() == list(b"abcd")


def test_cells_are_pickled_as_plain_arrays(files, tmp_path):
    cells = Bytes(memory=str(tmp_path / "kept")).fit_transform(files("abcd", "efgh"))
    copies = pickle.loads(pickle.dumps(cells))
    joblib.Memory(tmp_path / "kept", verbose=0).clear()
    assert texts(copies) == ["abcd", "efgh"] and not cache.is_mapped(copies[0, 0])
    assert Parallel(n_jobs=2)(delayed(bytes)(cell) for cell in cells[:, 0]) == [b"abcd", b"efgh"]


def test_maps_of_numpy_are_mapped_too(tmp_path):
    np.save(tmp_path / "block.npy", np.zeros((3, 2)))
    block = np.load(tmp_path / "block.npy", mmap_mode="r")
    assert cache.is_mapped(block) and cache.is_mapped(block[1]) and cache.is_mapped(np.asarray(block)[1])
    assert not cache.is_mapped(block[1].copy()) and not cache.is_mapped(None)


def test_many_segments_need_few_open_files(files, tmp_path, monkeypatch):
    monkeypatch.setattr(cache._cell_cache, "_MOST_MAPS", 2)
    paths = files(*(f"{i:04}" for i in range(5)))
    reader = Bytes(memory=str(tmp_path / "kept")).fit(paths)
    for i in range(5):
        reader.transform(paths[i : i + 1])
    assert len(segments(tmp_path)) == 5
    cells = reader.transform(paths)
    assert texts(cells) == [f"{i:04}" for i in range(5)] and n_reads() == 5
    assert sum(cache.is_mapped(cell) for cell in cells[:, 0]) == 2
