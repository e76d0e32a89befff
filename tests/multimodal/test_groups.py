"""Rows of one speaker, patient or photo, some of which are held out for validation."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmsk import BadInputError, FoldEnsembleClassifier, MultiModalClassifier, MultiModalRegressor, TabularEncoder

SPEAKERS = np.repeat(np.arange(30), 6)
TRAINING = {
    "encoders": [("table", TabularEncoder(hidden_layer_sizes=(64,), output_dim=32, dropout=0.0))],
    "lr": 1e-2,
    "max_epochs": 30,
    "validation_fraction": 0.2,
    "random_state": 0,
}


def speakers_saying_one_thing_each(n_speakers=30, n_rows=6):
    """Who has heard a row's speaker knows its label; nobody else does."""
    rng = np.random.default_rng(0)
    voices = np.repeat(rng.normal(size=(n_speakers, 8)), n_rows, axis=0)
    return voices + 0.01 * rng.normal(size=voices.shape), np.repeat(rng.permutation(n_speakers) % 2, n_rows)


@pytest.mark.parametrize("kind", [MultiModalClassifier, MultiModalRegressor])
def test_rows_of_one_group_are_held_out_together(kind):
    X, y = speakers_saying_one_thing_each()
    heard = kind(**TRAINING).fit(X, y).history_[-1]["valid_loss"]
    strange = kind(**TRAINING).fit(X, y, groups=SPEAKERS).history_[-1]["valid_loss"]
    assert heard < 0.1
    assert strange > 0.4


def test_groups_go_with_the_rows_that_have_a_weight():
    X, y = speakers_saying_one_thing_each()
    weight = np.ones(len(y))
    weight[::6] = 0
    fitted = MultiModalClassifier(**TRAINING).fit(X, y, weight, groups=SPEAKERS)
    without = MultiModalClassifier(**TRAINING).fit(X[weight > 0], y[weight > 0], groups=SPEAKERS[weight > 0])
    np.testing.assert_array_equal(fitted.predict_proba(X), without.predict_proba(X))


def test_a_fold_ensemble_hands_its_groups_on():
    X, y = speakers_saying_one_thing_each()
    network = make_pipeline(StandardScaler(), MultiModalClassifier(**TRAINING))
    ensemble = FoldEnsembleClassifier(network, cv=2, random_state=0).fit(X, y, groups=SPEAKERS)
    assert all(member[-1].history_[-1]["valid_loss"] > 0.4 for member in ensemble.estimators_)


def test_bad_groups():
    X, y = speakers_saying_one_thing_each()
    model = MultiModalClassifier(**TRAINING)
    with pytest.raises(BadInputError, match=r"no group came \(row 6\)"):
        model.fit(X, y, groups=np.where(np.arange(180) == 6, np.nan, SPEAKERS))
    with pytest.raises(BadInputError, match="groups must hold one entry a row"):
        model.fit(X, y, groups=SPEAKERS[1:])
    with pytest.raises(BadInputError, match="groups must hold one entry a row, all of one type"):
        model.fit(X, y, groups=np.array(["ann", 3] * 90, dtype=object))
    with pytest.raises(BadInputError, match="all rows are of one group"):
        model.fit(X, y, groups=np.zeros(180))
    with pytest.raises(BadInputError, match="training lacks a class"):
        model.fit(X, SPEAKERS >= 15, groups=SPEAKERS >= 15)
