"""Targets to arrays a loss can take."""

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.multiclass import type_of_target

from mmsk.columns import check_labels
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
    classes, numbers = np.unique(check_labels(y, step), return_inverse=True)
    return classes, numbers.astype(np.int64)


def is_regression(y, step):
    """Tell numbers to be predicted from classes.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, n_targets)
        A target.
    step : str
        Who asks, for error messages.

    Returns
    -------
    bool
        True for several targets, and for numbers that are not all whole.
    """
    if np.ndim(y) == 1 and np.asarray(y).dtype == object:
        check_labels(y, step)
    try:
        with np.errstate(invalid="ignore"):  # scikit-learn tries whether numbers are whole, however large
            kind = type_of_target(y)
    except ValueError as error:
        raise BadInputError(str(error), step=step) from error
    return kind.startswith("continuous") or kind == "multiclass-multioutput"


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


def target_scale(values, mean, weight, step):
    """Take the standard deviation of a regression target.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_targets)
        The numbers.
    mean : ndarray of shape (n_targets,)
        Their mean.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    step : str
        Who asks, for error messages.

    Returns
    -------
    ndarray of shape (n_targets,)
        0 where all are equal.

    Raises
    ------
    BadInputError
        If float64 cannot hold the squares.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scale = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
    if not np.isfinite(scale).all():
        largest = np.abs(values).max()
        raise BadInputError(
            f"the target reaches {largest:g}, whose square float64 cannot hold", step=step, fix="Rescale the target."
        )
    return scale
