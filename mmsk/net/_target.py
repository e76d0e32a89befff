"""Targets to arrays a loss can take."""

import numpy as np
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _assert_all_finite

from mmsk.exceptions import BadInputError


def read_classes(y, step):
    """Give every class of a target a number.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels of any sortable type.
    step : str
        Who asks, for error messages.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        The labels, sorted.
    numbers : ndarray of shape (n_rows,), dtype int64
        The class of each row.
    """
    try:
        y = column_or_1d(y, warn=True)
        _assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        classes, numbers = np.unique(y, return_inverse=True)
    except (ValueError, TypeError) as error:
        raise BadInputError(str(error), step=step) from error
    return classes, numbers.astype(np.int64)


def read_values(y, step):
    """Read a regression target.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, n_targets)
        Numbers.
    step : str
        Who asks, for error messages.

    Returns
    -------
    values : ndarray of shape (n_rows, n_targets), dtype float64
        The numbers.
    one_dimensional : bool
        Whether predictions should have one dimension as well.
    """
    try:
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    except ValueError as error:
        raise BadInputError(str(error), step=step) from error
    return (y[:, None], True) if y.ndim == 1 else (y, False)
