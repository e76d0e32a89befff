"""SMOTE and its kin for tables with tensor columns."""

from collections import Counter, defaultdict, deque

import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.utils import check_sampling_strategy
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors
from sklearn.utils._param_validation import HasMethods

from mmsk.columns import frame_columns, presence_of
from mmsk.exceptions import BadInputError
from mmsk.sampling._base import BaseTableSampler, take_rows
from mmsk.sampling._flat_space import FlatSpace, can_interpolate
from mmsk.sampling._tables import put_columns


class TensorSampler(BaseTableSampler):
    """Let a sampler of plain numbers, such as SMOTE, make rows of photos, sounds and numbers.

    Cells are flattened and joined, the sampler works on the rows that are complete, and what it makes gets the shapes
    and dtypes of the cells again.

    Parameters
    ----------
    sampler : sampler, default=None
        An imbalanced-learn sampler; None is ``SMOTE()``. Its parameters are reached as ``sampler__k_neighbors``.
    columns : sequence of str or int, default=None
        Columns that new rows are interpolated in, by name or position. None takes all that can be: numbers and array
        cells, but no codes (one-dimensional cells of whole numbers, int16 samples of sound apart), texts or paths.

    Attributes
    ----------
    sampler_ : sampler
        The fitted sampler.
    columns_ : list of int
        Positions of the columns that were interpolated.
    sampling_strategy_ : dict
        As the fitted sampler has it; for over-samplers how many rows it made of each class.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all of them are strings.

    See Also
    --------
    RowSampler : Repeats rows as they are.

    Notes
    -----
    - *Rows that are there* keep every cell, bit by bit. Rows that lack a cell of `columns` stay and take no part. An
      over-sampler makes as many rows as all rows of a class ask for, not the complete ones alone.
    - *New rows* take the cells of all other columns (codes, texts, paths, truth values, columns left out; blanks
      included) from the nearest complete row of their class. Whole numbers are rounded.
    - *Distances*: where there is more than one modality, each is divided by its spread (the root of its total
      variance; plain numbers together are one), so that a photo of 49,152 numbers does not drown an age. A table of
      plain numbers alone goes to the sampler as it is.
    - Put it into an imbalanced-learn ``Pipeline``, which samples the rows of training alone. New rows that were made
      before a split stand in for rows of the test.

    Sparse matrices go to the sampler as they are.

    References
    ----------
    N. V. Chawla, K. W. Bowyer, L. O. Hall, W. P. Kegelmeyer, "SMOTE: synthetic minority over-sampling technique",
    Journal of Artificial Intelligence Research 16, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from imblearn.over_sampling import SMOTE
    >>> from mmsk.columns import make_column
    >>> from mmsk.sampling import TensorSampler
    >>> rng = np.random.default_rng(0)
    >>> photos = make_column(rng.integers(0, 255, (30, 3, 4, 4)).astype("uint8"), presence=np.arange(30) != 7)
    >>> X = pd.DataFrame({"photo": photos, "age": rng.normal(size=30), "name": "x"})
    >>> y = np.array(["ill"] * 6 + ["well"] * 24)
    >>> X_more, y_more = TensorSampler(SMOTE(random_state=0)).fit_resample(X, y)
    >>> np.unique(y_more, return_counts=True)[1].tolist()
    [24, 24]
    >>> X_more["photo"].iloc[-1].shape, X_more["photo"].iloc[-1].dtype.name
    ((3, 4, 4), 'uint8')
    """

    _parameter_constraints: dict = {"sampler": [HasMethods("fit_resample"), None], "columns": ["array-like", None]}

    def __init__(self, sampler=None, *, columns=None):
        self.sampler = sampler
        self.columns = columns

    def _check(self, X, y):
        checked = super()._check(X, y)
        if not issparse(X):
            names, columns = frame_columns(X)
            for j, column in enumerate(columns):
                _refuse_containers(column, names[j] if names else j, type(self).__name__)
        return checked

    def _fit_resample(self, X, classes, codes):
        self.sampler_ = SMOTE() if self.sampler is None else clone(self.sampler)
        if issparse(X):
            made, made_codes = self._run(X, codes, classes)
            return made, np.unique(codes, return_index=True)[1][made_codes]
        names, columns = frame_columns(X)
        names = names or list(range(len(columns)))
        self.columns_ = self._choose(X, names, columns)
        complete = np.all([presence_of(columns[j]) for j in self.columns_], axis=0)
        rows = np.flatnonzero(complete)
        if len(rows) == 0:
            raise BadInputError(
                f"no row has all of the columns {[names[j] for j in self.columns_]}",
                step=type(self).__name__,
                fix="Name fewer in columns=.",
            )
        if not complete.all():
            self._count_incomplete(classes[codes], classes[codes[rows]])
        space, values = FlatSpace.of(columns, self.columns_, rows, names, type(self).__name__)
        made, made_codes = self._run(values, codes[rows], classes)
        origin, is_new = self._trace(values, codes[rows], made, made_codes)
        kept = np.sort(np.concatenate([rows[origin[~is_new]], np.flatnonzero(~complete)]))
        order = np.concatenate([kept, rows[origin[is_new]]])
        table = take_rows(X, order)
        if not is_new.any():
            return table, order
        columns = frame_columns(table)[1]
        return put_columns(table, {j: _replace_last(columns[j], new) for j, new in space.cells(made[is_new])}), order

    def _choose(self, X, names, columns):
        able = [j for j, column in enumerate(columns) if can_interpolate(column) and not _names_classes(X, j)]
        if self.columns is None:
            chosen = able
        else:
            chosen = [names.index(c) if c in names else c for c in np.asarray(self.columns, dtype=object).tolist()]
            unknown = [c for c in chosen if c not in range(len(columns))]
            if unknown:
                raise BadInputError(
                    f"columns names {unknown[0]!r}, which the table does not have",
                    step=type(self).__name__,
                    fix=f"It has {', '.join(map(repr, names))}.",
                )
        unable = [c for c in chosen if c not in able]
        if unable or not chosen:
            place = {"column": names[unable[0]] if unable[0] in range(len(names)) else unable[0]} if unable else {}
            raise BadInputError(
                "the column cannot be interpolated" if unable else "no column can be interpolated",
                step=type(self).__name__,
                **place,
                fix="Numbers and arrays can, after a loader; codes, texts and paths cannot. RowSampler repeats rows.",
            )
        return chosen

    def _count_incomplete(self, labels, complete_labels):
        """Let an over-sampler make the rows that all rows ask for, not the complete ones alone."""
        if getattr(self.sampler_, "_sampling_type", None) == "over-sampling":
            n_new = check_sampling_strategy(self.sampler_.sampling_strategy, labels, "over-sampling")
            counts = Counter(complete_labels.tolist())
            strategy = {label: counts[label] + n for label, n in n_new.items() if n}
            self.sampler_.set_params(sampling_strategy=strategy)

    def _run(self, values, codes, classes):
        try:
            made, made_labels = self.sampler_.fit_resample(values, classes[codes])
        except (ValueError, RuntimeError) as error:
            counts = dict(zip(classes.tolist(), np.bincount(codes, minlength=len(classes)).tolist(), strict=True))
            raise BadInputError(
                f"{type(self.sampler_).__name__} cannot work on the rows that are complete, {counts} of the classes: "
                f"{error}",
                step=type(self).__name__,
                fix="Ask for fewer neighbours, or name fewer columns, so that more rows are complete.",
            ) from error
        self.sampling_strategy_ = self.sampler_.sampling_strategy_
        return made, np.searchsorted(classes, made_labels)

    def _trace(self, values, codes, made, made_codes):
        """Find the row that each row made is, or is nearest to."""
        indices = getattr(self.sampler_, "sample_indices_", None)
        if indices is not None:
            return np.asarray(indices), (values[indices] != made).any(axis=1)
        if np.array_equal(made[: len(values)], values):  # over-samplers append to what came
            origin = np.full(len(made), -1)
            origin[: len(values)] = np.arange(len(values))
        else:
            # Rows that are alike in these columns may differ in others: each is used once.
            unused = defaultdict(deque)
            for row, value in enumerate(values):
                unused[value.tobytes()].append(row)
            origin = np.array([found.popleft() if (found := unused.get(row.tobytes())) else -1 for row in made])
        is_new = origin < 0
        for code in np.unique(made_codes[is_new]):
            these, own = np.flatnonzero(is_new & (made_codes == code)), np.flatnonzero(codes == code)
            nearest = NearestNeighbors(n_neighbors=1).fit(values[own]).kneighbors(made[these], return_distance=False)
            origin[these] = own[nearest[:, 0]]
        return origin, is_new

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = False
        return tags


def _refuse_containers(column, name, step):
    if column.dtype != object:
        return
    for row, cell in enumerate(column):
        if isinstance(cell, (dict, list, tuple, set)):
            # A TypeError, as from SMOTE itself.
            raise TypeError(
                f"{step}: a cell (float() argument must be a string or a real number) is a {type(cell).__name__} "
                f"(row {row}, column {name!r}). Give arrays, texts, paths or numbers."
            )


def _names_classes(X, position):
    # Truth values some of which are missing look like numbers otherwise.
    return hasattr(X, "iloc") and X.dtypes.iloc[position] in ("category", "boolean")


def _replace_last(column, cells):
    column = column.copy()
    column[-len(cells) :] = cells
    return column
