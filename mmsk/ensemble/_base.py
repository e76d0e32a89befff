"""What the ensembles share: labels and logarithms of the probabilities they average."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils._param_validation import Interval

MIN_PROBA = [Interval(Real, 0, 1, closed="neither")]
FOLDS = [Interval(Integral, 2, None, closed="left"), "cv_object"]


class BaseEnsembleClassifier(ClassifierMixin, BaseEstimator):
    """Base of the ensembles; a subclass gives ``predict_proba``."""

    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, n_columns)
            The columns that fit saw.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels.
        """
        proba = self.predict_proba(X)  # first: it tells when the ensemble is not fitted
        return self.classes_[proba.argmax(axis=1)]

    def predict_log_proba(self, X):
        """Predict logarithms of class probabilities.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, n_columns)
            The columns that fit saw.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Log-probabilities, -inf where a probability is 0.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))
