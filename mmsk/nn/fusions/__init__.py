"""Torch modules that make one vector of the embeddings of a row. Names are imported when they are used."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_answers": ["AnswerAverage"],
        "_gates": ["Embracement", "FeatureModulation", "GatedUnits"],
        "_inputs": ["CharacterCounts", "InputReader", "JoinedInputs"],
        "_masks": ["blank", "everywhere", "mean_of_present"],
        "_pooling": ["Concatenation", "Pooling"],
        "_products": ["LowRankProduct", "TensorProduct"],
        "_transformer": ["AttentionBlock", "TokenMaps", "positions"],
        "_transformers": ["BottleneckTransformer", "CrossedTransformers", "JoinedTransformer"],
    },
)
