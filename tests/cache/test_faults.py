"""What may happen to a cache: spoilt files, killed runs, several processes and threads."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mmsk import BadInputError, CacheWarning
from mmsk.cache import _cell_cache
from mmsk.preprocessing import ImageLoader
from tests.cache.reading import Bytes, n_reads, reads, segments, texts
from tests.preprocessing.files import write_image


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
    (segment / _cell_cache._LAST_USE).unlink()  # a mark that cannot be set
    assert texts(Bytes(memory=str(tmp_path / "kept")).fit_transform(paths)) == ["abcd", "efgh"]
    assert n_reads() == 2


def test_a_folder_that_cannot_hold_a_cache(files, tmp_path):
    (tmp_path / "kept" / "joblib").mkdir(parents=True)
    (tmp_path / "kept" / "joblib" / "mmsk").symlink_to(tmp_path / "unplugged" / "drive")
    with pytest.raises(BadInputError, match=r"^Bytes: cells that `memory` does not hold yet .* kept there: .*mmsk"):
        Bytes(memory=str(tmp_path / "kept")).fit_transform(files("abcd"))


def test_an_exception_leaves_nothing_behind(files, tmp_path):
    class Broken(Bytes):
        def _read(self, cell):
            if len(reads) == 1:
                raise ZeroDivisionError
            return super()._read(cell)

    paths = files("abcd", "efgh")
    with pytest.raises(ZeroDivisionError):
        Broken(memory=str(tmp_path / "kept")).fit_transform(paths)
    assert not list(Path(tmp_path).rglob(f"{_cell_cache._UNFINISHED}*"))
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
    (unfinished,) = kept.rglob(f"{_cell_cache._UNFINISHED}*")
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
        monkeypatch.setattr(_cell_cache, "fcntl", None)
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


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "kept").write_text("no folder")
    path = write_image(tmp_path / "a.png")
    with pytest.raises(BadInputError, match="cannot hold cells.*Give a folder"):
        ImageLoader(memory=str(tmp_path / "kept")).fit_transform([path])


def test_a_full_disk_costs_the_cache_and_no_cell(files, tmp_path):
    resource = pytest.importorskip("resource")
    paths = files(*(f"{i:04}" for i in range(300)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.warns(CacheWarning, match=r"Bytes: 300 cells are decoded .* File too large. Make room"):
            table = Bytes(memory=str(tmp_path / "kept")).fit_transform(paths)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert texts(table) == [f"{i:04}" for i in range(300)]
    assert not segments(tmp_path) and not list(tmp_path.rglob(f"{_cell_cache._UNFINISHED}*"))


def test_segments_of_somebody_else_are_passed_over(files, tmp_path, monkeypatch):
    paths = files("abcd")
    reader = Bytes(memory=str(tmp_path / "kept")).fit(paths)
    reader.transform(paths)
    (foreign,) = segments(tmp_path)
    read = _cell_cache.read_segment

    def refuse(path, keys):
        if path == foreign:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, keys)

    monkeypatch.setattr(_cell_cache, "read_segment", refuse)
    assert texts(reader.transform(paths)) == ["abcd"]
    assert foreign.exists() and len(segments(tmp_path)) == 2


def test_a_folder_deleted_as_soon_as_it_is_made_is_made_again(files, tmp_path, monkeypatch):
    make, deleted = Path.mkdir, []

    def make_in_vain(path, *args, **kwargs):
        make(path, *args, **kwargs)
        if path.parent.name == "mmsk" and len(deleted) < 3:
            deleted.append(path)
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", make_in_vain)
    assert texts(Bytes(memory=str(tmp_path / "kept")).fit_transform(files("abcd"))) == ["abcd"]
    assert len(deleted) == 3 and len(segments(tmp_path)) == 1


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are found as Linux shows them")
def test_a_forked_process_does_not_keep_the_lock(tmp_path):
    import fcntl

    kept = _cell_cache.CellCache(str(tmp_path), "Bytes", {}, None)
    with kept.turn():
        lock = kept.directory / "lock"
        held = [fd for fd in Path("/proc/self/fd").iterdir() if fd.exists() and fd.resolve() == lock]
        inherited = os.dup(int(held[0].name))  # what a fork does to every open file
    try:
        with open(lock, "ab") as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(inherited)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no such timers here")
def test_a_time_limit_ends_waiting_for_another_process(tmp_path):
    def stop(*_):
        raise TimeoutError("long enough")

    kept = _cell_cache.CellCache(str(tmp_path), "Bytes", {}, None)
    before = signal.signal(signal.SIGALRM, stop)
    try:
        with kept.turn():
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(TimeoutError, match="long enough"), kept.turn():
                raise AssertionError("two are in turn")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
