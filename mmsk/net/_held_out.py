"""Training rows that are held out for validation."""

from dataclasses import replace

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold, train_test_split

from mmsk.exceptions import BadInputError
from mmsk.net._modality import distinct_codes


def held_out_rows(target, groups, fraction, classes, seed, step, numbers=None):
    """Choose rows to validate on.

    Parameters
    ----------
    target : ndarray of shape (n_rows,) or (n_rows, n_targets)
        Class numbers, or numbers.
    groups : ndarray of shape (n_rows,) or None
        Rows of one group stay together.
    fraction : float
        Share of the rows; of about as many where groups stay together.
    classes : ndarray of shape (n_classes,) or None
        Labels, whose shares are kept and none of which may miss from training; None for a regression.
    seed : int
        Seed of the choice.
    step : str
        Who asks, for messages.
    numbers : ndarray of int, default=None
        Numbers of the rows in the caller's table, for messages; None counts from 0.

    Returns
    -------
    ndarray of int
        The rows, sorted.

    Raises
    ------
    BadInputError
        If there are too few rows or groups.

    Examples
    --------
    >>> from mmsk.net._held_out import held_out_rows
    >>> rows = held_out_rows(np.arange(20) % 2, np.arange(20) // 4, 0.2, np.array(["a", "b"]), 0, "example")
    >>> len(rows), len(set(rows // 4))
    (4, 1)
    """
    try:
        if groups is not None:
            return _whole_groups(target, groups, fraction, classes, seed, step)
        stratify = None if classes is None else target
        rows = train_test_split(np.arange(len(target)), test_size=fraction, stratify=stratify, random_state=seed)[1]
        return np.sort(rows)
    except BadInputError:
        raise
    except ValueError as error:
        alone = np.flatnonzero(np.bincount(target) == 1) if classes is not None else ()
        if len(alone):
            row = int(np.flatnonzero(target == alone[0])[0])
            raise BadInputError(
                f"class {classes.tolist()[alone[0]]!r} has one row, which cannot be both trained on and held out for "
                "validation",
                step=step,
                row=row if numbers is None else int(numbers[row]),
                fix="Add rows of that class, or train without early_stopping and validation_fraction.",
            ) from error
        raise BadInputError(
            f"{fraction:g} of {len(target)} rows cannot be held out for validation: {error}",
            step=step,
            fix="Add rows, hold out more by validation_fraction where there is one, or train without early_stopping.",
        ) from error


def training_weight(weight, held_out):
    """Weigh rows for what is learned of them before training, scales for instance.

    Parameters
    ----------
    weight : ndarray of shape (n_rows,)
        Sample weights.
    held_out : ndarray of int or None
        Rows to validate on.

    Returns
    -------
    ndarray of shape (n_rows,)
        Zero in these rows.
    """
    if held_out is None:
        return weight
    weight = weight.copy()
    weight[held_out] = 0.0
    return weight


def without_held_out(modality, cells, held_out):
    """Leave out characters that only rows to validate on have: nothing would be learned of them.

    Parameters
    ----------
    modality : Modality
        As all rows show it.
    cells : Cells
        Its cells.
    held_out : ndarray of int
        Rows to validate on.

    Returns
    -------
    Modality
        As the other rows show it. Shapes stay, as rows to validate on should not be cut.
    """
    if modality.kind != "codes":
        return modality
    rows = np.setdiff1d(np.arange(len(cells.slots)), held_out)
    seen = [part.unique().numpy() for part, _ in cells.take(rows).weighted_parts(np.ones(len(rows)))]
    return replace(modality, codes=distinct_codes(seen))


def _whole_groups(target, groups, fraction, classes, seed, step):
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise BadInputError(
            "all rows are of one group, so none can be held out without it", step=step, fix="Leave groups out."
        )
    if classes is None:
        splitter = GroupShuffleSplit(1, test_size=fraction, random_state=seed)
        return np.sort(next(splitter.split(target, groups=groups))[1])
    n_folds = min(max(2, round(1 / fraction)), n_groups, np.bincount(target).max())
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    folds = [test for _, test in splitter.split(target, target, groups)]
    whole = [rows for rows in folds if len(rows) and len(np.unique(np.delete(target, rows))) == len(np.unique(target))]
    if not whole:
        raise BadInputError(
            "whichever groups are held out for validation, training lacks a class",
            step=step,
            fix="Add groups, leave them out, or train without early_stopping and validation_fraction.",
        )
    return min(whole, key=lambda rows: abs(len(rows) - fraction * len(target)))
