"""Random changes to sentences given as character codes."""

import torch

from mmsk.augmentation._base import SHARE, BaseAugmentation
from mmsk.augmentation._draws import uniform


class TextAugmentation(BaseAugmentation):
    """Sentences with some characters swapped, replaced or left out, drawn anew for every row.

    Cells have shape (n_cells, length), integers such as `mmsk.CharEncoder` gives; 0 is the padding after the end, and
    never becomes text. 0 turns a change off. Changes are made in the order of the parameters.

    Parameters
    ----------
    swap : float, default=0.02
        Probability of each character to be drawn to change places with the next one. Of characters side by side that
        are all drawn every other one does.
    replacement : float, default=0.02
        Probability of each character to become another, drawn from the characters of all rows of the batch as often
        as they stand there: a vocabulary is not needed.
    deletion : float, default=0.02
        Probability of each character to be left out; what follows moves up. One character at least is left.

    Notes
    -----
    These are three of the four typing errors of F. Damerau, "A technique for computer detection and correction of
    spelling errors", CACM 1964; the fourth, insertion, would need room.

    Examples
    --------
    >>> import torch
    >>> from mmsk.augmentation import TextAugmentation
    >>> codes = torch.tensor([[ord(c) for c in "a long sentence"] + [0, 0]])
    >>> changed = TextAugmentation(0.1, 0.0, 0.1)(codes, torch.Generator().manual_seed(1))
    >>> "".join(chr(c) for c in changed[0] if c)
    'a logn sentnce'
    """

    kinds = ("codes",)
    _n_dims = (2,)
    _parameter_constraints: dict = {"swap": SHARE, "replacement": SHARE, "deletion": SHARE}

    def __init__(self, swap=0.02, replacement=0.02, deletion=0.02):
        self.swap = swap
        self.replacement = replacement
        self.deletion = deletion

    def _change(self, cells, generator):
        codes = cells.long()
        if self.swap:
            codes = self._swap(codes, generator)
        if self.replacement:
            codes = self._replace(codes, generator)
        if self.deletion:
            codes = self._delete(codes, generator)
        return codes.to(cells.dtype)

    def _swap(self, codes, generator):
        text = codes != 0
        first = (uniform(*codes.shape[:1], 0, 1, codes, generator, codes.shape[1]) < self.swap) & text
        first[:, :-1] &= text[:, 1:]  # the second of a pair must be text, too
        first[:, -1] = False
        # And the first no second: of a run of draws every other one counts, from its beginning.
        place = torch.arange(codes.shape[1], device=codes.device)
        before = torch.where(first, -1, place).cummax(1).values  # the last place without a draw
        first &= (place - before) % 2 == 1
        places = place + first.long() - first.roll(1, 1).long()
        return codes.gather(1, places)

    def _replace(self, codes, generator):
        text = codes != 0
        chosen = uniform(len(codes), 0, 1, codes, generator, codes.shape[1]) < self.replacement
        # The k-th character of the batch stands where the running count of characters first exceeds k.
        count = text.reshape(-1).cumsum(0)
        drawn = torch.rand(codes.shape, generator=generator, device=codes.device, dtype=torch.float64) * count[-1]
        places = torch.searchsorted(count, drawn.long(), right=True).clamp_(max=codes.numel() - 1)
        return torch.where(chosen & text, codes.reshape(-1)[places], codes)

    def _delete(self, codes, generator):
        text = codes != 0
        score = uniform(len(codes), 0, 1, codes, generator, codes.shape[1]) * text
        kept = text & ((score >= self.deletion) | (score == score.amax(1, keepdim=True)))
        # What is left out goes to one place beyond the end, which is then cut off.
        length = codes.shape[1]
        places = torch.where(kept, kept.cumsum(1) - 1, length)
        return codes.new_zeros(len(codes), length + 1).scatter_(1, places, codes)[:, :length]
