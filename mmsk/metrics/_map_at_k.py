"""Mean average precision of the first k labels, as a score and as a scorer."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval, validate_params
from sklearn.utils.validation import _check_sample_weight

from mmsk.columns import presence_of
from mmsk.exceptions import BadInputError
from mmsk.metrics._scores import check_scores

_K = [Interval(Integral, 1, None, closed="left")]


@validate_params(
    {
        "y_true": ["array-like"],
        "y_score": ["array-like"],
        "k": _K,
        "labels": ["array-like", None],
        "sample_weight": ["array-like", None],
    },
    prefer_skip_nested_validation=True,
)
def map_at_k_score(y_true, y_score, *, k=3, labels=None, sample_weight=None):
    """Compute the mean average precision of the first k labels (MAP@k), one true label a row.

    A row whose true label comes first counts 1, second 1/2, ... k-th 1/k, later nothing.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        True labels.
    y_score : array-like of shape (n_rows, n_classes) or (n_rows,)
        Probabilities or other scores that are higher for likelier classes, in the order of `labels`. One dimension is
        for two classes: scores of the second, probabilities if all lie between 0 and 1, else centred at 0.
    k : int, default=3
        How many labels are looked at.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns. None takes the sorted labels of `y_true`, which must then hold every class.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows.

    Returns
    -------
    float
        Between 0 and 1; 1 is best.

    Raises
    ------
    BadInputError
        If shapes do not fit, a score is NaN, a label of `y_true` is not among `labels`, or all weights are zero.

    See Also
    --------
    make_map_at_k_scorer : The same as ``scoring=``.
    top_k_labels : The labels that are looked at.

    Notes
    -----
    With one true label a row, average precision is the reciprocal of its rank [1]_. A row whose true label shares its
    score with others gets the mean over all orders of the tie [2]_, so that neither the order of the classes nor
    constant scores are rewarded.

    References
    ----------
    .. [1] E. Fonseca, M. Plakal, F. Font, D. Ellis, X. Favory, J. Pons, X. Serra, "General-purpose tagging of
       Freesound audio with AudioSet labels: task description, dataset, and baseline", DCASE 2018, section 5.
    .. [2] F. McSherry, M. Najork, "Computing information retrieval performance measures efficiently in the presence
       of tied scores", ECIR 2008.

    Examples
    --------
    >>> from mmsk.metrics import map_at_k_score
    >>> scores = [[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]]
    >>> map_at_k_score(["bark", "meow"], scores, labels=["bark", "meow", "rain"])
    0.75
    """
    step = "map_at_k_score"
    y_true = _check_labels(y_true, step)
    scores = check_scores(_two_columns(y_score), step)
    if labels is None:
        classes = np.unique(y_true)
    else:
        classes = np.asarray(labels)
        if classes.ndim != 1 or len(set(classes.tolist())) != classes.size:
            raise BadInputError("labels must be one-dimensional, each once", step=step, value=labels)
    if len(classes) != scores.shape[1]:
        raise BadInputError(
            f"y_score has {scores.shape[1]} columns for {len(classes)} classes",
            step=step,
            fix="Name the columns with labels=, such as model.classes_, where y_true lacks a class.",
        )
    true = _positions(y_true, classes)
    if (true < 0).any():
        row = int(np.flatnonzero(true < 0)[0])
        raise BadInputError("a label of y_true is not among labels", step=step, row=row, value=y_true[row].item())
    return _mean_precision(true, scores, k, sample_weight, step)


@validate_params({"k": _K}, prefer_skip_nested_validation=True)
def make_map_at_k_scorer(k=3):
    """Make a scorer of MAP@k for ``scoring=``.

    Parameters
    ----------
    k : int, default=3
        How many labels are looked at.

    Returns
    -------
    callable
        Takes ``(estimator, X, y, sample_weight=None)``; the columns of ``predict_proba`` are matched by ``classes_``,
        so that a fold may lack classes. Rows of a class that the estimator has not seen count 0. Under scikit-learn's
        metadata routing it has `set_score_request`.

    See Also
    --------
    map_at_k_score : The score.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from mmsk.metrics import make_map_at_k_scorer
    >>> model = LogisticRegression(max_iter=1000)
    >>> cross_val_score(model, *load_iris(return_X_y=True), scoring=make_map_at_k_scorer(k=2)).min() > 0.95
    np.True_
    """
    return _MapAtKScorer(k)


class _MapAtKScorer(BaseEstimator):
    """Is asked like a scorer; an estimator by its base, which makes the requests of metadata routing of `score`."""

    def __init__(self, k):
        self.k = k

    def __call__(self, estimator, X, y_true, **params):
        return self.score(estimator, X, y_true, **params)

    def score(self, estimator, X, y_true, *, sample_weight=None):
        y_true = _check_labels(y_true, repr(self))
        scores = check_scores(estimator.predict_proba(X), repr(self))
        true = _positions(y_true, np.asarray(estimator.classes_))
        return _mean_precision(true, scores, self.k, sample_weight, repr(self))

    def __repr__(self):
        return f"make_map_at_k_scorer(k={self.k})"


def _check_labels(y_true, step):
    try:
        y_true = column_or_1d(y_true)
    except ValueError as error:
        raise BadInputError(f"y_true is no column of labels: {error}", step=step) from error
    absent = np.flatnonzero(~presence_of(y_true))
    if len(absent):
        raise BadInputError("y_true lacks a label", step=step, row=int(absent[0]), fix="Drop rows without a label.")
    return y_true


def _two_columns(y_score):
    scores = np.asarray(y_score)
    if scores.ndim != 1 or scores.dtype.kind not in "iuf" or scores.size == 0:
        return scores
    is_probability = scores.min() >= 0 and scores.max() <= 1
    return np.column_stack([1 - scores if is_probability else -scores, scores])


def _positions(y_true, classes):
    """Find the column of every label, -1 where there is none."""
    place = {label: i for i, label in enumerate(classes.tolist())}
    return np.array([place.get(label, -1) for label in y_true.tolist()], dtype=np.int64)


def _mean_precision(true, scores, k, sample_weight, step):
    try:
        check_consistent_length(true, scores)
        weight = _check_sample_weight(sample_weight, true, dtype=np.float64, ensure_non_negative=True)
    except ValueError as error:
        raise BadInputError(str(error), step=step) from error
    own = scores[np.arange(len(true)), true][:, None]
    n_above, n_tied = (scores > own).sum(axis=1), (scores == own).sum(axis=1)
    # Sums of reciprocals: the mean of 1/rank over the places of a tie is a difference of two.
    reciprocals = np.cumsum(np.r_[0.0, 1 / np.arange(1, k + 1)])
    precision = (reciprocals[np.minimum(n_above + n_tied, k)] - reciprocals[np.minimum(n_above, k)]) / n_tied
    return float(np.average(np.where(true < 0, 0.0, precision), weights=weight))
