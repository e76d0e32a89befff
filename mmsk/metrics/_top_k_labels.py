"""The likeliest labels of every row."""

from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval, validate_params

from mmsk.exceptions import BadInputError
from mmsk.metrics._scores import check_scores


@validate_params(
    {"y_score": ["array-like"], "classes": ["array-like"], "k": [Interval(Integral, 1, None, closed="left")]},
    prefer_skip_nested_validation=True,
)
def top_k_labels(y_score, classes, k=3):
    """Give the k likeliest labels of every row, the likeliest first.

    Parameters
    ----------
    y_score : array-like of shape (n_rows, n_classes)
        Probabilities or other scores that are higher for likelier classes. Of equal ones the earlier class comes first.
    classes : array-like of shape (n_classes,)
        Labels of the columns, such as ``model.classes_``.
    k : int, default=3
        How many labels; all of them where there are fewer classes.

    Returns
    -------
    ndarray of shape (n_rows, min(k, n_classes))
        Labels.

    Raises
    ------
    BadInputError
        If the shapes do not fit or a score is NaN.

    Examples
    --------
    >>> from mmsk.metrics import top_k_labels
    >>> top_k_labels([[0.2, 0.7, 0.1], [0.4, 0.2, 0.4]], ["bark", "meow", "rain"], k=2).tolist()
    [['meow', 'bark'], ['bark', 'rain']]
    """
    scores = check_scores(y_score, "top_k_labels")
    classes = np.asarray(classes)
    if classes.shape != scores.shape[1:]:
        raise BadInputError(
            f"y_score has {scores.shape[1]} columns for classes of shape {classes.shape}",
            step="top_k_labels",
            fix="Give one label a column, such as model.classes_.",
        )
    return classes[np.argsort(-scores, axis=1, kind="stable")[:, :k]]
