"""Embeddings side by side."""

from mmsk.fusions._base import BaseFusion
from mmsk.nn.fusions import Concatenation


class ConcatFusion(BaseFusion):
    """Embeddings side by side, zeros where a modality is absent; ``fusion="concat"``.

    See Also
    --------
    PooledFusion : One vector whose size does not grow with the modalities.

    Examples
    --------
    >>> from mmsk import ConcatFusion
    >>> ConcatFusion().build([64, 128]).output_dim
    192
    """

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
        return Concatenation(dims)
