"""Decoded cells kept on disk between folds, searches and runs."""

import errno
import json
import os
import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import joblib
from sklearn.utils.validation import check_memory

from mmsk import __version__
from mmsk.cache._segment import CELLS, INDEX, Segment, read_segment, to_disk
from mmsk.exceptions import BadInputError

try:
    import fcntl
except ImportError:  # Windows: processes that start together may decode a file twice
    fcntl = None  # type: ignore[assignment]

_FORMAT = 2
# joblib takes the time of access of this file for that of the segment. Nothing reads it, so only we say when.
_LAST_USE = "output.pkl"
_UNFINISHED = "unfinished-"
_DAY = 24 * 60 * 60
# An open map costs a file descriptor, of which a process usually has 1024.
_MOST_MAPS = 64
# Segments of less than a megabyte are joined with the next one once there are so many.
_SMALL, _MANY = 2**20, 32
# What systems and network drives without locks say.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP)
# How often somebody else may delete a folder between its making and the making of a file in it.
_MOST_DELETIONS = 100


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
    if not hasattr(memory, "store_backend"):
        raise BadInputError(
            f"memory is a {type(memory).__name__}, which does not say in which folder cells can be kept",
            fix="Give a folder, a joblib.Memory, or None.",
        )
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
            What `cell_keys` gives.

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
                cells = read_segment(path, keys - found.keys())
            except PermissionError:  # somebody else's
                continue
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
        except (FileNotFoundError, PermissionError):
            return []
        return sorted(paths, key=_size, reverse=True)

    @contextmanager
    def new_segment(self):
        """Open a segment to add cells to; it is kept when the block ends without an exception.

        Many small segments, such as calls with one row leave, become part of it, as every call looks into each.

        Yields
        ------
        Segment
            The segment.
        """
        self._remove_unfinished()
        path = self.directory / f"{_UNFINISHED}{uuid4().hex}"
        try:
            with _open_in(path, CELLS, "xb") as file:
                segment = Segment(file, self.layout)
                joined, cells = self._small_segments()
                for key, cell in cells.items():
                    segment.add(key, cell)
                yield segment
                index = segment.close()
            if not index["keys"]:
                return
            with suppress(FileNotFoundError):  # somebody emptied the cache
                (path / _LAST_USE).touch()
                with open(path / INDEX, "x") as file:
                    json.dump(index, file)
                    to_disk(file)
                path.replace(self.directory / uuid4().hex)
                for small in joined:
                    shutil.rmtree(small, ignore_errors=True)
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def _small_segments(self):
        """List the small segments if there are many, and their cells."""
        # Those that may not be deleted would be copied by every call.
        small = [path for path in self._segments() if _size(path) < _SMALL and os.access(path, os.W_OK)]
        if len(small) < _MANY:
            return [], {}
        joined, found = [], {}
        for path in small:
            with suppress(OSError, ValueError, LookupError, TypeError):  # left to `find`
                found |= read_segment(path, None)
                joined.append(path)
        return joined, found

    def _remove_unfinished(self):
        for path in self.directory.glob(f"{_UNFINISHED}*"):
            with suppress(OSError):
                if time.time() - os.stat(path / CELLS).st_mtime > _DAY:
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
            file = _open_in(self.directory, "lock", "ab")
        except OSError as error:
            raise BadInputError(
                f"cells that `memory` does not hold yet cannot be kept there: {error}",
                step=self.step,
                fix="Give a folder that can be written, or memory=None.",
            ) from error
        with file:
            if fcntl is None:
                yield
                return
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
            try:
                yield
            finally:
                # The end of a process gives it back, too; closing the file does not if another was forked meanwhile.
                with suppress(OSError):
                    fcntl.flock(file, fcntl.LOCK_UN)


def _open_in(folder, name, mode):
    """Open a file in a folder, which is made anew if somebody empties the cache meanwhile."""
    for _ in range(_MOST_DELETIONS):
        with suppress(FileNotFoundError):
            folder.mkdir(parents=True, exist_ok=True)
            return open(folder / name, mode)
    raise FileNotFoundError(errno.ENOENT, "somebody keeps deleting the folder", str(folder))


def _size(path):
    try:
        return os.stat(path / CELLS).st_size
    except OSError:
        return 0
