"""Tables of any container to columns, checked as scikit-learn checks input."""

from contextlib import suppress
from pathlib import PurePath

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from mmsk.columns import (
    blank_masked,
    check_container,
    frame_columns,
    is_frame,
    is_missing,
    is_tensor_column,
    make_column,
)
from mmsk.exceptions import BadInputError
from mmsk.net._cells import put_numbers


def read_columns(estimator, X, *, reset):
    """Check a table and split it into columns.

    Plain numeric input goes through scikit-learn's own validation. A table with array cells is checked for its names,
    its width and its rows; the cells are checked when they are collected.

    Parameters
    ----------
    estimator : estimator
        Learns `n_features_in_` and `feature_names_in_`.
    X : array-like, DataFrame, Series or list
        The table.
    reset : bool
        Whether this is a fit.

    Returns
    -------
    names : list of str or None
        Column names.
    columns : list of ndarray of shape (n_rows,)
        The columns.
    numeric_dtype : {"float32", "float64"} or None
        Dtype of plain numeric input, None for a table with cells.
    """
    step = type(estimator).__name__
    check_container(X, step)
    X = _as_table(X)
    try:
        if holds_cells(X) if reset else not estimator._plain_numbers:
            validate_data(estimator, X, reset=reset, skip_check_array=True)
            names, columns = frame_columns(X)
            if not columns or len(columns[0]) == 0:
                raise BadInputError("Found array with 0 sample(s) while a minimum of 1 is required.", step=step)
            return names, columns, None
        if not reset and holds_cells(X):
            validate_data(estimator, X, reset=False, skip_check_array=True)  # says which names or columns are wrong
            raise BadInputError(
                "X holds arrays or texts where training had numbers only",
                step=step,
                fix="Give columns of numbers, or fit on rows that hold such cells.",
            )
        if _holds_times(X):  # which scikit-learn takes for numbers
            return _read_numbers(estimator, X, reset)
        array = validate_data(estimator, X, dtype=(np.float64, np.float32), ensure_all_finite="allow-nan", reset=reset)
    except BadInputError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        # Column by column, numbers may have blanks of any kind, and what is none has a place.
        if is_frame(X) and min(X.shape) > 0:
            return _read_numbers(estimator, X, reset)
        if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 2:
            with suppress(BadInputError):
                return _read_numbers(estimator, X, reset)
        if isinstance(error, TypeError):
            raise
        raise BadInputError(str(error), step=step) from error
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else list(names), list(array.T), array.dtype.name


def _holds_times(X):
    dtypes = getattr(X, "dtypes", None) if is_frame(X) else [getattr(X, "dtype", None)]
    return any(
        getattr(dtype, "kind", "") in ("m", "M") or (hasattr(dtype, "is_temporal") and dtype.is_temporal())
        for dtype in (() if dtypes is None else dtypes)
    )


def _read_numbers(estimator, X, reset):
    step = type(estimator).__name__
    try:
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    except ValueError as error:
        raise BadInputError(str(error), step=step) from error
    names, columns = frame_columns(X)
    block = np.empty((len(columns[0]), len(columns)))
    for j, (column, name) in enumerate(zip(columns, names or range(len(columns)), strict=True)):
        put_numbers(column, block[:, j], 0, name, step)
    return names, list(block.T), "float64"


def _as_table(X):
    """Give a single column, however it came, the shape of a table."""
    X = blank_masked(X)
    if isinstance(X, np.ndarray) and X.ndim > 2:  # a block of cells
        return make_column(X)[:, None]
    if isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype == object and is_tensor_column(X):
        return X[:, None]
    if isinstance(X, list) and any(isinstance(cell, np.ndarray) and cell.ndim > 1 for cell in X):
        return make_column(X)[:, None]
    if hasattr(X, "to_frame") and not is_frame(X):
        return X.to_frame()
    return X


def holds_cells(X):
    """Tell a table of cells from plain numbers.

    Parameters
    ----------
    X : object
        Whatever was given to fit.

    Returns
    -------
    bool
        True if a column holds arrays, or text that belongs before a loader.
    """
    if issparse(X):
        return False
    if not is_frame(X) and not (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 2):
        return False
    _, columns = frame_columns(X)
    return any(is_tensor_column(column) or _holds_text(column) for column in columns)


def _holds_text(column):
    if column.dtype != object:
        return False
    return any(isinstance(cell, (str, bytes, PurePath)) for cell in column if not is_missing(cell))
