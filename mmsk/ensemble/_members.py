"""The classifiers of an ensemble: trained with weights, asked for the classes of all rows, averaged."""

import numpy as np
from scipy.special import softmax
from sklearn import get_config
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from mmsk.ensemble._base import BaseEnsembleClassifier
from mmsk.exceptions import BadInputError


def clone_seeded(estimator, rng):
    """Clone a classifier, with seeds of its own where it has none.

    Parameters
    ----------
    estimator : estimator
        Seeds that are given stay. An ensemble within it gets a seed, its members do not: it seeds each of them anew.
    rng : RandomState instance or None
        Where seeds come from; None leaves the clone without.

    Returns
    -------
    estimator
        The clone.
    """
    member = clone(estimator)
    if rng is not None:
        seedless = sorted(_seedless(member))
        member.set_params(**{name: int(rng.randint(2**31 - 1)) for name in seedless})
    return member


def _seedless(estimator):
    """Name the seeds to be set, those of the members of ensembles left out."""
    params = estimator.get_params()
    names = [name for name, value in params.items() if value is None and name.split("__")[-1] == "random_state"]
    parts = {"": estimator} | {f"{name}__": part for name, part in params.items()}
    for prefix, part in parts.items():
        if isinstance(part, BaseEnsembleClassifier):
            names = [name for name in names if not name.startswith(prefix) or "__" not in name.removeprefix(prefix)]
    return names


def fit_member(step, estimator, X, y, sample_weight, groups, rows):
    """Train a clone on some rows.

    Parameters
    ----------
    step : str
        Whose member it is, for error messages.
    estimator : classifier
        Is not changed.
    X : DataFrame or ndarray of shape (n_rows, n_columns)
        All rows.
    y : ndarray of shape (n_rows,)
        All labels.
    sample_weight : ndarray of shape (n_rows,) or None
        All weights; all steps of a pipeline that take them get them.
    groups : ndarray of shape (n_rows,) or None
        All groups; an ensemble within this one gets them, for its own folds.
    rows : ndarray of int
        Rows to train on; those of weight zero are left out.

    Returns
    -------
    classifier
        The trained clone.
    """
    steps = estimator.steps if isinstance(estimator, Pipeline) else [("", estimator)]
    given = {}
    if sample_weight is not None:
        rows = rows[sample_weight[rows] > 0]
        _check_weighted(steps, step)
        given |= _parameters(steps, "sample_weight", sample_weight[rows])
    if groups is not None:
        given |= _parameters(_before_sampling(steps, step), "groups", groups[rows])
    member = clone(estimator)
    if get_config()["enable_metadata_routing"]:
        given = _request(member, given)
    member.fit(_safe_indexing(X, rows), y[rows], **given)
    if not hasattr(member, "predict_proba"):
        raise BadInputError(
            f"{type(member).__name__} gives no probabilities",
            step=step,
            fix="Choose a classifier with predict_proba, or put it into CalibratedClassifierCV.",
        )
    return member


def _check_weighted(steps, whose):
    """Refuse weights that would not arrive, or at other rows than they are of."""
    for name, step in steps:
        if hasattr(step, "fit_resample"):
            raise BadInputError(
                f"sample_weight came, but step {name!r} draws other rows than those the weights are of",
                step=whose,
                fix="Leave the weights out, or resample before.",
            )
    if not has_fit_parameter(steps[-1][1], "sample_weight"):
        raise BadInputError(
            f"sample_weight came, but {type(steps[-1][1]).__name__}.fit does not take it",
            step=whose,
            fix="Leave the weights out, or choose an estimator that takes them.",
        )


def _before_sampling(steps, whose):
    """List the steps that are given the rows as they are; groups would belong to other rows behind."""
    drawing = next((i for i, (_, step) in enumerate(steps) if hasattr(step, "fit_resample")), len(steps))
    for name, step in steps[drawing:]:
        if _takes(step, "groups") and getattr(step, "_needs_groups", True):
            raise BadInputError(
                f"groups came, but step {steps[drawing][0]!r} draws other rows than those the groups are of, and step "
                f"{name!r} needs them",
                step=whose,
                fix="Resample before, or let that step hold out no rows.",
            )
    return steps[:drawing]


def _takes(step, name):
    return hasattr(step, "fit") and has_fit_parameter(step, name)


def _parameters(steps, name, values):
    """Give a parameter of fit to all steps that take it; the one of an estimator that is no pipeline has no name."""
    takers = [step for step, part in steps if _takes(part, name)]
    return {f"{step}__{name}".removeprefix("__"): values for step in takers}


def _request(member, given):
    """Let classifiers and steps ask for what they are given, unless it was said whether they do: metadata routing."""
    plain = {}
    for path, values in given.items():
        step, _, name = path.rpartition("__")
        taker = member.named_steps[step] if step else member
        asked = getattr(get_routing_for_object(taker), "fit", None)
        request = None if asked is None else asked.requests.get(name)
        if request is None and step:
            taker.set_fit_request(**{name: True})
        if request is not False:
            # A step may ask for it by another name.
            plain[request if step and isinstance(request, str) else name] = values
    return plain


def member_proba(member, X, classes):
    """Ask a classifier, which may have seen fewer classes.

    Parameters
    ----------
    member : classifier
        Trained.
    X : DataFrame or ndarray of shape (n_rows, n_columns)
        The rows.
    classes : ndarray of shape (n_classes,)
        All classes, sorted.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        Probabilities, 0 of a class that it has not seen.
    """
    proba = np.asarray(member.predict_proba(X), dtype=np.float64)
    aligned = np.zeros((len(proba), len(classes)))
    total = proba.sum(axis=1, keepdims=True)  # that of a network is one in float32 only
    aligned[:, np.searchsorted(classes, member.classes_)] = proba / np.where(total > 0, total, 1.0)
    return aligned


def fit_fold(step, estimator, X, y, sample_weight, groups, train, test, classes):
    """Train a clone on some rows and ask it about others.

    Parameters
    ----------
    step : str
        Whose member it is, for error messages.
    estimator : classifier
        Is not changed.
    X : DataFrame or ndarray of shape (n_rows, n_columns)
        All rows.
    y : ndarray of shape (n_rows,)
        All labels.
    sample_weight : ndarray of shape (n_rows,) or None
        All weights.
    groups : ndarray of shape (n_rows,) or None
        All groups.
    train : ndarray of int
        Rows to train on.
    test : ndarray of int
        Rows to ask about.
    classes : ndarray of shape (n_classes,)
        All classes, sorted.

    Returns
    -------
    member : classifier
        The trained clone.
    proba : ndarray of shape (len(test), n_classes)
        Its answers.
    """
    member = fit_member(step, estimator, X, y, sample_weight, groups, train)
    if len(test) == 0:
        return member, np.empty((0, len(classes)))
    return member, member_proba(member, _safe_indexing(X, test), classes)


def to_mean(proba, average, min_proba):
    """Bring probabilities to where their average is an arithmetic mean.

    Parameters
    ----------
    proba : ndarray of shape (..., n_classes)
        Probabilities.
    average : {"geometric", "mean"}
        The average.
    min_proba : float
        What the geometric mean takes smaller probabilities for: one 0 would overrule every other classifier.

    Returns
    -------
    ndarray of shape (..., n_classes)
        Probabilities or their logarithms.
    """
    return np.log(np.maximum(proba, min_proba)) if average == "geometric" else proba


def from_mean(mean, average):
    """Turn what was averaged into probabilities.

    Parameters
    ----------
    mean : ndarray of shape (..., n_classes)
        Mean of what `to_mean` gave.
    average : {"geometric", "mean"}
        The average.

    Returns
    -------
    ndarray of shape (..., n_classes)
        Probabilities, of sum 1.
    """
    # Members that compute in float32 are off a sum of 1 by more than float64 is.
    return softmax(mean, axis=-1) if average == "geometric" else mean / mean.sum(axis=-1, keepdims=True)
