"""The whole network: an encoder a modality, a fusion, a head."""

import torch
from torch import nn

from mmsk.nn._layers import Dropout, evaluating, perceptron, run_cells
from mmsk.nn.fusions import Concatenation, everywhere


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
    fusion : fusion estimator, default=None
        Builds the module that makes one vector of embeddings, see `mmsk.fusions.BaseFusion`; None concatenates.
    task : {"classification", "regression"}, default="classification"
        What the outputs are, for a fusion that averages them.
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
        fusion=None,
        task="classification",
        hidden_layer_sizes=(),
        dropout=0.0,
        missing="zero",
        modality_dropout=0.0,
        auxiliary=False,
    ):
        super().__init__()
        self.keys = tuple(encoders)
        self.dims = tuple(dims)
        self.n_outputs = n_outputs
        self.modality_dropout = modality_dropout
        self.generator = None
        # ModuleDict refuses keys with dots and names of its own methods; users choose keys freely.
        self.encoders = nn.ModuleList(encoders.values())
        # What the fusion is given: embeddings, sequences of tokens, answers of heads of each modality, or inputs.
        self.takes = getattr(fusion, "takes", "embeddings")
        late = self.takes == "answers"
        self.shapes = [self._shape(encoder, dim) for encoder, dim in zip(self.encoders, dims, strict=True)]
        if fusion is None:
            self.fusion = Concatenation(dims)
        elif late:
            self.fusion = fusion.build([n_outputs] * len(self.dims), task)
        else:
            self.fusion = fusion.build(self.shapes if self.takes == "inputs" else [shape[-1] for shape in self.shapes])
        self.tokens = None
        if missing == "token":
            self.tokens = nn.ParameterList(nn.Parameter(torch.randn(shape)) for shape in self.shapes)

        def make_head(n_in):
            sizes = (n_in, *hidden_layer_sizes)
            first = [Dropout(dropout)] if dropout else []
            return nn.Sequential(*first, *perceptron(sizes, dropout), nn.Linear(sizes[-1], n_outputs))

        self.head = nn.Identity() if late else make_head(self.fusion.output_dim)
        self.heads = nn.ModuleList(make_head(dim) for dim in dims) if late else None
        # Late fusion has heads to learn by; inputs that are joined have no encoders that could.
        self.auxiliary = auxiliary and self.takes != "inputs"
        self.auxiliary_heads = None
        if self.auxiliary and not late:
            self.auxiliary_heads = nn.ModuleList(nn.Linear(dim, n_outputs) for dim in dims)
        self.register_buffer("like", torch.empty(0), persistent=False)  # knows dtype and device of the weights

    def _shape(self, encoder, dim):
        if self.takes == "inputs":
            return encoder.output_shape
        if self.takes == "tokens" and hasattr(encoder, "sequence"):
            return (1, encoder.token_dim)  # as many tokens as the cells give
        return (dim,)

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
        if not self.auxiliary:
            return outputs, []
        heads = self.auxiliary_heads if self.heads is None else self.heads
        own = map(self._pool, self.encoders, self.dims, embeddings, owners)
        answers = [head(embedding) for head, embedding in zip(heads, own, strict=True)]
        there = [None] * len(answers) if presence is None else presence.unbind(1)
        return outputs, list(zip(answers, there, strict=True))

    def _pool(self, encoder, dim, embedding, owner):
        """Make embeddings of sequences, which in a batch without any cell do not have their length."""
        if embedding.ndim == 2:
            return embedding
        return encoder.pool(embedding) if owner is None or len(owner) else embedding.new_zeros(len(embedding), dim)

    def encode(self, cells, owners, n_rows):
        """Embed the cells of each modality and average over a row's cells.

        Returns
        -------
        embeddings : list of Tensor of shape (n_rows, dim)
            Zero in rows that lack the modality. A fusion of tokens gets (n_rows, n_tokens, token_dim) from encoders
            that give sequences, one of inputs what its readers give.
        presence : Tensor of shape (n_rows, n_modalities), dtype bool, or None
            Rows that have it; None where all rows have all.
        """
        like, embeddings, presence = self.like, [], []
        for encoder, shape, x, owner in zip(self.encoders, self.shapes, cells, owners, strict=True):
            if owner is None:
                embeddings.append(self._encode_cells(encoder, x).to(like.dtype))
                presence.append(None)
                continue
            count = like.new_zeros(n_rows)
            if len(owner):
                count.index_add_(0, owner, like.new_ones(len(owner)))
                embedding = self._encode_cells(encoder, x).to(like.dtype)
                share = count.clamp_min(1.0).reshape(-1, *[1] * (embedding.ndim - 1))
                total = like.new_zeros(n_rows, *embedding.shape[1:]).index_add(0, owner, embedding) / share
            else:
                total = like.new_zeros(n_rows, *self._blank_shape(encoder, shape, x))
            embeddings.append(total)
            presence.append(count > 0)
        if all(there is None for there in presence):
            return embeddings, None
        all_rows = torch.ones(n_rows, dtype=torch.bool, device=like.device)
        return embeddings, torch.stack([all_rows if there is None else there for there in presence], 1)

    @torch.no_grad()
    def _blank_shape(self, encoder, shape, x):
        """Shape of a row's embedding in a batch that lacks the modality; learned tokens are as many as elsewhere."""
        if self.tokens is None or self.takes != "tokens" or not hasattr(encoder, "sequence"):
            return shape
        with evaluating(encoder):
            return encoder.sequence(x.new_zeros(1, *x.shape[1:])).shape[1:]

    def _encode_cells(self, encoder, x):
        run = encoder.sequence if self.takes == "tokens" and hasattr(encoder, "sequence") else encoder
        return run_cells(encoder, run, x)

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
                torch.where(there.reshape(-1, *[1] * (embedding.ndim - 1)), embedding, token)
                for embedding, there, token in zip(embeddings, presence.unbind(1), self.tokens, strict=True)
            ]
            presence = None
        if self.heads is not None:
            embeddings = [head(e) for head, e in zip(self.heads, embeddings, strict=True)]
        return self.fusion(embeddings, presence)

    def _hide(self, presence):
        draw = torch.rand(presence.shape, device=presence.device, generator=self.generator)
        draw = draw.masked_fill(~presence, -1.0)
        stays = (draw >= self.modality_dropout) | (draw == draw.amax(1, keepdim=True))
        return presence & stays
