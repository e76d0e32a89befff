"""joblib bounds and empties the cache."""

import datetime
import time

import joblib
import pytest

from mmsk.cache import _cell_cache
from tests.cache.reading import Bytes, n_reads, segments, texts


def test_joblib_bounds_the_cache_by_last_use(files, tmp_path):
    parts = [files(*(f"{part}{i:03}" for i in range(250))) for part in "abc"]
    memory = joblib.Memory(tmp_path / "kept", verbose=0)
    reader = Bytes(memory=memory).fit(parts[0])
    for part in (*parts, parts[0]):  # so that the second part was used longest ago
        time.sleep(0.02)
        reader.transform(part)
    assert n_reads() == 750
    total = sum(path.stat().st_size for path in (tmp_path / "kept").rglob("*") if path.is_file())
    memory.reduce_size(bytes_limit=total)
    assert len(segments(tmp_path)) == 3
    memory.reduce_size(bytes_limit=int(total * 0.8))
    assert len(segments(tmp_path)) == 2
    expected = [[f"{name}{i:03}" for i in range(250)] for name in "abc"]
    for part, right, expected_reads in zip(parts, expected, (0, 250, 0), strict=True):
        assert texts(reader.transform(part)) == right
        assert n_reads() == expected_reads
    time.sleep(0.02)
    memory.reduce_size(age_limit=datetime.timedelta(milliseconds=1))
    assert not segments(tmp_path)
    assert texts(reader.transform(parts[0])) == expected[0]
    memory.reduce_size(items_limit=0)
    assert not segments(tmp_path)


def test_an_emptied_cache_takes_nothing_from_cells_in_use(files, tmp_path):
    paths = files("abcd", "efgh")
    memory = joblib.Memory(tmp_path / "kept", verbose=0)
    cells = Bytes(memory=memory).fit_transform(paths)
    memory.clear(warn=False)
    assert texts(cells) == ["abcd", "efgh"]
    assert texts(Bytes(memory=memory).fit_transform(paths)) == ["abcd", "efgh"]
    assert n_reads() == 4


def test_a_cache_emptied_while_it_is_written_loses_no_cell(files, tmp_path):
    memory = joblib.Memory(tmp_path / "kept", verbose=0)

    class Emptying(Bytes):
        def _read(self, cell):
            memory.clear(warn=False)
            return super()._read(cell)

    assert texts(Emptying(memory=memory).fit_transform(files("abcd", "efgh"))) == ["abcd", "efgh"]


@pytest.mark.parametrize("length", [4, None])
def test_calls_with_one_file_each_leave_few_segments(files, tmp_path, length):
    paths = files(*(f"{i:04}" for i in range(100)))
    reader = Bytes(length, memory=str(tmp_path / "kept")).fit(paths)
    kept = [reader.transform([path]) for path in paths]
    assert len(segments(tmp_path)) <= _cell_cache._MANY
    assert [texts(cells) for cells in kept] == [[f"{i:04}"] for i in range(100)]
    assert texts(reader.transform(paths)) == [f"{i:04}" for i in range(100)]
    assert n_reads() == 100


def test_segments_that_may_not_be_deleted_are_not_copied(files, tmp_path, monkeypatch):
    monkeypatch.setattr(_cell_cache.os, "access", lambda path, mode: False)
    monkeypatch.setattr(_cell_cache, "_MANY", 4)
    paths = files(*(f"{i:04}" for i in range(10)))
    reader = Bytes(memory=str(tmp_path / "kept")).fit(paths)
    for path in paths:
        reader.transform([path])
    assert [(path / "cells").stat().st_size for path in segments(tmp_path)] == [4] * 10


def test_large_and_spoilt_segments_are_not_joined(files, tmp_path, monkeypatch):
    monkeypatch.setattr(_cell_cache, "_SMALL", 6)
    paths = files(*(f"{i:04}" for i in range(60)))
    reader = Bytes(memory=str(tmp_path / "kept")).fit(paths)
    reader.transform(paths[:2])
    (large,) = segments(tmp_path)
    for path in paths[2:14]:
        reader.transform([path])
    spoilt = next(path for path in segments(tmp_path) if path != large)
    (spoilt / "index.json").write_text("[]")
    monkeypatch.setattr(_cell_cache, "_MANY", 8)
    reader.transform(paths[14:15])
    assert large in segments(tmp_path) and len(segments(tmp_path)) == 2
    assert texts(reader.transform(paths)) == [f"{i:04}" for i in range(60)]
