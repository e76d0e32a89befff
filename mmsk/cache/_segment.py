"""One segment of a cache: cells one behind the other in a file, and an index of them."""

import json
import os
import threading
from mmap import ACCESS_COPY, mmap

import numpy as np

CELLS, INDEX = "cells", "index.json"
_ALIGNMENT = 16


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
            What `cell_keys` gives.
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
        to_disk(self.file)
        index = {"size": self.file.tell(), "keys": self.keys}
        if self.layout is None:
            return index | {"ragged": self.ragged}
        shape, dtype = self.layout
        return index | {"shape": [int(side) for side in shape], "dtype": np.dtype(dtype).str}


def to_disk(file):
    """Wait until what was written to a file is on the disk.

    Parameters
    ----------
    file : file
        Open for writing.
    """
    file.flush()
    os.fsync(file.fileno())


def read_segment(path, keys):
    """Read cells of a segment.

    Parameters
    ----------
    path : Path
        The directory of the segment.
    keys : set of str or None
        The cells that are wanted; None wants all.

    Returns
    -------
    dict of str to ndarray
        Those of them that it holds: views of memory that is read from disk when it is needed.

    Raises
    ------
    OSError, ValueError, LookupError or TypeError
        If the segment is spoilt or being deleted.
    """
    index = json.loads((path / INDEX).read_bytes())
    keys = set(index["keys"]) if keys is None else keys
    if keys.isdisjoint(index["keys"]):
        return {}
    with open(path / CELLS, "rb") as file:
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
