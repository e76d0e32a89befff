"""Estimators that learn from several modalities at once."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={"_classifier": ["MultiModalClassifier"], "_regressor": ["MultiModalRegressor"]},
)
