"""Where the cells of a training live: on the device if they fit, otherwise on their way to it."""

import numpy as np
import torch


class OnDevice:
    """Cells in one tensor on a GPU.

    Parameters
    ----------
    tensor : Tensor of shape (n_cells, *shape)
        The cells.
    """

    resident = True

    def __init__(self, tensor):
        self.tensor = tensor
        self.device = tensor.device

    def take(self, slots):
        """Gather cells.

        Parameters
        ----------
        slots : Tensor of shape (n_batch,), dtype int64
            Their places, on the same device.

        Returns
        -------
        Tensor of shape (n_batch, *shape)
            A copy of them.
        """
        return self.tensor.index_select(0, slots)


class Staged:
    """Cells that go to the GPU a batch at a time, through page-locked memory so that copying waits for nothing.

    Parameters
    ----------
    source : Block or UnreadCells
        The cells.
    device : torch.device
        The GPU.
    """

    resident = False
    device = torch.device("cpu")

    def __init__(self, source, device):
        self.source = source
        self.target = device

    def take(self, slots):
        """Gather cells and send them off.

        Parameters
        ----------
        slots : Tensor of shape (n_batch,), dtype int64
            Their places, on the CPU.

        Returns
        -------
        Tensor of shape (n_batch, *shape)
            The cells on the GPU, or on their way to it.
        """
        return self.source.take(slots).pin_memory().to(self.target, non_blocking=True)


def place_cells(cells, device, memory_share):
    """Decide where the cells of each modality are kept.

    Parameters
    ----------
    cells : list of Cells
        One a modality.
    device : torch.device
        Where batches are wanted.
    memory_share : float
        Share of the GPU's free memory that cells may fill; the first modalities come first.

    Returns
    -------
    sources : list of Block, UnreadCells, OnDevice or Staged
        From which batches are taken.
    slots : list of ndarray of shape (n_rows, n_columns)
        Places in the sources, -1 where a cell is absent.
    """
    if device.type != "cuda":
        return [part.source for part in cells], [part.slots for part in cells]
    left = memory_share * torch.cuda.mem_get_info(device)[0]
    sources, all_slots = [], []
    for part in cells:
        used = np.unique(part.slots[part.slots >= 0])
        # A cell tells its size; a modality whose rows are all empty has none to tell.
        size = part.source.take(torch.from_numpy(used[:1])).nbytes * len(used)
        if size > left:
            sources.append(Staged(part.source, device))
            all_slots.append(part.slots)
            continue
        left -= size
        place = np.full(len(part.source) + 1, -1, dtype=np.int64)
        place[used] = np.arange(len(used))
        sources.append(OnDevice(_uploaded(part.source, torch.from_numpy(used), device)))
        all_slots.append(place[part.slots])
    return sources, all_slots


def _uploaded(source, slots, device, chunk=1024):
    first = source.take(slots[:1])
    tensor = torch.empty((len(slots), *first.shape[1:]), dtype=first.dtype, device=device)
    for start in range(0, len(slots), chunk):
        part = source.take(slots[start : start + chunk])
        tensor[start : start + len(part)] = part.to(device)
    return tensor
