"""What is read from files, when, and what is taken from the cache."""

import os
from pathlib import Path

import joblib
import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone

from mmsk import cache
from mmsk.exceptions import BadInputError, UnreadableCellWarning
from mmsk.preprocessing import ImageLoader
from tests.cache.reading import Bytes, n_reads, reads, segments, texts
from tests.preprocessing.files import make_pixels, write_image


@pytest.mark.parametrize("make_memory", [str, Path, lambda path: joblib.Memory(path, verbose=0)])
def test_files_are_read_once(files, tmp_path, make_memory):
    paths = files("abcd", "efgh", "ijkl")
    table = [paths[0], None, paths[1], Path(paths[0]), "", paths[2]]
    expected = ["abcd", None, "efgh", "abcd", None, "ijkl"]
    memory = make_memory(tmp_path / "kept")
    for reader in (Bytes(memory=memory), Bytes(memory=memory, n_jobs=2, on_error="missing", lazy=True)):
        cells = reader.fit_transform(table)
        assert texts(cells) == expected and cells[0, 0] is cells[3, 0]
    assert n_reads() == 3
    assert texts(Bytes(memory=memory).fit_transform(paths[1:])) == ["efgh", "ijkl"]
    assert n_reads() == 0


def test_only_files_that_are_new_are_read(files, tmp_path):
    paths = files("abcd", "efgh")
    Bytes(memory=str(tmp_path)).fit_transform(paths)
    more = [*files("ijkl"), *paths]
    assert texts(Bytes(memory=str(tmp_path)).fit_transform(more)) == ["ijkl", "abcd", "efgh"]
    assert n_reads() == 3
    assert len(segments(tmp_path)) == 2


def test_nothing_is_kept_without_memory(files, tmp_path):
    paths = files("abcd")
    for memory in (None, joblib.Memory(None)):
        Bytes(memory=memory).fit_transform(paths)
        Bytes(memory=memory).fit_transform(paths)
    assert n_reads() == 4


@pytest.mark.parametrize("memory", [3, object(), ["cache"]])
def test_memory_is_a_checked_parameter(memory):
    with pytest.raises(ValueError, match="memory"):
        Bytes(memory=memory).fit(["a"])


def test_a_changed_file_is_read_again(files, tmp_path):
    paths = files("abcd", "efgh")
    reader = Bytes(memory=str(tmp_path / "kept")).fit(paths)
    reader.transform(paths)
    Path(paths[0]).write_text("longer")
    assert texts(reader.transform(paths)) == ["long", "efgh"]
    assert n_reads() == 3
    before = os.stat(paths[0])
    Path(paths[0]).write_text("LONGER")  # the same size
    os.utime(paths[0], ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert texts(reader.transform(paths)) == ["LONG", "efgh"]
    assert n_reads() == 1


def test_files_of_equal_size_and_time_that_trade_places_are_read_again(files, tmp_path):
    paths = files("abcd", "efgh")
    for path in paths:
        os.utime(path, ns=(10**18, 10**18))
    reader = Bytes(memory=str(tmp_path / "kept")).fit(paths)
    assert texts(reader.transform(paths)) == ["abcd", "efgh"]
    os.rename(paths[0], tmp_path / "aside")
    os.rename(paths[1], paths[0])
    os.rename(tmp_path / "aside", paths[1])
    assert texts(reader.transform(paths)) == ["efgh", "abcd"]


def test_links_are_the_files_they_lead_to(files, tmp_path):
    paths = files("abcd", "efgh")
    reader = Bytes(memory=str(tmp_path / "kept")).fit(paths)
    reader.transform(paths)
    link = tmp_path / "current"
    for path, expected in zip(paths, ["abcd", "efgh"], strict=True):
        link.unlink(missing_ok=True)
        link.symlink_to(path)
        assert texts(reader.transform([str(link)])) == [expected]
    assert n_reads() == 2
    # Two files, though their paths read alike once x/.. is struck out.
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "door").symlink_to(tmp_path / "deep" / "er")
    near, far = tmp_path / "one.bin", tmp_path / "deep" / "one.bin"
    for path, content in ((near, "near"), (far, "away")):
        path.write_text(content)
        os.utime(path, ns=(10**18, 10**18))
    assert texts(reader.transform([str(near), str(tmp_path / "door" / ".." / "one.bin")])) == ["near", "away"]


def test_a_memory_that_names_no_folder_is_refused():
    class Elsewhere:
        def cache(self, function):
            return function

    with pytest.raises(BadInputError, match="memory is a Elsewhere, which does not say in which folder"):
        Bytes(memory=Elsewhere()).fit_transform(["a"])


def test_a_file_that_is_gone_is_an_error_as_ever(files, tmp_path):
    paths = files("abcd", "efgh")
    reader = Bytes(memory=str(tmp_path / "kept")).fit(paths)
    reader.transform(paths)
    Path(paths[1]).unlink()
    with pytest.raises(BadInputError, match=r"Bytes: no such file \(row 1, column 0"):
        reader.transform(paths)


def test_a_relative_path_is_the_file_it_names(files, tmp_path, monkeypatch):
    (path,) = files("abcd")
    Bytes(memory=str(tmp_path / "kept")).fit_transform([path])
    monkeypatch.chdir(Path(path).parent)
    assert texts(Bytes(memory=str(tmp_path / "kept")).fit_transform([Path(path).name])) == ["abcd"]
    assert n_reads() == 1


def test_parameters_that_change_cells_are_told_apart(files, tmp_path):
    paths = files("abcd", "efgh")
    for length, expected in ((2, ["ab", "ef"]), (3, ["abc", "efg"]), (None, ["abcd", "efgh"])) * 2:
        assert texts(Bytes(length, memory=str(tmp_path / "kept")).fit_transform(paths)) == expected
    assert n_reads() == 6


def test_classes_are_told_apart(files, tmp_path):
    class Backwards(Bytes):
        def _read(self, cell):
            return super()._read(cell)[::-1]

    paths = files("abcd")
    for kind, expected in ((Bytes, "abcd"), (Backwards, "dcba")) * 2:
        assert texts(kind(memory=str(tmp_path / "kept")).fit_transform(paths)) == [expected]
    assert n_reads() == 2


def test_bytes_are_known_by_their_content_and_arrays_are_not_kept(files, tmp_path):
    reader = Bytes(memory=str(tmp_path / "kept"))
    (path,) = files("abcd")
    array = np.frombuffer(b"mnop", dtype=np.uint8)
    column = np.empty(3, dtype=object)
    column[:] = [b"efgh", array, path]
    for expected_reads in (3, 1):
        assert texts(reader.fit_transform(column)) == ["efgh", "mnop", "abcd"]
        assert n_reads() == expected_reads
    assert texts(reader.fit_transform([b"efgh"])) == ["efgh"]
    assert n_reads() == 0
    arrays = np.empty(1, dtype=object)
    arrays[0] = array
    assert texts(reader.fit_transform(arrays)) == ["mnop"]


def test_sizes_may_be_numbers_of_numpy(tmp_path):
    path = write_image(tmp_path / "a.png")
    loader = ImageLoader(tuple(np.array([8, 6])), memory=str(tmp_path / "kept"))
    for _ in range(2):
        assert loader.fit_transform([path])[0, 0].shape == (3, 8, 6)
    assert len(segments(tmp_path)) == 1


def test_cells_kept_twice_come_from_the_larger_segment(files, tmp_path, monkeypatch):
    paths = files("abcd", "efgh", "ijkl")
    reader = Bytes(memory=str(tmp_path / "kept")).fit(paths)
    reader.transform(paths[:1])
    find = cache.CellCache.find
    monkeypatch.setattr(cache.CellCache, "find", lambda self, keys: {})  # as if both had looked at the same time
    reader.transform(paths)
    monkeypatch.setattr(cache.CellCache, "find", find)
    assert len(segments(tmp_path)) == 2
    cells = reader.transform(paths)[:, 0]
    assert cells[0].base is cells[1].base is cells[2].base


def test_pictures_in_memory_are_not_kept(tmp_path):
    loader = ImageLoader((8, 8), resize="pad", memory=str(tmp_path / "kept"))
    picture = Image.fromarray(make_pixels())
    np.testing.assert_array_equal(loader.fit_transform([picture])[0, 0], clone(loader).fit_transform([picture])[0, 0])
    assert not segments(tmp_path)


def test_unreadable_cells_are_not_kept_but_the_others_are(files, tmp_path):
    paths = files("abcd", "xxxx", "efgh")
    reader = Bytes(on_error="missing", memory=str(tmp_path / "kept"))
    for expected_reads in (3, 1):
        with pytest.warns(UnreadableCellWarning, match="1 cells could not be read"):
            assert texts(reader.fit_transform(paths)) == ["abcd", None, "efgh"]
        assert n_reads() == expected_reads
    Path(paths[1]).write_text("mended")
    assert texts(reader.fit_transform(paths)) == ["abcd", "mend", "efgh"]
    assert n_reads() == 1


def test_nothing_is_kept_of_nothing(files, tmp_path):
    with pytest.warns(UnreadableCellWarning):
        Bytes(on_error="missing", memory=str(tmp_path / "kept")).fit_transform(files("xxxx"))
    Bytes(memory=str(tmp_path / "kept")).fit_transform([None, ""])
    assert not segments(tmp_path)


def test_files_that_are_not_there_show_before_others_are_read(files, tmp_path):
    paths = [*files("abcd", "efgh"), str(tmp_path / "none"), *files("xxxx")]
    with pytest.raises(BadInputError, match=r"no such file \(row 2"):
        Bytes(memory=str(tmp_path / "kept")).fit_transform(paths)
    assert reads == [paths[2]]
    with pytest.warns(UnreadableCellWarning, match="2 cells could not be read"):
        cells = Bytes(memory=str(tmp_path / "kept"), on_error="missing").fit_transform(paths)
    assert texts(cells) == ["abcd", "efgh", None, None]


def test_the_first_unreadable_cell_is_raised_and_work_is_not_lost(files, tmp_path):
    paths = files("abcd", "efgh", "xxxx", "ijkl", "xxxx")
    reader = Bytes(memory=str(tmp_path / "kept")).fit(paths)
    for expected_reads in (3, 1):
        with pytest.raises(BadInputError, match=r"Bytes: an x came \(row 2, column 0"):
            reader.transform([*paths[:2], *paths[2:]])
        assert n_reads() == expected_reads
