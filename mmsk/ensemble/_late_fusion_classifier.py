"""One classifier a modality, their probabilities combined."""

from numbers import Integral
from warnings import warn

import numpy as np
from sklearn.base import _fit_context
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils._repr_html.estimator import _VisualBlock
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from mmsk.columns import check_groups
from mmsk.ensemble._base import FOLDS, MIN_PROBA, BaseEnsembleClassifier
from mmsk.ensemble._folds import split_rows
from mmsk.ensemble._members import clone_seeded, fit_member, from_mean, member_proba, to_mean
from mmsk.ensemble._modalities import Part, find_parts
from mmsk.ensemble._reading import holds_cells, read_labels, read_table
from mmsk.ensemble._stacking import out_of_fold, stack_features
from mmsk.exceptions import BadInputError, MissingModalityWarning


class LateFusionClassifier(BaseEnsembleClassifier, _BaseComposition):
    """Train any classifier on each modality and combine what they answer.

    Every classifier is trained on the rows that have its modality and asked about those alone, so none meets a blank
    in place of a photo, a sound or a sentence. A row is answered by the classifiers of the modalities it has.

    Parameters
    ----------
    estimators : list of (modality, classifier) or (modality, classifier, columns), default=None
        Classifiers or pipelines with ``predict_proba``. `columns` are given as in `ColumnTransformer`: a list of names
        or positions, a slice, a mask, a callable, or a single name, for which the classifier gets a one-dimensional
        column. Without `columns` the modality is the part of column names before ``__``, the name of a column of
        cells, or ``"table"`` for all columns of numbers. In arrays, cells and numbers take the names in order. None,
        for tables of plain numbers, is a logistic regression of all columns, scaled, blanks filled with means.
    average : {"geometric", "mean", "stack"}, default="geometric"
        How probabilities of the modalities present are combined: by their geometric mean (normalised), by their mean,
        or by a classifier that learns it from out-of-fold probabilities.
    weights : array-like of shape (n_estimators,), default=None
        Weights of the classifiers in a mean; None weighs all alike.
    min_proba : float, default=1e-6
        What the geometric mean and stacking take smaller probabilities for, that of a class that no row with the
        modality had included: one 0 would overrule all others.
    final_estimator : classifier, default=None
        Learns to combine with ``average="stack"``; None is ``LogisticRegression()``.
    cv : int, splitter or iterable of (train, test), default=5
        Folds that out-of-fold probabilities are made in. A number makes shuffled stratified ones.
    n_jobs : int, default=None
        Classifiers trained at a time.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds and of every ``random_state=None`` within the classifiers; None leaves those alone.

    Attributes
    ----------
    estimators_ : list of (modality, classifier)
        Trained.
    modalities_ : dict of str to list of int
        Positions of the columns of each classifier.
    final_estimator_ : classifier
        Trained, with ``average="stack"``.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    class_prior_ : ndarray of shape (n_classes,)
        Weighted class frequencies of training, which rows without any modality get.
    n_features_in_ : int
        Number of columns seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if they had any.

    See Also
    --------
    FoldEnsembleClassifier : One classifier a fold; each may hold the other.
    mmsk.MultiModalClassifier : One network over all modalities.

    Notes
    -----
    A modality is missing in a row where all of its columns are; blanks within it are the classifier's.

    Stacking [1]_ learns from what classifiers answer about rows that they have not seen. Its features are, for each
    modality, the logarithms of the probabilities less their mean over the classes, which are zeros where the modality
    says nothing or is absent, and a flag that tells the two apart.

    References
    ----------
    .. [1] D. H. Wolpert, "Stacked generalization", Neural Networks 5, 1992.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.pipeline import make_pipeline
    >>> from mmsk.ensemble import LateFusionClassifier
    >>> X = pd.DataFrame({"caption": ["a cat", "the dog", None, "my dog"] * 5, "weight": [4.0, 30.0, 5.0, np.nan] * 5})
    >>> y = ["cat", "dog", "cat", "dog"] * 5
    >>> text = make_pipeline(TfidfVectorizer(), LogisticRegression())
    >>> model = LateFusionClassifier([("text", text, "caption"), ("table", GaussianNB())]).fit(X, y)
    >>> model.modalities_, model.predict(X[:4]).tolist()
    ({'text': [0], 'table': [1]}, ['cat', 'dog', 'cat', 'dog'])
    """

    _parameter_constraints: dict = {
        "estimators": [list, None],
        "average": [StrOptions({"geometric", "mean", "stack"})],
        "weights": ["array-like", None],
        "min_proba": MIN_PROBA,
        "final_estimator": [HasMethods(["fit", "predict_proba"]), None],
        "cv": FOLDS,
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimators=None,
        *,
        average="geometric",
        weights=None,
        min_proba=1e-6,
        final_estimator=None,
        cv=5,
        n_jobs=None,
        random_state=None,
    ):
        self.estimators = estimators
        self.average = average
        self.weights = weights
        self.min_proba = min_proba
        self.final_estimator = final_estimator
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state

    @property
    def _named(self):
        # What is no list of tuples is refused in fit, as scikit-learn does it.
        return [entry[:2] for entry in self.estimators] if _is_named(self.estimators) else []

    @_named.setter
    def _named(self, pairs):
        self.estimators = [(*pair, *entry[2:]) for pair, entry in zip(pairs, self.estimators, strict=True)]

    def get_params(self, deep=True):
        """Get parameters, those of the named classifiers included.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the classifiers and their parameters, as ``<modality>`` and ``<modality>__<parameter>``.

        Returns
        -------
        dict
            Parameter names and values.
        """
        return self._get_params("_named", deep=deep)

    def set_params(self, **params):
        """Set parameters, a classifier by its modality's name included.

        Parameters
        ----------
        **params : dict
            Parameter names and values.

        Returns
        -------
        self
            The estimator.
        """
        if "estimators" in params:
            self.estimators = params.pop("estimators")
        return self._set_params("_named", **params)

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, *, groups=None):
        """Train every classifier on the rows that have its modality.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, n_columns)
            Raw cells, tensor cells and numbers, whatever the classifiers take.
        y : array-like of shape (n_rows,)
            Class labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows; in a pipeline all steps that take weights get them.
        groups : array-like of shape (n_rows,), default=None
            Who or what a row is of, such as the speaker: rows of one group are held out together where `cv` is a number
            or a splitter of groups, and by ensembles within this one.

        Returns
        -------
        self
            The trained classifier.

        Raises
        ------
        BadInputError
            If the input cannot be learned from, a modality is not in the table or in no row, or a classifier gives no
            probabilities.
        """
        X = read_table(self, X, reset=True)
        y, sample_weight = read_labels(self, X, y, sample_weight)
        step = type(self).__name__
        groups = check_groups(groups, y, step)
        entries = self._entries(X)
        self._parts = find_parts(entries, X, step) if self.estimators else [_whole(X)]
        self._weights = self._check_weights()
        presence = self._presence(X)
        self._check_presence(presence if sample_weight is None else presence & (sample_weight > 0)[:, None], y)
        rng = None if self.random_state is None else check_random_state(self.random_state)
        estimators = [clone_seeded(entry[1], rng) for entry in entries]
        tables = [part.take(X) for part in self._parts]
        members = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_member)(step, estimator, table, y, sample_weight, groups, np.flatnonzero(present))
            for estimator, table, present in zip(estimators, tables, presence.T, strict=True)
        )
        self.estimators_ = [(part.name, member) for part, member in zip(self._parts, members, strict=True)]
        self.modalities_ = {part.name: part.columns for part in self._parts}
        if self.average == "stack":
            folds = split_rows(self.cv, X, y, groups, rng, step)
            proba, answered = out_of_fold(
                step, estimators, tables, presence, y, sample_weight, groups, folds, self.classes_, self.n_jobs
            )
            features = stack_features(proba, answered, self.min_proba)
            final = LogisticRegression() if self.final_estimator is None else self.final_estimator
            rows = np.flatnonzero(answered.any(axis=1))
            self.final_estimator_ = fit_member(step, clone_seeded(final, rng), features, y, sample_weight, groups, rows)
        return self

    def _entries(self, X):
        step = type(self).__name__
        if self.estimators is None:
            if holds_cells(X):
                raise BadInputError(
                    "estimators=None came with a table of cells",
                    step=step,
                    fix="Give [(modality, classifier), ...], such as a pipeline of loader, features and classifier.",
                )
            # 0 is the mean after scaling.
            return [
                ("table", make_pipeline(StandardScaler(), SimpleImputer(strategy="constant"), LogisticRegression()))
            ]
        if not self.estimators or not _is_named(self.estimators):
            raise BadInputError(
                "estimators must hold (modality, classifier) or (modality, classifier, columns)",
                step=step,
                value=self.estimators,
            )
        self._validate_names([name for name, _ in self._named])
        for name, estimator in self._named:
            self._check_loaders(name, estimator)
        return self.estimators

    def _check_loaders(self, name, estimator):
        params = estimator.get_params() if hasattr(estimator, "get_params") else {}
        for param, value in params.items():
            if param.split("__")[-1] == "on_error" and value == "missing":
                raise BadInputError(
                    f"{param}='missing' in the estimator of {name!r}, which would answer for cells it cannot read, "
                    "as who answers for a row is chosen before",
                    step=type(self).__name__,
                    fix="Load before this classifier: make_pipeline(ColumnTransformer([...]), LateFusionClassifier("
                    '...)), with .set_output(transform="pandas") on the first.',
                )

    def _check_weights(self):
        n = len(self._parts)
        try:
            weights = np.ones(n) if self.weights is None else np.asarray(self.weights, dtype=np.float64)
        except (ValueError, TypeError):
            weights = np.empty(0)
        if weights.shape != (n,) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
            raise BadInputError(
                f"weights must be {n} numbers from 0, not all of them 0", step=type(self).__name__, value=self.weights
            )
        return weights

    def _presence(self, X):
        return np.column_stack([part.presence(X) for part in self._parts])

    def _check_presence(self, presence, y):
        for part, present in zip(self._parts, presence.T, strict=True):
            n_classes = len(np.unique(y[present]))
            if n_classes == 0 or (n_classes == 1 and len(self.classes_) > 1):
                raise BadInputError(
                    f"modality {part.name!r} is there in rows of one class only"
                    if n_classes
                    else f"modality {part.name!r} is missing from every training row of a weight above zero",
                    step=type(self).__name__,
                    fix="Leave its classifier out, or add rows that have it.",
                )

    def predict_proba(self, X):
        """Predict class probabilities.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, n_columns)
            The columns that fit saw; any modality of any row may be missing.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Probabilities in the order of `classes_`. Rows without any modality get `class_prior_`, with one warning.
        """
        check_is_fitted(self)
        X = read_table(self, X, reset=False)
        presence = self._presence(X)
        proba = np.zeros((*presence.T.shape, len(self.classes_)))
        for k, ((_, member), part) in enumerate(zip(self.estimators_, self._parts, strict=True)):
            rows = np.flatnonzero(presence[:, k])
            if len(rows):
                proba[k, rows] = member_proba(member, _safe_indexing(part.take(X), rows), self.classes_)
        answered = presence.any(axis=1) if self.average == "stack" else (presence * self._weights).any(axis=1)
        answer = np.tile(self.class_prior_, (len(presence), 1))
        if answered.any():
            answer[answered] = self._combine(proba[:, answered], presence[answered])
        if not answered.all():
            rows = np.flatnonzero(~answered)
            warn(
                f"{type(self).__name__}: {len(rows)} rows have no modality that could be asked, the first is row "
                f"{rows[0]}; they are answered with the class frequencies of training.",
                MissingModalityWarning,
                stacklevel=2,
            )
        return answer

    def _combine(self, proba, presence):
        if self.average == "stack":
            features = stack_features(proba, presence, self.min_proba)
            return member_proba(self.final_estimator_, features, self.classes_)
        weight = presence * self._weights
        weight = (weight / weight.sum(axis=1, keepdims=True)).T[:, :, None]
        return from_mean((weight * to_mean(proba, self.average, self.min_proba)).sum(axis=0), self.average)

    def _sk_visual_block_(self):
        if not self.estimators:
            return _VisualBlock("single", self, names=type(self).__name__, name_details=str(self))
        names, members = zip(*self._named, strict=True)
        return _VisualBlock("parallel", members, names=names)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _whole(X):
    return Part("table", list(range(X.shape[1])), False)


def _is_named(estimators):
    return isinstance(estimators, list) and all(
        isinstance(entry, tuple) and len(entry) in (2, 3) and hasattr(entry[1], "fit") for entry in estimators
    )
