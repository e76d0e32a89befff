"""Attention over ordered pairs of modalities."""

from mmsk.fusions._base_attention import BaseAttentionFusion
from mmsk.nn.fusions import CrossedTransformers


class CrossAttentionFusion(BaseAttentionFusion):
    """Each modality attends to each other one, for all ordered pairs; ``fusion="cross_attention"``.

    Parameters
    ----------
    over : {"embeddings", "tokens"}, default="embeddings"
        One token a modality, or the sequences of the encoders that give them: the default networks
        of `ImageEncoder` (places) and of `SpectrogramEncoder` and `WaveformEncoder` (steps in time), and any module
        with a method `sequence`, see Notes.
    dim : int, default=64
        Size of the tokens.
    n_layers : int, default=1
        Blocks a pair.
    n_heads : int, default=4
        Heads of the attention; a divisor of `dim`.
    dropout : float, default=0.1
        Dropout in the blocks.

    Notes
    -----
    For the pair (i, j) queries come from the tokens of i, keys and values from those of j and a learned token, to which
    i can turn instead and does where j is absent. The mean tokens of all pairs stand side by side, n (n - 1) `dim`
    numbers, zeros where i is absent. The paper ends with a further transformer a modality; with one token a modality
    there is nothing for it to attend to, and the mean stands in its place.

    An encoder's module gives a sequence if it has a method ``sequence(cells)`` that returns a tensor of shape (n_cells,
    n_tokens, token_dim), a method ``pool(sequence)`` that makes embeddings of it, and an attribute `token_dim`.
    Several cells of one modality in a row have their sequences averaged.

    References
    ----------
    Y.-H. H. Tsai et al., "Multimodal transformer for unaligned multimodal language sequences", ACL 2019, section 3.

    Examples
    --------
    >>> from mmsk import CrossAttentionFusion
    >>> CrossAttentionFusion(dim=32).build([64, 128, 16]).output_dim
    192
    """

    def __init__(self, over="embeddings", *, dim=64, n_layers=1, n_heads=4, dropout=0.1):
        self.over = over
        self.dim = dim
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.dropout = dropout

    def _transformer(self, dims):
        return CrossedTransformers(dims, self.dim, self.n_layers, self.n_heads, self.dropout)
