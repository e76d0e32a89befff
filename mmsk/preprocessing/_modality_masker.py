"""Missing modalities made at random, so that a model learns to do without them."""

import hashlib
from datetime import date, time, timedelta
from decimal import Decimal
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import check_is_fitted

from mmsk.base import BaseColumnTransformer
from mmsk.columns import group_raw_columns, is_frame, is_missing, is_number_column, presence_of
from mmsk.exceptions import BadInputError
from mmsk.lazy import LazyCell


class ModalityMasker(BaseColumnTransformer):
    """Blank whole modalities of rows at random, never all that a row has.

    What is blanked depends on nothing but the content of the row and the seed: the same row is masked the same way in
    any order, subset or batch.

    Parameters
    ----------
    max_missing : int, default=2
        A row is left with at most this many missing modalities, unless it came with more.
    rate : float, default=0.5
        Probability that a modality of a row is blanked, before `max_missing` is heeded.
    modalities : sequence of str, default=None
        Modalities that may be blanked; None means all.
    when : {"always", "fit"}, default="always"
        Mask in every call, or only in `fit_transform`, which a pipeline calls on training rows alone.
    random_state : int or RandomState, default=None
        Seed; None takes a fresh one in every `fit`.

    Attributes
    ----------
    modalities_ : dict of str to list of int
        Positions of the columns of each modality.
    seed_ : int
        The seed that rows are masked by.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Names of the columns seen in `fit`, where all of them are strings.

    See Also
    --------
    mmsk.columns.group_raw_columns : How columns are matched to modalities.

    Notes
    -----
    Columns may be raw cells (paths, texts, bytes, pictures), tensor cells or numbers. A column named ``image__photo``
    belongs to ``image``; without a prefix all columns of numbers together are ``table``, and every other column is a
    modality of its own. A modality is missing in a row where all of its columns are. The content of a path is its
    text, and that of a lazy cell its raw cell: no file is read.

    Blanks are NaN in columns of numbers, which become floats, and None elsewhere. A frame stays a frame of the same
    library, unless ``set_output`` asks for another one, so that names are not lost.

    Examples
    --------
    >>> import pandas as pd
    >>> from mmsk.preprocessing import ModalityMasker
    >>> rows = pd.DataFrame({"photo": ["a.jpg", "b.jpg", "c.jpg"], "caption": ["one", "two", "three"]})
    >>> masked = ModalityMasker(max_missing=1, rate=1.0, random_state=0).fit_transform(rows)
    >>> masked.isna().sum(axis=1).tolist()
    [1, 1, 1]
    """

    _parameter_constraints: dict = {
        "max_missing": [Interval(Integral, 0, None, closed="left")],
        "rate": [Interval(Real, 0, 1, closed="both")],
        "modalities": ["array-like", None],
        "when": [StrOptions({"always", "fit"})],
        "random_state": ["random_state"],
    }

    def __init__(self, max_missing=2, rate=0.5, modalities=None, when="always", random_state=None):
        self.max_missing = max_missing
        self.rate = rate
        self.modalities = modalities
        self.when = when
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Learn the columns, then mask the rows.

        Parameters
        ----------
        X : DataFrame, Series, list or ndarray of shape (n_rows, n_columns)
            The table.
        y : None
            Ignored; present for API consistency.

        Returns
        -------
        DataFrame or ndarray of shape (n_rows, n_columns)
            The masked table.

        Raises
        ------
        BadInputError
            If the table has no rows, or cells of a kind that cannot be told apart.
        """
        self.fit(X)
        return self._masked_table(X, mask=True)

    def transform(self, X):
        """Mask the rows, or with ``when="fit"`` give them as they are.

        Parameters
        ----------
        X : DataFrame, Series, list or ndarray of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        DataFrame or ndarray of shape (n_rows, n_columns)
            The table.

        Raises
        ------
        BadInputError
            If cells are of a kind that cannot be told apart.
        """
        check_is_fitted(self)
        return self._masked_table(X, mask=self.when == "always")

    def _fit_columns(self, columns, names):
        known = names if isinstance(names[0], str) else None
        self.modalities_ = group_raw_columns(known, columns)
        unknown = [
            name for name in (() if self.modalities is None else self.modalities) if name not in self.modalities_
        ]
        if unknown:
            raise BadInputError(
                "modalities names what the table does not have",
                step=type(self).__name__,
                value=unknown,
                fix=f"Choose from {sorted(self.modalities_)}.",
            )
        if self.random_state is None:  # a seed of its own: the caller's random state is not touched
            self.seed_ = int(np.random.SeedSequence().generate_state(1)[0])
        else:
            self.seed_ = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _masked_table(self, X, *, mask):
        columns, names = self._check_columns(X, reset=False)
        asked = _get_output_config("transform", self)["dense"]
        library = type(X).__module__.partition(".")[0]
        if not mask and (is_frame(X) or getattr(X, "ndim", 1) == 2) and asked in ("default", library):
            return X
        columns = [_as_blankable(column) for column in columns]
        are_texts = [_is_text(column) for column in columns]  # a column may be blanked from top to bottom
        blank = np.zeros((len(columns[0]), len(columns)), dtype=bool)
        if mask:
            drawn = self._draw(columns, names)
            for k, positions in enumerate(self.modalities_.values()):
                blank[:, positions] = drawn[:, [k]]
            for column, rows in zip(columns, blank.T, strict=True):
                column[rows] = np.nan if is_number_column(column) else None
        library = library if asked == "default" else asked
        if library == "pandas":
            return self._pack_pandas(columns, blank, X, names_stay=asked == "default")
        if library == "polars":
            return self._pack_polars(columns, are_texts, blank, X)
        if all(column.dtype != object for column in columns):
            return np.column_stack(columns)
        return self._join_columns(columns)

    def _draw(self, columns, names):
        """Draw which modalities of which rows are blanked: a bool array of shape (n_rows, n_modalities)."""
        keys = list(self.modalities_)
        present = np.column_stack(
            [np.any([presence_of(columns[j]) for j in self.modalities_[key]], axis=0) for key in keys]
        )
        allowed = np.array([self.modalities is None or key in self.modalities for key in keys])
        blank = np.zeros(present.shape, dtype=bool)
        for row, seed in enumerate(self._row_seeds(columns, names)):
            chance = np.random.default_rng(seed).random(len(keys))
            drawn = np.flatnonzero((chance < self.rate) & allowed & present[row])
            n_missing = len(keys) - present[row].sum()
            limit = max(0, min(self.max_missing - n_missing, present[row].sum() - 1))
            blank[row, drawn[np.argsort(chance[drawn])][:limit]] = True
        return blank

    def _row_seeds(self, columns, names):
        digests: dict = {}  # of cells that are objects: over-sampled rows share them
        for row in range(len(columns[0])):
            summary = hashlib.blake2b(digest_size=16, key=self.seed_.to_bytes(8, "little"))
            for column, name in zip(columns, names, strict=True):
                cell = column[row]
                if column.dtype != object:
                    summary.update(_digest(cell))
                    continue
                if id(cell) not in digests:
                    try:
                        digests[id(cell)] = _digest(cell)
                    except BadInputError as error:
                        raise self._bad_cell(error, row, name, cell) from None
                summary.update(digests[id(cell)])
            yield int.from_bytes(summary.digest(), "little")

    def _pack_pandas(self, columns, blank, X, names_stay):
        import pandas as pd

        series = {j: pd.Series(column, dtype=column.dtype) for j, column in enumerate(columns)}
        for j, dtype in enumerate(X.dtypes) if is_frame(X) and hasattr(X, "iloc") else ():
            # Times, categories and the like stay what they are, which arrays of objects do not know.
            if not isinstance(dtype, np.dtype) or dtype.kind in "mM":
                series[j] = X.iloc[:, j].mask(blank[:, j]).reset_index(drop=True)
        frame = pd.DataFrame(series, copy=False)
        frame.index = X.index if hasattr(X, "iloc") else frame.index
        names_stay &= is_frame(X) and not hasattr(self, "feature_names_in_")  # names that are no strings
        frame.columns = X.columns if names_stay else self.get_feature_names_out()
        return frame

    def _pack_polars(self, columns, are_texts, blank, X):
        import polars as pl

        names = self.get_feature_names_out()
        series = [
            _polars_column(pl, name, column, is_text)
            for name, column, is_text in zip(names, columns, are_texts, strict=True)
        ]
        for j, dtype in enumerate(X.dtypes) if isinstance(X, pl.DataFrame) else ():
            if not dtype.is_numeric() and dtype != pl.Boolean:
                nothing = pl.Series(names[j], [None] * len(X), dtype=dtype)
                series[j] = X.to_series(j).zip_with(pl.Series(~blank[:, j]), nothing)
        return pl.DataFrame(series)


def _as_blankable(column):
    """Copy a column, whole numbers as floats, so that a cell of it can be blanked."""
    return column.astype(np.float64) if column.dtype.kind in "iub" else column.copy()


def _is_text(column):
    if column.dtype != object:
        return False
    return all(isinstance(cell, str) for cell in column if not is_missing(cell)) and bool(presence_of(column).any())


def _polars_column(pl, name, column, is_text):
    if column.dtype != object:
        return pl.Series(name, column)
    cells = [None if is_missing(cell) else cell for cell in column]
    return pl.Series(name, cells, dtype=pl.String if is_text else pl.Object)


def _number_bytes(cell):
    try:
        return np.float64(cell).tobytes()
    except OverflowError:  # a whole number beyond all floats
        return repr(cell).encode()


def _digest(cell):
    """Summarise the content of one cell; equal content gives equal bytes in every process."""
    if is_missing(cell):
        kind, content = "missing", b""
    elif isinstance(cell, LazyCell):
        return _digest(cell.raw)
    elif isinstance(cell, (Real, Decimal, np.bool_)):
        kind, content = "number", _number_bytes(cell)
    elif isinstance(cell, (date, time, timedelta)):
        kind, content = "time", repr(cell).encode()
    elif isinstance(cell, (str, Path)):
        kind, content = "text", str(cell).encode("utf-8", "surrogatepass")
    elif isinstance(cell, bytes):
        kind, content = "bytes", cell
    elif isinstance(cell, np.ndarray) and cell.dtype != object:
        kind, content = f"{cell.dtype.str}{cell.shape}", np.ascontiguousarray(cell).data
    elif hasattr(cell, "tobytes") and hasattr(cell, "mode"):  # a PIL image
        kind, content = f"{cell.mode}{cell.size}", cell.tobytes()
    else:
        raise BadInputError(
            f"a cell of type {type(cell).__name__} came, whose content cannot be summarised",
            fix="Give paths, texts, bytes, pictures, arrays, numbers or times.",
        )
    summary = hashlib.blake2b(kind.encode() + b"\0", digest_size=16)
    summary.update(content)
    return summary.digest()
