"""The whole network: an encoder a modality, a fusion, a head."""

import torch
from torch import nn

from mmsk.nn._fusion import everywhere, make_fusion
from mmsk.nn._layers import Dropout, perceptron


class FusedNetwork(nn.Module):
    """Encode each modality where it is present, fuse, and answer.

    Parameters
    ----------
    encoders : dict of str to nn.Module
        One network a modality, from its cells to embeddings.
    dims : sequence of int
        Embedding size of each modality, in the order of `encoders`.
    n_outputs : int
        Classes, or regression targets.
    fusion : {"concat", "sum", "mean", "max"}, default="concat"
        How embeddings become one vector.
    hidden_layer_sizes : sequence of int, default=()
        Hidden layers of the head.
    dropout : float, default=0.0
        Dropout in the head.
    missing : {"zero", "token"}, default="zero"
        What stands for an absent modality: nothing, or a learned vector.
    modality_dropout : float, default=0.0
        Probability that training hides a present modality from the fusion; one a row always stays.
    auxiliary : bool, default=False
        Whether each modality gets a linear head of its own.
    """

    def __init__(
        self,
        encoders,
        dims,
        n_outputs,
        fusion="concat",
        hidden_layer_sizes=(),
        dropout=0.0,
        missing="zero",
        modality_dropout=0.0,
        auxiliary=False,
    ):
        super().__init__()
        self.keys = tuple(encoders)
        self.dims = tuple(dims)
        self.modality_dropout = modality_dropout
        self.generator = None
        # ModuleDict refuses keys with dots and names of its own methods; users choose keys freely.
        self.encoders = nn.ModuleList(encoders.values())
        self.fusion = make_fusion(fusion, dims)
        self.tokens = nn.ParameterList(nn.Parameter(torch.randn(dim)) for dim in dims) if missing == "token" else None
        sizes = (self.fusion.output_dim, *hidden_layer_sizes)
        first = [Dropout(dropout)] if dropout else []
        self.head = nn.Sequential(*first, *perceptron(sizes, dropout), nn.Linear(sizes[-1], n_outputs))
        self.auxiliary_heads = nn.ModuleList(nn.Linear(dim, n_outputs) for dim in dims) if auxiliary else None

    def forward(self, cells, owners, n_rows):
        """Answer for a batch of rows.

        Parameters
        ----------
        cells : list of Tensor of shape (n_cells, ...)
            The present cells of each modality, in the dtype they are stored in.
        owners : list of Tensor of shape (n_cells,), dtype int64, or None
            Which row of the batch each cell belongs to; None where every row has one cell, in order.
        n_rows : int
            Rows in the batch.

        Returns
        -------
        outputs : Tensor of shape (n_rows, n_outputs)
            Logits or regression values.
        auxiliary : list of (outputs, presence)
            For each modality its own head's outputs and the rows that have it, or None where all have; empty without
            auxiliary heads.
        """
        embeddings, presence = self.encode(cells, owners, n_rows)
        outputs = self.head(self.fuse(embeddings, presence))
        if self.auxiliary_heads is None:
            return outputs, []
        answers = [head(e) for head, e in zip(self.auxiliary_heads, embeddings, strict=True)]
        there = [None] * len(answers) if presence is None else presence.unbind(1)
        return outputs, list(zip(answers, there, strict=True))

    def encode(self, cells, owners, n_rows):
        """Embed the cells of each modality and average over a row's cells.

        Returns
        -------
        embeddings : list of Tensor of shape (n_rows, dim)
            Zero in rows that lack the modality.
        presence : Tensor of shape (n_rows, n_modalities), dtype bool, or None
            Rows that have it; None where all rows have all.
        """
        weight = self.head[-1].weight
        embeddings, presence = [], []
        for encoder, dim, x, owner in zip(self.encoders, self.dims, cells, owners, strict=True):
            if owner is None:
                embeddings.append(self._encode_cells(encoder, x).to(weight.dtype))
                presence.append(None)
                continue
            total, count = weight.new_zeros(n_rows, dim), weight.new_zeros(n_rows)
            if len(owner):
                count.index_add_(0, owner, weight.new_ones(len(owner)))
                embedding = self._encode_cells(encoder, x).to(weight.dtype)
                total = total.index_add(0, owner, embedding) / count.clamp_min(1.0)[:, None]
            embeddings.append(total)
            presence.append(count > 0)
        if all(there is None for there in presence):
            return embeddings, None
        all_rows = torch.ones(n_rows, dtype=torch.bool, device=weight.device)
        return embeddings, torch.stack([all_rows if there is None else there for there in presence], 1)

    def _encode_cells(self, encoder, x):
        if len(x) > 1 or not self.training:
            return encoder(x)
        # Batch statistics of a single cell are not defined: it is taken with those learned so far.
        encoder.eval()
        try:
            return encoder(x)
        finally:
            encoder.train()

    def fuse(self, embeddings, presence):
        """Join embeddings into one vector a row.

        Parameters
        ----------
        embeddings : list of Tensor of shape (n_rows, dim)
            As :meth:`encode` returns them.
        presence : Tensor of shape (n_rows, n_modalities), dtype bool, or None
            Likewise.

        Returns
        -------
        Tensor of shape (n_rows, fusion.output_dim)
            The fused embedding.
        """
        if self.training and self.modality_dropout > 0.0:
            presence = self._hide(everywhere(embeddings) if presence is None else presence)
        if self.tokens is not None and presence is not None:
            embeddings = [
                torch.where(there[:, None], embedding, token)
                for embedding, there, token in zip(embeddings, presence.unbind(1), self.tokens, strict=True)
            ]
            presence = None
        return self.fusion(embeddings, presence)

    def _hide(self, presence):
        draw = torch.rand(presence.shape, device=presence.device, generator=self.generator)
        draw = draw.masked_fill(~presence, -1.0)
        stays = (draw >= self.modality_dropout) | (draw == draw.amax(1, keepdim=True))
        return presence & stays
