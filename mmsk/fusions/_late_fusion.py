"""Answers of the modalities averaged."""

from numbers import Real

import numpy as np

from mmsk.exceptions import BadInputError
from mmsk.fusions._base import BaseFusion
from mmsk.net._constraints import one_of
from mmsk.nn.fusions import AnswerAverage


class LateFusion(BaseFusion):
    """A head a modality, whose probabilities are averaged over the modalities present; ``fusion="late"``.

    The heads have the `hidden_layer_sizes` and `dropout` of the estimator. Its `auxiliary_loss` weighs the loss that
    each head has by itself; without it only their average learns.

    Parameters
    ----------
    average : {"geometric", "mean"}, default="geometric"
        Mean of the probabilities, or of their logarithms. Regression averages the predicted numbers either way.
    weights : "learned" or array-like of shape (n_modalities,), default=None
        What each modality counts, in the order of `modalities_`, positive; among those that a row has, weights are
        scaled to a sum of one. None is equal weights.

    Notes
    -----
    ``p ~ prod_i p_i ** w_i`` or ``p = sum_i w_i p_i``. Learned weights are the softmax of one score a modality.

    References
    ----------
    J. Kittler et al., "On combining classifiers", IEEE TPAMI 20, 1998: the product and the sum rule.

    Examples
    --------
    >>> import torch
    >>> from mmsk import LateFusion
    >>> fuse = LateFusion("mean", weights=[3, 1]).build([2, 2])
    >>> answers = [torch.tensor([[0.8, 0.2]]).log(), torch.tensor([[0.4, 0.6]]).log()]
    >>> fuse(answers, None).exp()
    tensor([[0.7000, 0.3000]])
    """

    _parameter_constraints: dict = {
        "average": one_of("geometric", "mean"),
        "weights": ["array-like", *one_of("learned"), None],
    }
    takes = "answers"

    def __init__(self, average="geometric", *, weights=None):
        self.average = average
        self.weights = weights

    def build(self, dims, task="classification"):
        """Build the torch module.

        Parameters
        ----------
        dims : sequence of int
            Number of outputs, once a modality.
        task : {"classification", "regression"}, default="classification"
            What they are.

        Returns
        -------
        torch.nn.Module
            Averages outputs.
        """
        self._validate_params()
        average = self.average if task == "classification" else "plain"
        return AnswerAverage(len(dims), dims[0], average, self._weights(len(dims)))

    def _weights(self, n_modalities):
        if self.weights is None:
            return [1.0] * n_modalities
        if isinstance(self.weights, str):
            return self.weights
        weights = list(self.weights)
        if len(weights) != n_modalities or not all(isinstance(w, Real) and 0 < w < np.inf for w in weights):
            raise BadInputError(
                f"weights are not {n_modalities} positive numbers, one a modality",
                step=type(self).__name__,
                value=self.weights,
                fix="Give one a modality, in the order of their columns; drop the columns of one that is not to count.",
            )
        return [float(w) for w in weights]
