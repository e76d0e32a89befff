"""Out-of-fold probabilities of several modalities, and what a classifier learns from them."""

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

from mmsk.ensemble._members import fit_fold


def out_of_fold(step, estimators, tables, presence, y, sample_weight, groups, folds, classes, n_jobs):
    """Ask every modality's classifier about rows that it has not seen.

    Parameters
    ----------
    step : str
        Whose members they are, for error messages.
    estimators : list of classifier
        One a modality.
    tables : list of DataFrame or ndarray
        The columns of each.
    presence : ndarray of shape (n_rows, n_modalities), dtype bool
        Rows that have the modality; the others are neither trained on nor asked about.
    y : ndarray of shape (n_rows,)
        Labels.
    sample_weight : ndarray of shape (n_rows,) or None
        Weights.
    groups : ndarray of shape (n_rows,) or None
        Groups.
    folds : list of (ndarray, ndarray)
        Training and held-out rows, the same for all modalities.
    classes : ndarray of shape (n_classes,)
        All classes, sorted.
    n_jobs : int or None
        Classifiers trained at a time.

    Returns
    -------
    proba : ndarray of shape (n_modalities, n_rows, n_classes)
        Probabilities, 0 where there is no answer.
    answered : ndarray of shape (n_rows, n_modalities), dtype bool
        Where there is one.
    """
    jobs = [
        (k, train[presence[train, k]], test[presence[test, k]]) for train, test in folds for k in range(len(estimators))
    ]
    counts = np.ones(len(y), dtype=bool) if sample_weight is None else sample_weight > 0
    # A modality of whose rows a fold has but one class learns nothing there, and gives no answer.
    if len(classes) > 1:
        jobs = [(k, train, test) for k, train, test in jobs if len(np.unique(y[train[counts[train]]])) > 1]
    done = Parallel(n_jobs=n_jobs)(
        delayed(fit_fold)(step, estimators[k], tables[k], y, sample_weight, groups, train, test, classes)
        for k, train, test in jobs
    )
    proba = np.zeros((len(estimators), len(y), len(classes)))
    answered = np.zeros(presence.shape, dtype=bool)
    for (k, _, test), (_, answer) in zip(jobs, done, strict=True):
        proba[k, test] = answer
        answered[test, k] = True
    return proba, answered


def stack_features(proba, presence, min_proba):
    """Turn probabilities into features that are zero where a modality says nothing or is absent.

    Parameters
    ----------
    proba : ndarray of shape (n_modalities, n_rows, n_classes)
        Probabilities.
    presence : ndarray of shape (n_rows, n_modalities), dtype bool
        Rows that have the modality.
    min_proba : float
        What smaller probabilities are taken for.

    Returns
    -------
    ndarray of shape (n_rows, n_modalities * (n_classes + 1))
        Centred log-probabilities of each modality, then a flag for each.
    """
    logs = np.log(np.maximum(proba, min_proba))
    logs = (logs - logs.mean(axis=2, keepdims=True)) * presence.T[:, :, None]
    return np.column_stack([*logs, presence.astype(np.float64)])
