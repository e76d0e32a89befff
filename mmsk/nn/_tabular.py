"""Perceptron for numbers, some of them absent."""

import torch
from torch import nn

from mmsk.nn._layers import Projection, Standardize, perceptron


class TabularNetwork(nn.Module):
    """Numbers to embeddings; an absent number counts as average and is flagged by an input of its own.

    Parameters
    ----------
    n_features : int
        Columns of the table.
    hidden_layer_sizes : sequence of int
        Sizes of the hidden layers.
    output_dim : int
        Size of the embedding.
    dropout : float
        Dropout after each hidden layer.
    """

    def __init__(self, n_features, hidden_layer_sizes, output_dim, dropout):
        super().__init__()
        self.output_dim = output_dim
        self.standardize = Standardize(n_features)
        sizes = (2 * n_features, *hidden_layer_sizes)
        self.hidden = perceptron(sizes, dropout)
        self.projection = Projection(sizes[-1], output_dim, 0.0)

    def forward(self, x):
        x = self.standardize(x).to(self.projection.linear.weight.dtype)
        absent = x.isnan()
        x = torch.where(absent, torch.zeros_like(x), x)
        return self.projection(self.hidden(torch.cat([x, absent.to(x.dtype)], 1)))
