from collections.abc import Iterable, Mapping
from numbers import Integral

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from mmsk.columns import frame_presence, is_frame
from mmsk.exceptions import BadInputError

STEP = "pair_by_class"
# Float64, which pandas gives columns of whole numbers with blanks, holds all whole numbers up to here.
_LARGEST = 2**53


@validate_params(
    {
        "tables": [Mapping],
        "n_per_class": [Interval(Integral, 1, None, closed="left")],
        "n_missing": [Interval(Integral, 0, None, closed="left"), Iterable],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def pair_by_class(tables, n_per_class, n_missing=(0, 1, 2), *, shuffle=True, random_state=None):
    """Draw rows of several modalities from tables that share nothing but their classes.

    For every class and every entry of `n_missing`, `n_per_class` rows are drawn: each modality contributes an item of
    the class, drawn with replacement, and as many modalities as the entry says, chosen at random, are left blank.

    Parameters
    ----------
    tables : mapping of str to (cells, labels)
        The items of each modality and their classes. Cells given as a Series, an array or a list become one column
        named after the modality; a DataFrame keeps its columns, which are drawn and blanked together. Items that are
        missing themselves are not drawn.
    n_per_class : int
        Rows drawn for every class and every entry of `n_missing`.
    n_missing : int or sequence of int, default=(0, 1, 2)
        Numbers of modalities left blank. An entry that occurs twice counts twice.
    shuffle : bool, default=True
        Whether to mix the rows. If False they are ordered by class, then by entry of `n_missing`.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same rows in every call.

    Returns
    -------
    X : DataFrame of shape (n_classes * n_entries * n_per_class, n_columns)
        One column a modality (or as many as its DataFrame has). A blank is None, in numeric columns NaN, and
        `pandas.NA` in those of whole numbers beyond 2**53, such as ids.
    y : ndarray of shape (n_classes * n_entries * n_per_class,)
        Class of each row.

    Raises
    ------
    BadInputError
        If cells and labels differ in number, a label is missing, a class has no item in one of the tables, two columns
        share a name, or a row would have nothing left.

    See Also
    --------
    similar_labels : Finds classes of two tables whose names are alike.

    Notes
    -----
    Draw training and test rows from different items (other folds of each table), or the same photo is in both.

    Examples
    --------
    >>> from mmsk.datasets import pair_by_class
    >>> photos = ["cat1.jpg", "cat2.jpg", "dog1.jpg"], ["cat", "cat", "dog"]
    >>> sounds = ["meow.wav", "bark.wav", "woof.wav"], ["cat", "dog", "dog"]
    >>> X, y = pair_by_class({"photo": photos, "sound": sounds}, 2, n_missing=(0, 1), random_state=0)
    >>> X.shape, y.tolist().count("cat"), X.isna().sum().sum()
    ((8, 2), 4, np.int64(4))
    """
    rng = check_random_state(random_state)
    if not tables:
        raise BadInputError("tables is empty", step=STEP, fix="Give (cells, labels) of at least one modality.")
    entries = _check_entries(n_missing, len(tables))
    frames, items_of = {}, {}
    for name, table in tables.items():
        frames[name], items_of[name] = _check_table(name, table)
    classes = _check_classes(items_of)
    _check_columns(frames)

    target = np.repeat(np.arange(len(classes)), len(entries) * n_per_class)
    n_blanks = np.tile(np.repeat(entries, n_per_class), len(classes))
    ranks = rng.uniform(size=(len(target), len(frames))).argsort(axis=1).argsort(axis=1)
    present = ranks >= n_blanks[:, None]
    order = rng.permutation(len(target)) if shuffle else np.arange(len(target))

    parts = []
    for i, (name, frame) in enumerate(frames.items()):
        pools = [items_of[name][label] for label in classes]
        drawn = np.array([pools[t][rng.randint(len(pools[t]))] for t in target])
        parts.append(_take(frame, drawn[order], present[order, i]))
    return pd.concat(parts, axis=1), _label_array(classes)[target[order]]


def _label_array(classes):
    if len(set(map(type, classes))) == 1 and not isinstance(classes[0], tuple):
        return np.asarray(classes)
    return np.fromiter(classes, dtype=object, count=len(classes))  # np.asarray would make texts of all, or a table


def _check_entries(n_missing, n_modalities):
    entries = [n_missing] if isinstance(n_missing, Integral) else list(n_missing)
    if not entries:
        raise BadInputError("n_missing is empty", step=STEP, fix="Give at least one number, such as 0.")
    for entry in entries:
        if not isinstance(entry, Integral) or not 0 <= entry < n_modalities:
            raise BadInputError(
                f"{entry!r} of {n_modalities} modalities cannot be left blank: a row must keep one",
                step=STEP,
                value=n_missing,
                fix=f"Let n_missing hold whole numbers from 0 to {n_modalities - 1}.",
            )
    return entries


def _check_table(name, table):
    try:
        cells, labels = table
    except (TypeError, ValueError):
        raise BadInputError(
            f"tables[{name!r}] is a {type(table).__name__}, not a pair of cells and labels",
            step=STEP,
            fix="Give (cells, labels).",
        ) from None
    frame = _as_frame(name, cells)
    labels = list(labels)
    if len(labels) != len(frame):
        raise BadInputError(
            f"{len(frame)} cells stand beside {len(labels)} labels",
            step=STEP,
            column=name,
            fix="Give one label a cell.",
        )
    absent = ~frame_presence(pd.Series(labels, dtype=object)).ravel()
    if absent.any():
        row = int(np.flatnonzero(absent)[0])
        raise BadInputError("the label is missing", step=STEP, row=row, column=name, fix="Leave the item out.")
    items_of: dict[object, list[int]] = {}
    for row in np.flatnonzero(frame_presence(frame).any(axis=1)):
        try:
            items_of.setdefault(labels[row], []).append(int(row))
        except TypeError:
            raise BadInputError(
                f"the label is a {type(labels[row]).__name__}, which is no class",
                step=STEP,
                row=int(row),
                column=name,
                fix="Give one text, number or tuple a cell.",
            ) from None
    return frame, items_of


def _as_frame(name, cells):
    if is_frame(cells) and not isinstance(cells, pd.DataFrame):
        cells = pd.DataFrame({column: cells[column].to_list() for column in cells.columns})  # polars and the like
    if isinstance(cells, pd.DataFrame):
        return cells.reset_index(drop=True)
    if isinstance(cells, pd.Series) and pd.api.types.is_numeric_dtype(cells.dtype):
        return cells.reset_index(drop=True).to_frame(name)
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "iufb" and cells.ndim == 1:
        return pd.DataFrame({name: cells})
    if not hasattr(cells, "__len__") or isinstance(cells, (str, bytes)) or issparse(cells):
        raise BadInputError(
            f"cells of type {type(cells).__name__} came",
            step=STEP,
            column=name,
            fix="Give a list, a column or a frame.",
        )
    column = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):  # cell by cell: numpy would look inside cells that are arrays
        column[row] = cell
    return pd.DataFrame({name: pd.Series(column, dtype=object)})


def _check_classes(items_of):
    classes = list(dict.fromkeys(label for items in items_of.values() for label in items))
    if not classes:
        raise BadInputError("the tables hold no item", step=STEP)
    for name, items in items_of.items():
        for label in classes:
            if label not in items:
                raise BadInputError(
                    "no item of this class can be drawn",
                    step=STEP,
                    column=name,
                    value=label,
                    fix="Keep the classes that every table has; similar_labels helps where names differ.",
                )
    try:
        return sorted(classes)
    except TypeError:  # labels of several types have no order but the one they came in
        return classes


def _check_columns(frames):
    seen: dict[object, str] = {}
    for name, frame in frames.items():
        for column in frame.columns:
            if column in seen:
                raise BadInputError(
                    f"tables {seen[column]!r} and {name!r} both have this column",
                    step=STEP,
                    column=column,
                    fix="Rename one of them.",
                )
            seen[column] = name


def _nullable(series):
    """Give whole numbers beyond those that a float holds a dtype that has room for blanks."""
    if not isinstance(series.dtype, np.dtype) or series.dtype.kind not in "iu":
        return series
    return series if series.between(-_LARGEST, _LARGEST).all() else series.convert_dtypes()


def _take(frame, rows, present):
    taken = {}
    for column in frame.columns:
        series = frame[column].take(rows).reset_index(drop=True)
        if pd.api.types.is_numeric_dtype(series.dtype):
            taken[column] = _nullable(series).where(present)
        else:
            taken[column] = series.astype(object).where(present, None)
    return pd.DataFrame(taken)
