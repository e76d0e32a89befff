"""Columns of a table, read and replaced, whatever holds it."""

from numbers import Real

import numpy as np
from scipy.sparse import issparse

from mmsk.columns import frame_columns, group_columns, is_missing, is_tensor_column, make_column, presence_of

# group_columns tells modalities by whether a column holds arrays; columns of paths and texts are one each as well.
_ONE_CELL = make_column([np.zeros(1)])


def is_numeric(column):
    """Tell a column of plain numbers.

    Parameters
    ----------
    column : ndarray of shape (n_rows,)
        One column, as `frame_columns` gives it.

    Returns
    -------
    bool
        True if every cell that is there is a number, and there is one.
    """
    if column.dtype != object:
        return True
    return presence_of(column).any() and all(isinstance(cell, Real) for cell in column if not is_missing(cell))


def read_modalities(X):
    """Read which modalities the rows of a table have.

    Parameters
    ----------
    X : DataFrame, list, sparse matrix or ndarray of shape (n_rows, n_columns)
        The table.

    Returns
    -------
    groups : dict of str to list of int
        Positions of the columns of each modality.
    presence : ndarray of shape (n_rows, n_modalities), dtype bool
        False where all columns of a modality are missing.
    """
    if issparse(X):
        return {"table": list(range(X.shape[1]))}, np.ones((X.shape[0], 1), dtype=bool)
    names, columns = frame_columns(X)
    shown = [column if is_numeric(column) or is_tensor_column(column) else _ONE_CELL for column in columns]
    groups = group_columns(names, shown)
    presence = [np.any([presence_of(columns[j]) for j in positions], axis=0) for positions in groups.values()]
    return groups, np.column_stack(presence)


def put_columns(X, new):
    """Replace columns of a table, which is not changed.

    Parameters
    ----------
    X : DataFrame, list of rows or ndarray of shape (n_rows, n_columns)
        The table.
    new : dict of int to ndarray of shape (n_rows,)
        Columns by position. In pandas an extension dtype (category, string, Int64, sparse) stays what it was.

    Returns
    -------
    same kind as `X`
        The table with the new columns.
    """
    if hasattr(X, "isetitem"):
        import pandas as pd

        X = X.copy(deep=False)
        for j, column in new.items():
            series = pd.Series(column, index=X.index, dtype=column.dtype)
            X.isetitem(j, _as_before(series, X.dtypes.iloc[j]))
        return X
    if hasattr(X, "columns"):
        import polars as pl

        series = [pl.Series(X.columns[j], *_polars_cells(column, X.dtypes[j])) for j, column in new.items()]
        return X.with_columns(series)
    if isinstance(X, list):
        rows = [list(row) for row in X]
        for j, column in new.items():
            for row, cell in zip(rows, column.tolist(), strict=True):
                row[j] = cell
        return rows
    X = X.astype(np.result_type(X, *new.values()))
    for j, column in new.items():
        X[:, j] = column
    return X


def _as_before(series, dtype):
    """Give a pandas column the dtype it had; a plain one of whole numbers is left float where it lacks cells."""
    if isinstance(dtype, np.dtype) and (series.dtype.kind != "O" or dtype.kind == "O"):
        return series
    return (series.round() if dtype.kind in "iub" else series).astype(dtype)


def _polars_cells(column, dtype):
    return (column, None) if column.dtype != object else (column.tolist(), dtype)
