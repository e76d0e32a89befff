"""Columns of a table, read and replaced, whatever holds it."""

import numpy as np
from scipy.sparse import issparse

from mmsk.columns import frame_columns, group_raw_columns, is_frame, presence_of


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
    groups = group_raw_columns(names, columns)
    presence = [np.any([presence_of(columns[j]) for j in positions], axis=0) for positions in groups.values()]
    return groups, np.column_stack(presence)


def put_columns(X, new):
    """Replace columns of a table, which is not changed.

    Parameters
    ----------
    X : DataFrame, list of rows or ndarray of shape (n_rows, n_columns)
        The table.
    new : dict of int to ndarray of shape (n_rows,)
        Columns by position. In pandas an extension dtype (category, string, Int64, sparse) stays what it was,
        in polars every dtype.

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
    if is_frame(X):
        import polars as pl

        series = [_polars_series(pl, X.columns[j], column, X.dtypes[j]) for j, column in new.items()]
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


def _polars_series(pl, name, column, dtype):
    if dtype == pl.Null:
        return pl.Series(name, [None] * len(column), dtype=dtype)
    if column.dtype != object:
        series = pl.Series(name, column)
        if column.dtype.kind == "f" and (dtype.is_integer() or dtype == pl.Boolean):
            series = series.fill_nan(None).round()
        return series if dtype.is_float() else series.cast(dtype)
    cells = [None if isinstance(cell, float) and np.isnan(cell) else cell for cell in column.tolist()]
    if dtype.is_nested():  # polars makes lists of lists, not of arrays some of which are missing
        cells = [cell.tolist() if isinstance(cell, np.ndarray) else cell for cell in cells]
    series = pl.Series(name, cells, dtype=dtype)
    return series if series.dtype == dtype else series.cast(dtype)  # days come as times
