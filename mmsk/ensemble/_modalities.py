"""Which columns an estimator of the late fusion reads, and which rows have them."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils._indexing import _get_column_indices

from mmsk.columns import frame_columns, group_raw_columns, presence_of
from mmsk.exceptions import BadInputError


@dataclass
class Part:
    """The columns of one modality.

    Attributes
    ----------
    name : str
        The modality.
    columns : list of int
        Positions.
    one_dimensional : bool
        Whether its only column is given as a series rather than a table, as `ColumnTransformer` does for a single name.
    """

    name: str
    columns: list
    one_dimensional: bool

    def take(self, X):
        """Take the columns out of a table.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        DataFrame, Series or ndarray
            The columns.
        """
        return _safe_indexing(X, self.columns[0] if self.one_dimensional else self.columns, axis=1)

    def presence(self, X):
        """Say which rows have the modality.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        ndarray of shape (n_rows,), dtype bool
            True where any of the columns has a cell.
        """
        columns = frame_columns(_safe_indexing(X, self.columns, axis=1))[1]
        return np.any([presence_of(column) for column in columns], axis=0)


def find_parts(entries, X, step):
    """Match estimators to columns.

    Parameters
    ----------
    entries : list of (name, estimator) or (name, estimator, columns)
        As the user gave them.
    X : DataFrame or ndarray of shape (n_rows, n_columns)
        The table.
    step : str
        Who asks, for error messages.

    Returns
    -------
    list of Part
        One an estimator.
    """
    if getattr(X, "ndim", 2) != 2 or not hasattr(X, "shape"):
        raise BadInputError(
            "a table of two dimensions was expected",
            step=step,
            fix="Give a frame, or an array of one modality a column.",
        )
    names, columns = frame_columns(X)
    groups = group_raw_columns(names, columns, [entry[0] for entry in entries if len(entry) == 2])
    return [_find_part(entry, groups, X, step) for entry in entries]


def _find_part(entry, groups, X, step):
    name = entry[0]
    if len(entry) == 2:
        if name not in groups:
            raise BadInputError(
                f"estimators names modality {name!r}, which X does not have; it has {', '.join(groups)}",
                step=step,
                fix="A modality is the part of a column name before '__', or the name of a column of cells; columns of "
                "numbers together are 'table'. Otherwise give (name, estimator, columns).",
            )
        return Part(name, groups[name], False)
    chosen = entry[2](X) if callable(entry[2]) else entry[2]
    try:
        positions = np.atleast_1d(_get_column_indices(X, chosen)).tolist()
    except (ValueError, IndexError, KeyError) as error:
        raise BadInputError(str(error), step=step, column=chosen, fix="Name columns that X has.") from error
    if not positions:
        raise BadInputError(f"no column is chosen for modality {name!r}", step=step, fix="Leave the estimator out.")
    return Part(name, positions, isinstance(chosen, (str, Integral)))
