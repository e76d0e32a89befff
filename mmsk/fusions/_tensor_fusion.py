"""Outer product of the modalities."""

from mmsk.exceptions import BadInputError
from mmsk.fusions._base import BaseFusion
from mmsk.net._constraints import SIZE, one_of
from mmsk.nn.fusions import TensorProduct

_MOST_PRODUCTS = 2**20
_AUTO_PRODUCTS = 4096


class TensorFusion(BaseFusion):
    """Tensor fusion: all products of one number a modality, and of those of each subset; ``fusion="tensor"``.

    Parameters
    ----------
    dim : int or "auto", default="auto"
        Size d that every embedding is mapped to first; the fused embedding has (d + 1) ** n_modalities numbers.
        ``"auto"`` is 15, or less where that would be more than 4096 numbers, but at least 1.

    See Also
    --------
    LowRankFusion : The same with many or large embeddings.

    Notes
    -----
    ``h`` is the flattened outer product of ``[1; P_i x_i]`` over the modalities. An absent modality is ``[1; 0]``: the
    products with its numbers are zero, those of the others stay.

    References
    ----------
    A. Zadeh et al., "Tensor fusion network for multimodal sentiment analysis", EMNLP 2017: the tensor fusion layer.

    Examples
    --------
    >>> from mmsk import TensorFusion
    >>> TensorFusion(dim=4).build([64, 128, 32]).output_dim
    125
    """

    _parameter_constraints: dict = {"dim": [*SIZE, *one_of("auto")]}

    def __init__(self, dim="auto"):
        self.dim = dim

    def build(self, dims):
        """Build the torch module.

        Parameters
        ----------
        dims : sequence of int
            Embedding size of each modality.

        Returns
        -------
        torch.nn.Module
            Fuses the embeddings.
        """
        self._validate_params()
        n = len(dims)
        dim = self.dim
        if dim == "auto":
            dim = max(d for d in range(1, 16) if d == 1 or (d + 1) ** n <= _AUTO_PRODUCTS)
        if (dim + 1) ** n > _MOST_PRODUCTS:
            raise BadInputError(
                f"dim={self.dim!r} makes {dim + 1} ** {n} products of {n} modalities",
                step=type(self).__name__,
                fix="Choose a smaller dim, or LowRankFusion, which never forms the products.",
            )
        return TensorProduct(dims, dim)
