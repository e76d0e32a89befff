"""What all transformers of raw cells share: they read the distinct ones in threads, later, or from disk."""

import time
import warnings
from contextlib import nullcontext
from numbers import Integral
from pathlib import Path

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.utils._param_validation import HasMethods, StrOptions

from mmsk.base._column_transformer import BaseColumnTransformer
from mmsk.base._distinct import distinct_cells, first_place, spread_cells
from mmsk.base._threads import run_in_threads
from mmsk.cache import CellCache, cache_location, cell_keys
from mmsk.exceptions import BadInputError, CacheWarning, UnreadableCellWarning
from mmsk.lazy import CellReader, LazyCell, as_promised

# Parameters that change when and how cells are read, not what is in them.
_NO_CONTENT = ("on_error", "lazy", "memory", "n_jobs", "verbose")
# Cells that take less, in seconds, are read by one thread.
_QUICK = 50e-6


class BaseCellTransformer(BaseColumnTransformer):
    """Base class of transformers that read the cells one by one, in threads.

    A subclass gives ``_cell_reader()``, a function from a raw cell to an array that raises `BadInputError`, and
    ``_cell_layout()``: the (shape, dtype) that every cell has, or None where cells differ in shape. Cells of one layout
    are views of one block. Equal paths, texts and encoded bytes are read once a call and share their cell.

    A subclass with a parameter ``lazy`` also gives ``_check_raw(cell)``, which refuses what is no raw cell without
    decoding it. One with a parameter ``memory`` reads files, whose cells depend on nothing but their content and the
    parameters: they are kept under the name of the class and all parameters but those of this base class.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk import BadInputError
    >>> from mmsk.base import BaseCellTransformer
    >>> class Length(BaseCellTransformer):
    ...     def __init__(self, on_error="raise", n_jobs=None, verbose=0):
    ...         self.on_error, self.n_jobs, self.verbose = on_error, n_jobs, verbose
    ...
    ...     def _cell_layout(self):
    ...         return (1,), np.int32
    ...
    ...     def _cell_reader(self):
    ...         return read_length
    >>> def read_length(cell):
    ...     if not isinstance(cell, str):
    ...         raise BadInputError(f"a cell of type {type(cell).__name__} is no text", fix="Give texts.")
    ...     return np.array([len(cell)], dtype=np.int32)
    >>> Length().transform(["cat", None, "horse"]).tolist()
    [[array([3], dtype=int32)], [None], [array([5], dtype=int32)]]
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
        raw, slots = distinct_cells(columns)
        location = cache_location(self.memory)
        if location is not None:
            cells, errors = self._recall_cells(raw, location)
        elif self.lazy:
            cells, errors = self._lazy_cells(raw)
        else:
            cells, errors = self._read_cells(raw)
        if errors:
            self._report(errors, raw, slots, names)
        return spread_cells(cells, slots)

    def _read_cells(self, raw):
        """Read distinct cells; give the arrays, and the errors by position."""
        # Parameters that do not go together are found here, so that they are not taken for bad cells.
        layout, read_cell, write_cell = self._cell_layout(), self._cell_reader(), self._cell_writer()
        cells = [None] * len(raw)
        if layout is None or not raw:
            return cells, self._walk(len(raw), lambda i: cells.__setitem__(i, read_cell(raw[i])))
        # Views of one block, so that a fold or an over-sampled copy of the column moves pointers only.
        block = np.empty((len(raw), *layout[0]), dtype=layout[1])

        def read(i):
            write_cell(raw[i], block[i])
            cells[i] = block[i]

        return cells, self._walk(len(raw), read)

    def _lazy_cells(self, raw):
        """Promise distinct cells; give the promises, and the errors by position."""
        # Parameters that do not go together are found here, as in `_read_cells`.
        layout, _ = self._cell_layout(), self._cell_reader()
        if layout is None:
            raise BadInputError(
                "lazy cells came of no fixed shape",
                step=type(self).__name__,
                fix="Give a duration, and mono=True where there is such a parameter, or leave lazy=False.",
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
        keys = cell_keys(raw)
        cells = [None] * len(raw)
        # Arrays and pictures are in memory already; files that are not there show before anything is decoded.
        errors = self._read_some([i for i, key in enumerate(keys) if key is None], raw, cells)
        if errors and self.on_error == "raise":
            return cells, errors
        kept = set(keys) - {None}
        found = cache.find(kept)
        if len(found) < len(kept):
            with cache.turn():
                found = cache.find(kept)  # another process may have had its turn
                absent = [i for i, key in enumerate(keys) if key is not None and key not in found]
                errors |= self._decode_to(cache, absent, keys, raw)
                found = cache.find(kept)
        if errors and self.on_error == "raise":
            return cells, errors
        for i, key in enumerate(keys):
            cells[i] = found.get(key, cells[i])
        lost = [i for i, cell in enumerate(cells) if cell is None and i not in errors]  # somebody emptied the cache
        return cells, errors | self._read_some(lost, raw, cells)

    def _read_some(self, positions, raw, cells):
        """Read some of the distinct cells into their places; give the errors by position."""
        if not positions:
            return {}
        read, errors = self._read_cells([raw[i] for i in positions])
        for i, cell in zip(positions, read, strict=True):
            cells[i] = cell
        return {positions[k]: error for k, error in errors.items()}

    def _decode_to(self, cache, absent, keys, raw):
        """Decode cells straight to disk, so that they need not fit into memory; give the errors by position."""
        if not absent:
            return {}
        read_cell = self._cell_reader()
        try:
            with cache.new_segment() as segment:
                failed = self._walk(len(absent), lambda k: segment.add(keys[absent[k]], read_cell(raw[absent[k]])))
        except OSError as error:  # the disk is full, most often; what is not kept is read into memory
            warnings.warn(
                f"{type(self).__name__}: {len(absent)} cells are decoded into memory, as they cannot be kept in "
                f"{cache.directory}: {error}. Make room there, or give another folder as `memory`.",
                CacheWarning,
                stacklevel=6,
            )
            return {}
        return {absent[k]: error for k, error in failed.items()}

    def _walk(self, n_cells, work):
        """Call `work` with every position, in threads; give the errors by position."""
        errors = {}
        bar = self._progress_bar(n_cells)

        def work_on(positions):
            for i in positions:
                # Cells ahead of the first bad one are still read: which error is raised must not depend on the
                # threads. (list() first, as another thread may add an error while min() walks them.)
                if errors and self.on_error == "raise" and i > min(list(errors)):
                    break
                try:
                    work(i)
                except BadInputError as error:
                    errors[i] = error
            if bar is not None:
                with bar.get_lock():
                    bar.update(len(positions))

        n_threads = effective_n_jobs(self.n_jobs)
        # Small files are read faster than a task is handed to a thread, so a task is several cells; but some tasks a
        # thread, as cells differ in length and progress is shown by them.
        step = max(1, min(64, n_cells // (8 * n_threads)))
        # Of many cells the first say what one costs: threads would take longer to hand each other the interpreter lock,
        # which decoders, resamplers and FFTs release, than to read cells that take but some microseconds.
        n_first, started = 8 if step >= 8 else 0, time.perf_counter()
        with nullcontext() if bar is None else bar:
            work_on(range(n_first))
            quick = time.perf_counter() - started < n_first * _QUICK
            tasks = [range(start, min(start + step, n_cells)) for start in range(n_first, n_cells, step)]
            run_in_threads(work_on, tasks, 1 if quick else n_threads)
        return errors

    def _progress_bar(self, total):
        if not self.verbose:
            return None
        from tqdm.auto import tqdm

        return tqdm(total=total, desc=type(self).__name__, unit="cell")

    def _report(self, errors, raw, slots, names):
        """Raise the first error, or warn once about all of them."""
        placed = []
        for i in sorted(errors)[:3]:
            row, j = first_place(i, slots)
            placed.append(self._bad_cell(errors[i], row, names[j], raw[i]))
        if self.on_error == "raise":
            raise placed[0] from errors[min(errors)].__cause__
        count = sum(int(np.isin(slot, list(errors)).sum()) for slot in slots)
        shown = " | ".join(map(str, placed))
        more = f" | and {len(errors) - 3} more" if len(errors) > 3 else ""
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
        raise TypeError(f"{type(self).__name__} does not say how it reads a cell")

    def _cell_writer(self):
        """Give the function that reads a cell into an array; a subclass may spare the copy."""
        read_cell, step = self._cell_reader(), type(self).__name__

        def write(cell, place):
            place[...] = as_promised(read_cell(cell), place.shape, place.dtype, step)

        return write

    def _check_raw(self, cell):
        """Refuse, without decoding it, what cannot be a raw cell."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags
