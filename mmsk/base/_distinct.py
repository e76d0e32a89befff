"""Equal raw cells of a table are read once: which there are, and where they stand."""

from itertools import chain, compress, count
from pathlib import Path

import numpy as np

from mmsk.columns import presence_of


def distinct_cells(columns):
    """Find the cells that are there, each distinct path, text and encoded file once.

    Parameters
    ----------
    columns : list of ndarray of shape (n_rows,)
        The columns of a table.

    Returns
    -------
    cells : list
        The distinct cells, in order of first appearance, column by column.
    slots : list of ndarray of shape (n_rows,), dtype int64
        For every column the position in `cells`, -1 where a cell is missing.

    Examples
    --------
    >>> from mmsk.base import distinct_cells
    >>> cells, slots = distinct_cells([["a.jpg", None, "b.jpg", "a.jpg"]])
    >>> cells, slots[0].tolist()
    (['a.jpg', 'b.jpg'], [0, -1, 1, 0])
    """
    # Numbers become objects that live on, so that the id of each is its own.
    flat = list(chain.from_iterable(columns))
    # Texts and paths are their own keys; most columns hold nothing else.
    only_texts = set(map(type, flat)) <= {str, type(None)}
    keys = flat if only_texts else [cell if type(cell) is str else _identity(cell) for cell in flat]
    distinct = dict.fromkeys(keys)
    ends = np.cumsum([len(column) for column in columns])[:-1]
    if only_texts and len(distinct) == len(flat) and not distinct.keys() & {"", None}:
        return flat, np.split(np.arange(len(flat)), ends)
    numbers = dict(zip(distinct, count()))
    slots = np.fromiter(map(numbers.__getitem__, keys), dtype=np.int64, count=len(flat))
    distinct = list(numbers) if only_texts else [flat[i] for i in np.unique(slots, return_index=True)[1]]
    present = presence_of(distinct)
    if not present.all():
        slots = np.where(present, np.cumsum(present) - 1, -1)[slots]
        distinct = list(compress(distinct, present))
    return distinct, np.split(slots, ends)


def spread_cells(cells, slots):
    """Put every cell where its raw cell stood.

    Parameters
    ----------
    cells : sequence of ndarray, LazyCell or None
        What was read, one for every distinct raw cell.
    slots : list of ndarray of shape (n_rows,), dtype int64
        What :func:`distinct_cells` gives.

    Returns
    -------
    list of ndarray of shape (n_rows,), dtype object
        One column for every raw one, None where a cell is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.base import spread_cells
    >>> spread_cells([np.array([3])], [np.array([0, -1, 0])])
    [array([array([3]), None, array([3])], dtype=object)]
    """
    values = np.fromiter(chain(cells, [None]), dtype=object, count=len(cells) + 1)  # -1 finds the None
    return [values[slot] for slot in slots]


def first_place(i, slots):
    """Find where a distinct cell stands first.

    Parameters
    ----------
    i : int
        Its position among the distinct cells.
    slots : list of ndarray of shape (n_rows,), dtype int64
        What :func:`distinct_cells` gives.

    Returns
    -------
    row : int
        Position of the row.
    j : int
        Position of the column.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.base import first_place
    >>> first_place(0, [np.array([1, -1]), np.array([1, 0])])
    (1, 1)
    """
    j = next(j for j, slot in enumerate(slots) if i in slot)
    return int(np.argmax(slots[j] == i)), j


def _identity(cell):
    """Give equal keys to cells that hold the same file, text or encoded bytes."""
    if isinstance(cell, (str, bytes)):
        return cell
    if isinstance(cell, Path):
        return str(cell)
    return id(cell)
