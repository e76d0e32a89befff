"""Cells and tensor columns: told apart from absent ones, built, stacked."""

import numbers

import numpy as np

from mmsk.exceptions import BadInputError
from mmsk.lazy import LazyCell


def is_missing(cell):
    """Tell whether a raw or tensor cell is absent: None, NaN, ``pd.NA``, ``NaT``, an empty string, all masked.

    Parameters
    ----------
    cell : object
        One cell of a table.

    Returns
    -------
    bool
        True where the row lacks this modality.

    Examples
    --------
    >>> from mmsk.columns import is_missing
    >>> [is_missing(cell) for cell in (None, float("nan"), "", "cat.jpg", 0)]
    [True, True, True, False, False]
    """
    if cell is None or (isinstance(cell, (str, bytes)) and len(cell) == 0):
        return True
    if isinstance(cell, np.ma.MaskedArray):
        return cell.size > 0 and bool(np.ma.getmaskarray(cell).all())
    if isinstance(cell, (str, bytes, np.ndarray, LazyCell)):
        return False
    # pd.NA and NaT are recognised by name so that pandas need not be imported for a list of paths.
    if type(cell).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(cell, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(cell))
    return isinstance(cell, numbers.Real) and cell != cell


def unmasked(cell):
    """Refuse an array that hides some of its numbers behind a mask, which all but numpy would read.

    Parameters
    ----------
    cell : ndarray
        A raw or tensor cell.

    Returns
    -------
    ndarray
        The same numbers.

    Raises
    ------
    BadInputError
        If some are masked.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.columns import unmasked
    >>> unmasked(np.ma.array([0.5, 0.25])).tolist()
    [0.5, 0.25]
    """
    if np.ma.is_masked(cell):
        raise BadInputError(
            "the array masks some of its numbers", fix="Fill them with what they should count as: cell.filled(0)."
        )
    return np.asarray(cell)


def presence_of(cells):
    """Say which cells of one column are there.

    Parameters
    ----------
    cells : sequence of shape (n_rows,)
        Raw cells, tensor cells or numbers.

    Returns
    -------
    ndarray of shape (n_rows,), dtype bool
        False where :func:`is_missing` holds.

    Examples
    --------
    >>> from mmsk.columns import presence_of
    >>> presence_of(["a.wav", None, ""])
    array([ True, False, False])
    """
    if isinstance(cells, np.ma.MaskedArray):
        return np.fromiter((not is_missing(cell) for cell in cells), dtype=bool, count=len(cells))
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "fc":
        return ~np.isnan(cells)
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "mM":
        return ~np.isnat(cells)
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "iub":
        return np.ones(len(cells), dtype=bool)
    if set(map(type, cells)) <= {str, type(None)}:  # texts and paths, without a loop over them
        return np.fromiter(map(bool, cells), dtype=bool, count=len(cells))
    return np.fromiter((not is_missing(cell) for cell in cells), dtype=bool, count=len(cells))


def make_column(cells, presence=None):
    """Build a tensor column from a block or from single cells, without copying them.

    Parameters
    ----------
    cells : ndarray of shape (n_rows, ...) or sequence of ndarray, LazyCell or None
        A block, whose rows become views, or one array (or an absent value) a row.
    presence : array-like of shape (n_rows,), dtype bool, default=None
        Rows that have the modality; the others become None.

    Returns
    -------
    ndarray of shape (n_rows,), dtype object
        The tensor column.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.columns import make_column
    >>> column = make_column(np.zeros((3, 1, 4, 4), dtype="uint8"), presence=[True, False, True])
    >>> column[1] is None, column[2].shape
    (True, (1, 4, 4))
    """
    cells = _by_position(cells)
    column = np.empty(len(cells), dtype=object)
    if presence is None:
        presence = np.ones(len(cells), dtype=bool) if _is_block(cells) else presence_of(cells)
    elif len(presence) != len(cells):
        raise BadInputError(
            f"presence has {len(presence)} entries for {len(cells)} cells",
            step="make_column",
            fix="Give one entry a row.",
        )
    for row in np.flatnonzero(presence):
        cell = cells[row]
        if is_missing(cell):
            raise BadInputError("the cell is empty but presence says it is there", step="make_column", row=int(row))
        column[row] = cell if isinstance(cell, LazyCell) else _unmasked_at(row, cell, "make_column")
    return column


def _unmasked_at(row, cell, step):
    try:
        return unmasked(cell)
    except BadInputError as error:
        raise BadInputError(error.problem, step=step, row=int(row), fix=error.fix) from None


def _by_position(cells):
    """Take a Series for what it holds: of pandas a number asks for a label, and polars knows no numbers of NumPy."""
    return cells.to_numpy() if hasattr(cells, "to_numpy") else cells


def _is_block(cells):
    return isinstance(cells, np.ndarray) and cells.dtype != object and not isinstance(cells, np.ma.MaskedArray)


def stack_column(column):
    """Stack the cells of one tensor column into a block.

    Parameters
    ----------
    column : sequence of ndarray, LazyCell or None, of shape (n_rows,)
        A tensor column whose cells have one shape; lazy ones are decoded.

    Returns
    -------
    block : ndarray of shape (n_rows, *cell_shape)
        The cells in the dtype they have; zeros in rows without a cell.
    presence : ndarray of shape (n_rows,), dtype bool
        Rows that have a cell.

    Raises
    ------
    BadInputError
        If no row has a cell, the cells differ in shape, or a lazy one can no longer be decoded.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.columns import make_column, stack_column
    >>> block, presence = stack_column(make_column([np.ones(2), None]))
    >>> block.tolist(), presence.tolist()
    ([[1.0, 1.0], [0.0, 0.0]], [True, False])
    """
    column = _by_position(column)
    presence = presence_of(column)
    rows = np.flatnonzero(presence)
    if len(rows) == 0:
        raise BadInputError("every cell of the column is missing, so its shape is unknown", step="stack_column")
    cells = [column[row] for row in rows]
    cells = [
        cell if isinstance(cell, LazyCell) else _unmasked_at(row, cell, "stack_column")
        for row, cell in zip(rows, cells, strict=True)
    ]
    shape = cells[0].shape
    block = np.zeros((len(column), *shape), dtype=np.result_type(*{cell.dtype for cell in cells}))
    for row, cell in zip(rows, cells, strict=True):
        if cell.shape != shape:
            raise BadInputError(
                f"a cell of shape {cell.shape} stands in a column whose first cell has shape {shape}",
                step="stack_column",
                row=int(row),
                fix="Load the column with a fixed size or duration.",
            )
        try:
            block[row] = cell
        except BadInputError as error:  # a lazy cell whose file is gone
            raise BadInputError(
                error.problem, step=error.step, row=int(row), value=error.value, fix=error.fix
            ) from error.__cause__
    return block, presence


def is_blank_column(column):
    """Tell whether a column holds nothing but None, as loaders leave it; an empty column of numbers holds NaN.

    Parameters
    ----------
    column : ndarray of shape (n_rows,)
        A column.

    Returns
    -------
    bool
        Whether there are rows, and none has a cell.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.columns import is_blank_column
    >>> is_blank_column(np.array([None, None])), is_blank_column(np.array([None, np.nan], dtype=object))
    (True, False)
    """
    return column.dtype == object and len(column) > 0 and all(cell is None for cell in column)


def is_tensor_column(column):
    """Tell whether a column holds array cells.

    Parameters
    ----------
    column : ndarray of shape (n_rows,)
        One column of a table.

    Returns
    -------
    bool
        True if its first present cell is an array, decoded or not, with at least one dimension.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.columns import is_tensor_column, make_column
    >>> is_tensor_column(make_column([None, np.zeros(3)])), is_tensor_column(np.zeros(3))
    (True, False)
    """
    if column.dtype != object:
        return False
    first = next((cell for cell in column if not is_missing(cell)), None)
    return isinstance(first, (np.ndarray, LazyCell)) and first.ndim > 0
