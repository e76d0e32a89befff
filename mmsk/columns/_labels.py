"""What comes with the rows of a table: their labels, and groups of rows that belong together."""

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _assert_all_finite

from mmsk.columns._cells import presence_of
from mmsk.exceptions import BadInputError


def check_labels(y, step):
    """Check class labels.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels of any sortable type.
    step : str
        Who asks, for error messages.

    Returns
    -------
    ndarray of shape (n_rows,)
        The labels.

    Raises
    ------
    BadInputError
        If a label is missing, or they are no classes.

    Examples
    --------
    >>> from mmsk.columns import check_labels
    >>> check_labels(["cat", None], "fit")
    Traceback (most recent call last):
        ...
    mmsk.exceptions.BadInputError: fit: Input y contains NaN: no label came (row 1). Drop rows without a label.
    """
    if y is None:
        raise BadInputError("requires y to be passed, but the target y is None", step=step)
    try:
        y = column_or_1d(y, warn=True)
        absent = np.flatnonzero(~presence_of(y))
        if not len(absent):
            _assert_all_finite(y, input_name="y")
            check_classification_targets(y)
            np.unique(y)
    except (ValueError, TypeError) as error:
        raise BadInputError(str(error), step=step) from error
    if len(absent):
        raise BadInputError(
            "Input y contains NaN: no label came", step=step, row=int(absent[0]), fix="Drop rows without a label."
        )
    return y


def check_groups(groups, y, step):
    """Check what says of whom or what each row is.

    Parameters
    ----------
    groups : array-like of shape (n_rows,) or None
        One entry a row.
    y : ndarray of shape (n_rows,) or (n_rows, n_targets)
        The target.
    step : str
        Who asks, for error messages.

    Returns
    -------
    ndarray of shape (n_rows,) or None
        The groups; None where none came.

    Raises
    ------
    BadInputError
        If they are not one entry a row, an entry is missing, or they cannot be sorted.

    Examples
    --------
    >>> from mmsk.columns import check_groups
    >>> check_groups(["ann", None], [0, 1], "fit")
    Traceback (most recent call last):
        ...
    mmsk.exceptions.BadInputError: fit: no group came (row 1). Say whose ...
    """
    if groups is None:
        return None
    try:
        groups = column_or_1d(groups)
        check_consistent_length(y, groups)
        absent = np.flatnonzero(~presence_of(groups))
        if not len(absent):
            np.unique(groups)
    except (ValueError, TypeError) as error:
        raise BadInputError(f"groups must hold one entry a row, all of one type: {error}", step=step) from error
    if len(absent):
        raise BadInputError(
            "no group came", step=step, row=int(absent[0]), fix="Say whose row it is, or give it a group of its own."
        )
    return groups
