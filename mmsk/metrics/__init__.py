"""Scores that scikit-learn lacks: mean average precision of the first k labels."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_map_at_k": ["make_map_at_k_scorer", "map_at_k_score"],
        "_top_k_labels": ["top_k_labels"],
    },
)
