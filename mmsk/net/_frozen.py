"""Encoders that stand still compute each row once, not once an epoch."""

from contextlib import contextmanager

import numpy as np
import torch

from mmsk.net._augmenter import ALL
from mmsk.net._cells import Cells
from mmsk.net._sources import Block
from mmsk.nn import frozen_features


@contextmanager
def features_for_cells(net, plan, cells, augment):
    """Put features in the place of cells while a net trains, where its encoder stands still and nothing changes cells.

    Parameters
    ----------
    net : FusedNet
        Initialised.
    plan : Plan
        Its plan.
    cells : list of Cells
        One a modality.
    augment : sequence of (str, augmentation) or None
        What changes cells of a modality, or with the key "all" of every one.

    Yields
    ------
    list of Cells
        What to train with.
    """
    changed = {pair[0] for pair in augment or () if isinstance(pair, tuple) and pair}
    lent, cells = [], list(cells)
    try:
        for i, (encoder, modality) in enumerate(zip(net.module_.encoders, plan.modalities, strict=True)):
            if getattr(encoder, "is_frozen", False) and not changed & {modality.key, ALL} and cells[i].presence.any():
                cells[i] = _compute(encoder, cells[i], torch.device(net.device), net.batch_size)
                encoder.takes_features = True
                lent.append(encoder)
        yield cells
    finally:
        for encoder in lent:
            encoder.takes_features = False


def _compute(encoder, cells, device, batch_size):
    used = np.unique(cells.slots[cells.slots >= 0])
    parts = (cells.source.take(slots) for slots in torch.from_numpy(used).split(batch_size))
    block = frozen_features(encoder, parts, device).numpy()
    place = np.full(len(cells.source) + 1, -1, dtype=np.int64)  # the last one is for cells that are absent
    place[used] = np.arange(len(used))
    return Cells(Block(block), place[cells.slots])
