"""Ensembles of any classifiers: one a modality, or one a fold."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_fold_ensemble_classifier": ["FoldEnsembleClassifier"],
        "_late_fusion_classifier": ["LateFusionClassifier"],
    },
)
