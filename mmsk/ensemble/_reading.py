"""Tables and labels as any estimator takes them, checked but not changed."""

from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _check_sample_weight, _num_samples, validate_data

from mmsk.columns import blank_masked, check_container, check_labels, frame_columns, is_frame, is_missing, rows_to_table
from mmsk.exceptions import BadInputError


def read_table(estimator, X, *, reset):
    """Check a table.

    Parameters
    ----------
    estimator : estimator
        Learns `n_features_in_` and `feature_names_in_`.
    X : DataFrame, list or ndarray of shape (n_rows, n_columns)
        Raw cells, tensor cells and numbers.
    reset : bool
        Whether this is a fit.

    Returns
    -------
    DataFrame or ndarray of shape (n_rows, n_columns)
        The table as it came; lists as arrays, and plain numbers that are in no frame as floats, where NaN is a missing
        cell.
    """
    check_container(X, type(estimator).__name__)
    X = blank_masked(X)
    try:
        if holds_cells(X):
            X = rows_to_table(X)
            validate_data(estimator, X, reset=reset, skip_check_array=True)
            if _num_samples(X) == 0:
                raise BadInputError("Found array with 0 sample(s) while a minimum of 1 is required.")
            return X
        array = validate_data(estimator, X, dtype=(np.float64, np.float32), ensure_all_finite="allow-nan", reset=reset)
    except ValueError as error:
        raise BadInputError(str(error), step=type(estimator).__name__) from error
    return X if is_frame(X) else array


def holds_cells(X):
    """Tell a table of cells from plain numbers.

    Parameters
    ----------
    X : object
        Whatever was given as a table.

    Returns
    -------
    bool
        True if a column holds arrays, texts, paths or anything else that scikit-learn would not take for numbers.
    """
    if isinstance(X, np.ndarray) and X.ndim > 2:  # a block of cells
        return True
    if issparse(X) or not (is_frame(X) or isinstance(X, list) or (isinstance(X, np.ndarray) and X.dtype == object)):
        return False
    for column in frame_columns(X)[1]:
        first = next((cell for cell in column if not is_missing(cell)), None) if column.dtype == object else None
        if first is not None and not isinstance(first, (Real, dict, list)):
            return True
    return False


def read_labels(estimator, X, y, sample_weight):
    """Check labels and weights.

    Parameters
    ----------
    estimator : estimator
        Who asks; learns `classes_` and `class_prior_`.
    X : DataFrame, list or ndarray of shape (n_rows, n_columns)
        The table.
    y : array-like of shape (n_rows,)
        Labels.
    sample_weight : array-like of shape (n_rows,) or None
        Weights of the rows.

    Returns
    -------
    y : ndarray of shape (n_rows,)
        Labels.
    sample_weight : ndarray of shape (n_rows,) or None
        Weights.
    """
    step = type(estimator).__name__
    y = check_labels(y, step)
    try:
        check_consistent_length(X, y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, y, dtype=np.float64, ensure_non_negative=True)
    except ValueError as error:
        raise BadInputError(str(error), step=step) from error
    estimator.classes_, codes = np.unique(y, return_inverse=True)
    frequency = np.bincount(codes, sample_weight)
    estimator.class_prior_ = frequency / frequency.sum()
    return y, sample_weight
