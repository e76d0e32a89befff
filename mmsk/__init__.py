"""Scikit-learn-compatible estimators that learn from rows of photos, sounds, sentences and numbers."""

import lazy_loader

__version__ = "0.1.0"

# Names resolve on first use: `import mmsk` loads neither torch nor scikit-learn.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "augmentation",
        "columns",
        "datasets",
        "encoders",
        "ensemble",
        "exceptions",
        "fusions",
        "metrics",
        "multimodal",
        "net",
        "nn",
        "preprocessing",
        "sampling",
        "testing",
    ],
    submod_attrs={
        "augmentation": [
            "CutMix",
            "ImageAugmentation",
            "MixUp",
            "SeriesAugmentation",
            "SpectrogramAugmentation",
            "TextAugmentation",
            "WaveformAugmentation",
        ],
        "encoders": [
            "ImageEncoder",
            "ModuleEncoder",
            "SpectrogramEncoder",
            "TabularEncoder",
            "TextEncoder",
            "WaveformEncoder",
        ],
        "ensemble": [
            "FoldEnsembleClassifier",
            "LateFusionClassifier",
        ],
        "exceptions": [
            "BadInputError",
            "CacheWarning",
            "MissingModalityWarning",
            "UnreadableCellWarning",
        ],
        "metrics": [
            "make_map_at_k_scorer",
            "map_at_k_score",
            "top_k_labels",
        ],
        "fusions": [
            "AttentionFusion",
            "BaseFusion",
            "BottleneckFusion",
            "ConcatFusion",
            "CrossAttentionFusion",
            "EarlyFusion",
            "EmbraceFusion",
            "FilmFusion",
            "GatedFusion",
            "LateFusion",
            "LowRankFusion",
            "PooledFusion",
            "TensorFusion",
        ],
        "multimodal": [
            "MultiModalClassifier",
            "MultiModalRegressor",
        ],
        "preprocessing": [
            "AudioLoader",
            "CharEncoder",
            "ImageLoader",
            "MFCC",
            "MelSpectrogram",
            "ModalityMasker",
            "SpectrogramImage",
            "TensorFlattener",
            "WaveformImage",
        ],
        "sampling": [
            "MaskedCopies",
            "RowSampler",
            "TensorSampler",
            "balance_classes",
        ],
    },
)
