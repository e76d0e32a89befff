"""Copies of training rows that lack modalities, so that a model learns to do without them."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from mmsk.columns import frame_columns, is_number_column
from mmsk.exceptions import BadInputError
from mmsk.sampling._base import BaseTableSampler, take_rows
from mmsk.sampling._tables import put_columns, read_modalities


class MaskedCopies(BaseTableSampler):
    """Add copies of rows with some of their modalities blanked, chosen at random.

    Parameters
    ----------
    n_missing : sequence of int, default=(0, 1, 2)
        One copy a row for each: that many of the modalities it has are blanked. 0 is the row itself. A row always keeps
        one modality: it has no copy for a number that would take all it has.
    random_state : int, RandomState instance or None, default=None
        Seed.

    Attributes
    ----------
    sampling_strategy_ : dict
        Rows of every class before.
    sample_indices_ : ndarray of shape (n_rows_drawn,)
        The row that each one is a copy of.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all of them are strings.

    See Also
    --------
    mmsk.preprocessing.ModalityMasker : Masks rows without adding any.

    Notes
    -----
    A column named ``image__photo`` belongs to modality ``image``; without a prefix all columns of numbers together are
    ``table`` and every other column is a modality of its own. Blanks are NaN in columns of numbers, which become
    floats, and None elsewhere. Copies share the tensor cells of their row: they take memory for pointers only.

    Put it into an imbalanced-learn ``Pipeline``, which resamples training rows alone, before or after the loaders.

    Examples
    --------
    >>> import pandas as pd
    >>> from mmsk.sampling import MaskedCopies
    >>> X = pd.DataFrame({"photo": ["a.jpg", "b.jpg"], "clip": ["a.wav", None]})
    >>> X_more, y_more = MaskedCopies(n_missing=(0, 1), random_state=0).fit_resample(X, ["cat", "dog"])
    >>> y_more, X_more.notna().sum(axis=1).tolist()
    (['cat', 'dog', 'cat'], [2, 1, 1])
    """

    _parameter_constraints: dict = {"n_missing": ["array-like"], "random_state": ["random_state"]}

    def __init__(self, n_missing=(0, 1, 2), *, random_state=None):
        self.n_missing = n_missing
        self.random_state = random_state

    def _fit_resample(self, X, classes, codes):
        numbers = list(self.n_missing)
        if not numbers or not all(isinstance(n, Integral) and n >= 0 for n in numbers):
            raise BadInputError(
                "n_missing must hold whole numbers from 0", step=type(self).__name__, value=self.n_missing
            )
        groups, presence = read_modalities(X)
        rng = check_random_state(self.random_state)
        # Modalities in random order, those that a row lacks last.
        rank = np.argsort(np.argsort(rng.random((len(numbers), *presence.shape)) + ~presence, axis=2), axis=2)
        kept = [np.flatnonzero((presence.sum(axis=1) > n) | (n == 0)) for n in numbers]
        blank = np.concatenate([rank[i, rows] < n for i, (n, rows) in enumerate(zip(numbers, kept, strict=True))])
        self.sample_indices_ = np.concatenate(kept)
        if len(self.sample_indices_) == 0:
            raise BadInputError(
                f"no row has more than {min(numbers)} modalities, so there is nothing to copy",
                step=type(self).__name__,
                fix="Put 0 into n_missing, which keeps the rows themselves.",
            )
        taken = take_rows(X, self.sample_indices_)
        blanked = {j: blank[:, k] for k, group in enumerate(groups.values()) for j in group if blank[:, k].any()}
        if blanked:
            columns = frame_columns(taken)[1]
            taken = put_columns(taken, {j: _blank(columns[j], rows) for j, rows in blanked.items()})
        return taken, self.sample_indices_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.sampler_tags.sample_indices = True
        return tags


def _blank(column, rows):
    if column.dtype != object:
        column = column.astype(np.result_type(column.dtype, np.float32))
    else:
        column = column.copy()
    column[rows] = np.nan if is_number_column(column) else None
    return column
