import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, cross_val_score, cross_validate

from mmsk.exceptions import BadInputError
from mmsk.metrics import make_map_at_k_scorer, map_at_k_score, top_k_labels


def plain_map(y_true, y_score, labels, k):
    """The definition, row by row: mean over all orders of equal scores."""
    total = 0.0
    for label, scores in zip(y_true, y_score, strict=True):
        values = []
        for order in itertools.permutations(range(len(labels))):
            ranked = sorted(order, key=lambda i: -scores[i])  # stable: equal scores keep the order given
            rank = [labels[i] for i in ranked].index(label) + 1
            values.append(1 / rank if rank <= k else 0.0)
        total += np.mean(values)
    return total / len(y_true)


@pytest.mark.parametrize("k", [1, 2, 3, 7])
@pytest.mark.parametrize("levels", [2, 3, 1000])
def test_equals_the_definition_with_and_without_ties(k, levels):
    rng = np.random.default_rng(k)
    labels = ["ant", "bee", "cat", "dog", "elk"]
    scores = rng.integers(0, levels, (40, 5)) / levels
    y = rng.choice(labels[:4], 40)
    assert map_at_k_score(y, scores, k=k, labels=labels) == pytest.approx(plain_map(y, scores, labels, k))


def test_first_label_alone_is_accuracy():
    X, y = load_iris(return_X_y=True)
    proba = LogisticRegression(max_iter=1000).fit(X[::2], y[::2]).predict_proba(X)
    assert map_at_k_score(y, proba, k=1) == pytest.approx(accuracy_score(y, proba.argmax(axis=1)))


def test_constant_scores_earn_no_more_than_chance():
    y = np.repeat([0, 1, 2, 3], 10)
    chance = (1 + 1 / 2 + 1 / 3) / 4
    assert map_at_k_score(y, np.ones((40, 4))) == pytest.approx(chance)
    assert map_at_k_score(np.zeros(10), np.ones((10, 4)), labels=[0, 1, 2, 3]) == pytest.approx(chance)


def test_weights_are_repetitions():
    rng = np.random.default_rng(0)
    y, scores, weight = rng.integers(0, 4, 30), rng.random((30, 4)), rng.integers(0, 3, 30)
    weighted = map_at_k_score(y, scores, labels=range(4), sample_weight=weight)
    repeated = map_at_k_score(np.repeat(y, weight), np.repeat(scores, weight, axis=0), labels=range(4))
    assert weighted == pytest.approx(repeated)


def test_order_of_labels_is_that_of_the_columns():
    scores = np.array([[0.1, 0.6, 0.3], [0.1, 0.6, 0.3]])
    assert map_at_k_score(["z", "a"], scores, labels=["m", "z", "a"]) == pytest.approx(0.75)
    assert map_at_k_score(pd.Series(["z", "a"], index=[5, 9]), scores, labels=["m", "z", "a"]) == pytest.approx(0.75)


def test_two_classes_may_come_as_one_column():
    y = [0, 1, 1, 0]
    assert map_at_k_score(y, [0.2, 0.9, 0.4, 0.1], k=1) == pytest.approx(0.75)
    assert map_at_k_score(y, [-3.0, 2.0, -0.1, -1.0], k=1) == pytest.approx(0.75)
    assert map_at_k_score(y, [0.2, 0.9, 0.4, 0.1], k=2) == pytest.approx(0.875)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [[0.1, np.nan], [0.5, 0.5]]), r"NaN.*row 0, column 1"),
        (([0, 1], [[0.1, 0.2, 0.7], [0.5, 0.5, 0]]), "3 columns for 2 classes.*labels="),
        (([0], [[0.1, 0.9], [0.5, 0.5]], [0, 1]), "inconsistent numbers of samples"),
        (([0, 3], [[0.1, 0.9], [0.5, 0.5]], [0, 1]), "not among labels.*row 1, value 3"),
        (([0, 1], [[0.1, 0.9], [0.5, 0.5]], [1, 1]), "each once"),
        (([[0, 1], [1, 0]], [[0.1, 0.9], [0.5, 0.5]]), "no column of labels"),
        ((["a", None], [[0.1, 0.9], [0.5, 0.5]]), "lacks a label.*row 1"),
        (([], np.empty((0, 2)), [0, 1]), r"\(0, 2\)"),
        (([0, 1], [["a", "b"], ["c", "d"]]), "no number"),
        (([0, 1], [[0.1, 0.9], [0.5, 0.5]], None, [0, 0]), "at least one non-zero"),
        (([0, 1], [[0.1, 0.9], [0.5, 0.5]], None, [1, -1]), "egative"),
    ],
)
def test_bad_input_is_named(arguments, message):
    y, scores, labels, weight = (*arguments, None, None)[:4]
    with pytest.raises(BadInputError, match=message):
        map_at_k_score(y, scores, labels=labels, sample_weight=weight)


@pytest.mark.parametrize("k", [0, -1, 1.5, "3"])
def test_k_is_a_positive_whole_number(k):
    for call in (
        lambda: map_at_k_score([0], [[1.0]], k=k),
        lambda: make_map_at_k_scorer(k),
        lambda: top_k_labels([[1.0]], [0], k=k),
    ):
        with pytest.raises(ValueError, match="'k' parameter"):
            call()


def test_scorer_is_the_score():
    X, y = load_digits(return_X_y=True)
    model = LogisticRegression(max_iter=50, tol=1e-1).fit(X[:300], y[:300])
    score = make_map_at_k_scorer(k=3)(model, X[300:], y[300:])
    assert score == map_at_k_score(y[300:], model.predict_proba(X[300:]), k=3)
    assert model.score(X[300:], y[300:]) < score < 1


def test_scorer_takes_folds_that_lack_classes():
    X, y = load_iris(return_X_y=True)
    names = np.array(["a", "b", "c"])[y]
    # Unshuffled thirds: every test fold is one class that training has not seen.
    unseen = cross_val_score(LogisticRegression(), X, names, cv=KFold(3), scoring=make_map_at_k_scorer())
    assert unseen.tolist() == [0, 0, 0]
    model = LogisticRegression(max_iter=1000).fit(X, names)
    assert make_map_at_k_scorer(1)(model, X[:50], names[:50]) == 1  # one class in the test rows
    mixed = np.r_[names[:50], ["new"] * 50]
    assert make_map_at_k_scorer(1)(model, X[:100], mixed) == 0.5
    assert make_map_at_k_scorer(1)(model, X[:100], mixed, sample_weight=np.r_[np.ones(50), np.zeros(50)]) == 1


def test_scorer_inside_the_tools_of_scikit_learn():
    X, y = load_iris(return_X_y=True)
    scorer = make_map_at_k_scorer(2)
    assert repr(scorer) == "make_map_at_k_scorer(k=2)"
    assert pickle.loads(pickle.dumps(scorer)).k == 2
    model = LogisticRegression(max_iter=500)
    scores = cross_validate(model, X, y, scoring={"map": scorer, "acc": "accuracy"})
    assert (scores["test_map"] >= scores["test_acc"]).all()
    search = GridSearchCV(model, {"C": [1e-6, 1.0]}, scoring=scorer)
    assert clone(search).fit(X, y).best_params_ == {"C": 1.0}
    prior = cross_val_score(DummyClassifier(strategy="prior"), X, y, scoring=scorer)
    np.testing.assert_allclose(prior, 0.5)  # three classes tie: (1 + 1/2) / 3


def test_scorer_asks_for_weights_under_metadata_routing():
    X, y = load_iris(return_X_y=True)
    weight = (y == 0) * 1.0
    with config_context(enable_metadata_routing=True):
        model, scorer = LogisticRegression(max_iter=500, C=1e-6), make_map_at_k_scorer(1)
        with pytest.raises(UnsetMetadataPassedError):
            cross_val_score(
                model.set_fit_request(sample_weight=False), X, y, scoring=scorer, params={"sample_weight": weight}
            )
        scorer.set_score_request(sample_weight=True)
        weighted = cross_val_score(model, X, y, scoring=scorer, params={"sample_weight": weight})
    recalled = [model.fit(X[a], y[a]).predict(X[b][y[b] == 0]) == 0 for a, b in StratifiedKFold(5).split(X, y)]
    np.testing.assert_allclose(weighted, np.mean(recalled, axis=1))


def test_labels_of_several_types():
    assert map_at_k_score(np.array([0, "a"], object), [[0.9, 0.1], [0.2, 0.8]], labels=np.array([0, "a"], object)) == 1


def test_top_k_labels_order_ties_and_few_classes():
    classes = np.array(["ant", "bee", "cat"])
    scores = [[0.2, 0.3, 0.5], [1.0, 1.0, 1.0], [-1.0, 0.0, -np.inf]]
    expected = [["cat", "bee", "ant"], ["ant", "bee", "cat"], ["bee", "ant", "cat"]]
    assert top_k_labels(scores, classes).tolist() == expected
    assert top_k_labels(scores, classes, k=9).tolist() == expected
    assert top_k_labels(scores, classes, k=1).tolist() == [["cat"], ["ant"], ["bee"]]
    assert top_k_labels(scores, [10, 20, 30], k=2).dtype.kind == "i"


def test_top_k_labels_names_what_does_not_fit():
    with pytest.raises(BadInputError, match="3 columns for classes of shape"):
        top_k_labels([[0.1, 0.2, 0.7]], ["a", "b"])
    with pytest.raises(BadInputError, match="row 0, column 2"):
        top_k_labels([[0.1, 0.2, np.nan]], ["a", "b", "c"])
    with pytest.raises(BadInputError, match=r"shape \(3,\)"):
        top_k_labels([0.1, 0.2, 0.7], ["a", "b", "c"])
