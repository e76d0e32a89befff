"""Sum, mean or maximum of the embeddings."""

from mmsk.fusions._base import BaseFusion
from mmsk.net._constraints import one_of
from mmsk.nn.fusions import Pooling


class PooledFusion(BaseFusion):
    """Sum, mean or element-wise maximum over the modalities present; ``fusion="sum"``, ``"mean"`` or ``"max"``.

    Embeddings of unequal sizes are first mapped linearly to the largest one.

    Parameters
    ----------
    how : {"sum", "mean", "max"}, default="mean"
        The pooling.

    Examples
    --------
    >>> import torch
    >>> from mmsk import PooledFusion
    >>> fuse = PooledFusion("max").build([2, 2])
    >>> fuse([torch.tensor([[1.0, 4.0]]), torch.tensor([[3.0, 2.0]])], None)
    tensor([[3., 4.]])
    """

    _parameter_constraints: dict = {"how": one_of("sum", "mean", "max")}

    def __init__(self, how="mean"):
        self.how = how

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
        return Pooling(dims, self.how)
