"""What all samplers share: they check a table and its classes, and take rows of any container."""

import numpy as np
from imblearn.base import BaseSampler
from imblearn.utils import check_target_type
from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing, check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from mmsk.columns import check_labels, is_frame, rows_to_table
from mmsk.exceptions import BadInputError


class BaseTableSampler(BaseSampler):
    """Base class of samplers of tables; a subclass gives ``_fit_resample(X, classes, codes)``.

    It returns a table and, for each of its rows, the row whose label it has. ``_counts`` says how many rows a class is
    meant to have.
    """

    _parameter_constraints: dict = {}
    _allow_nd = False
    # imbalanced-learn's ensembles leave the choice of rows to such a sampler.
    _sampling_type = "bypass"

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Check the table and count its classes; rows are drawn by `fit_resample`.

        Parameters
        ----------
        X : DataFrame, list, sparse matrix or ndarray of shape (n_rows, n_columns)
            The table.
        y : array-like of shape (n_rows,)
            Class labels.

        Returns
        -------
        self
            The sampler.
        """
        self._check(X, y)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_resample(self, X, y):
        """Draw rows.

        Parameters
        ----------
        X : DataFrame, list, sparse matrix or ndarray of shape (n_rows, n_columns)
            The table.
        y : array-like of shape (n_rows,)
            Class labels.

        Returns
        -------
        X_resampled : same kind as `X`
            The rows drawn; a pandas frame gets a new index.
        y_resampled : same kind as `y`
            Their labels.

        Raises
        ------
        BadInputError
            If the table cannot be sampled from; the message says where and what to do.
        """
        table, origin = self._fit_resample(X, *self._check(X, y))
        return table, take_rows(y, origin)

    def _check(self, X, y):
        step = type(self).__name__
        if np.asarray(y).ndim == 1:
            check_labels(y, step)
        try:
            labels, _ = check_target_type(y, indicate_one_vs_all=True)
            check_consistent_length(X, labels)
            table = rows_to_table(X)
            table = np.asarray(table) if isinstance(table, list) else table
            if not is_frame(X):
                check_array(table, dtype=None, accept_sparse=True, ensure_all_finite=False, allow_nd=self._allow_nd)
            validate_data(self, table, skip_check_array=True)
        except ValueError as error:
            raise BadInputError(str(error), step=step) from error
        classes, codes = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise BadInputError(
                "y has one class where at least two are needed", step=step, value=classes.tolist(), fix="Add rows."
            )
        self.sampling_strategy_ = dict(zip(classes.tolist(), self._counts(codes), strict=True))
        return classes, codes

    def _counts(self, codes):
        return np.bincount(codes).tolist()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags


def take_rows(X, rows):
    """Take rows of a table or labels, whatever holds them; a pandas object is numbered anew.

    Parameters
    ----------
    X : DataFrame, Series, list, sparse matrix or ndarray of shape (n_rows, ...)
        The table.
    rows : ndarray of int
        Positions, in any order, any of them many times.

    Returns
    -------
    same kind as `X`
        Those rows, every dtype as it was.
    """
    taken = _safe_indexing(X, rows)
    return taken.reset_index(drop=True) if hasattr(taken, "reset_index") else taken
