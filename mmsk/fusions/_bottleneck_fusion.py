"""Attention through a bottleneck."""

from mmsk.fusions._base_attention import BaseAttentionFusion
from mmsk.net._constraints import SIZE
from mmsk.nn.fusions import BottleneckTransformer


class BottleneckFusion(BaseAttentionFusion):
    """A transformer a modality that exchange only what B shared tokens hold; ``fusion="bottleneck"``.

    Parameters
    ----------
    over : {"embeddings", "tokens"}, default="embeddings"
        One token a modality, or the sequences of the encoders that give them: the default networks
        of `ImageEncoder` (places) and of `SpectrogramEncoder` and `WaveformEncoder` (steps in time), and any module
        with a method `sequence`, see Notes.
    dim : int, default=64
        Size of the tokens.
    n_shared : int, default=4
        Shared tokens B.
    n_layers : int, default=2
        Blocks of each modality; from the second on a modality hears of the others.
    n_heads : int, default=4
        Heads of the attention; a divisor of `dim`.
    dropout : float, default=0.1
        Dropout in the blocks.

    Notes
    -----
    In each layer modality i computes ``[z_i; s_i] = block_i([z_i; s])``, and the shared tokens of the next layer are
    the mean of the ``s_i`` of the modalities present. The fused embedding is the mean over the modalities present of
    the mean token of ``z_i``; the paper averages the answers that it reads from a token of each.

    An encoder's module gives a sequence if it has a method ``sequence(cells)`` that returns a tensor of shape (n_cells,
    n_tokens, token_dim), a method ``pool(sequence)`` that makes embeddings of it, and an attribute `token_dim`.
    Several cells of one modality in a row have their sequences averaged.

    References
    ----------
    A. Nagrani et al., "Attention bottlenecks for multimodal fusion", NeurIPS 2021, section 3.2.

    Examples
    --------
    >>> from mmsk import BottleneckFusion
    >>> BottleneckFusion(dim=32).build([64, 128, 16]).output_dim
    32
    """

    _parameter_constraints: dict = {**BaseAttentionFusion._parameter_constraints, "n_shared": SIZE}

    def __init__(self, over="embeddings", *, dim=64, n_shared=4, n_layers=2, n_heads=4, dropout=0.1):
        self.over = over
        self.dim = dim
        self.n_shared = n_shared
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.dropout = dropout

    def _transformer(self, dims):
        return BottleneckTransformer(dims, self.dim, self.n_shared, self.n_layers, self.n_heads, self.dropout)
