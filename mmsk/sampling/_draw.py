"""How many rows of every class, and which."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from mmsk.exceptions import BadInputError

N_PER_CLASS = [Interval(Integral, 1, None, closed="left"), StrOptions({"max", "min"}), tuple, list]


def wanted_counts(codes, n_per_class, step):
    """Say how many rows every class is to have.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), dtype int
        Classes as numbers from 0.
    n_per_class : int, "max", "min" or (int, int)
        The parameter.
    step : str
        Who asks, for error messages.

    Returns
    -------
    ndarray of shape (n_classes,)
        Numbers of rows.
    """
    counts = np.bincount(codes)
    if isinstance(n_per_class, str):
        n_per_class = int(counts.max() if n_per_class == "max" else counts.min())
    limits = (n_per_class, n_per_class) if isinstance(n_per_class, Integral) else tuple(n_per_class)
    if len(limits) != 2 or not all(isinstance(n, Integral) for n in limits) or not 0 <= limits[0] <= limits[1] > 0:
        raise BadInputError(
            "n_per_class must be one number or a pair (at least, at most)",
            step=step,
            value=n_per_class,
            fix="Such as (100, 500): classes below 100 are repeated up to it, classes above 500 are cut to it.",
        )
    return np.clip(counts, *limits)


def draw_rows(codes, counts, random_state):
    """Draw as many rows of every class, all of its rows equally often but for a remainder drawn at random.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), dtype int
        Classes as numbers from 0.
    counts : sequence of int
        Rows that every class is to have.
    random_state : int, RandomState instance or None
        Seed.

    Returns
    -------
    ndarray of int
        Positions in ascending order.
    """
    rng = check_random_state(random_state)
    drawn = []
    for code, count in enumerate(counts):
        rows = np.flatnonzero(codes == code)
        whole, rest = divmod(count, len(rows))
        drawn += [np.repeat(rows, whole), rng.choice(rows, rest, replace=False)]
    return np.sort(np.concatenate(drawn))
