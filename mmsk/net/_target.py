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
    try:
        array = np.asarray(y)
        if array.ndim == 1 and array.dtype == object:
            check_labels(y, step)
        with np.errstate(invalid="ignore"):  # scikit-learn tries whether numbers are whole, however large
            kind = type_of_target(y)
    except ValueError as error:
        raise BadInputError(str(error), step=step) from error
    return kind.startswith("continuous") or kind in ("multiclass-multioutput", "multilabel-indicator")


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
    except (ValueError, OverflowError) as error:
        raise BadInputError(str(error), step=step) from error
    return (y[:, None], True) if y.ndim == 1 else (y, False)


def target_statistics(values, weight, step):
    """Take mean and standard deviation of a regression target.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_targets)
        The numbers.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    step : str
        Who asks, for error messages.

    Returns
    -------
    mean : ndarray of shape (n_targets,)
        Their mean.
    scale : ndarray of shape (n_targets,)
        Their standard deviation; 1 where all are equal.

    Raises
    ------
    BadInputError
        If float64 cannot hold their sum or their differences.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.average(values, axis=0, weights=weight)
        away = values - mean
        # The squares of very large and very small numbers are beyond float64.
        largest = np.abs(away).max(axis=0)
        unit = np.where(largest > 0, largest, 1.0)
        scale = unit * np.sqrt(np.average((away / unit) ** 2, axis=0, weights=weight))
    if not (np.isfinite(mean).all() and np.isfinite(scale).all()):
        raise BadInputError(
            f"the target reaches {np.abs(values).max():g}, too far for float64", step=step, fix="Rescale the target."
        )
    # The mean of equal numbers is off by its rounding.
    return mean, np.where(scale > 10 * np.finfo(np.float64).eps * np.abs(mean), scale, 1.0)
