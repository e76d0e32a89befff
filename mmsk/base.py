"""What all column transformers share: they take a table, walk its cells, and give a table back."""

import warnings
from numbers import Integral
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context, clone
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from mmsk.cache import CellCache, cache_location, cell_key
from mmsk.columns import frame_columns, is_missing
from mmsk.exceptions import BadInputError, UnreadableCellWarning
from mmsk.lazy import CellReader, LazyCell

# Parameters that change when and how cells are read, not what is in them.
_NO_CONTENT = ("on_error", "lazy", "memory", "n_jobs", "verbose")


class BaseColumnTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Base class of transformers that turn every column of a table into one column.

    Accepted tables are pandas and polars frames and series, lists, and arrays of one or two dimensions; a
    one-dimensional input is one column. A subclass gives ``_transform_columns`` and, where it learns, ``_fit_columns``;
    both get the columns and their names (positions where the table has none), which errors about cells mention.

    Examples
    --------
    >>> from mmsk.base import BaseColumnTransformer
    >>> from mmsk.columns import make_column
    >>> class Shape(BaseColumnTransformer):
    ...     def _transform_columns(self, columns, names):
    ...         return [make_column([np.array(cell.shape) for cell in column]) for column in columns]
    >>> column = make_column([np.zeros((2, 3))])
    >>> Shape().fit(column).transform(column)[0, 0]
    array([2, 3])
    """

    _parameter_constraints: dict = {}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the names of the columns, and whatever the transformer learns from their cells.

        Parameters
        ----------
        X : DataFrame, Series, list or ndarray of shape (n_rows, n_columns) or (n_rows,)
            The table.
        y : None
            Ignored; present for API consistency.

        Returns
        -------
        object
            The fitted transformer.

        Raises
        ------
        BadInputError
            If the table has no rows or no columns, or cells that cannot be learned from.
        """
        columns, names = self._check_columns(X, reset=True)
        if len(columns[0]) == 0:
            raise BadInputError(
                "0 rows came where at least one is needed to fit",
                step=type(self).__name__,
                fix="Give a table with rows.",
            )
        self._fit_columns(columns, names)
        return self

    def transform(self, X):
        """Turn the cells of every column.

        Parameters
        ----------
        X : DataFrame, Series, list or ndarray of shape (n_rows, n_columns) or (n_rows,)
            The table; None, NaN, ``pd.NA`` and empty strings are missing cells.

        Returns
        -------
        ndarray of shape (n_rows, n_columns) or DataFrame
            The turned columns, None where a cell is missing; a frame where ``set_output`` asks for one.

        Raises
        ------
        BadInputError
            If a cell cannot be turned; it names row, column and value.
        """
        if self.__sklearn_tags__().requires_fit:
            check_is_fitted(self)
        else:
            self._validate_params()
        columns, names = self._check_columns(X, reset=False)
        return self._join_columns(self._transform_columns(columns, names))

    def _fit_columns(self, columns, names):
        """Learn from the columns; a transformer without state learns nothing."""

    def _join_columns(self, columns):
        table = np.empty((len(columns[0]), len(columns)), dtype=object)
        for j, column in enumerate(columns):
            table[:, j] = column
        return table

    def _check_columns(self, X, *, reset):
        """Give the columns of a table and their names, which fit remembers and transform compares."""
        self._check_container(X)
        try:
            names, columns = frame_columns(X)
        except BadInputError as error:
            raise BadInputError(
                error.problem, step=type(self).__name__, row=error.row, fix="Give every row the same number of cells."
            ) from None
        if not columns:
            raise BadInputError(
                "the table has no columns", step=type(self).__name__, fix="Give at least one column of cells."
            )
        if reset or hasattr(self, "n_features_in_"):
            validate_data(self, _two_dimensional(X, names, columns), reset=reset, skip_check_array=True)
        return columns, names or list(range(len(columns)))

    def _check_container(self, X):
        if X is None or np.isscalar(X) or isinstance(X, (bytes, dict, Path)):
            problem = f"a single {type(X).__name__} came where a table was expected"
        elif hasattr(X, "collect"):
            problem = "a lazy frame came; its cells are not there yet"
        elif hasattr(X, "toarray"):
            problem = "a sparse matrix came where a table of cells was expected"
        elif getattr(X, "ndim", 1) not in (1, 2):
            problem = f"an array of {X.ndim} dimensions came where one or two were expected"
        else:
            return
        raise BadInputError(
            problem,
            step=type(self).__name__,
            fix="Give a frame, a series, a list, or an array of shape (n_rows,) or (n_rows, n_columns); "
            "mmsk.columns.make_column turns a block into a column of cells.",
        )

    def _bad_cell(self, error, row, column, value):
        """Give an error about one cell the place where the cell stands."""
        step = type(self).__name__
        return BadInputError(error.problem, step=step, row=int(row), column=column, value=value, fix=error.fix)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags


class BaseCellTransformer(BaseColumnTransformer):
    """Base class of transformers that read the cells one by one, in threads.

    A subclass gives ``_cell_reader()``, a function from a raw cell to an array that raises `BadInputError`, and
    ``_cell_layout()``: the (shape, dtype) that every cell has, or None where cells differ in shape. Cells of one layout
    are views of one block. Equal paths, texts and encoded bytes are read once a call and share their cell.

    Examples
    --------
    >>> from mmsk.base import BaseCellTransformer
    >>> class Length(BaseCellTransformer):
    ...     def __init__(self, on_error="raise", n_jobs=None, verbose=0):
    ...         self.on_error, self.n_jobs, self.verbose = on_error, n_jobs, verbose
    ...     def _cell_layout(self):
    ...         return (1,), np.int64
    ...     def _cell_reader(self):
    ...         return lambda cell: np.array([len(cell)])
    >>> Length().transform(["cat", None, "horse"]).tolist()
    [[array([3])], [None], [array([5])]]
    """

    # A subclass that has no such parameters reads its cells at once and keeps them in memory.
    lazy = False
    memory = None

    _parameter_constraints: dict = {
        "on_error": [StrOptions({"raise", "missing"})],
        "lazy": ["boolean"],
        "memory": [str, Path, HasMethods(["cache"]), None],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def _transform_columns(self, columns, names):
        places = distinct_places(columns)
        raw = [columns[found[0][1]][found[0][0]] for found in places]
        location = cache_location(self.memory)
        if location is not None:
            cells, errors = self._recall_cells(raw, location)
        elif self.lazy:
            cells, errors = self._lazy_cells(raw)
        else:
            cells, errors = self._read_cells(raw)
        if errors:
            self._report(errors, places, columns, names)
        return spread_cells(cells, places, columns)

    def _read_cells(self, raw):
        """Read distinct cells; give the arrays, and the errors by position."""
        # Parameters that do not go together are found here, so that they are not taken for bad cells.
        layout, read_cell = self._cell_layout(), self._cell_reader()
        cells = [None] * len(raw)
        if layout is None or not raw:
            return cells, self._walk(len(raw), lambda i: cells.__setitem__(i, read_cell(raw[i])))
        # Views of one block, so that a fold or an over-sampled copy of the column moves pointers only.
        block = np.empty((len(raw), *layout[0]), dtype=layout[1])

        def read(i):
            block[i] = read_cell(raw[i])
            cells[i] = block[i]

        return cells, self._walk(len(raw), read)

    def _lazy_cells(self, raw):
        """Promise distinct cells; give the promises, and the errors by position."""
        layout = self._cell_layout()
        if layout is None:
            raise BadInputError(
                "lazy cells came of no fixed shape",
                step=type(self).__name__,
                fix="Give a duration, or leave lazy=False.",
            )
        reader = CellReader(clone(self))
        cells = [None] * len(raw)
        # Only decoding tells which cells are missing; a wrong path shows without it.
        check = reader if self.on_error == "missing" else self._check_raw

        def promise(i):
            check(raw[i])
            cells[i] = LazyCell(reader, raw[i], shape=layout[0], dtype=layout[1], step=type(self).__name__)

        return cells, self._walk(len(raw), promise)

    def _recall_cells(self, raw, location):
        """Take distinct cells from disk, decoding those that are not there; give the cells, and the errors."""
        content = {key: value for key, value in self.get_params(deep=False).items() if key not in _NO_CONTENT}
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        cache = CellCache(location, name, content, self._cell_layout())
        keys = [cell_key(cell) for cell in raw]
        kept = set(keys) - {None}
        found = cache.find(kept)
        errors = {}
        if len(found) < len(kept):
            with cache.turn():
                found = cache.find(kept)  # another process may have had its turn
                absent = [i for i, key in enumerate(keys) if key is not None and key not in found]
                errors = self._decode_to(cache, absent, keys, raw)
                found = cache.find(kept)
        if errors and self.on_error == "raise":
            return [], errors
        cells = [found.get(key) for key in keys]
        # What was in memory is not kept on disk, and somebody may have emptied the cache.
        rest = [i for i, cell in enumerate(cells) if cell is None and i not in errors]
        read, failed = self._read_cells([raw[i] for i in rest])
        for i, cell in zip(rest, read, strict=True):
            cells[i] = cell
        return cells, errors | {rest[k]: error for k, error in failed.items()}

    def _decode_to(self, cache, absent, keys, raw):
        """Decode cells straight to disk, so that they need not fit into memory; give the errors by position."""
        if not absent:
            return {}
        read_cell = self._cell_reader()
        with cache.new_segment() as segment:
            failed = self._walk(len(absent), lambda k: segment.add(keys[absent[k]], read_cell(raw[absent[k]])))
        return {absent[k]: error for k, error in failed.items()}

    def _walk(self, n_cells, work):
        """Call `work` with every position, in threads; give the errors by position."""
        errors = {}

        def work_on_several(start):
            last = min(start + step, n_cells)
            for i in range(start, last):
                # Cells ahead of the first bad one are still read: which error is raised must not depend on the
                # threads. (list() first, as another thread may add an error while min() walks them.)
                if errors and self.on_error == "raise" and i > min(list(errors)):
                    break
                try:
                    work(i)
                except BadInputError as error:
                    errors[i] = error
            return last - start

        # Small files are read faster than a task is handed to a thread, so a task is several cells; but some tasks a
        # thread, as cells differ in length and progress is shown by them.
        step = max(1, min(64, n_cells // (8 * effective_n_jobs(self.n_jobs))))
        # Threads share what they write into; decoders, resamplers and FFTs release the interpreter lock.
        tasks = Parallel(n_jobs=self.n_jobs, require="sharedmem", return_as="generator_unordered")(
            delayed(work_on_several)(start) for start in range(0, n_cells, step)
        )
        self._finish(tasks, n_cells)
        return errors

    def _finish(self, tasks, total):
        """Wait for tasks, each of which gives its number of cells."""
        if not self.verbose:
            for _ in tasks:
                continue
            return
        from tqdm.auto import tqdm

        with tqdm(total=total, desc=type(self).__name__, unit="cell") as bar:
            for n_cells in tasks:
                bar.update(n_cells)

    def _report(self, errors, places, columns, names):
        """Raise the first error, or warn once about all of them."""
        placed = []
        for i in sorted(errors):
            row, j = places[i][0]
            placed.append(self._bad_cell(errors[i], row, names[j], columns[j][row]))
        if self.on_error == "raise":
            raise placed[0] from errors[min(errors)].__cause__
        count = sum(len(places[i]) for i in errors)
        shown = " | ".join(str(error) for error in placed[:3])
        more = f" | and {len(placed) - 3} more" if len(placed) > 3 else ""
        warnings.warn(
            f"{type(self).__name__}: {count} cells could not be read and are missing: {shown}{more}",
            UnreadableCellWarning,
            stacklevel=5,
        )

    def _cell_layout(self):
        """Say the (shape, dtype) of every cell, or None where cells differ."""
        return None

    def _cell_reader(self):
        """Give the function that reads one cell; what all cells share is built here, once a call."""
        raise NotImplementedError

    def _check_raw(self, cell):
        """Refuse, without decoding it, what cannot be a raw cell."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


def distinct_places(columns):
    """Find the cells that are there, equal ones together.

    Parameters
    ----------
    columns : list of ndarray of shape (n_rows,)
        The columns of a table.

    Returns
    -------
    list of list of tuple of int
        One list of (row, column) for every distinct path, text, encoded bytes or other object.

    Examples
    --------
    >>> from mmsk.base import distinct_places
    >>> distinct_places([["a.jpg", None, "b.jpg", "a.jpg"]])
    [[(0, 0), (3, 0)], [(2, 0)]]
    """
    places: dict = {}
    for j, column in enumerate(columns):
        for row, cell in enumerate(column):
            if not is_missing(cell):
                places.setdefault(_identity(cell), []).append((row, j))
    return list(places.values())


def spread_cells(cells, places, columns):
    """Put every cell where its raw cell stood.

    Parameters
    ----------
    cells : sequence of ndarray or None
        One cell for every entry of `places`.
    places : list of list of tuple of int
        What :func:`distinct_places` gives.
    columns : list of ndarray of shape (n_rows,)
        The raw columns.

    Returns
    -------
    list of ndarray of shape (n_rows,), dtype object
        One column for every raw one, None where a cell is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.base import distinct_places, spread_cells
    >>> columns = [["cat", None, "cat"]]
    >>> spread_cells([np.array([3])], distinct_places(columns), columns)
    [array([array([3]), None, array([3])], dtype=object)]
    """
    turned = [np.empty(len(column), dtype=object) for column in columns]
    for cell, found in zip(cells, places, strict=True):
        for row, j in found:
            turned[j][row] = cell
    return turned


def _identity(cell):
    """Give equal keys to cells that hold the same file, text or encoded bytes."""
    if isinstance(cell, (str, bytes)):
        return cell
    if isinstance(cell, Path):
        return str(cell)
    return id(cell)


def _two_dimensional(X, names, columns):
    """Give scikit-learn a table whose names and width it can check, without copying cells."""
    if hasattr(X, "shape") and len(X.shape) == 2:
        return X
    if names is not None:
        return X.to_frame()
    return np.empty((len(columns[0]), len(columns)), dtype=bool)
