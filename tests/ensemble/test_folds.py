"""Folds that a user gives, and folds that leave a member little to learn from."""

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline as imblearn_pipeline
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmsk import FoldEnsembleClassifier, LateFusionClassifier, MultiModalClassifier, RowSampler
from mmsk.exceptions import BadInputError

TWO = [("a", LogisticRegression(), ["a"]), ("b", LogisticRegression(), ["b"])]
SCALED = make_pipeline(StandardScaler(), LogisticRegression())
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


@pytest.mark.parametrize("cv", [5, GroupKFold(5)], ids=["number", "splitter"])
@pytest.mark.parametrize("kind", ["one a fold", "stacked"])
def test_rows_of_one_group_are_held_out_together(cv, kind):
    """Every speaker says one thing again and again: who has heard a row's speaker knows its label, others guess."""
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(40), 5)
    voices = np.repeat(rng.normal(size=(40, 2)), 5, axis=0)
    labels = np.repeat(rng.integers(0, 2, 40), 5)
    X = pd.DataFrame(voices, columns=["a", "b"])
    neighbour = KNeighborsClassifier(1)
    if kind == "one a fold":
        model = FoldEnsembleClassifier(neighbour, cv=cv, random_state=0)
        assert model.fit(X, labels, groups=speakers).oof_score_ < 0.7
        assert clone(model).set_params(cv=5).fit(X, labels).oof_score_ == 1
    else:
        model = LateFusionClassifier(
            [("all", neighbour, ["a", "b"])], average="stack", cv=cv, random_state=0, final_estimator=Largest()
        )
        assert model.fit(X, labels, groups=speakers).final_estimator_.score_ < 0.7
        assert clone(model).set_params(cv=5).fit(X, labels).final_estimator_.score_ == 1


def test_ensembles_within_ensembles_get_the_groups():
    X, y = rows(60)
    groups = np.arange(60) // 3
    inner = FoldEnsembleClassifier(LogisticRegression(), cv=GroupKFold(3))
    late = LateFusionClassifier([("a", inner, ["a"]), ("b", make_pipeline(StandardScaler(), inner), ["b"])])
    members = late.fit(X, y, groups=groups).estimators_
    assert [len(member.estimators_) for member in (members[0][1], members[1][1][-1])] == [3, 3]
    both = FoldEnsembleClassifier(late, cv=2, random_state=0).fit(X, y, sample_weight=np.ones(60), groups=groups)
    assert np.isfinite(both.oof_predictions_).all()


class Largest(LogisticRegression):
    """Remembers how often the out-of-fold answers that it learns from are right."""

    def fit(self, X, y, sample_weight=None):
        self.score_ = np.mean((X[:, 1] > X[:, 0]) == y)
        return super().fit(X, y, sample_weight)


def test_groups_do_not_go_to_rows_that_a_sampler_drew():
    X, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 4 // 3
    groups = np.arange(40) // 4
    sampled = imblearn_pipeline(RowSampler(random_state=0), MultiModalClassifier(max_epochs=1))
    model = FoldEnsembleClassifier(sampled, cv=GroupKFold(2))
    assert len(model.fit(X, y, groups=groups).estimators_) == 2
    for params in ({"early_stopping": True}, {"validation_fraction": 0.3}, {"callbacks": ["early_stopping"]}):
        sampled[-1].set_params(early_stopping=False, validation_fraction=None, callbacks=None).set_params(**params)
        with pytest.raises(BadInputError, match="'rowsampler' draws other rows .* 'multimodalclassifier' needs them"):
            model.fit(X, y, groups=groups)
    late = LateFusionClassifier(
        [("table", imblearn_pipeline(RowSampler(), FoldEnsembleClassifier(LogisticRegression())))]
    )
    with pytest.raises(BadInputError, match="'foldensembleclassifier' needs them"):
        late.fit(X, y, groups=groups)


def test_fewer_groups_than_folds():
    X, y = rows()
    model = FoldEnsembleClassifier(LogisticRegression(), cv=5, random_state=0)
    with pytest.warns(UserWarning, match="cv=5 folds came for 4 groups; 4 are made"):
        model.fit(X, y, groups=np.arange(20) // 5)
    assert len(model.estimators_) == 4
    with pytest.raises(BadInputError, match="all rows are of one group"):
        model.fit(X, y, groups=np.zeros(20))
    with pytest.raises(BadInputError, match="groups must hold one entry a row"):
        model.fit(X, y, groups=np.arange(3))


def test_splitter_of_groups_without_groups():
    X, y = rows()
    with pytest.raises(BadInputError, match="give fit the groups"):
        FoldEnsembleClassifier(LogisticRegression(), cv=GroupKFold(2)).fit(X, y)


def test_a_generator_of_folds_gives_them_once():
    X, y = rows()
    folds = ((np.arange(10), np.arange(10, 20)) for _ in range(2))
    model = FoldEnsembleClassifier(LogisticRegression(), cv=folds).fit(X, y)
    with pytest.raises(BadInputError, match="cv gave no folds"):
        model.fit(X, y)


@pytest.mark.parametrize("name", ENSEMBLES)
def test_weights_do_not_go_with_rows_that_are_drawn_anew(name):
    X, y = rows(40)
    resampling = imblearn_pipeline(RowSampler(30, random_state=0), LogisticRegression())
    if name == "stacked":
        model = LateFusionClassifier([("a", resampling, ["a"])])
    else:
        model = FoldEnsembleClassifier(resampling, cv=2)
    assert model.fit(X, y).predict(X).shape == (40,)
    with pytest.raises(BadInputError, match="Classifier: sample_weight came, but step 'rowsampler' draws other"):
        model.fit(X, y, sample_weight=np.ones(40))


def test_weights_that_leave_a_modality_one_class():
    X, y = rows()
    for average in ("geometric", "stack"):
        with pytest.raises(BadInputError, match="modality 'a' is there in rows of one class only"):
            LateFusionClassifier(TWO, average=average).fit(X, y, sample_weight=(y == 0).astype(float))


@pytest.mark.parametrize("name", ENSEMBLES)
def test_the_row_of_a_missing_label_is_named(name):
    X, y = rows()
    labels = np.where(y, "a", "b").astype(object)
    labels[7] = None
    with pytest.raises(BadInputError, match=r"no label came \(row 7\)"):
        clone(ENSEMBLES[name]).fit(X, labels)


def test_weights_of_members_that_are_no_numbers():
    X, y = rows()
    with pytest.raises(BadInputError, match="weights must be 2 numbers from 0"):
        LateFusionClassifier(TWO, weights=["x", 1]).fit(X, y)


@pytest.mark.parametrize(
    "model",
    [FoldEnsembleClassifier(SCALED, cv=2, random_state=0), LateFusionClassifier([("a", SCALED, ["a"])])],
    ids=["folds", "late"],
)
def test_metadata_routing_changes_nothing(model):
    X, y = rows()
    weight = np.linspace(0, 1, 20)
    expected = clone(model).fit(X, y, sample_weight=weight).predict_proba(X)
    with config_context(enable_metadata_routing=True):
        np.testing.assert_array_equal(clone(model).fit(X, y, sample_weight=weight).predict_proba(X), expected)


def test_routing_asks_for_groups_and_heeds_what_a_step_refuses():
    X, y = rows()
    groups = np.arange(20) // 2
    inner = FoldEnsembleClassifier(LogisticRegression(), cv=GroupKFold(2))  # refuses to train without groups
    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model = FoldEnsembleClassifier(make_pipeline(scaler, inner), cv=GroupKFold(2))
        model.fit(X, y, sample_weight=np.linspace(0.1, 1, 20), groups=groups)
    # Rows were counted, not their weights.
    assert [member[0].n_samples_seen_ for member in model.estimators_] == [10, 10]


@pytest.mark.parametrize("wrap", [make_pipeline, lambda step: step], ids=["pipeline", "bare"])
@pytest.mark.parametrize("request_", [False, "w2", True])
def test_routing_heeds_what_a_classifier_wants(wrap, request_):
    X, y = rows()
    weight = np.linspace(0.1, 1, 20)
    expected = FoldEnsembleClassifier(LogisticRegression(), cv=2, random_state=0)
    expected.fit(X, y, sample_weight=weight if request_ else None)
    with config_context(enable_metadata_routing=True):
        member = wrap(LogisticRegression().set_fit_request(sample_weight=request_))
        model = FoldEnsembleClassifier(member, cv=2, random_state=0).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
