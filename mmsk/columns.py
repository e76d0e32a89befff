"""Tensor columns: object columns whose cells are arrays, or None where a row lacks the modality.

A cell may also be a `mmsk.lazy.LazyCell`, an array that is decoded when it is asked for.
Everything that travels between the steps of a pipeline is one of these or an ordinary numeric column.
"""

import numbers

import numpy as np

from mmsk.exceptions import BadInputError
from mmsk.lazy import LazyCell

TABLE = "table"


def is_missing(cell):
    """Tell whether a raw or tensor cell is absent: None, NaN, ``pd.NA``, ``NaT`` or an empty string.

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
    if isinstance(cell, (str, bytes, np.ndarray, LazyCell)):
        return False
    # pd.NA and NaT are recognised by name so that pandas need not be imported for a list of paths.
    if type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, numbers.Real) and cell != cell


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
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "fc":
        return ~np.isnan(cells)
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
    column = np.empty(len(cells), dtype=object)
    if presence is None:
        presence = presence_of(cells) if not _is_block(cells) else np.ones(len(cells), dtype=bool)
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
        column[row] = cell if isinstance(cell, LazyCell) else np.asarray(cell)
    return column


def _is_block(cells):
    return isinstance(cells, np.ndarray) and cells.dtype != object


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
    presence = presence_of(column)
    rows = np.flatnonzero(presence)
    if len(rows) == 0:
        raise BadInputError("every cell of the column is missing, so its shape is unknown", step="stack_column")
    cells = [column[row] if isinstance(column[row], LazyCell) else np.asarray(column[row]) for row in rows]
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
                error.problem, step=cell.step, row=int(row), value=cell.raw, fix=error.fix
            ) from error.__cause__
    return block, presence


def frame_columns(X):
    """List the columns of a table as 1-D arrays, whatever holds them.

    Parameters
    ----------
    X : DataFrame, Series, ndarray, list or sequence of rows
        pandas and polars frames, arrays of one or two dimensions, or plain lists. A one-dimensional input is one
        column.

    Returns
    -------
    names : list of str or None
        Column names, or None where `X` has none.
    columns : list of ndarray of shape (n_rows,)
        One array a column; numeric columns keep their dtype, everything else is object.

    Examples
    --------
    >>> from mmsk.columns import frame_columns
    >>> import pandas as pd
    >>> names, columns = frame_columns(pd.DataFrame({"photo": ["a.jpg", None], "age": [3, 4]}))
    >>> names, columns[1].tolist()
    (['photo', 'age'], [3, 4])
    """
    if hasattr(X, "columns") and not callable(X.columns):
        names = [str(name) for name in X.columns]
        if hasattr(X, "iloc"):
            columns = [_to_array(X.iloc[:, i]) for i in range(X.shape[1])]
        else:
            columns = [_to_array(X[name]) for name in X.columns]
        return names, columns
    if hasattr(X, "to_numpy") and getattr(X, "ndim", 1) == 1:  # a Series
        name = getattr(X, "name", None)
        return (None if name in (None, "") else [str(name)]), [_to_array(X)]
    if isinstance(X, np.ndarray):
        return None, [_to_array(X)] if X.ndim == 1 else [_to_array(column) for column in X.T]
    rows = list(X)
    if rows and all(isinstance(row, (list, tuple)) for row in rows):
        width = len(rows[0])
        for i, row in enumerate(rows):
            if len(row) != width:
                raise BadInputError(f"the row has {len(row)} cells where the first has {width}", row=i)
        return None, [_object_array([row[j] for row in rows]) for j in range(width)]
    return None, [_object_array(rows)]


def _object_array(cells):
    column = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):  # numpy would try to look inside cells that are sequences
        column[row] = cell
    return column


def _to_array(column):
    if isinstance(column, np.ndarray):
        return column if column.dtype.kind in "iufbO" else column.astype(object)
    if str(getattr(column, "dtype", "")) == "category":
        return np.asarray(column.astype(object), dtype=object)
    array = column.to_numpy()
    if array.dtype.kind in "iufb":
        return array
    if array.dtype == object:
        if _is_nullable_number(column):
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        return array
    return array.astype(object)


def _is_nullable_number(column):
    """Recognise pandas' Int64, Float64 and boolean columns, which hold pd.NA for an absent number."""
    kind = getattr(getattr(column, "dtype", None), "kind", "O")
    return kind in "iufb"


def frame_presence(X):
    """Read which cells of a table are there.

    Parameters
    ----------
    X : DataFrame, Series, ndarray or list
        A table of raw cells, tensor cells and numbers.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), dtype bool
        False where a cell is missing.

    Examples
    --------
    >>> from mmsk.columns import frame_presence
    >>> frame_presence([["a.jpg", ""], [None, "b.wav"]])
    array([[ True, False],
           [False,  True]])
    """
    _, columns = frame_columns(X)
    if not columns:
        return np.ones((len(X), 0), dtype=bool)
    return np.column_stack([presence_of(column) for column in columns])


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


def group_columns(names, columns, keys=()):
    """Map the columns of a table to modalities.

    A name such as ``image__photo``, as `ColumnTransformer` writes it, belongs to ``image``. Without a prefix a tensor
    column is keyed by its own name and all plain numeric columns together are ``table``. Where columns have no
    names, the groups (each tensor column, and the numeric columns together) take `keys` in order, then ``x<i>``.

    Parameters
    ----------
    names : list of str or None
        Column names, as :func:`frame_columns` gives them.
    columns : list of ndarray of shape (n_rows,)
        The columns.
    keys : sequence of str, default=()
        Modality names for columns without names.

    Returns
    -------
    dict of str to list of int
        Positions of the columns of each modality, in order of first appearance.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.columns import group_columns, make_column
    >>> photo = make_column(np.zeros((2, 1, 4, 4), dtype="uint8"))
    >>> group_columns(["image__photo", "age", "image__back", "weight"], [photo, np.ones(2), photo, np.ones(2)])
    {'image': [0, 2], 'table': [1, 3]}
    """
    groups: dict[str, list[int]] = {}
    if names is None:
        remaining = iter(keys)
        table_key = None
        for i, column in enumerate(columns):
            if is_tensor_column(column):
                groups[next(remaining, f"x{i}")] = [i]
            elif table_key is None:
                table_key = next(remaining, TABLE)
                groups[table_key] = [i]
            else:
                groups[table_key].append(i)
        return groups
    for i, (name, column) in enumerate(zip(names, columns, strict=True)):
        prefix, separator, _ = name.partition("__")
        if separator and prefix:
            key = prefix
        else:
            key = name if is_tensor_column(column) else TABLE
        groups.setdefault(key, []).append(i)
    return groups
