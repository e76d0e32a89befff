"""Fusions: how the embeddings that a row has become one vector, or their answers one answer."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_attention_fusion": ["AttentionFusion"],
        "_base": ["BaseFusion"],
        "_bottleneck_fusion": ["BottleneckFusion"],
        "_concat_fusion": ["ConcatFusion"],
        "_cross_attention_fusion": ["CrossAttentionFusion"],
        "_early_fusion": ["EarlyFusion"],
        "_embrace_fusion": ["EmbraceFusion"],
        "_film_fusion": ["FilmFusion"],
        "_gated_fusion": ["GatedFusion"],
        "_late_fusion": ["LateFusion"],
        "_low_rank_fusion": ["LowRankFusion"],
        "_pooled_fusion": ["PooledFusion"],
        "_tensor_fusion": ["TensorFusion"],
    },
)
