import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_classification
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from mmsk import FoldEnsembleClassifier, LateFusionClassifier, MultiModalClassifier
from mmsk.exceptions import BadInputError
from mmsk.metrics import make_map_at_k_scorer, map_at_k_score
from tests.ensemble.members import Memory, small_network
from tests.rows import make_rows


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:400], X[400:], y[:400], y[400:]


def tree(**params):
    return FoldEnsembleClassifier(DecisionTreeClassifier(random_state=0), random_state=0, **params)


def test_held_out_predictions_are_those_of_cross_validation(digits):
    X, X_test, y, _ = digits
    folds = list(StratifiedKFold(5, shuffle=True, random_state=3).split(X, y))
    model = tree(cv=folds, average="mean").fit(X, y)
    member = DecisionTreeClassifier(random_state=0)
    expected = cross_val_predict(member, X, y, cv=folds, method="predict_proba")
    np.testing.assert_array_equal(model.oof_predictions_, expected)
    np.testing.assert_allclose(model.fold_scores_, cross_val_score(member, X, y, cv=folds))
    assert model.oof_score_ == (expected.argmax(axis=1) == y).mean()
    members = [clone(member).fit(X[train], y[train]) for train, _ in folds]
    proba = np.mean([m.predict_proba(X_test) for m in members], axis=0)
    np.testing.assert_allclose(model.predict_proba(X_test), proba)
    assert len(model.estimators_) == 5


def test_no_member_answers_rows_it_has_seen():
    X, y = np.arange(90.0)[:, None], np.arange(90) % 3
    model = FoldEnsembleClassifier(Memory(), cv=6, random_state=0).fit(X, y)
    np.testing.assert_allclose(model.oof_predictions_, 1 / 3)
    assert model.score(X, y) == 1  # five of six members know each row
    assert model.oof_score_ == pytest.approx(1 / 3)


def test_geometric_mean_is_the_normalised_product(digits):
    X, X_test, y, _ = digits
    model = FoldEnsembleClassifier(GaussianNB(var_smoothing=1e-2), cv=4, min_proba=1e-300, random_state=0).fit(X, y)
    product = np.prod([m.predict_proba(X_test) ** (1 / 4) for m in model.estimators_], axis=0)
    np.testing.assert_allclose(
        model.predict_proba(X_test), product / product.sum(axis=1, keepdims=True), rtol=1e-6, atol=1e-12
    )


@pytest.mark.parametrize("average", ["geometric", "mean"])
def test_the_ensemble_beats_its_members(digits, average):
    X, X_test, y, y_test = digits
    model = tree(average=average).fit(X, y)
    alone = [member.score(X_test, y_test) for member in model.estimators_]
    assert len(alone) == 10
    assert model.score(X_test, y_test) > max(alone) + 0.03


def test_folds_of_every_kind(digits):
    X, _, y, _ = digits
    repeated = tree(cv=RepeatedStratifiedKFold(n_splits=4, n_repeats=3, random_state=0), average="mean").fit(X, y)
    assert len(repeated.estimators_) == 12
    assert repeated.oof_score_ > repeated.fold_scores_.mean() + 0.03  # three answers a row, averaged
    some = tree(cv=ShuffleSplit(2, test_size=0.2, random_state=0)).fit(X, y)
    answered = np.isfinite(some.oof_predictions_).all(axis=1)
    assert 80 < answered.sum() < 160 and np.isnan(some.oof_predictions_[~answered]).all()
    assert 0.5 < some.oof_score_ < 1
    groups = np.arange(400) // 10
    grouped = tree(cv=list(GroupKFold(4).split(X, y, groups))).fit(X, y)
    assert grouped.oof_predictions_.shape == (400, 10)


def test_more_folds_than_rows_of_a_class_are_told():
    X, y = np.random.default_rng(0).normal(size=(12, 2)), np.array([0, 1] * 6)
    with pytest.warns(UserWarning, match="cv=10 folds came for classes of at most 6 rows; 6 are made"):
        model = FoldEnsembleClassifier(GaussianNB(), random_state=0).fit(X, y)
    assert len(model.estimators_) == 6
    with pytest.raises(BadInputError, match="no class has two rows"):
        FoldEnsembleClassifier(GaussianNB()).fit(X[:2], y[:2])


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_a_class_that_a_fold_has_not_seen():
    rng = np.random.default_rng(0)
    y = np.array(["a"] * 20 + ["b"] * 20 + ["rare"])
    X = rng.normal(size=(41, 2)) + 4 * np.searchsorted(["a", "b", "rare"], y)[:, None]
    model = FoldEnsembleClassifier(GaussianNB(var_smoothing=0.1), cv=4, average="mean", random_state=0).fit(X, y)
    seen = [len(member.classes_) for member in model.estimators_]
    assert sorted(seen) == [2, 3, 3, 3]
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert model.oof_predictions_[-1, 2] == 0
    assert model.predict(X[-1:]).tolist() == ["rare"]


def test_scores_by_any_scorer(digits):
    X, _, y, _ = digits
    model = tree(cv=4, scoring=make_map_at_k_scorer(2)).fit(X, y)
    assert model.oof_score_ == pytest.approx(map_at_k_score(y, model.oof_predictions_, k=2))
    assert model.fold_scores_.shape == (4,)
    loss = tree(cv=4, scoring="neg_log_loss").fit(X, y)
    rows = make_rows(60)  # probabilities in float32 add up, too
    FoldEnsembleClassifier(MultiModalClassifier(max_epochs=2), cv=3, scoring="neg_log_loss").fit(*rows)
    assert (loss.fold_scores_ < 0).all() and loss.oof_score_ < 0
    binary = tree(cv=4, scoring="roc_auc").fit(X, y > 4)
    assert 0.7 < binary.oof_score_ <= 1
    two_labels = tree(cv=list(StratifiedKFold(2).split(X, y)), scoring="neg_log_loss")
    halves = [(np.arange(40), np.flatnonzero(y == 3))]
    with pytest.warns(UserWarning, match="held-out rows cannot be scored"):
        two_labels.set_params(cv=halves).fit(X, y)
    assert np.isnan(two_labels.fold_scores_).all()


def test_scorers_of_decisions_of_rows_and_of_nothing():
    X, y = make_classification(90, random_state=0)
    model, folds = LogisticRegression(), list(StratifiedKFold(3).split(X, y))
    by_decision = make_scorer(roc_auc_score, response_method="decision_function")
    scores = FoldEnsembleClassifier(model, cv=folds, scoring=by_decision).fit(X, y).fold_scores_
    np.testing.assert_allclose(scores, cross_val_score(model, X, y, cv=folds, scoring=by_decision))
    seen = []

    def look(estimator, X, y):
        seen.append(X)
        return {"accuracy": 1.0}

    with pytest.warns(UserWarning, match="held-out rows cannot be scored: float"):
        broken = FoldEnsembleClassifier(model, cv=folds, scoring=look).fit(X, y)
    assert np.isnan([*broken.fold_scores_, broken.oof_score_]).all()
    np.testing.assert_array_equal(seen[0], X[folds[0][1]])
    some = FoldEnsembleClassifier(model, cv=folds, scoring=lambda e, X, y: e.predict(X[:2]).mean())
    with pytest.warns(UserWarning, match="ask about all rows at once"):
        some.fit(X, y)
    with pytest.raises(BadInputError, match=r"metric function rather than a scorer.*make_scorer"):
        FoldEnsembleClassifier(model, scoring=accuracy_score).fit(X, y)
    with pytest.raises(BadInputError, match="cv names rows that are not there"):
        FoldEnsembleClassifier(model, cv=[(np.arange(40), [95])]).fit(X, y)


def test_seeds_of_members_come_from_the_ensemble_where_they_have_none(digits):
    X, X_test, y, _ = digits
    loose = FoldEnsembleClassifier(DecisionTreeClassifier(max_features=2), cv=3, random_state=0)
    first, second = clone(loose).fit(X, y), clone(loose).fit(X, y)
    np.testing.assert_array_equal(first.predict_proba(X_test), second.predict_proba(X_test))
    assert len({member.random_state for member in first.estimators_}) == 3
    fixed = tree(cv=3).fit(X, y)
    assert [member.random_state for member in fixed.estimators_] == [0, 0, 0]
    assert loose.estimator.random_state is None


def test_members_are_seeded_anew_within_another_ensemble(digits):
    X, _, y, _ = digits
    forest = FoldEnsembleClassifier(DecisionTreeClassifier(max_features=2), cv=3)
    late = LateFusionClassifier(
        [("a", forest, slice(0, 32)), ("b", make_pipeline(forest), slice(32, 64))], random_state=0
    )
    parts = [late.fit(X, y).estimators_[0][1], late.estimators_[1][1][-1], clone(late).fit(X, y).estimators_[0][1]]
    seeds = [[member.random_state for member in part.estimators_] for part in parts]
    assert len({*seeds[0], *seeds[1]}) == 6
    assert seeds[2] == seeds[0]
    folds = FoldEnsembleClassifier(late.set_params(random_state=None), cv=2, random_state=0).fit(X, y)
    trees = [tree for each in folds.estimators_ for tree in each.estimators_[0][1].estimators_]
    assert len({tree.random_state for tree in trees}) == 6


def test_inside_the_tools_of_scikit_learn(digits):
    X, X_test, y, _ = digits
    search = GridSearchCV(
        tree(cv=3), {"average": ["geometric", "mean"], "estimator__max_depth": [1, 8]}, cv=2, error_score="raise"
    ).fit(X, y)
    assert search.best_params_["estimator__max_depth"] == 8
    model = tree(cv=3, n_jobs=2).fit(X, y)
    alone = tree(cv=3).fit(X, y)
    np.testing.assert_array_equal(model.oof_predictions_, alone.oof_predictions_)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X_test), alone.predict_proba(X_test))
    frame = pd.DataFrame(X, columns=[f"p{i}" for i in range(64)])
    named = tree(cv=3).fit(frame, y)
    assert named.feature_names_in_.tolist() == list(frame) == named.estimators_[0].feature_names_in_.tolist()


def test_weights_reach_members_and_pipelines(digits):
    X, X_test, y, _ = digits
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    folds = list(StratifiedKFold(3).split(X, y))
    pipeline = make_pipeline(FunctionTransformer(), MultinomialNB())
    model = FoldEnsembleClassifier(pipeline, folds, average="mean").fit(X, y, weight)
    repeated = [np.repeat(train, weight[train]) for train, _ in folds]
    members = [MultinomialNB().fit(X[rows], y[rows]) for rows in repeated]
    expected = np.mean([member.predict_proba(X_test) for member in members], axis=0)
    np.testing.assert_allclose(model.predict_proba(X_test), expected, atol=1e-9)
    with pytest.raises(BadInputError, match="KNeighborsClassifier.fit does not take it"):
        FoldEnsembleClassifier(KNeighborsClassifier(), 3).fit(X, y, weight)


def test_networks_over_incomplete_rows():
    X, y = make_rows(150)
    X_test, y_test = X[100:], y[100:]
    network = small_network("image", "sound", "text", random_state=None, max_epochs=8)
    model = FoldEnsembleClassifier(network, cv=3, random_state=0).fit(X[:100], y[:100])
    assert model.oof_score_ > 0.6 and model.score(X_test, y_test) > 0.75
    together = FoldEnsembleClassifier(network, cv=3, random_state=0, n_jobs=2).fit(X[:100], y[:100])
    np.testing.assert_array_equal(together.oof_predictions_, model.oof_predictions_)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X_test), model.predict_proba(X_test))
    stopped = small_network("image", "sound", early_stopping=True, validation_fraction=0.2, n_iter_no_change=3)
    assert FoldEnsembleClassifier(stopped, cv=2, random_state=0).fit(X[:100], y[:100]).fold_scores_.shape == (2,)


def test_texts_in_a_list_and_blocks_of_photos():
    texts, y = [f"{'cat' if i % 2 else 'dog'} {i}" for i in range(40)], np.arange(40) % 2
    model = FoldEnsembleClassifier(make_pipeline(CountVectorizer(), MultinomialNB()), cv=4, random_state=0)
    assert model.fit(texts, y).oof_score_ == 1
    photos = np.zeros((40, 3, 8, 8), dtype=np.uint8) + 100 * y[:, None, None, None].astype(np.uint8)
    network = FoldEnsembleClassifier(MultiModalClassifier(max_epochs=6, random_state=0), cv=2, random_state=0)
    assert network.fit(photos, y).oof_score_ == 1


def test_bad_input_is_named():
    X, y = load_iris(return_X_y=True)
    for params, message in [
        ({"cv": 1}, "'cv' parameter"),
        ({"average": "median"}, "'average' parameter"),
        ({"min_proba": 1}, "'min_proba' parameter"),
        ({"scoring": "precise"}, "'scoring' parameter"),
        ({"estimator": "tree"}, "'estimator' parameter"),
        ({"estimator": SVC()}, "SVC gives no probabilities"),
    ]:
        with pytest.raises(ValueError, match=message):
            FoldEnsembleClassifier(LogisticRegression(), 3).set_params(**params).fit(X, y)
    with pytest.raises(BadInputError, match="Unknown label type"):
        FoldEnsembleClassifier(GaussianNB(), 3).fit(X, X[:, 0])
    with pytest.raises(BadInputError, match="has 3 features"):
        FoldEnsembleClassifier(GaussianNB(), 3).fit(X, y).predict(X[:, :3])
