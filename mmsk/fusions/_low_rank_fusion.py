"""Low-rank factorisation of the outer product."""

from mmsk.fusions._base import BaseFusion
from mmsk.net._constraints import SIZE
from mmsk.nn.fusions import LowRankProduct


class LowRankFusion(BaseFusion):
    """Low-rank tensor fusion: a linear map of all products that never forms them; ``fusion="low_rank"``.

    Parameters
    ----------
    rank : int, default=8
        Products of vectors whose sum is the map.
    output_dim : int, default=128
        Size of the fused embedding.

    See Also
    --------
    TensorFusion : Forms the products.

    Notes
    -----
    ``h = b + R ** -0.5 * sum_r prod_i W_i^r [1; x_i]``, which equals ``W`` applied to the outer product of all
    ``[1; x_i]`` for ``W = R ** -0.5 * sum_r W_1^r x ... x W_n^r``. An absent modality is ``[1; 0]``. The paper has no
    factor before the sum.

    References
    ----------
    Z. Liu et al., "Efficient low-rank multimodal fusion with modality-specific factors", ACL 2018, section 3.2.

    Examples
    --------
    >>> from mmsk import LowRankFusion
    >>> LowRankFusion(rank=4, output_dim=32).build([64, 128, 32]).output_dim
    32
    """

    _parameter_constraints: dict = {"rank": SIZE, "output_dim": SIZE}

    def __init__(self, rank=8, *, output_dim=128):
        self.rank = rank
        self.output_dim = output_dim

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
        return LowRankProduct(dims, self.rank, self.output_dim)
