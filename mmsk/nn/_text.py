"""Character convolutions for sentences."""

import torch
from torch import nn
from torch.nn import functional as F

from mmsk.nn._layers import ChannelDropout, Projection


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
        self.register_buffer("codes", torch.as_tensor(codes, dtype=torch.int64))
        self.embedding = nn.Embedding(len(codes) + 1, embedding_dim, padding_idx=0)
        self.character_dropout = ChannelDropout(dropout / 2)
        self.convolutions = nn.ModuleList(nn.Conv1d(embedding_dim, n_filters, size) for size in kernel_sizes)
        self.widest = max(kernel_sizes)
        self.projection = Projection(n_filters * len(kernel_sizes), output_dim, dropout)

    def forward(self, codes):
        # Columns that are padding in every sentence of the batch are cut off. That changes nothing: filters see zeros
        # there, and one stretch of padding as long as the widest filter gives the maximum all that more would.
        if not codes.is_cuda:  # a GPU would have to wait for the number
            positions = torch.arange(1, codes.shape[1] + 1)
            codes = codes[:, : max(1, int(((codes != 0) * positions).max()))]
        codes = F.pad(codes.long(), (1, self.widest))
        place = torch.searchsorted(self.codes, codes).clamp_(0, max(0, len(self.codes) - 1))
        rows = torch.where(self.codes[place] == codes, place + 1, 0)
        x = self.character_dropout(self.embedding(rows).transpose(1, 2))
        return self.projection(torch.cat([F.relu(conv(x)).amax(2) for conv in self.convolutions], 1))
