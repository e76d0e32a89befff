"""Batches gathered by row number from compact cells."""

from dataclasses import dataclass
from functools import cached_property

import torch

from mmsk.net._ahead import one_ahead
from mmsk.net._placement import place_cells


@dataclass
class CellBatches:
    """Which cells of a modality the batches of an epoch take; one list entry a batch.

    Attributes
    ----------
    slots : list of Tensor of shape (n_cells,)
        Places in the source.
    owners : list of Tensor of shape (n_cells,), or list of None
        The row of the batch each cell belongs to; None where every row has exactly one cell, in order.
    columns : list of Tensor of shape (n_cells,), or list of None
        The column of the modality each cell stands in; None with `owners`.
    """

    slots: list
    owners: list
    columns: list


class Rows:
    """Rows of all modalities with targets and weights.

    Parameters
    ----------
    cells : list of Cells
        One a modality.
    target : Tensor of shape (n_rows, ...)
        Class numbers or regression values.
    weight : Tensor of shape (n_rows,)
        Sample weights.
    device : torch.device
        Where batches are wanted.
    memory_share : float, default=0.5
        On a GPU: cells that fit into this share of its free memory are kept there.
    """

    def __init__(self, cells, target, weight, device, memory_share=0.5):
        self.sources, slots = place_cells(cells, device, memory_share)
        self.slots = [torch.from_numpy(s) for s in slots]
        self.target = target
        # Rows that weigh the same need no weights, which short steps notice.
        self.weight = None if bool((weight == weight[0]).all()) else weight
        self.device = device

    def __len__(self):
        return len(self.target)

    @cached_property
    def patterns(self):
        """Number the rows by which of their cells are there, tensor of shape (n_rows,); None if all rows are alike."""
        there = torch.cat([slots >= 0 for slots in self.slots], 1)
        return None if bool((there == there[0]).all()) else torch.unique(there, dim=0, return_inverse=True)[1]

    def batches(self, rows, n_batches, augment=None):
        """Walk over rows.

        Parameters
        ----------
        rows : Tensor of shape (n_chosen,), dtype int64
            Row numbers in order, on the CPU.
        n_batches : int
            Into how many batches of nearly equal size they are split: a last one of one or two rows would have useless
            statistics.
        augment : Augmenter, default=None
            Changes the cells of a batch.

        Yields
        ------
        inputs : dict
            What `FusedNetwork.forward` takes.
        targets : tuple
            Targets of shape (n_batch, ...), weights of shape (n_batch,) or None where all rows weigh the same, and
            the `Mixture` of an augmentation or None.
        """
        # All index arithmetic of an epoch is done at once, on the CPU: a GPU would have to wait for its counts.
        sizes = [len(part) for part in rows.tensor_split(n_batches)]
        parts = [
            _split_cells(slots.index_select(0, rows), sizes, source, self.device)
            for slots, source in zip(self.slots, self.sources, strict=True)
        ]
        targets = _send(self.target.index_select(0, rows), self.device).split(sizes)
        weights = [None] * n_batches
        if self.weight is not None:
            weights = _send(self.weight.index_select(0, rows), self.device).split(sizes)

        def make(i):
            cells = [source.take(part.slots[i]) for source, part in zip(self.sources, parts, strict=True)]
            owners, weight, mixture = [part.owners[i] for part in parts], weights[i], None
            if augment is not None:
                cells, mixture = augment(cells, owners, [part.columns[i] for part in parts], sizes[i])
            if mixture is not None and weight is not None:
                weight, mixture = mixture.weigh(weight)
            return {"cells": cells, "owners": owners, "n_rows": sizes[i]}, (targets[i], weight, mixture)

        resident = all(source.resident for source in self.sources)
        # A GPU augments faster than a thread is asked to let it.
        if resident and (augment is None or self.device.type == "cuda"):
            return map(make, range(n_batches))
        return one_ahead(make, n_batches, self.device)


def _split_cells(slots, sizes, source, device):
    """Find the cells of every batch of an epoch, from the places (n_rows, n_columns) of its rows in order."""
    place = getattr(source, "device", torch.device("cpu"))
    nothing = [None] * len(sizes)
    if slots.shape[1] == 1 and bool((slots >= 0).all()):
        return CellBatches(_send(slots[:, 0], place).split(sizes), nothing, nothing)
    rows, columns = (slots >= 0).nonzero(as_tuple=True)
    ends = torch.tensor(sizes).cumsum(0)
    batch = torch.searchsorted(ends, rows, right=True)
    counts = torch.bincount(batch, minlength=len(sizes)).tolist()
    owners = rows - (ends - torch.tensor(sizes))[batch]
    return CellBatches(
        _send(slots[rows, columns], place).split(counts),
        _send(owners, device).split(counts),
        _send(columns, device).split(counts),
    )


def _send(tensor, device):
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


class Batches:
    """Iterate over batches of nearly equal size.

    Where cells are missing, rows in random order are dealt so that each batch has its share of those that lack the same
    modalities: an encoder sees nearly the same number of cells every time, and few batches none of a rare modality.
    Besides, the libraries below torch prepare their kernels for a number of cells.

    Parameters
    ----------
    dataset : RowSubset
        The rows to walk.
    batch_size : int
        Most rows in a batch.
    generator : torch.Generator, default=None
        Order of the rows, drawn anew each time; None keeps it.
    balanced : bool, default=False
        Whether every class comes equally often.
    augment : Augmenter, default=None
        Changes the cells of a batch.
    """

    def __init__(self, dataset, batch_size, generator=None, balanced=False, augment=None):
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator
        self.balanced = balanced
        self.augment = augment

    def __len__(self):
        return max(1, -(-len(self.dataset) // self.batch_size))

    def __iter__(self):
        rows = self.dataset.rows
        if self.balanced:
            rows = rows[_balanced(self.dataset.source.target[rows], self.generator)]
        elif self.generator is not None:
            rows = rows[torch.randperm(len(rows), generator=self.generator)]
        patterns = self.dataset.source.patterns if self.generator is not None else None
        if patterns is not None:
            rows = _dealt(rows, patterns, len(self), self.generator)
        return iter(self.dataset.source.batches(rows, len(self), self.augment))


def _dealt(rows, patterns, n_batches, generator):
    """Deal shuffled rows to batches, which come one behind the other: a round of neighbours by pattern, one to each."""
    rows = rows[patterns[rows].argsort(stable=True)]
    # In random order within a round, as rows that all lack something else would meet the same others every time.
    rounds = torch.arange(len(rows)) // n_batches
    rows = rows[(rounds + torch.rand(len(rows), generator=generator, dtype=torch.float64)).argsort()]
    return torch.cat([rows[i::n_batches] for i in range(n_batches)])


def _balanced(classes, generator):
    """Draw as many positions as there are, each class equally often and the rows of a class equally often, shuffled."""
    groups = [(classes == one).nonzero().squeeze(1) for one in classes.unique()]
    drawn = []
    for i, group in enumerate(groups):
        quota = len(classes) * (i + 1) // len(groups) - len(classes) * i // len(groups)
        rounds = [group[torch.randperm(len(group), generator=generator)] for _ in range(-(-quota // len(group)))]
        drawn.append(torch.cat(rounds)[:quota] if rounds else group[:0])
    drawn = torch.cat(drawn)
    return drawn[torch.randperm(len(drawn), generator=generator)]


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
