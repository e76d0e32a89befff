"""Small classes repeated and large ones capped, rows as they are."""

from mmsk.sampling._base import BaseTableSampler, take_rows
from mmsk.sampling._draw import N_PER_CLASS, draw_rows, wanted_counts


class RowSampler(BaseTableSampler):
    """Repeat rows of small classes and leave out rows of large ones, without a change to any cell.

    Rows are moved by position alone, so cells, dtypes, names and blanks stay what they are in pandas and polars frames,
    arrays of any number of dimensions, sparse matrices and lists.

    Parameters
    ----------
    n_per_class : {"max", "min"}, int or (int, int), default="max"
        Rows of every class afterwards: as many as the largest or the smallest class has, a number, or
        ``(at least, at most)``, which leaves classes between the two alone.
    random_state : int, RandomState instance or None, default=None
        Seed.

    Attributes
    ----------
    sampling_strategy_ : dict
        Rows that every class is given.
    sample_indices_ : ndarray of shape (n_rows_drawn,)
        Positions of the rows drawn, in ascending order.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all of them are strings.

    See Also
    --------
    balance_classes : The same as a function.
    TensorSampler : Makes new rows instead of repeating them.

    Notes
    -----
    Every row of a class is drawn equally often, but for a remainder that is drawn at random, without replacement.
    Tensor cells are not copied: repeated rows share them. imbalanced-learn's `RandomOverSampler` moves rows of pandas
    frames and two-dimensional arrays just as exactly; it draws with replacement and refuses polars frames and blocks.

    Examples
    --------
    >>> import pandas as pd
    >>> from mmsk.sampling import RowSampler
    >>> X = pd.DataFrame({"photo": ["a.jpg", None, "c.jpg", "d.jpg"]})
    >>> X_drawn, y_drawn = RowSampler(random_state=0).fit_resample(X, ["cat", "cat", "cat", "dog"])
    >>> y_drawn
    ['cat', 'cat', 'cat', 'dog', 'dog', 'dog']
    """

    _allow_nd = True
    _parameter_constraints: dict = {"n_per_class": N_PER_CLASS, "random_state": ["random_state"]}

    def __init__(self, n_per_class="max", *, random_state=None):
        self.n_per_class = n_per_class
        self.random_state = random_state

    def _counts(self, codes):
        return wanted_counts(codes, self.n_per_class, type(self).__name__).tolist()

    def _fit_resample(self, X, classes, codes):
        self.sample_indices_ = draw_rows(codes, self.sampling_strategy_.values(), self.random_state)
        return take_rows(X, self.sample_indices_), self.sample_indices_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.sampler_tags.sample_indices = True
        return tags
