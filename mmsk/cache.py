"""Decoded cells kept on disk between folds, searches and runs.

What one call had to decode is one *segment*: a directory that holds the cells one behind the other, an index of them,
and a mark of the last use. Segments lie where joblib keeps the results of functions and are named as these are, so that
``joblib.Memory(...).reduce_size()`` and ``clear()`` treat them alike. They are written under another name and renamed
when they are whole, and never changed afterwards.
"""

import json
import os
import shutil
import threading
import time
from contextlib import contextmanager, suppress
from hashlib import blake2b
from mmap import ACCESS_COPY, mmap
from pathlib import Path
from uuid import uuid4

import joblib
import numpy as np
from sklearn.utils.validation import check_memory

from mmsk import __version__
from mmsk.exceptions import BadInputError

try:
    import fcntl
except ImportError:  # Windows: processes that start together may decode a file twice
    fcntl = None  # type: ignore[assignment]

_FORMAT = 1
_CELLS, _INDEX = "cells", "index.json"
# joblib takes the time of access of this file for that of the segment. Nothing reads it, so only we say when.
_LAST_USE = "output.pkl"
_UNFINISHED = "unfinished-"
_DAY = 24 * 60 * 60
# An open map costs a file descriptor, of which a process usually has 1024.
_MOST_MAPS = 64
_ALIGNMENT = 16


def cell_key(cell):
    """Name the content of a raw cell.

    Parameters
    ----------
    cell : object
        A raw cell.

    Returns
    -------
    str or None
        A digest of a file's absolute path, size and time of change, or of encoded bytes. None for a file that cannot
        be reached, and for arrays and pictures, which are in memory already.

    Examples
    --------
    >>> from mmsk.cache import cell_key
    >>> cell_key(b"encoded") == cell_key(b"encoded"), cell_key("nowhere.wav")
    (True, None)
    """
    if isinstance(cell, bytes):
        return blake2b(cell, digest_size=16).hexdigest()
    if not isinstance(cell, (str, Path)):
        return None
    try:
        status = os.stat(cell)
    except (OSError, ValueError):
        return None
    name = f"\0{status.st_size}\0{status.st_mtime_ns}".encode()
    return blake2b(os.fsencode(os.path.abspath(cell)) + name, digest_size=16).hexdigest()


def is_mapped(cell):
    """Tell whether the memory of an array is a file, read when it is needed.

    Parameters
    ----------
    cell : object
        A cell.

    Returns
    -------
    bool
        True for cells of a `CellCache` and of `numpy.memmap`.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.cache import is_mapped
    >>> is_mapped(np.zeros(3))
    False
    """
    while isinstance(cell, np.ndarray):
        cell = cell.base
    return isinstance(cell, mmap)


def cache_location(memory):
    """Say where cells are kept.

    Parameters
    ----------
    memory : str, Path, joblib.Memory or None
        As `sklearn.pipeline.Pipeline` takes it.

    Returns
    -------
    str or None
        The directory that joblib would use; None where nothing is kept.

    Examples
    --------
    >>> import joblib
    >>> from mmsk.cache import cache_location
    >>> cache_location(None), cache_location(joblib.Memory(None))
    (None, None)
    """
    # joblib takes a string and a path to different places; so must we, or reduce_size would miss what we keep.
    try:
        memory = joblib.Memory(memory, verbose=0) if isinstance(memory, Path) else check_memory(memory)
    except OSError as error:
        raise BadInputError(f"memory={memory!r} cannot hold cells: {error}", fix="Give a folder, or None.") from error
    return getattr(memory.store_backend, "location", None)


class CellCache:
    """The cells that one kind of loader has decoded.

    Parameters
    ----------
    location : str
        Where cells are kept.
    name : str
        What the cells are of.
    content : object
        Everything else that a cell depends on besides its raw cell.
    layout : tuple of (shape, dtype) or None
        What all cells have; None where they differ.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from mmsk.cache import CellCache
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     cache = CellCache(directory, "Tone", {"seconds": 1}, ((2,), "float32"))
    ...     with cache.new_segment() as segment:
    ...         segment.add("a", np.ones(2))
    ...     cache.find({"a", "b"})
    {'a': array([1., 1.], dtype=float32)}
    """

    def __init__(self, location, name, content, layout):
        self.layout = layout
        self.step = name.rpartition(".")[2]
        digest = joblib.hash((_FORMAT, __version__, name, content, layout))
        # The prefix keeps joblib from taking the directory of all segments for one of them.
        self.directory = Path(location) / "mmsk" / f"{self.step}-{digest}"

    def find(self, keys):
        """Look cells up.

        Parameters
        ----------
        keys : set of str
            What `cell_key` gives.

        Returns
        -------
        dict of str to ndarray
            The cells that are there: views of memory that is read from disk when it is needed, and copied when it is
            written to.
        """
        found: dict = {}
        n_maps = 0
        for path in self._segments():
            try:
                cells = _read_segment(path, keys - found.keys())
            except (FileNotFoundError, ValueError, LookupError, TypeError):  # cut short, spoilt, or being deleted
                shutil.rmtree(path, ignore_errors=True)
                continue
            if not cells:
                continue
            n_maps += 1
            found.update(cells if n_maps <= _MOST_MAPS else {key: cell.copy() for key, cell in cells.items()})
            with suppress(OSError):  # a cache that may be read only, or is being emptied
                os.utime(path / _LAST_USE)
        return found

    def _segments(self):
        """List the segments, the longest first, as it should be mapped rather than copied."""
        try:
            paths = [path for path in self.directory.iterdir() if path.is_dir() and _UNFINISHED not in path.name]
        except FileNotFoundError:
            return []
        return sorted(paths, key=_size, reverse=True)

    @contextmanager
    def new_segment(self):
        """Open a segment to add cells to; it is kept when the block ends without an exception.

        Yields
        ------
        Segment
            The segment.
        """
        self._remove_unfinished()
        path = self.directory / f"{_UNFINISHED}{uuid4().hex}"
        path.mkdir(parents=True)
        try:
            with open(path / _CELLS, "xb") as file:
                segment = Segment(file, self.layout)
                yield segment
                index = segment.close()
            if not index["keys"]:
                return
            with suppress(FileNotFoundError):  # somebody emptied the cache
                (path / _LAST_USE).touch()
                with open(path / _INDEX, "x") as file:
                    json.dump(index, file)
                    _to_disk(file)
                path.replace(self.directory / uuid4().hex)
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def _remove_unfinished(self):
        for path in self.directory.glob(f"{_UNFINISHED}*"):
            with suppress(OSError):
                if time.time() - os.stat(path / _CELLS).st_mtime > _DAY:
                    shutil.rmtree(path)

    @contextmanager
    def turn(self):
        """Wait until no other process decodes for this cache, so that no file is decoded twice.

        Yields
        ------
        None
            Nothing.

        Raises
        ------
        BadInputError
            If nothing can be written there.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            file = open(self.directory / "lock", "ab")
        except OSError as error:
            raise BadInputError(
                f"cells that `memory` does not hold yet cannot be kept there: {error}",
                step=self.step,
                fix="Give a folder that can be written, or memory=None.",
            ) from error
        with file:
            with suppress(OSError):  # some network drives have no locks
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX)  # closing the file gives it back, and so does the end of a process
            yield


class Segment:
    """Cells that are being written; `CellCache.new_segment` opens one.

    Parameters
    ----------
    file : file
        Where the cells go.
    layout : tuple of (shape, dtype) or None
        What all cells have; None where they differ.
    """

    def __init__(self, file, layout):
        self.file = file
        self.layout = layout
        self.keys = []
        self.ragged = []
        self._lock = threading.Lock()

    def add(self, key, cell):
        """Write one cell; threads may call it.

        Parameters
        ----------
        key : str
            What `cell_key` gives.
        cell : ndarray
            The cell.
        """
        if self.layout is not None:
            shape, dtype = self.layout
            cell = np.broadcast_to(np.asarray(cell, dtype=dtype), shape)
        cell = np.ascontiguousarray(cell)
        with self._lock:
            if self.layout is None:
                self.file.write(bytes(-self.file.tell() % _ALIGNMENT))
                self.ragged.append((self.file.tell(), cell.dtype.str, cell.shape))
            self.file.write(cell.data if cell.size else b"")
            self.keys.append(key)

    def close(self):
        """Bring the cells to the disk.

        Returns
        -------
        dict
            The index of the segment.
        """
        _to_disk(self.file)
        index = {"size": self.file.tell(), "keys": self.keys}
        if self.layout is None:
            return index | {"ragged": self.ragged}
        shape, dtype = self.layout
        return index | {"shape": [int(side) for side in shape], "dtype": np.dtype(dtype).str}


def _to_disk(file):
    file.flush()
    os.fsync(file.fileno())


def _read_segment(path, keys):
    index = json.loads((path / _INDEX).read_bytes())
    if keys.isdisjoint(index["keys"]):
        return {}
    with open(path / _CELLS, "rb") as file:
        if os.fstat(file.fileno()).st_size != index["size"]:
            raise ValueError("the segment is cut short")
        return _views(index, file, keys)


def _views(index, file, keys):
    """Give those cells of a file that are asked for."""
    size = index["size"]
    # A map of this call's own: what a user writes into a cell must not show in the next call's cells.
    data = mmap(file.fileno(), size, access=ACCESS_COPY) if size else bytearray()
    wanted = [(i, key) for i, key in enumerate(index["keys"]) if key in keys]
    if "ragged" not in index:
        block = np.ndarray((len(index["keys"]), *index["shape"]), dtype=index["dtype"], buffer=data)
        return {key: block[i] for i, key in wanted}
    block = np.ndarray(size, dtype=np.uint8, buffer=data)
    cells = {}
    for i, key in wanted:
        start, dtype, shape = index["ragged"][i]
        stop = start + np.dtype(dtype).itemsize * int(np.prod(shape))
        cells[key] = block[start:stop].view(dtype).reshape(shape)
    return cells


def _size(path):
    try:
        return os.stat(path / _CELLS).st_size
    except OSError:
        return 0
