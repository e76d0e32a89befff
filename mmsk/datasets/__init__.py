"""Data to try things on: generated, paired from unpaired tables, or downloaded."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_fetch_caltech101": ["fetch_caltech101"],
        "_fetch_esc50": ["fetch_esc50"],
        "_fetch_fsdd": ["fetch_fsdd"],
        "_make_trimodal": ["make_trimodal"],
        "_pair_by_class": ["pair_by_class"],
        "_similar_labels": ["similar_labels"],
    },
)
