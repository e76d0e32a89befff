"""Where the cells of a modality come from: one block in memory, or files that are read when a batch wants them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from mmsk.exceptions import BadInputError
from mmsk.lazy import LazyCell
from mmsk.net._ahead import reading_threads
from mmsk.net._modality import RAGGED


class Block:
    """Cells in one array, which may be memory-mapped.

    Parameters
    ----------
    array : ndarray of shape (n_cells, *shape)
        The cells.
    """

    # Batches are gathered faster than another thread is asked.
    resident = True

    def __init__(self, array):
        self.array = array
        self.tensor = torch.from_numpy(array)
        self.shape = array.shape[1:]

    def __len__(self):
        return len(self.array)

    def take(self, slots):
        """Gather cells.

        Parameters
        ----------
        slots : Tensor of shape (n_batch,), dtype int64
            Their places.

        Returns
        -------
        Tensor of shape (n_batch, *shape)
            A copy of them.
        """
        # index_select is several times faster than tensor[slots] on uint8.
        return self.tensor.index_select(0, slots)


class UnreadCells:
    """Cells that are read each time a batch wants them.

    Parameters
    ----------
    modality : Modality
        What training saw.
    cells : list of LazyCell or ndarray
        Files not read yet, or memory-mapped arrays.
    owners : list of (int, str)
        A row and a column where each stands, for error messages.
    step : str
        Who reads, for error messages.
    n_jobs : int or None
        Threads that read.
    """

    resident = False

    def __init__(self, modality, cells, owners, step, n_jobs):
        self.modality = modality
        self.cells = cells
        self.owners = owners
        self.step = step
        self.n_jobs = n_jobs
        self.shape = modality.shape

    def __len__(self):
        return len(self.cells)

    def take(self, slots):
        """Read cells.

        Parameters
        ----------
        slots : Tensor of shape (n_batch,), dtype int64
            Their places.

        Returns
        -------
        Tensor of shape (n_batch, *shape)
            The cells.

        Raises
        ------
        BadInputError
            If one cannot be read, or does not look like those of training.
        """
        slots = slots.tolist()
        block = np.empty((len(slots), *self.modality.shape), dtype=self.modality.dtype)

        def read(i):
            cell, (row, name) = self.cells[slots[i]], self.owners[slots[i]]
            if isinstance(cell, LazyCell):
                cell = _read_lazy(cell, row, name)
            put_cell(cell, block[i], self.modality, row, name, self.step)

        n_threads = min(len(slots), reading_threads(self.n_jobs))
        if n_threads <= 1:
            for i in range(len(slots)):
                read(i)
        else:
            with ThreadPoolExecutor(n_threads) as pool:
                list(pool.map(read, range(len(slots))))
        return torch.from_numpy(block)


def _read_lazy(cell, row, name):
    try:
        return np.asarray(cell)
    except BadInputError as error:
        raise BadInputError(
            error.problem, step=error.step, row=row, column=name, value=error.value, fix=error.fix
        ) from error


def put_cell(cell, place, modality, row, name, step):
    """Copy a cell to its place in a block; one of another length is cut or filled.

    Parameters
    ----------
    cell : ndarray
        The cell.
    place : ndarray of shape (*modality.shape)
        Where it goes.
    modality : Modality
        What training saw.
    row, name : int, str
        Where it stands in the table, for error messages.
    step : str
        Who asks, for error messages.
    """
    whole, longest = cell, modality.shape[-1]
    if modality.kind in RAGGED and cell.shape[-1] != longest:
        if cell.shape[-1] > longest:
            start = 0 if modality.kind == "codes" else (cell.shape[-1] - longest) // 2
            cell = cell[..., start : start + longest]
        else:
            place[..., cell.shape[-1] :] = _filling(cell, modality)
    with np.errstate(over="ignore", invalid="ignore"):
        place[..., : cell.shape[-1]] = cell
    check_finite(place, whole, modality, row, name, step)


def _filling(cell, modality):
    """Say what stands behind the end of a cell: what tells a network the least."""
    if modality.kind == "codes" or modality.is_sound or cell.size == 0:
        return 0  # padding, or silence
    if modality.kind == "spectrogram":
        return cell.min()  # zero decibels would be loud
    # Zero would be a jump where a sensor measures around another value, and would count in the scale of the cells.
    mean = cell.mean(axis=-1, dtype=np.float64, keepdims=True)
    return mean if modality.dtype == "float32" else np.rint(mean)


def check_finite(values, cell, modality, row, name, step):
    """Refuse numbers that a network cannot compute with.

    Parameters
    ----------
    values : ndarray
        What the network would get.
    cell : ndarray
        The cell they were made of.
    modality : Modality
        What training saw.
    row, name : int, str
        Where it stands in the table, for error messages.
    step : str
        Who asks, for error messages.

    Raises
    ------
    BadInputError
        If one is NaN or infinite.
    """
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return
    what = "NaN" if np.isnan(cell).any() else "infinity or a value too large for float32"
    raise BadInputError(
        f"a cell of modality {modality.key!r} contains {what}",
        step=step,
        row=row,
        column=name,
        fix="Blank the cell (None) if the row lacks this modality.",
    )
