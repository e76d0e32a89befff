"""Rows drawn anew, for training only: inside an imbalanced-learn ``Pipeline``, never before rows are split.

`RowSampler` and `balance_classes` draw rows as they are; imbalanced-learn's own `RandomOverSampler` and
`RandomUnderSampler` do so exactly, too, in pandas frames and two-dimensional arrays. `TensorSampler` makes new rows,
`MaskedCopies` blanks cells of copies.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_balance_classes": ["balance_classes"],
        "_masked_copies": ["MaskedCopies"],
        "_row_sampler": ["RowSampler"],
        "_tensor_sampler": ["TensorSampler"],
    },
)
