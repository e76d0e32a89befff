"""Folds that a user gives, and folds that leave a member little to learn from."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from mmsk import FoldEnsembleClassifier, LateFusionClassifier

TWO = [("a", LogisticRegression(), ["a"]), ("b", LogisticRegression(), ["b"])]
ENSEMBLES = {
    "stacked": LateFusionClassifier(TWO, average="stack", random_state=0),
    "one a fold": FoldEnsembleClassifier(LogisticRegression()),
}


def rows(n_rows=20):
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(n_rows, 2)), columns=["a", "b"]), np.arange(n_rows) % 2


@pytest.mark.parametrize("form", [list, lambda places: np.isin(np.arange(20), places)], ids=["lists", "masks"])
@pytest.mark.parametrize("name", ENSEMBLES)
def test_folds_as_lists_and_masks(name, form):
    X, y = rows()
    first, second = np.arange(10), np.arange(10, 20)
    arrays = [(first, second), (second, first)]
    given = [tuple(form(part) for part in fold) for fold in arrays]
    models = [clone(ENSEMBLES[name]).set_params(cv=cv) for cv in (given, arrays)]
    proba = [model.fit(X, y, sample_weight=np.ones(20)).predict_proba(X) for model in models]
    np.testing.assert_array_equal(*proba)


def test_stacking_where_a_fold_has_one_class_of_a_rare_modality():
    X, y = rows()
    X.loc[4:, "b"] = np.nan
    y[:4] = 0, 0, 0, 1
    proba = clone(ENSEMBLES["stacked"]).fit(X, y).predict_proba(X)
    assert np.isfinite(proba).all()
