"""The columns of a table, whatever holds it."""

from pathlib import PurePath

import numpy as np
from scipy.sparse import issparse

from mmsk.columns._cells import presence_of
from mmsk.exceptions import BadInputError


def is_frame(X):
    """Tell a frame, of pandas, polars or the like, from all other tables.

    Parameters
    ----------
    X : object
        Whatever was given as a table.

    Returns
    -------
    bool
        True if it has named columns. The type is asked: a pandas Series has its row labels as attributes.

    Examples
    --------
    >>> from mmsk.columns import is_frame
    >>> import pandas as pd
    >>> is_frame(pd.DataFrame({"age": [3]})), is_frame(pd.Series([3], index=["columns"]))
    (True, False)
    """
    columns = getattr(type(X), "columns", None)
    return columns is not None and not callable(columns)


def blank_masked(X):
    """Blank what a masked array of numpy masks; scikit-learn would read what lies beneath.

    Parameters
    ----------
    X : object
        Whatever was given as a table.

    Returns
    -------
    object
        Anything but a masked array as it is; of that an array with NaN, or None among objects.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.columns import blank_masked
    >>> blank_masked(np.ma.array([[1, -99], [3, 4]], mask=[[False, True], [False, False]]))
    array([[ 1., nan],
           [ 3.,  4.]])
    """
    if not isinstance(X, np.ma.MaskedArray):
        return X
    is_number = X.dtype.kind in "iufbc"
    cells = X.data.astype(np.result_type(X.dtype, np.float32) if is_number else object)
    cells[np.ma.getmaskarray(X)] = np.nan if is_number else None
    return cells


def check_container(X, step, fix="Give a frame, an array, or a list of rows."):
    """Refuse what holds no rows that could be read.

    Parameters
    ----------
    X : object
        Whatever was given as a table; a sparse matrix is left to others.
    step : str
        Who asks, for error messages.
    fix : str, default="Give a frame, an array, or a list of rows."
        What to give instead.

    Raises
    ------
    BadInputError
        If it is a single thing, a lazy frame or an iterator.

    Examples
    --------
    >>> from mmsk.columns import check_container
    >>> check_container({"photo": ["a.jpg"]}, "fit")
    Traceback (most recent call last):
        ...
    mmsk.exceptions.BadInputError: fit: a single dict came where a table was expected. Give a frame, an array, or ...
    """
    if issparse(X):  # some are dicts
        return
    if X is None or np.isscalar(X) or isinstance(X, (bytes, dict, PurePath)):
        problem = f"a single {type(X).__name__} came where a table was expected"
    elif hasattr(type(X), "collect"):
        problem = "a lazy frame came; its cells are not there yet"
    elif hasattr(X, "__next__"):
        problem = "an iterator came, which can be walked but once"
    else:
        return
    raise BadInputError(problem, step=step, fix=fix)


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
    if is_frame(X):
        names = [str(name) for name in X.columns]
        if hasattr(X, "iloc"):
            columns = [_to_array(X.iloc[:, i]) for i in range(X.shape[1])]
        else:
            columns = [_to_array(X[name]) for name in X.columns]
        return names, columns
    if hasattr(X, "to_numpy") and getattr(X, "ndim", 1) == 1:  # a Series
        name = getattr(X, "name", None)
        return (None if name in (None, "") else [str(name)]), [_to_array(X)]
    X = blank_masked(X)
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


def join_columns(columns):
    """Put columns side by side without looking inside their cells, as numpy would.

    Parameters
    ----------
    columns : list of ndarray of shape (n_rows,)
        At least one column, of any dtypes.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), dtype object
        The same cells.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.columns import join_columns, make_column
    >>> join_columns([make_column(np.zeros((2, 3, 4))), np.array([1.0, 2.0])]).shape
    (2, 2)
    """
    table = np.empty((len(columns[0]), len(columns)), dtype=object)
    for j, column in enumerate(columns):
        table[:, j] = column
    return table


def rows_to_table(X):
    """Make a table of a list of rows without looking inside their cells, as numpy would.

    Parameters
    ----------
    X : object
        What a user gave.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), dtype object, or object
        The table; what is no list of rows comes back as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.columns import rows_to_table
    >>> rows_to_table([[np.zeros(3), 1.0], [np.zeros(3), 2.0]]).shape
    (2, 2)
    """
    if not isinstance(X, list) or not X or not all(isinstance(row, (list, tuple)) for row in X):
        return X
    return join_columns(frame_columns(X)[1])


def _object_array(cells):
    return np.fromiter(cells, dtype=object, count=len(cells))  # np.array would look inside cells that are sequences


def _to_array(column):
    if isinstance(column, np.ndarray):
        return column if column.dtype.kind in "iufbO" else _to_objects(column)
    if str(getattr(column, "dtype", "")) == "category":
        return np.asarray(column.astype(object), dtype=object)
    if type(getattr(column, "dtype", None)).__name__ == "Struct":  # of polars, which makes arrays of their fields
        return _object_array(column.to_list())
    array = column.to_numpy()
    if array.ndim > 1:  # a column of arrays, of polars
        absent = column.is_null().to_numpy()
        return _object_array([None if blank else cell for cell, blank in zip(array, absent, strict=True)])
    if array.dtype.kind in "iufb":
        return array
    if array.dtype == object:
        if _is_nullable_number(column):
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        return array
    return _to_objects(array)


def _to_objects(array):
    if array.dtype.kind in "mM":  # nanoseconds would become integers, and NaT the least of them
        array = array.astype(f"{array.dtype.kind}8[us]")
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
