"""Balanced classes, as a function."""

from mmsk.sampling._row_sampler import RowSampler


def balance_classes(X, y, *, n_per_class="max", random_state=None):
    """Repeat rows of small classes and leave out rows of large ones.

    Give it training rows only: copies of one row on both sides of a split flatter every score. Inside a pipeline
    `RowSampler` sees to that.

    Parameters
    ----------
    X : DataFrame, list, sparse matrix or ndarray of shape (n_rows, ...)
        The table.
    y : array-like of shape (n_rows,)
        Class labels.
    n_per_class : {"max", "min"}, int or (int, int), default="max"
        Rows of every class afterwards: as many as the largest or the smallest class has, a number, or
        ``(at least, at most)``, which leaves classes between the two alone.
    random_state : int, RandomState instance or None, default=None
        Seed.

    Returns
    -------
    X_balanced : same kind as `X`
        The rows drawn, in the order they came; a pandas frame gets a new index.
    y_balanced : same kind as `y`
        Their labels.

    Raises
    ------
    BadInputError
        If there is one class only, or `n_per_class` is no number and no pair.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.sampling import balance_classes
    >>> y = np.array(["dog"] * 50 + ["cat"] * 8 + ["eel"] * 2)
    >>> _, balanced = balance_classes(np.zeros((60, 3)), y, n_per_class=(5, 20), random_state=0)
    >>> np.unique(balanced, return_counts=True)[1].tolist()
    [8, 20, 5]
    """
    return RowSampler(n_per_class, random_state=random_state).fit_resample(X, y)
