"""One classifier a fold, averaged."""

from numbers import Integral
from warnings import warn

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.metrics import check_scoring, get_scorer, get_scorer_names
from sklearn.utils import _safe_indexing, check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples, check_is_fitted

from mmsk.columns import check_groups
from mmsk.ensemble._base import FOLDS, MIN_PROBA, BaseEnsembleClassifier
from mmsk.ensemble._folds import split_rows
from mmsk.ensemble._members import clone_seeded, fit_fold, from_mean, member_proba, to_mean
from mmsk.ensemble._reading import read_labels, read_table
from mmsk.exceptions import BadInputError


class FoldEnsembleClassifier(BaseEnsembleClassifier):
    """Train one classifier a fold, each on the other folds, and average what they answer.

    The rows that a classifier has not seen tell how good it is, so that one fit gives a model, its predictions for
    every training row and its score.

    Parameters
    ----------
    estimator : classifier
        With ``predict_proba``; every fold trains a clone.
    cv : int, splitter or iterable of (train, test), default=10
        Folds. A number makes shuffled stratified ones, and with a warning no more than the largest class has rows.
    average : {"geometric", "mean"}, default="geometric"
        How probabilities are averaged.
    min_proba : float, default=1e-6
        What the geometric mean takes smaller probabilities for, that of a class that a fold has not seen included: one
        0 would overrule all others.
    scoring : str or callable, default=None
        Score of held-out rows, as in `cross_val_score`; None is accuracy. A callable gets, in place of a classifier,
        one that knows the answers to just these rows.
    n_jobs : int, default=None
        Folds trained at a time.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds where `cv` is a number, and of every ``random_state=None`` within `estimator`, anew for each
        fold; None leaves those alone.

    Attributes
    ----------
    estimators_ : list of classifier
        One a fold.
    oof_predictions_ : ndarray of shape (n_rows, n_classes)
        Probabilities of every training row from the classifiers that have not seen it, averaged where there are
        several, NaN where there is none.
    fold_scores_ : ndarray of shape (n_folds,)
        Score of each classifier on the rows it has not seen; NaN with a warning where they cannot be scored.
    oof_score_ : float
        Score of `oof_predictions_`.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    class_prior_ : ndarray of shape (n_classes,)
        Weighted class frequencies of training.
    n_features_in_ : int
        Number of columns seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if they had any.

    See Also
    --------
    LateFusionClassifier : One classifier a modality.

    Notes
    -----
    The geometric mean of probabilities is the mean of their logarithms, normalised [1]_.

    A network with ``early_stopping=True`` holds rows out of its own training rows and keeps the weights that are best
    on them. The held-out fold takes no part in that, or its scores would flatter.

    References
    ----------
    .. [1] G. E. Hinton, "Training products of experts by minimizing contrastive divergence", Neural Computation 14,
       2002.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from mmsk.ensemble import FoldEnsembleClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = FoldEnsembleClassifier(DecisionTreeClassifier(max_depth=3, random_state=0), cv=5, random_state=0)
    >>> model.fit(X, y).oof_predictions_.shape
    (150, 3)
    >>> len(model.estimators_), bool(model.oof_score_ > 0.9)
    (5, True)
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit"])],
        "cv": FOLDS,
        "average": [StrOptions({"geometric", "mean"})],
        "min_proba": MIN_PROBA,
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        cv=10,
        *,
        average="geometric",
        min_proba=1e-6,
        scoring=None,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.cv = cv
        self.average = average
        self.min_proba = min_proba
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, *, groups=None):
        """Train one classifier a fold.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, n_columns)
            Whatever `estimator` takes.
        y : array-like of shape (n_rows,)
            Class labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows in training; scores count every row once.
        groups : array-like of shape (n_rows,), default=None
            Who or what a row is of, such as the speaker: rows of one group are held out together where `cv` is a number
            or a splitter of groups, and by ensembles within this one.

        Returns
        -------
        self
            The trained ensemble.

        Raises
        ------
        BadInputError
            If the input cannot be learned from, or `estimator` gives no probabilities.
        """
        X = read_table(self, X, reset=True)
        y, sample_weight = read_labels(self, X, y, sample_weight)
        step = type(self).__name__
        groups = check_groups(groups, y, step)
        scorer = self._scorer()
        rng = None if self.random_state is None else check_random_state(self.random_state)
        folds = split_rows(self.cv, X, y, groups, rng, step)
        trained = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_fold)(
                step, clone_seeded(self.estimator, rng), X, y, sample_weight, groups, *fold, self.classes_
            )
            for fold in folds
        )
        self.estimators_, answers = map(list, zip(*trained, strict=True))
        tests = [test for _, test in folds]
        total, times = np.zeros((len(y), len(self.classes_))), np.zeros((len(y), 1))
        for test, proba in zip(tests, answers, strict=True):
            total[test] += to_mean(proba, self.average, self.min_proba)
            times[test] += 1
        with np.errstate(invalid="ignore"):  # 0 / 0 is NaN in rows that no fold holds out
            self.oof_predictions_ = from_mean(total / times, self.average)
        scores = [self._score(scorer, proba, X, y, test) for test, proba in zip(tests, answers, strict=True)]
        self.fold_scores_ = np.array(scores)
        held_out = np.flatnonzero(times)
        self.oof_score_ = self._score(scorer, self.oof_predictions_[held_out], X, y, held_out)
        return self

    def _scorer(self):
        if self.scoring is None:
            return get_scorer("accuracy")
        try:
            return check_scoring(self.estimator, self.scoring)
        except ValueError as error:  # a metric instead of a scorer
            raise BadInputError(str(error), step=type(self).__name__, fix="Wrap it with make_scorer.") from error

    def _score(self, scorer, proba, X, y, rows):
        try:
            return float(scorer(_Answers(self.classes_, proba), _safe_indexing(X, rows), y[rows]))
        except Exception as error:
            # Training may have taken hours, and the ensemble does not depend on its scores.
            warn(f"{type(self).__name__}: {len(rows)} held-out rows cannot be scored: {error}", stacklevel=3)
            return np.nan

    def predict_proba(self, X):
        """Predict class probabilities.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, n_columns)
            The columns that fit saw.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Average of the classifiers, in the order of `classes_`.
        """
        check_is_fitted(self)
        X = read_table(self, X, reset=False)
        total = sum(
            to_mean(member_proba(member, X, self.classes_), self.average, self.min_proba) for member in self.estimators_
        )
        return from_mean(total / len(self.estimators_), self.average)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        if inner.classifier_tags is not None:
            tags.classifier_tags = inner.classifier_tags
        return tags


class _Answers(ClassifierMixin, BaseEstimator):
    """Answers what was answered before, so that any scorer can score it."""

    def __init__(self, classes, proba):
        self.classes, self.proba = classes, proba
        self.classes_ = classes

    def predict_proba(self, X):
        if _num_samples(X) != len(self.proba):
            raise ValueError("scorers of an ensemble of folds have to ask about all rows at once")
        return self.proba

    def decision_function(self, X):
        scores = np.log(np.maximum(self.predict_proba(X), np.finfo(np.float64).tiny))
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
