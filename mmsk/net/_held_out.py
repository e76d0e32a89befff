"""Training rows that are held out for validation."""

import warnings
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from mmsk.exceptions import BadInputError
from mmsk.net._modality import distinct_codes

# Into how many parts rows of groups are divided, to hold out some: a fifth is one of five, 0.15 three of twenty.
_MOST_FOLDS = 20


def copied_rows(modalities, cells):
    """Find rows that a sampler repeated: all their cells are the same memory.

    Parameters
    ----------
    modalities : sequence of Modality
        What there is. Rows of numbers alone are often alike by chance, and are not asked.
    cells : sequence of Cells
        Of each.

    Returns
    -------
    ndarray of shape (n_rows,) or None
        One number for a row and its copies; None where there are no copies.
    """
    keys = [part.slots for part, modality in zip(cells, modalities, strict=True) if modality.kind != "table"]
    if not keys:
        return None
    is_bare = (np.concatenate(keys, axis=1) < 0).all(axis=1)
    for part, modality in zip(cells, modalities, strict=True):
        if modality.kind == "table":
            numbers = part.source.take(torch.from_numpy(part.slots.clip(0)[:, 0])).numpy().astype(np.float64)
            keys += [numbers.view(np.int64), part.slots < 0]
    keys.append(np.where(is_bare, np.arange(len(is_bare)), -1)[:, None])
    names, groups = np.unique(np.concatenate(keys, axis=1), axis=0, return_inverse=True)
    return None if len(names) == len(groups) else groups.ravel()  # NumPy 2.0 gives it an axis more


def held_out_rows(target, groups, fraction, classes, seed, step, numbers=None, copies=None):
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
    copies : ndarray of shape (n_rows,), default=None
        As `copied_rows` gives it: without groups, copies stay together where that leaves training all classes.

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
        if copies is not None:
            with suppress(ValueError):  # a class may be one row and its copies
                return _whole_groups(target, copies, fraction, classes, seed, step)
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
            f"{fraction:g} of {len(target)} rows cannot be held out for validation: {str(error).rstrip('.')}",
            step=step,
            fix="Add rows, change validation_fraction where there is one, or train without early_stopping.",
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
    names, numbers = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise BadInputError(
            "all rows are of one group, so none can be held out without it", step=step, fix="Leave groups out."
        )
    if classes is None:
        return np.flatnonzero(np.isin(numbers, _some_groups(np.bincount(numbers), fraction, seed)))
    n_folds, n_held_out = _folds(fraction, min(len(names), np.bincount(target).max()))
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # of classes with fewer rows than folds, of whose number nobody knows
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        folds = [test for _, test in splitter.split(target, target, groups)]
    choices = [np.concatenate([folds[(first + i) % n_folds] for i in range(n_held_out)]) for first in range(n_folds)]
    n_classes = len(np.unique(target))
    whole = [rows for rows in choices if len(rows) and len(np.unique(np.delete(target, rows))) == n_classes]
    if not whole:
        raise BadInputError(
            "whichever groups are held out for validation, training lacks a class",
            step=step,
            fix="Add groups, leave them out, or train without early_stopping and validation_fraction.",
        )
    return np.sort(min(whole, key=lambda rows: abs(len(rows) - fraction * len(target))))


def _some_groups(sizes, fraction, seed):
    """Draw groups that have about a fraction of all rows, not of all groups: one of them may have most of the rows."""
    wanted, n_rows, drawn = fraction * sizes.sum(), 0, []
    for group in np.random.default_rng(seed).permutation(len(sizes)):
        if abs(n_rows + sizes[group] - wanted) < abs(n_rows - wanted) and len(drawn) < len(sizes) - 1:
            drawn.append(group)
            n_rows += sizes[group]
    return drawn or [sizes.argmin()]


def _folds(fraction, most):
    """Say of how many folds how many have a fraction of the rows."""
    n_folds = Fraction(fraction).limit_denominator(_MOST_FOLDS).denominator
    n_folds = max(2, min(n_folds if n_folds > 1 else round(1 / min(fraction, 1 - fraction)), most))
    return n_folds, min(n_folds - 1, max(1, round(fraction * n_folds)))
