"""Cells that are read when they are needed, so that a set of files larger than memory can be trained on."""

from functools import cached_property

import numpy as np

from mmsk.exceptions import BadInputError


class CellReader:
    """The reading half of a loader, which goes between processes without what it builds.

    Parameters
    ----------
    loader : BaseCellTransformer
        The loader; a copy that nobody changes.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.lazy import CellReader
    >>> from mmsk.preprocessing import AudioLoader
    >>> CellReader(AudioLoader())(np.array([0, 16384], dtype="int16"))
    array([0. , 0.5], dtype=float32)
    """

    def __init__(self, loader):
        self.loader = loader

    def __call__(self, raw):
        """Decode one raw cell.

        Parameters
        ----------
        raw : object
            The raw cell.

        Returns
        -------
        ndarray
            The cell.

        Raises
        ------
        BadInputError
            If it cannot be read.
        """
        return self._read(raw)

    @cached_property
    def _read(self):
        return self.loader._cell_reader()  # windows and filters, once a process rather than once a cell

    def __getstate__(self):
        return {"loader": self.loader}


def as_promised(cell, shape, dtype, step):
    """Refuse a cell that numpy would silently repeat or round to make it what a loader says its cells are.

    Parameters
    ----------
    cell : array-like
        What the loader's reader gave.
    shape : tuple of int
        Shape of all cells.
    dtype : dtype
        Their dtype.
    step : str
        The loader.

    Returns
    -------
    ndarray
        The cell.

    Raises
    ------
    TypeError
        If it has another shape, or another kind of numbers. It is the loader that is wrong, and not what it read.

    Examples
    --------
    >>> from mmsk.lazy import as_promised
    >>> as_promised([1.5], (2,), "float32", "Length")
    Traceback (most recent call last):
        ...
    TypeError: Length reads a cell of shape (1,) and float64 where its _cell_layout promises (2,) and float32
    """
    cell = np.asarray(cell)
    if cell.shape != tuple(shape) or not np.can_cast(cell.dtype, dtype, "same_kind"):
        raise TypeError(
            f"{step} reads a cell of shape {cell.shape} and {cell.dtype} where its _cell_layout promises "
            f"{tuple(shape)} and {np.dtype(dtype)}"
        )
    return cell


class LazyCell:
    """A cell of a tensor column that is decoded each time it is asked for.

    Parameters
    ----------
    read : callable
        From the raw cell to an array; raises `BadInputError`. Picklable, such as a `CellReader`.
    raw : object
        The raw cell, such as a path.
    shape : tuple of int
        Shape of the array.
    dtype : dtype
        Its dtype.
    step : str
        The loader that made the cell, for error messages.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.lazy import LazyCell
    >>> cell = LazyCell(len, "cat", shape=(), dtype=np.dtype(int), step="Length")
    >>> cell
    LazyCell('cat', shape=(), dtype=int64)
    >>> np.asarray(cell)
    array(3)
    """

    __slots__ = ("dtype", "raw", "read", "shape", "step")

    def __init__(self, read, raw, *, shape, dtype, step):
        self.read = read
        self.raw = raw
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.step = step

    @property
    def ndim(self):
        """Count the axes of the array.

        Returns
        -------
        int
            Their number.
        """
        return len(self.shape)

    def __array__(self, dtype=None, copy=None):
        try:
            cell = as_promised(self.read(self.raw), self.shape, self.dtype, self.step)
        except BadInputError as error:
            raise BadInputError(error.problem, step=self.step, value=self.raw, fix=error.fix) from error
        return np.array(cell, dtype=dtype or self.dtype, copy=copy)

    def __repr__(self):
        return f"LazyCell({self.raw!r}, shape={self.shape}, dtype={self.dtype})"
