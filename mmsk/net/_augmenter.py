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

    def weigh(self, weight):
        """Let the label of each row count with the weight of the row that it is of.

        Parameters
        ----------
        weight : Tensor of shape (n_rows,)
            Positive weights of the rows before they were mixed.

        Returns
        -------
        weight : Tensor of shape (n_rows,)
            Those of the mixed rows.
        mixture : Mixture
            With the shares of the labels.
        """
        share = self.share.to(weight.dtype)
        own, other = share * weight, (1 - share) * weight.index_select(0, self.partner)
        weight = own + other
        return weight, Mixture(self.partner, own / weight.clamp_min(torch.finfo(weight.dtype).tiny))


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
        _check(augment, modalities)
        named = dict(augment)
        self.augmentations = [named.get(modality.key) for modality in modalities]
        self.mixing = named.get(ALL)
        self.keys = [modality.key for modality in modalities]
        self.kinds = [modality.kind for modality in modalities]
        self.n_columns = [len(modality.columns) if modality.kind != "table" else 1 for modality in modalities]
        self.generator = generator

    def __call__(self, cells, owners, columns, n_rows):
        cells = [self._change(i, part) for i, part in enumerate(cells)]
        if self.mixing is None:
            return cells, None
        draw = self.mixing.draw(n_rows, self.generator, self.generator.device)
        mixed, met = [], draw.share.new_zeros(n_rows)
        for i, (part, owner, column) in enumerate(zip(cells, owners, columns, strict=True)):
            mixed.append(self._mix(i, draw, part, owner, column, met))
        # A row of which nothing was mixed, as its partner has no such cells, keeps its label, too.
        return mixed, Mixture(draw.partner, torch.where(met > 0, draw.share, 1.0))

    def _change(self, i, cells):
        if self.augmentations[i] is None:
            return cells
        changed = self.augmentations[i](cells, self.generator)
        if not torch.is_tensor(changed) or len(changed) != len(cells):
            shown = f"a tensor of {len(changed)}" if torch.is_tensor(changed) else f"a {type(changed).__name__}"
            raise BadInputError(
                f"the augmentation of modality {self.keys[i]!r} gave {shown} for {len(cells)} cells",
                step="augment",
                fix="Let it take a tensor of cells and a torch.Generator, and give a tensor of as many cells.",
            )
        return changed

    def _mix(self, i, draw, cells, owners, columns, met):
        """Mix the cells of a modality, and add to `met` how many cells of each row were mixed."""
        kind = self.kinds[i]
        if owners is None:
            met += 1
            return self.mixing.mix(kind, cells, cells.index_select(0, draw.partner), draw.share, draw.place)
        if not len(cells):
            return cells
        # The cell of every row and column of the batch, to find the partner's; without one a cell is its own partner,
        # and mixed with itself it stays what it is.
        itself = torch.arange(len(cells), device=owners.device)
        slots = torch.full((len(met), self.n_columns[i]), -1, device=owners.device)
        slots[owners, columns] = itself
        others = slots[draw.partner[owners], columns]
        met.index_add_(0, owners, (others >= 0).to(met.dtype))
        others = torch.where(others < 0, itself, others)
        share, place = draw.share[owners], draw.place[owners]
        return self.mixing.mix(kind, cells, cells.index_select(0, others), share, place)


def _is_pair(pair):
    # A class may be called, but makes an augmentation rather than being one.
    is_pair = isinstance(pair, tuple) and len(pair) == 2 and not isinstance(pair[1], type)
    return is_pair and callable(getattr(pair[1], "mix", pair[1]))


def _check(augment, modalities):
    kinds = {modality.key: modality.kind for modality in modalities}
    seen = set()
    for pair in augment:
        if not _is_pair(pair):
            raise BadInputError(
                "augment holds something other than a pair of modality and augmentation",
                step="augment",
                value=pair,
                fix="Give a list such as [('image', ImageAugmentation())].",
            )
        key, augmentation = pair
        problem = fix = None
        if key != ALL and key not in kinds:
            problem = f"augment names modality {key!r}, which X does not have; it has {', '.join(kinds)}"
            fix = "Name one of them; what mixes rows has the key 'all'."
        elif key == ALL and ALL in kinds:
            problem = "a modality is called 'all', which is the key of what mixes rows"
            fix = "Rename its columns."
        elif key in seen:
            problem, fix = f"augment names {key!r} twice", "Give every modality one augmentation."
        elif hasattr(augmentation, "draw") != (key == ALL):
            problem = f"augment gives {augmentation!r} to {key!r}"
            fix = "What mixes rows, such as MixUp, has the key 'all', everything else the name of a modality."
        elif key != ALL and kinds[key] not in getattr(augmentation, "kinds", (kinds[key],)):
            wanted = " or ".join(augmentation.kinds)
            problem = f"{type(augmentation).__name__} changes {wanted} cells, modality {key!r} holds {kinds[key]} cells"
            fix = "Choose the augmentation that fits."
        if problem:
            raise BadInputError(problem, step="augment", fix=fix)
        seen.add(key)
