"""Batches gathered by row number from compact blocks."""

import torch


class Rows:
    """Rows of all modalities with targets and weights, on the device they are trained on.

    Parameters
    ----------
    cells : list of Cells
        One a modality.
    target : Tensor of shape (n_rows, ...)
        Class numbers or regression values.
    weight : Tensor of shape (n_rows,)
        Sample weights.
    device : torch.device
        Where blocks are kept.
    """

    def __init__(self, cells, target, weight, device):
        self.blocks = [torch.from_numpy(c.block).to(device) for c in cells]
        self.slots = [torch.from_numpy(c.slots).to(device) for c in cells]
        self.target = target.to(device)
        self.weight = weight.to(device)
        self.device = device

    def __len__(self):
        return len(self.weight)

    def take(self, rows):
        """Gather a batch.

        Parameters
        ----------
        rows : Tensor of shape (n_batch,), dtype int64
            Row numbers.

        Returns
        -------
        inputs : dict
            What `FusedNetwork.forward` takes.
        targets : tuple of Tensor
            Targets of shape (n_batch, ...) and weights of shape (n_batch,).
        """
        cells, owners = [], []
        for block, slots in zip(self.blocks, self.slots, strict=True):
            batch_slots = slots.index_select(0, rows)
            owner, column = (batch_slots >= 0).nonzero(as_tuple=True)
            # index_select is several times faster than block[...] on uint8.
            cells.append(block.index_select(0, batch_slots[owner, column]))
            owners.append(owner)
        inputs = {"cells": cells, "owners": owners, "n_rows": len(rows)}
        return inputs, (self.target.index_select(0, rows), self.weight.index_select(0, rows))


class Batches:
    """Iterate over batches of nearly equal size.

    Parameters
    ----------
    dataset : RowSubset
        The rows to walk.
    batch_size : int
        Most rows in a batch.
    generator : torch.Generator, default=None
        Order of the rows, drawn anew each time; None keeps it.
    """

    def __init__(self, dataset, batch_size, generator=None):
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator

    def __len__(self):
        return max(1, -(-len(self.dataset) // self.batch_size))

    def __iter__(self):
        rows = self.dataset.rows
        if self.generator is not None:
            rows = rows[torch.randperm(len(rows), generator=self.generator)]
        # A last batch of one or two rows would have useless statistics.
        for part in rows.to(self.dataset.source.device).tensor_split(len(self)):
            yield self.dataset.source.take(part)


class RowSubset(torch.utils.data.Dataset):
    """Some rows of a :class:`Rows`, as the dataset that skorch hands around.

    Parameters
    ----------
    source : Rows
        All rows.
    rows : Tensor of shape (n_subset,), dtype int64
        Which of them.
    """

    def __init__(self, source, rows):
        self.source = source
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.source.take(self.rows[[i]].to(self.source.device))
