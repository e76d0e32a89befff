"""Feature-wise linear modulation."""

from mmsk.fusions._base import BaseFusion
from mmsk.net._constraints import SIZE
from mmsk.nn.fusions import FeatureModulation


class FilmFusion(BaseFusion):
    """Feature-wise linear modulation: the others scale and shift each modality; ``fusion="film"``.

    Parameters
    ----------
    output_dim : int, default=None
        Size of the fused embedding; None is that of the largest embedding.

    Notes
    -----
    ``h = mean_i ((1 + g_i) * W_i x_i + b_i)`` over the modalities present, with ``[g_i; b_i] = M_i [x_j for j != i]``,
    zeros for the absent ones. In the paper one modality, a question, modulates another, a picture; here every modality
    is modulated by all others, so that any subset of them may be there.

    References
    ----------
    E. Perez et al., "FiLM: visual reasoning with a general conditioning layer", AAAI 2018, section 2.

    Examples
    --------
    >>> from mmsk import FilmFusion
    >>> FilmFusion().build([64, 128]).output_dim
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
        return FeatureModulation(dims, self.output_dim or max(dims))
