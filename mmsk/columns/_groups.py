"""Groups of rows that belong together, such as those of one speaker."""

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from mmsk.columns._cells import presence_of
from mmsk.exceptions import BadInputError


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
