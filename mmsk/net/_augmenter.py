"""The augmentations of all modalities, applied to a batch."""

from typing import NamedTuple

import torch

from mmsk.exceptions import BadInputError

# The key of what mixes rows, and with them all their modalities.
ALL = "all"


class Mixture(NamedTuple):
    """Rows of a batch that are mixed with others, for the loss.

    Attributes
    ----------
    partner : Tensor of shape (n_rows,), dtype int64
        The row each is mixed with.
    share : Tensor of shape (n_rows,)
        How much of the row itself is left.
    """

    partner: torch.Tensor
    share: torch.Tensor


class Augmenter:
    """Change the cells of batches, and mix their rows.

    Parameters
    ----------
    augment : sequence of (str, augmentation)
        What changes which modality; "all" mixes rows.
    modalities : sequence of Modality
        What the batches hold.
    generator : torch.Generator
        Where the draws come from.
    """

    def __init__(self, augment, modalities, generator):
        named = dict(augment)
        _check(augment, named, modalities)
        self.augmentations = [named.get(modality.key) for modality in modalities]
        self.mixing = named.get(ALL)
        self.kinds = [modality.kind for modality in modalities]
        self.generator = generator

    def __call__(self, cells, owners, columns, n_rows):
        cells = [
            part if augmentation is None else augmentation(part, self.generator)
            for part, augmentation in zip(cells, self.augmentations, strict=True)
        ]
        if self.mixing is None:
            return cells, None
        draw = self.mixing.draw(n_rows, self.generator)
        mixed = [
            self._mix(draw, kind, part, owner, column, n_rows)
            for kind, part, owner, column in zip(self.kinds, cells, owners, columns, strict=True)
        ]
        return mixed, Mixture(draw.partner, draw.share)

    def _mix(self, draw, kind, cells, owners, columns, n_rows):
        if owners is None:
            return self.mixing.mix(kind, cells, cells.index_select(0, draw.partner), draw)
        if not len(cells):
            return cells
        # The cell of every row and column of the batch, to find the partner's; without one a cell is its own partner,
        # and mixed with itself it stays what it is.
        itself = torch.arange(len(cells), device=owners.device)
        place = torch.full((n_rows, int(columns.max()) + 1), -1, device=owners.device)
        place[owners, columns] = itself
        others = place[draw.partner[owners], columns]
        others = torch.where(others < 0, itself, others)
        return self.mixing.mix(kind, cells, cells.index_select(0, others), draw.of_rows(owners))


def _check(augment, named, modalities):
    kinds = {modality.key: modality.kind for modality in modalities}
    for key, augmentation in augment:
        if key != ALL and key not in kinds:
            raise BadInputError(
                f"augment names modality {key!r}, which X does not have; it has {', '.join(kinds)}",
                step="augment",
                fix="Name one of them; what mixes rows has the key 'all'.",
            )
        if hasattr(augmentation, "draw") != (key == ALL):
            raise BadInputError(
                f"augment gives {augmentation!r} to {key!r}",
                step="augment",
                fix="What mixes rows, such as MixUp, has the key 'all', everything else the name of a modality.",
            )
        if key != ALL and kinds[key] not in getattr(augmentation, "kinds", (kinds[key],)):
            raise BadInputError(
                f"{type(augmentation).__name__} changes {' or '.join(augmentation.kinds)} cells, modality {key!r} holds "
                f"{kinds[key]} cells",
                step="augment",
                fix="Choose the augmentation that fits.",
            )
    if len(named) < len(augment):
        raise BadInputError(
            "augment names a modality twice", step="augment", fix="Give every modality one augmentation."
        )
