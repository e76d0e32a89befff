"""Late fusion: the modalities' answers averaged."""

import torch
from torch import nn
from torch.nn import functional as F

from mmsk.nn.fusions._masks import blank, everywhere


class AnswerAverage(nn.Module):
    """Weighted average of the answers of the modalities that are present.

    Parameters
    ----------
    n_modalities, n_outputs : int
        How many answer, with how many numbers each.
    average : {"geometric", "mean", "plain"}
        Of class probabilities, or of the numbers as they are.
    weights : "learned" or sequence of float of shape (n_modalities,)
        What each modality counts, among those present.
    """

    def __init__(self, n_modalities, n_outputs, average, weights):
        super().__init__()
        self.output_dim = n_outputs
        self.average = average
        scores = torch.zeros(n_modalities)
        if isinstance(weights, str):
            # The weight of a single modality is one whatever is learned.
            self.scores = nn.Parameter(scores) if n_modalities > 1 else scores
        else:
            self.register_buffer("scores", torch.as_tensor(weights, dtype=torch.float64).log())

    def forward(self, embeddings, presence):
        """Average.

        Parameters
        ----------
        embeddings : list of Tensor of shape (n_rows, n_outputs)
            Logits or regression values of each modality.
        presence : Tensor of shape (n_rows, n_modalities), dtype bool, or None
            Which modalities a row has; None if all rows have all.

        Returns
        -------
        Tensor of shape (n_rows, n_outputs)
            Logits or regression values.
        """
        answers = torch.stack(blank(embeddings, presence), 1)
        presence = everywhere(embeddings) if presence is None else presence
        # Of rows without any modality the zeros are averaged: equal probabilities.
        presence = presence | ~presence.any(1, keepdim=True)
        scores = self.scores.to(answers).expand(presence.shape).masked_fill(~presence, -torch.inf)
        shares = F.log_softmax(scores, 1)[:, :, None]
        if self.average == "mean":
            return torch.logsumexp(shares + F.log_softmax(answers, 2), 1)
        values = F.log_softmax(answers, 2) if self.average == "geometric" else answers
        return (shares.exp() * values).sum(1)
