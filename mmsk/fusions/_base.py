"""What every fusion is: parameters, and a torch module built from them."""

from sklearn.base import BaseEstimator


class BaseFusion(BaseEstimator):
    """Base of the fusions.

    A fusion holds parameters, as scikit-learn's estimators do, and builds the torch module of a network when the sizes
    are known. A class of your own needs no more than a method `build` and to be `fusion=` of a `MultiModalClassifier`;
    deriving it from this class makes its parameters searchable.

    Attributes
    ----------
    takes : {"embeddings", "tokens", "answers", "inputs"}
        What the module is given: one vector a modality; sequences of vectors of those encoders that give them, and one
        vector of the others; the outputs of a head a modality; or standardised cells instead of embeddings.

    Notes
    -----
    The module takes a list of tensors, one a modality with the rows on the first axis, and the presence mask, a bool
    tensor of shape (n_rows, n_modalities) or None where all rows have all modalities. It gives a tensor of shape
    (n_rows, output_dim) and has an attribute `output_dim`. What stands where a modality is absent must not change it.
    Parts with an attribute `generator` get the generator to draw from while they train; a module that draws from
    torch's global one has an attribute ``draws_globally = True``.

    Examples
    --------
    >>> import torch
    >>> from mmsk.fusions import BaseFusion
    >>> class Loudest(torch.nn.Module):
    ...     def __init__(self, dim):
    ...         super().__init__()
    ...         self.output_dim = dim
    ...     def forward(self, embeddings, presence):
    ...         stacked = torch.stack(embeddings, 1)
    ...         if presence is not None:
    ...             stacked = stacked.masked_fill(~presence[:, :, None], 0.0)
    ...         place = stacked.abs().amax(2).argmax(1)
    ...         return stacked[torch.arange(len(stacked)), place]
    >>> class LoudestFusion(BaseFusion):
    ...     def build(self, dims):
    ...         return Loudest(max(dims))
    >>> LoudestFusion().build([2, 2])([torch.ones(1, 2), torch.zeros(1, 2)], None)
    tensor([[1., 1.]])
    """

    _parameter_constraints: dict = {}
    takes = "embeddings"

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
        raise TypeError(f"{type(self).__name__} builds no module")
