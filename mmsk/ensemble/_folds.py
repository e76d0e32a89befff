"""Folds of the rows of a classification."""

from numbers import Integral
from warnings import warn

import numpy as np
from sklearn.model_selection import StratifiedKFold, check_cv

from mmsk.exceptions import BadInputError


def split_rows(cv, X, y, random_state, step):
    """Split rows into training and held-out rows.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
        A number stands for shuffled stratified folds, no more than the largest class has rows.
    X : DataFrame or ndarray of shape (n_rows, n_columns)
        The rows.
    y : ndarray of shape (n_rows,)
        Labels.
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
        folds = check_cv(cv, y, classifier=True).split(X, y)
        # Positions may come as lists, and as masks.
        return [tuple(rows[np.asarray(part, dtype=None if len(part) else int)] for part in fold) for fold in folds]
    n_most = int(np.unique(y, return_counts=True)[1].max())
    if n_most < 2:
        raise BadInputError(
            f"no class has two rows, so none can be both trained on and held out; n_samples = {len(y)}",
            step=step,
            fix="Add rows.",
        )
    if cv > n_most:
        warn(f"{step}: cv={cv} folds came for classes of at most {n_most} rows; {n_most} are made.", stacklevel=4)
    folds = StratifiedKFold(min(cv, n_most), shuffle=True, random_state=random_state)
    return list(folds.split(np.zeros(len(y)), y))
