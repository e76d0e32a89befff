"""Attention over all tokens."""

from mmsk.fusions._base_attention import BaseAttentionFusion
from mmsk.nn.fusions import JoinedTransformer


class AttentionFusion(BaseAttentionFusion):
    """Transformer over one token a modality, or over the encoders' sequences; ``fusion="attention"``.

    Parameters
    ----------
    over : {"embeddings", "tokens"}, default="embeddings"
        One token a modality, or the sequences of the encoders that give them: the default networks
        of `ImageEncoder` (places) and of `SpectrogramEncoder` and `WaveformEncoder` (steps in time), and any module
        with a method `sequence`, see Notes.
    dim : int, default=64
        Size of the tokens.
    n_layers : int, default=1
        Transformer blocks.
    n_heads : int, default=4
        Heads of the attention; a divisor of `dim`.
    dropout : float, default=0.1
        Dropout in the blocks.

    Notes
    -----
    Tokens are linear maps of the embeddings, a map a modality; a learned token beside them is what the fused embedding
    is read from. ``softmax(Q K' / sqrt(d)) V`` leaves out the tokens of absent modalities. Blocks normalise before each
    part, and places in a sequence are told by sines and cosines.

    An encoder's module gives a sequence if it has a method ``sequence(cells)`` that returns a tensor of shape (n_cells,
    n_tokens, token_dim), a method ``pool(sequence)`` that makes embeddings of it, and an attribute `token_dim`.
    Several cells of one modality in a row have their sequences averaged.

    References
    ----------
    A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.

    Examples
    --------
    >>> from mmsk import AttentionFusion
    >>> AttentionFusion(dim=32).build([64, 128, 16]).output_dim
    32
    """

    def __init__(self, over="embeddings", *, dim=64, n_layers=1, n_heads=4, dropout=0.1):
        self.over = over
        self.dim = dim
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.dropout = dropout

    def _transformer(self, dims):
        return JoinedTransformer(dims, self.dim, self.n_layers, self.n_heads, self.dropout)
