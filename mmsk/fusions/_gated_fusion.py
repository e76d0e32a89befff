"""Gated multimodal units."""

from mmsk.fusions._base import BaseFusion
from mmsk.net._constraints import SIZE
from mmsk.nn.fusions import GatedUnits


class GatedFusion(BaseFusion):
    """Gated multimodal units: each modality has a gate a number, opened by all of them; ``fusion="gated"``.

    Parameters
    ----------
    output_dim : int, default=None
        Size of the fused embedding; None is that of the largest embedding.

    Notes
    -----
    ``h = sum_i sigmoid(Z_i [x_1; ...; x_n]) * tanh(W_i x_i)``, the sum over the modalities present, zeros for the
    absent ones in what opens the gates. The units of the paper have offsets here.

    References
    ----------
    J. Arevalo et al., "Gated multimodal units for information fusion", ICLR workshop 2017, section 3.

    Examples
    --------
    >>> from mmsk import GatedFusion
    >>> GatedFusion().build([64, 128]).output_dim
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
        return GatedUnits(dims, self.output_dim or max(dims))
