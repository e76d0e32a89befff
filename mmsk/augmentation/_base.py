"""What all augmentations share: they take a batch of cells and a generator, and give changed cells."""

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, Real

from mmsk.exceptions import BadInputError

SHARE = [Interval(Real, 0, 1, closed="both")]
STRENGTH = [Interval(Real, 0, None, closed="left")]
PAIR = [tuple, list]


class BaseAugmentation(BaseEstimator):
    """Base class of random changes to the cells of one modality.

    A subclass names the kinds of cells it changes in `kinds`, the numbers of dimensions a batch of them may have in
    `_n_dims`, its parameters that are ranges in `_ranges` (with the least and the largest value they may hold), and
    gives ``_change(cells, generator)``, which draws for every row on its own and leaves its input as it is.

    Examples
    --------
    >>> import torch
    >>> from mmsk.augmentation._base import BaseAugmentation
    >>> class Louder(BaseAugmentation):
    ...     kinds = ("waveform",)
    ...     _n_dims = (2,)
    ...     def _change(self, cells, generator):
    ...         return cells * (1 + torch.rand(len(cells), 1, generator=generator, device=cells.device))
    >>> Louder()(torch.ones(4, 100), torch.Generator().manual_seed(0)).shape
    torch.Size([4, 100])
    """

    kinds: tuple = ()
    _n_dims: tuple = ()
    _ranges: dict = {}
    _parameter_constraints: dict = {}

    def validate(self):
        """Check the parameters.

        Raises
        ------
        InvalidParameterError
            If a parameter has a value it may not have; a `ValueError`.
        BadInputError
            If a range is not a pair (low, high) within its bounds.
        """
        self._validate_params()
        for name, (least, most) in self._ranges.items():
            pair = getattr(self, name)
            if pair is None:
                continue
            numbers = all(isinstance(number, Real) for number in pair)
            if len(pair) != 2 or not numbers or not least <= pair[0] <= pair[1] <= most:
                raise BadInputError(
                    f"{name} is {pair!r}, expected two ascending numbers between {least} and {most}",
                    step=type(self).__name__,
                    fix="Give (low, high); equal numbers fix the value.",
                )

    def __call__(self, cells, generator):
        """Change every cell by a draw of its own.

        Parameters
        ----------
        cells : Tensor of shape (n_cells, ...)
            A batch of cells; it is left as it is.
        generator : torch.Generator
            Where all draws come from, on the device of the cells.

        Returns
        -------
        Tensor
            The changed cells, of the same dtype and on the same device.

        Raises
        ------
        BadInputError
            If the cells have another number of dimensions than their kind.
        """
        self.validate()
        if cells.ndim not in self._n_dims:
            raise BadInputError(
                f"{type(self).__name__} changes {' or '.join(self.kinds)} cells, whose batches have "
                f"{' or '.join(map(str, self._n_dims))} dimensions; one of shape {tuple(cells.shape)} came",
                step=type(self).__name__,
                fix="Name the augmentation beside the modality that holds such cells.",
            )
        return self._change(cells, generator) if cells.numel() else cells
