"""What the fusions by attention share: which tokens they take, and how large and deep their transformers are."""

from mmsk.exceptions import BadInputError
from mmsk.fusions._base import BaseFusion
from mmsk.net._constraints import PROBABILITY, SIZE, one_of


class BaseAttentionFusion(BaseFusion):
    """Base of the fusions by attention.

    A subclass has the parameters `over`, `dim`, `n_layers`, `n_heads` and `dropout`, and builds its transformer in
    ``_transformer(dims)``.
    """

    _parameter_constraints: dict = {
        "over": one_of("embeddings", "tokens"),
        "dim": SIZE,
        "n_layers": SIZE,
        "n_heads": SIZE,
        "dropout": PROBABILITY,
    }

    @property
    def takes(self):
        """What the module is given: the parameter `over`."""
        return self.over

    def build(self, dims):
        """Build the torch module.

        Parameters
        ----------
        dims : sequence of int
            Embedding or token size of each modality.

        Returns
        -------
        torch.nn.Module
            Fuses the embeddings or sequences.

        Raises
        ------
        BadInputError
            If heads cannot share the tokens equally.
        """
        self._validate_params()
        if self.dim % self.n_heads:
            raise BadInputError(
                f"dim={self.dim} is no multiple of n_heads={self.n_heads}",
                step=type(self).__name__,
                fix="Heads share the numbers of a token equally: choose one that divides the other.",
            )
        return self._transformer(dims)
