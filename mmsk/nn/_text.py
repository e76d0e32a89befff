"""Character convolutions for sentences."""

import torch
from torch import nn
from torch.nn import functional as F

from mmsk.nn._layers import ChannelDropout, Dropout, Projection
from mmsk.nn._tagging import start_as_keras


class CharacterNetwork(nn.Module):
    """Character codes to embeddings: convolutions of several widths, the strongest answer of each filter kept.

    The character version of Y. Kim, "Convolutional neural networks for sentence classification", EMNLP 2014.

    Parameters
    ----------
    codes : ndarray of shape (n_codes,)
        Codes that have a vector of their own, ascending, padding (0) not among them. All others share the vector of
        unknown characters, which is zero.
    embedding_dim : int
        Size of a character's vector.
    kernel_sizes : sequence of int
        Widths of the convolutions in characters.
    n_filters : int
        Filters of each width.
    output_dim : int
        Size of the embedding.
    dropout : float
        Dropout before the embedding, and of character vectors' channels at half that rate.
    """

    def __init__(self, codes, embedding_dim, kernel_sizes, n_filters, output_dim, dropout):
        super().__init__()
        self.output_dim = output_dim
        self.register_buffer("codes", torch.tensor(codes, dtype=torch.int64))
        self.embedding = nn.Embedding(len(codes) + 1, embedding_dim, padding_idx=0)
        self.character_dropout = ChannelDropout(dropout / 2)
        self.convolutions = nn.ModuleList(nn.Conv1d(embedding_dim, n_filters, size) for size in kernel_sizes)
        self.widest = self.n_after = max(kernel_sizes)
        self.projection = Projection(n_filters * len(kernel_sizes), output_dim, dropout)

    def forward(self, codes):
        x = self.character_dropout(self.vectors(codes))
        # The maximum first: its ReLU is the same, and the gradient goes to one place rather than through a mask of all.
        return self.projection(torch.cat([F.relu(conv(x).max(2).values) for conv in self.convolutions], 1))

    def vectors(self, codes):
        """Look up the vectors of characters.

        Parameters
        ----------
        codes : Tensor of shape (n_cells, L)
            Cells.

        Returns
        -------
        Tensor of shape (n_cells, embedding_dim, n_characters)
            With zeros at both ends, which stand for padding.
        """
        # Columns that are padding in every sentence of the batch are cut off. That changes nothing: filters see zeros
        # there, and one stretch of padding as long as the widest filter gives the maximum all that more would.
        # A GPU would have to wait for the number, and a compiled graph would end here.
        if not codes.is_cuda and not torch.compiler.is_compiling():
            positions = torch.arange(1, codes.shape[1] + 1)
            codes = codes[:, : max(1, int(((codes != 0) * positions).max()))]
        codes = F.pad(codes.long(), (1, self.n_after))
        place = torch.searchsorted(self.codes, codes).clamp_(0, max(0, len(self.codes) - 1))
        rows = torch.where(self.codes[place] == codes, place + 1, 0)
        return self.embedding(rows).transpose(1, 2)


class SeluCharacterNetwork(CharacterNetwork):
    """Character codes to embeddings as the multimodal_keras recipe has it: base_models.py, text_character_level_cnn.

    Convolutions of several widths, half as far apart as they are wide, with tanh; the strongest answer of each filter;
    two dense layers with SELU (G. Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017), the first as
    wide as all filters together. github.com/shibuiwilliam/multimodal_keras; the recipe keeps a vector for each
    of 65 535 characters, this network for those of training.

    Parameters
    ----------
    codes : ndarray of shape (n_codes,)
        Codes that have a vector of their own, as in `CharacterNetwork`.
    embedding_dim : int
        Size of a character's vector.
    kernel_sizes : sequence of int
        Widths of the convolutions in characters.
    n_filters : int
        Filters of each width.
    output_dim : int
        Size of the embedding.
    dropout : float
        Dropout between the dense layers.
    """

    def __init__(self, codes, embedding_dim, kernel_sizes, n_filters, output_dim, dropout):
        super().__init__(codes, embedding_dim, kernel_sizes, n_filters, output_dim, 0.0)
        for convolution, size in zip(self.convolutions, kernel_sizes, strict=True):
            convolution.stride = (max(1, size // 2),)
        # Wherever the steps of a filter fall, one has to fall on padding alone.
        self.n_after = self.widest + max(1, self.widest // 2)
        start_as_keras(self.convolutions)
        n_all = n_filters * len(kernel_sizes)
        first, second = nn.Linear(n_all, n_all), nn.Linear(n_all, output_dim)
        for layer in (first, second):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)  # LeCun's, which SELU asks for
            nn.init.zeros_(layer.bias)
        self.projection = nn.Sequential(first, nn.SELU(), Dropout(dropout), second, nn.SELU())

    def forward(self, codes):
        x = self.vectors(codes)
        return self.projection(torch.cat([torch.tanh(conv(x)).amax(2) for conv in self.convolutions], 1))
