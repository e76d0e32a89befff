"""What a modality's cells look like, and how rows of a table become blocks a network can take."""

from dataclasses import dataclass, field
from warnings import warn

import numpy as np

from mmsk.columns import is_missing, presence_of
from mmsk.exceptions import BadInputError, UnreadableCellWarning

# Kinds whose last axis may differ in length between cells.
_RAGGED = ("spectrogram", "waveform", "series", "codes")
_MOST_SENSORS = 12


@dataclass(frozen=True)
class Modality:
    """One modality as training saw it.

    Attributes
    ----------
    key : str
        Its name.
    columns : tuple of int
        Positions of its columns.
    names : tuple
        Their names, or positions where they have none.
    kind : str
        "image", "video", "spectrogram", "waveform", "series", "codes", "table" or, for other shapes, "array".
    shape : tuple of int
        Shape of a cell, or ``(n_columns,)`` of a table.
    dtype : str
        Dtype of the block.
    codes : ndarray or None
        Sorted distinct codes of the training cells, without padding.
    """

    key: str
    columns: tuple
    names: tuple
    kind: str
    shape: tuple
    dtype: str
    codes: np.ndarray | None = field(default=None, repr=False, compare=False)


@dataclass
class Cells:
    """The present cells of one modality, each distinct one stored once.

    Attributes
    ----------
    block : ndarray of shape (n_cells, *shape)
        The cells.
    slots : ndarray of shape (n_rows, n_columns), dtype int64
        Where the cell of a row and column stands in `block`; -1 where it is absent.
    """

    block: np.ndarray
    slots: np.ndarray

    @property
    def presence(self):
        """Tell which rows have the modality.

        Returns
        -------
        ndarray of shape (n_rows,), dtype bool
            True where any of its columns has a cell.
        """
        return (self.slots >= 0).any(axis=1)

    def take(self, rows):
        """Keep some rows; the block stays as it is unless cells are left without a row.

        Parameters
        ----------
        rows : ndarray of int
            The rows to keep.

        Returns
        -------
        Cells
            Cells of those rows.
        """
        slots = self.slots[rows]
        used = np.unique(slots[slots >= 0])
        if len(used) == len(self.block):
            return Cells(self.block, slots)
        new_place = np.full(len(self.block) + 1, -1, dtype=np.int64)
        new_place[used] = np.arange(len(used))
        return Cells(self.block[used], new_place[slots])

    def weights(self, sample_weight):
        """Sum the weights of the rows each cell stands in.

        Parameters
        ----------
        sample_weight : ndarray of shape (n_rows,)
            Weights of the rows.

        Returns
        -------
        ndarray of shape (n_cells,)
            Weights of the cells.
        """
        total = np.zeros(len(self.block))
        for slots in self.slots.T:
            np.add.at(total, slots[slots >= 0], sample_weight[slots >= 0])
        return total


def describe(key, positions, names, columns, step):
    """Find out what the cells of a modality are.

    Parameters
    ----------
    key : str
        Name of the modality.
    positions : sequence of int
        Positions of its columns.
    names : list of str or None
        Names of all columns of the table.
    columns : list of ndarray of shape (n_rows,)
        All columns of the table.
    step : str
        Who asks, for error messages.

    Returns
    -------
    Modality
        Its description.
    """
    labels = tuple(names[i] if names is not None else i for i in positions)
    place = {"key": key, "columns": tuple(positions), "names": labels}
    cells = [cell for i in positions if columns[i].dtype == object for cell in columns[i] if not is_missing(cell)]
    arrays = [cell for cell in cells if isinstance(cell, np.ndarray) and cell.ndim > 0]
    if not arrays:
        return Modality(**place, kind="table", shape=(len(positions),), dtype="float64")
    plain = [
        label
        for i, label in zip(positions, labels, strict=True)
        if columns[i].dtype != object and presence_of(columns[i]).any()
    ]
    if plain:
        raise BadInputError(
            f"modality {key!r} mixes columns of arrays and columns of numbers",
            step=step,
            column=plain[0],
            fix="Give the numbers a ColumnTransformer step, and so a modality, of their own.",
        )
    first = arrays[0]
    kind = _kind(first)
    shape = first.shape
    if kind in _RAGGED:
        shape = (*shape[:-1], max(1, *(cell.shape[-1] for cell in arrays if cell.ndim == first.ndim), 1))
    codes = None
    if kind == "codes":
        codes = np.unique(np.concatenate([np.unique(cell) for cell in arrays]))
        codes = codes[codes > 1] if (codes > 1).any() else np.array([2])
    return Modality(**place, kind=kind, shape=shape, dtype=_block_dtype(first.dtype, kind), codes=codes)


def _kind(cell):
    signed_samples = cell.dtype.kind == "f" or cell.dtype == np.int16
    if cell.ndim == 4:
        return "video"
    if cell.ndim == 3 and cell.shape[0] in (1, 3, 4):
        return "image"
    if cell.ndim == 2 and signed_samples:
        return "series" if cell.shape[0] <= _MOST_SENSORS else "spectrogram"
    if cell.ndim == 1:
        return "waveform" if signed_samples else "codes"
    return "array"


def _block_dtype(dtype, kind):
    if kind == "codes":
        return "int32"
    return dtype.name if dtype in (np.uint8, np.int16) else "float32"


def collect(modality, columns, step, first_row=0):
    """Bring the cells of some rows into one block.

    Parameters
    ----------
    modality : Modality
        What training saw.
    columns : list of ndarray of shape (n_rows,)
        All columns of the table.
    step : str
        Who asks, for error messages.
    first_row : int, default=0
        Number of the first of these rows in the caller's table, for error messages.

    Returns
    -------
    Cells
        The block and who owns which part of it.

    Raises
    ------
    BadInputError
        If a cell does not look like those of training, or holds values that are not finite.
    """
    if modality.kind == "table":
        return _collect_table(modality, columns, step, first_row)
    n_rows = len(columns[0])
    slots = np.full((n_rows, len(modality.columns)), -1, dtype=np.int64)
    places, cells, owners = {}, [], []
    for j, position in enumerate(modality.columns):
        column = columns[position]
        for row in range(n_rows):
            cell = column[row]
            if is_missing(cell):
                continue
            _check_cell(cell, modality, first_row + row, modality.names[j], step)
            # Over-sampled and repeated rows share memory: such a cell is stored and copied once.
            address = (cell.__array_interface__["data"][0], cell.strides, cell.shape)
            slot = places.setdefault(address, len(cells))
            if slot == len(cells):
                cells.append(cell)
                owners.append((first_row + row, modality.names[j]))
            slots[row, j] = slot
    return Cells(_fill_block(modality, cells, owners, step), slots)


def _check_cell(cell, modality, row, name, step):
    fixed = modality.shape[:-1] if modality.kind in _RAGGED else modality.shape
    problem = None
    if not isinstance(cell, np.ndarray):
        problem = f"expected an array cell of modality {modality.key!r}, got {type(cell).__name__}"
    elif cell.ndim != len(modality.shape) or cell.shape[: len(fixed)] != fixed:
        problem = f"a cell of shape {cell.shape} where modality {modality.key!r} has shape {modality.shape}"
    elif _block_dtype(cell.dtype, modality.kind) != modality.dtype or cell.dtype.kind not in "iufb":
        problem = f"a cell of dtype {cell.dtype} where training had {modality.dtype} in modality {modality.key!r}"
    if problem:
        shown = {} if isinstance(cell, np.ndarray) else {"value": cell}
        raise BadInputError(
            problem,
            step=step,
            row=row,
            column=name,
            **shown,
            fix="Put the matching loader before the estimator, with the same settings at fit and predict.",
        )


def _fill_block(modality, cells, owners, step):
    block = np.zeros((len(cells), *modality.shape), dtype=modality.dtype)
    longest = modality.shape[-1]
    n_cut = 0
    for i, cell in enumerate(cells):
        if modality.kind in _RAGGED and cell.shape[-1] != longest:
            if cell.shape[-1] > longest:
                n_cut += 1
                start = 0 if modality.kind == "codes" else (cell.shape[-1] - longest) // 2
                cell = cell[..., start : start + longest]
            elif modality.kind == "spectrogram" and cell.size:
                block[i] = cell.min()  # silence; zero decibels would be loud
        with np.errstate(over="ignore", invalid="ignore"):
            block[i, ..., : cell.shape[-1]] = cell
    if block.dtype.kind == "f":
        for i in range(len(block)):
            if not np.isfinite(block[i]).all():
                row, name = owners[i]
                what = "NaN" if np.isnan(cells[i]).any() else "infinity or a value too large for float32"
                raise BadInputError(
                    f"a cell of modality {modality.key!r} contains {what}",
                    step=step,
                    row=row,
                    column=name,
                    fix="Blank the cell (None) if the row lacks this modality.",
                )
    if n_cut:
        warn(
            f"{step}: {n_cut} cells of modality {modality.key!r} are longer than the longest of training ({longest}) "
            "and were cut to it. Load them with a fixed duration or length to choose which part is kept.",
            UnreadableCellWarning,
            stacklevel=2,
        )
    return block


def _collect_table(modality, columns, step, first_row):
    n_rows = len(columns[0])
    block = np.empty((n_rows, len(modality.columns)))
    for j, position in enumerate(modality.columns):
        column, name = columns[position], modality.names[j]
        if column.dtype != object:
            block[:, j] = column
        else:
            block[:, j] = [_number(cell, row, name, step) for row, cell in enumerate(column, first_row)]
        infinite = np.flatnonzero(np.isinf(block[:, j]))
        if len(infinite):
            raise BadInputError(
                "Input X contains infinity or a value too large for float64",
                step=step,
                row=first_row + int(infinite[0]),
                column=name,
                value=float(block[infinite[0], j]),
                fix="Absent numbers are NaN.",
            )
    present = ~np.isnan(block).all(axis=1)
    slots = np.where(present, np.cumsum(present) - 1, -1)[:, None]
    return Cells(block[present], slots)


def _number(cell, row, name, step):
    if is_missing(cell):
        return np.nan
    try:
        if isinstance(cell, (str, bytes)):
            raise TypeError
        return float(cell)
    except (TypeError, ValueError) as error:
        raise BadInputError(
            f"expected a number or an array, got {type(cell).__name__}",
            step=step,
            row=row,
            column=name,
            value=cell,
            fix="Files and text need a loader before the estimator: ImageLoader, AudioLoader, MelSpectrogram, "
            "CharEncoder; categories need an encoder such as OneHotEncoder.",
        ) from error
