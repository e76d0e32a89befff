"""Folds of the rows of a classification."""

from numbers import Integral
from warnings import warn

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv

from mmsk.exceptions import BadInputError


def split_rows(cv, X, y, groups, random_state, step):
    """Split rows into training and held-out rows.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
        A number stands for shuffled stratified folds, no more than the largest class has rows or than there are groups.
    X : DataFrame or ndarray of shape (n_rows, n_columns)
        The rows.
    y : ndarray of shape (n_rows,)
        Labels.
    groups : ndarray of shape (n_rows,) or None
        Rows of one group stay together where `cv` is a number or a splitter of groups.
    random_state : int, RandomState instance or None
        Seed of the shuffle.
    step : str
        Who asks, for messages.

    Returns
    -------
    list of (ndarray, ndarray)
        Positions of training and held-out rows.
    """
    if not isinstance(cv, Integral):
        rows = np.arange(len(y))
        try:
            folds = list(check_cv(cv, y, classifier=True).split(X, y, groups))
        except ValueError as error:  # a splitter of groups that got none, more folds than rows
            raise BadInputError(str(error), step=step, fix="Change cv, or give fit the groups it needs.") from error
        if not folds:
            raise BadInputError(
                "cv gave no folds; a generator gives them once", step=step, fix="Give a list of (train, test)."
            )
        try:  # positions may come as lists, and as masks
            return [tuple(rows[np.asarray(part, dtype=None if len(part) else int)] for part in fold) for fold in folds]
        except IndexError as error:
            raise BadInputError(f"cv names rows that are not there: {error}", step=step, fix="Change cv.") from error
    n_most = int(np.unique(y, return_counts=True)[1].max())
    if n_most < 2:
        raise BadInputError(
            f"no class has two rows, so none can be both trained on and held out; n_samples = {len(y)}",
            step=step,
            fix="Add rows.",
        )
    limit, reason = n_most, f"classes of at most {n_most} rows"
    if groups is not None and (n_groups := len(np.unique(groups))) < n_most:
        limit, reason = n_groups, f"{n_groups} groups"
        if n_groups < 2:
            raise BadInputError(
                "all rows are of one group, so none can be held out without it", step=step, fix="Leave groups out."
            )
    if cv > limit:
        warn(f"{step}: cv={cv} folds came for {reason}; {limit} are made.", stacklevel=4)
    splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
    folds = splitter(min(cv, limit), shuffle=True, random_state=random_state)
    return list(folds.split(np.zeros(len(y)), y, groups))
