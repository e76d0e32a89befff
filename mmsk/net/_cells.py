"""The cells of a modality in some rows of a table, found and checked."""

import math
from dataclasses import dataclass
from warnings import warn

import numpy as np
import torch

from mmsk.cache import is_mapped
from mmsk.columns import is_missing
from mmsk.exceptions import BadInputError, UnreadableCellWarning
from mmsk.lazy import LazyCell
from mmsk.net._modality import RAGGED, block_dtype
from mmsk.net._sources import Block, UnreadCells, check_finite, put_cell

# Codes are kept as integers, which would make something of NaN.
_DTYPE_KINDS = {"codes": "iub"}
_LARGEST_CODE = np.iinfo(np.int32).max
_SHAPE_FIXES = {
    "series": "Recordings are (channels, T), with the channels of the first; T may differ.",
    "spectrogram": "Spectrograms are (bins, frames), with the bins of the first; frames may differ.",
    "array": "Cells of this shape are of one size. Name WaveformEncoder or SpectrogramEncoder in encoders=[...] for "
    "recordings and spectrograms of integers, which may differ in their last axis.",
}


@dataclass
class Cells:
    """The present cells of one modality, each distinct one once.

    Attributes
    ----------
    source : Block or UnreadCells
        The cells.
    slots : ndarray of shape (n_rows, n_columns), dtype int64
        Where the cell of a row and column stands in `source`; -1 where it is absent.
    n_cut : int
        How many of the cells are longer than those of training, and were cut.
    """

    source: Block | UnreadCells
    slots: np.ndarray
    n_cut: int = 0

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
        """Keep some rows; the cells stay where they are.

        Parameters
        ----------
        rows : ndarray of int
            The rows to keep.

        Returns
        -------
        Cells
            Cells of those rows.
        """
        return Cells(self.source, self.slots[rows], self.n_cut)

    def weighted_parts(self, sample_weight, n_values=2**19):
        """Walk the distinct cells of these rows, a few at a time.

        Parameters
        ----------
        sample_weight : ndarray of shape (n_rows,)
            Weights of the rows.
        n_values : int, default=2**19
            How many numbers, about, the cells of a part have: 4 MB in float64.

        Yields
        ------
        cells : Tensor of shape (n_part, *shape)
            Some of them.
        weight : Tensor of shape (n_part,), dtype float64
            The weights of all rows that each stands in, summed.
        """
        there = self.slots >= 0
        weight = np.broadcast_to(sample_weight[:, None], self.slots.shape)[there]
        total = np.bincount(self.slots[there], weight, minlength=len(self.source))
        used = torch.from_numpy(np.unique(self.slots[there]))
        size = math.prod(self.source.shape)
        for slots in used.split(max(1, n_values // max(1, size))):
            yield self.source.take(slots), torch.from_numpy(total)[slots]


def collect(modality, columns, step, first_row=0, n_jobs=None):
    """Find the cells of some rows.

    Cells that are rows of one array already are used where they are. Other cells in memory are copied into one array,
    and cells on disk stay there.

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
    n_jobs : int, default=None
        Threads that read cells on disk.

    Returns
    -------
    Cells
        The cells and which rows own them.

    Raises
    ------
    BadInputError
        If a cell does not look like those of training, or holds values that are not finite.
    """
    if modality.kind == "table":
        return _collect_table(modality, columns, step, first_row)
    slots = np.full((len(columns[0]), len(modality.columns)), -1, dtype=np.int64)
    places, cells, owners = {}, [], []
    for j, position in enumerate(modality.columns):
        for row, cell in enumerate(columns[position]):
            if is_missing(cell):
                continue
            _check_cell(cell, modality, first_row + row, modality.names[j], step)
            # Over-sampled and repeated rows share memory: such a cell is stored and copied once.
            slot = places.setdefault(_address(cell), len(cells))
            if slot == len(cells):
                cells.append(cell)
                owners.append((first_row + row, modality.names[j]))
            slots[row, j] = slot
    n_cut = sum(cell.shape[-1] > modality.shape[-1] for cell in cells) if modality.kind in RAGGED else 0
    if any(isinstance(cell, LazyCell) for cell in cells):
        return Cells(UnreadCells(modality, cells, owners, step, n_jobs), slots, n_cut)
    # Codes that came as bytes stay bytes, also where training had wider ones.
    in_bytes = modality.kind == "codes" and all(cell.dtype == np.uint8 for cell in cells)
    dtype = np.uint8 if in_bytes else modality.dtype
    shared = _common_block(cells, modality, dtype)
    if modality.kind == "codes" and (shared is None or shared[0].min() < 0):
        _check_codes(cells, owners, modality, step)
    if shared is not None:
        block, rows = shared
        for cell, owner in zip(cells, owners, strict=True):
            check_finite(cell, cell, modality, *owner, step)
        return Cells(Block(block), np.append(rows, -1)[slots], n_cut)
    if any(map(is_mapped, cells)):
        return Cells(UnreadCells(modality, cells, owners, step, n_jobs), slots, n_cut)
    block = np.empty((len(cells), *modality.shape), dtype=dtype)
    for i, (cell, owner) in enumerate(zip(cells, owners, strict=True)):
        put_cell(cell, block[i], modality, *owner, step)
    return Cells(Block(block), slots, n_cut)


def _address(cell):
    if isinstance(cell, LazyCell):
        return id(cell)
    return cell.__array_interface__["data"][0], cell.strides, cell.shape


def _common_block(cells, modality, dtype):
    """Find the array that all cells are rows of, and which row each is; None if there is none."""
    block = cells[0].base if cells else None
    if not isinstance(block, np.ndarray) or block.shape[1:] != modality.shape or block.dtype != dtype:
        return None
    if not block.flags.c_contiguous or not block.flags.writeable or not block.strides[0]:
        return None
    if any(cell.base is not block or cell.strides != block.strides[1:] for cell in cells):
        return None
    addresses = np.array([cell.__array_interface__["data"][0] for cell in cells])
    rows, remainder = np.divmod(addresses - block.__array_interface__["data"][0], block.strides[0])
    # A window into a longer row has the strides of a row, but not its place; ragged cells end before their row does.
    if remainder.any() or any(cell.shape != modality.shape for cell in cells):
        return None
    return block, rows


def _check_cell(cell, modality, row, name, step):
    ragged = modality.kind in RAGGED
    fixed = modality.shape[:-1] if ragged else modality.shape
    problem, fix = None, "Put the matching loader before the estimator, with the same settings at fit and predict."
    if not isinstance(cell, (np.ndarray, LazyCell)):
        problem = f"expected an array cell of modality {modality.key!r}, got {type(cell).__name__}"
    elif cell.ndim != len(modality.shape) or cell.shape[: len(fixed)] != fixed:
        problem = f"a cell of shape {cell.shape} where modality {modality.key!r} has shape {modality.shape}"
        fix = _SHAPE_FIXES.get(modality.kind, fix)
    elif block_dtype(cell.dtype, modality.kind) != modality.dtype or cell.dtype.kind not in _DTYPE_KINDS.get(
        modality.kind, "iufb"
    ):
        problem = f"a cell of dtype {cell.dtype} where training had {modality.dtype} in modality {modality.key!r}"
        fix = "Give all cells one dtype, that of the first; with a loader, by the same settings at fit and predict."
    elif isinstance(cell, np.ma.MaskedArray) and np.ma.is_masked(cell):
        problem = "the array masks some of its numbers"
    if problem:
        shown = {} if isinstance(cell, (np.ndarray, LazyCell)) else {"value": cell}
        raise BadInputError(
            problem,
            step=step,
            row=row,
            column=name,
            **shown,
            fix=fix,
        )


def _check_codes(cells, owners, modality, step):
    for cell, (row, name) in zip(cells, owners, strict=True):
        if cell.size == 0 or (cell.min() >= 0 and cell.max() <= _LARGEST_CODE):
            continue
        raise BadInputError(
            f"integers from {cell.min()} to {cell.max()} came in modality {modality.key!r}, where codes of characters "
            f"from 0 to {_LARGEST_CODE} were expected",
            step=step,
            row=row,
            column=name,
            fix="Texts go through CharEncoder, sounds through AudioLoader; other recordings of integers need their "
            f"encoder by name: encoders=[({modality.key!r}, WaveformEncoder())].",
        )


def warn_cut(modalities, counts, step):
    """Say once what was cut.

    Parameters
    ----------
    modalities : sequence of Modality
        What training saw.
    counts : sequence of int
        Cells of each that were cut.
    step : str
        Who asks.
    """
    for modality, n_cut in zip(modalities, counts, strict=True):
        if n_cut:
            warn(
                f"{step}: {n_cut} cells of modality {modality.key!r} are longer than the longest of training "
                f"({modality.shape[-1]}) and were cut to it. Load them with a fixed duration or length to choose which "
                "part is kept.",
                UnreadableCellWarning,
                stacklevel=3,
            )


def _collect_table(modality, columns, step, first_row):
    n_rows = len(columns[0])
    block = np.empty((n_rows, len(modality.columns)), dtype=modality.dtype)
    for j, position in enumerate(modality.columns):
        put_numbers(columns[position], block[:, j], first_row, modality.names[j], step)
    present = ~np.isnan(block).all(axis=1)
    return Cells(Block(block), np.where(present, np.arange(n_rows), -1)[:, None])


def put_numbers(column, place, first_row, name, step):
    """Copy a column of numbers to its place in a block.

    Parameters
    ----------
    column : ndarray of shape (n_rows,)
        Numbers, or objects that are numbers or missing.
    place : ndarray of shape (n_rows,)
        Where they go; NaN where one is missing.
    first_row : int
        Number of the first row in the caller's table, for error messages.
    name : str or int
        Name of the column, for error messages.
    step : str
        Who asks, for error messages.

    Raises
    ------
    BadInputError
        If a cell is no number, or one that the block cannot hold.
    """
    if column.dtype == object:
        column = [_number(cell, row, name, step) for row, cell in enumerate(column, first_row)]
    with np.errstate(over="ignore"):
        place[:] = column
    infinite = np.flatnonzero(np.isinf(place))
    if len(infinite):
        raise BadInputError(
            f"Input X contains infinity or a value too large for {place.dtype}",
            step=step,
            row=first_row + int(infinite[0]),
            column=name,
            value=float(column[infinite[0]]),
            fix="Absent numbers are NaN.",
        )


def _number(cell, row, name, step):
    if is_missing(cell):
        return np.nan
    try:
        if isinstance(cell, (str, bytes)):
            raise TypeError
        return float(cell)
    except OverflowError as error:
        raise BadInputError(
            "the number is too large for float64",
            step=step,
            row=row,
            column=name,
            value=cell,
            fix="Rescale the column.",
        ) from error
    except (TypeError, ValueError) as error:
        raise BadInputError(
            f"expected a number, got {type(cell).__name__}",
            step=step,
            row=row,
            column=name,
            value=cell,
            fix="Make arrays of lists, such as column.map(numpy.array)."
            if isinstance(cell, (list, tuple))
            else "Files and text need a loader before the estimator: ImageLoader, AudioLoader, MelSpectrogram, "
            "CharEncoder; categories need an encoder such as OneHotEncoder, dates numbers such as .dt.day_of_year.",
        ) from error
