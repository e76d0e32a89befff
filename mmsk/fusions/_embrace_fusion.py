"""Numbers drawn from the modalities."""

from mmsk.fusions._base import BaseFusion
from mmsk.net._constraints import SIZE
from mmsk.nn.fusions import Embracement


class EmbraceFusion(BaseFusion):
    """EmbraceNet: each number of the fused embedding is drawn from one modality present; ``fusion="embrace"``.

    Parameters
    ----------
    output_dim : int, default=None
        Size of the fused embedding; None is that of the largest embedding.

    Notes
    -----
    ``h_k = d_i(k),k`` with ``d_i = relu(W_i x_i)`` and ``i(k)`` drawn for each row and number, all modalities present
    being equally likely. Predictions take the mean over the draws, which is the mean of the ``d_i`` present, so that
    one row always gets the same answer; the paper draws there as well.

    References
    ----------
    J.-H. Choi and J.-S. Lee, "EmbraceNet: a robust deep learning architecture for multimodal classification",
    Information Fusion 51, 2019, section 3.

    Examples
    --------
    >>> from mmsk import EmbraceFusion
    >>> EmbraceFusion().build([64, 128]).output_dim
    128
    """

    _parameter_constraints: dict = {"output_dim": [*SIZE, None]}

    def __init__(self, output_dim=None):
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
        return Embracement(dims, self.output_dim or max(dims))
