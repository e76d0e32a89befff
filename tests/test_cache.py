import datetime
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed
from PIL import Image
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from mmsk import cache
from mmsk.base import BaseCellTransformer
from mmsk.exceptions import BadInputError, UnreadableCellWarning
from mmsk.preprocessing import MFCC, AudioLoader, ImageLoader, MelSpectrogram, TensorFlattener
from mmsk.testing import LOADER_CHECKS
from tests.preprocessing.files import make_pixels, make_tone, write_image, write_sound

reads: list = []


class Bytes(BaseCellTransformer):
    """The first bytes of a file, or all of them; a file that begins with an x is a bad cell."""

    def __init__(self, length=4, on_error="raise", lazy=False, memory=None, n_jobs=None, verbose=0):
        self.length = length
        self.on_error = on_error
        self.lazy = lazy
        self.memory = memory
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _cell_layout(self):
        return None if self.length is None else ((self.length,), np.uint8)

    def _cell_reader(self):
        return self._read

    def _read(self, cell):
        reads.append(cell)
        try:
            content = cell if isinstance(cell, bytes) else bytes(cell) if isinstance(cell, np.ndarray) else None
            content = Path(cell).read_bytes() if content is None else content
        except FileNotFoundError:
            raise BadInputError("no such file", fix="Check the path.") from None
        if content.startswith(b"x"):
            raise BadInputError("an x came", fix="Take another letter.")
        return np.frombuffer(content, dtype=np.uint8)[: self.length]


@pytest.fixture(autouse=True)
def fresh_reads():
    reads.clear()


@pytest.fixture
def files(tmp_path):
    """Write files of these contents."""
    directory = tmp_path / "files"
    directory.mkdir()

    def write(*contents):
        paths = [str(directory / f"{len(list(directory.iterdir())) + i}.bin") for i in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            Path(path).write_text(content)
        return paths

    return write


def n_reads():
    """Count what was read since the last time somebody asked."""
    count = len(reads)
    reads.clear()
    return count


def texts(table):
    return [None if cell is None else bytes(cell).decode() for cell in table[:, 0]]


def segments(location):
    return sorted(path.parent for path in Path(location).rglob(cache._INDEX))


# ---- what is read, and when


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


# ---- cells of every kind


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
    monkeypatch.setattr(cache, "_MOST_MAPS", 2)
    paths = files(*(f"{i:04}" for i in range(5)))
    reader = Bytes(memory=str(tmp_path / "kept")).fit(paths)
    for i in range(5):
        reader.transform(paths[i : i + 1])
    assert len(segments(tmp_path)) == 5
    cells = reader.transform(paths)
    assert texts(cells) == [f"{i:04}" for i in range(5)] and n_reads() == 5
    assert sum(cache.is_mapped(cell) for cell in cells[:, 0]) == 2


# ---- cells that cannot be read


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


# ---- limits


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


# ---- what may happen to a cache


def change_index(path, change):
    index = json.loads((path / "index.json").read_text())
    (path / "index.json").write_text(json.dumps(change(index)))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: os.truncate(path / "cells", 5),
        lambda path: (path / "cells").unlink(),
        lambda path: (path / "cells").write_bytes(b""),
        lambda path: os.truncate(path / "index.json", 20),
        lambda path: (path / "index.json").write_bytes(b""),
        lambda path: (path / "index.json").write_bytes(b"\xff\xfe{"),
        lambda path: (path / "index.json").write_text("[]"),
        lambda path: change_index(path, lambda index: {"keys": index["keys"]}),
        lambda path: change_index(path, lambda index: index | {"keys": index["keys"] * 2}),
        lambda path: (path / "index.json").unlink(),
    ],
)
@pytest.mark.parametrize("length", [4, None])
def test_a_spoilt_segment_is_removed_and_rebuilt(files, tmp_path, spoil, length):
    paths = files("abcd", "efgh")
    reader = Bytes(length, memory=str(tmp_path / "kept")).fit(paths)
    reader.transform(paths)
    (spoilt,) = segments(tmp_path)
    spoil(spoilt)
    for _ in range(2):
        assert texts(reader.transform(paths)) == ["abcd", "efgh"]
    assert n_reads() == 2 + 2
    assert not spoilt.exists() and len(segments(tmp_path)) == 1


def test_a_cache_that_may_only_be_read_serves(files, tmp_path):
    paths = files("abcd", "efgh")
    Bytes(memory=str(tmp_path / "kept")).fit_transform(paths)
    (segment,) = segments(tmp_path)
    (segment / cache._LAST_USE).unlink()  # a mark that cannot be set
    assert texts(Bytes(memory=str(tmp_path / "kept")).fit_transform(paths)) == ["abcd", "efgh"]
    assert n_reads() == 2


def test_an_exception_leaves_nothing_behind(files, tmp_path):
    class Broken(Bytes):
        def _read(self, cell):
            if len(reads) == 1:
                raise ZeroDivisionError
            return super()._read(cell)

    paths = files("abcd", "efgh")
    with pytest.raises(ZeroDivisionError):
        Broken(memory=str(tmp_path / "kept")).fit_transform(paths)
    assert not list(Path(tmp_path).rglob(f"{cache._UNFINISHED}*"))
    assert not segments(tmp_path)


PROGRAM = """
import sys, time
from pathlib import Path
import numpy as np
from mmsk.preprocessing import ImageLoader

class Slow(ImageLoader):
    def _read(self, cell):
        with open(log, "a") as file:
            file.write(Path(cell).name + "\\n")
        if Path(cell).name == stop:
            time.sleep(600)
        time.sleep(0.02)
        return super()._read(cell)

Slow.__module__ = "slow"
memory, log, stop, *paths = sys.argv[1:]
cells = Slow((8, 6), resize="pad", memory=memory).fit_transform(paths)[:, 0]
print(" ".join(str(int(cell.astype(int).sum())) for cell in cells))
"""


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def expected_sums(paths):
    cells = ImageLoader((8, 6), resize="pad").fit_transform(paths)[:, 0]
    return " ".join(str(int(cell.astype(int).sum())) for cell in cells) + "\n"


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the other process does not come forward"
        time.sleep(0.01)


def test_a_killed_run_leaves_a_cache_that_is_rebuilt(tmp_path):
    paths = [write_image(tmp_path / f"{i}.png", seed=i) for i in range(5)]
    kept, log = tmp_path / "kept", tmp_path / "log"
    process = start(kept, log, "3.png", *paths)
    wait_for(lambda: log.exists() and "3.png" in log.read_text())
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (unfinished,) = kept.rglob(f"{cache._UNFINISHED}*")
    assert not segments(kept)
    process = start(kept, log, "", *paths)
    assert process.communicate(timeout=60)[0] == expected_sums(paths)
    assert log.read_text().split() == [f"{i}.png" for i in (0, 1, 2, 3, 0, 1, 2, 3, 4)]
    assert len(segments(kept)) == 1 and unfinished.exists()  # it might still be written
    long_ago = time.time() - 2 * 24 * 60 * 60
    os.utime(unfinished / "cells", (long_ago, long_ago))
    process = start(kept, log, "", write_image(tmp_path / "new.png"))
    process.communicate(timeout=60)
    assert not unfinished.exists()


def test_two_processes_share_one_cache(tmp_path):
    paths = [write_image(tmp_path / f"{i}.png", seed=i) for i in range(12)]
    kept, log = tmp_path / "kept", tmp_path / "log"
    processes = [start(kept, log, "", *paths), start(kept, log, "", *paths[::-1])]
    sums = [process.communicate(timeout=120)[0] for process in processes]
    assert sums == [expected_sums(paths), expected_sums(paths[::-1])]
    assert sorted(log.read_text().split()) == sorted(Path(path).name for path in paths)


@pytest.mark.parametrize("locks", [True, False])
def test_calls_at_the_same_time_are_both_right(files, tmp_path, monkeypatch, locks):
    if not locks:
        monkeypatch.setattr(cache, "fcntl", None)
    paths = files(*(f"{i:04}" for i in range(40)))
    started = threading.Barrier(2, timeout=20)

    class Meeting(Bytes):
        def _read(self, cell):
            if cell == paths[0] and not locks:
                started.wait()
            time.sleep(0.001)
            return super()._read(cell)

    outputs = [None, None]

    def work(i):
        if locks:
            started.wait()
        outputs[i] = texts(Meeting(memory=str(tmp_path / "kept")).fit_transform(paths))

    workers = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert outputs[0] == outputs[1] == [f"{i:04}" for i in range(40)]
    assert n_reads() == (40 if locks else 80)
    assert texts(Meeting(memory=str(tmp_path / "kept")).fit_transform(paths[1:])) == outputs[0][1:]
    assert n_reads() == 0


# ---- the whole path


class CountingMFCC(MFCC):
    """Counts the files it decodes."""

    def _cell_reader(self):
        read = super()._cell_reader()

        def count(cell):
            reads.append(cell)
            return read(cell)

        return count


@pytest.fixture
def talks(tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(30) % 2
    paths = [
        write_sound(tmp_path / f"{i}.wav", seconds=0.1 + 0.01 * rng.integers(9), frequency=(300 + 500 * label))
        for i, label in enumerate(y)
    ]
    return pd.DataFrame({"clip": paths}), y


def test_cross_validation_and_search_decode_each_file_once(talks, tmp_path):
    X, y = talks
    load = CountingMFCC(6, 8_000, duration=0.2, n_fft=256, n_mels=16)

    def run(memory):
        model = make_pipeline(clone(load).set_params(memory=memory), TensorFlattener(), LogisticRegression())
        return cross_val_score(model, X, y, cv=StratifiedKFold(10)), model

    plain, _ = run(None)
    assert n_reads() == 10 * len(X)  # every fold reads all rows, to train on or held out
    kept, model = run(str(tmp_path / "kept"))
    assert n_reads() == len(X)
    np.testing.assert_array_equal(kept, plain)
    again, _ = run(str(tmp_path / "kept"))
    np.testing.assert_array_equal(again, plain)
    search = GridSearchCV(model, {"logisticregression__C": [0.1, 1.0]}, cv=StratifiedKFold(3)).fit(X, y)
    search.predict(X)
    assert n_reads() == 0
    GridSearchCV(model, {"countingmfcc__n_mfcc": [4, 6]}, cv=StratifiedKFold(3)).fit(X, y)
    assert n_reads() == len(X)  # for the four coefficients


def test_parallel_folds_share_the_cache(talks, tmp_path):
    X, y = talks
    memory = str(tmp_path / "kept")
    model = make_pipeline(
        MFCC(6, 8_000, duration=0.2, n_fft=256, n_mels=16, memory=memory), TensorFlattener(), LogisticRegression()
    )
    parallel = cross_val_score(model, X, y, cv=StratifiedKFold(5), n_jobs=2)
    np.testing.assert_array_equal(parallel, cross_val_score(model, X, y, cv=StratifiedKFold(5)))
    kept = [len(json.loads((path / "index.json").read_text())["keys"]) for path in segments(tmp_path)]
    assert sum(kept) == len(X)  # nobody decoded what another process had
