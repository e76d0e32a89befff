"""What further calls of fit and partial_fit change."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback

from mmsk import BadInputError, MissingModalityWarning, MultiModalClassifier, MultiModalRegressor
from tests.multimodal.test_training_options import linear, numbers

NOTHING = np.full((1, 6), np.nan)


def answer(model, method="predict"):
    with pytest.warns(MissingModalityWarning):
        return getattr(model, method)(NOTHING)


@pytest.mark.parametrize("unit", [1.0, 1e307])
def test_prior_of_all_rows_that_partial_fit_saw(unit):
    X, _ = numbers(60)
    y = np.arange(60) % 2
    model = MultiModalClassifier(random_state=0).partial_fit(X[:6], [0] * 6, [0, 1], sample_weight=np.full(6, unit))
    for _ in range(2):
        model.partial_fit(X, y, sample_weight=np.where(y, 2.0, 1.0) * unit)
    np.testing.assert_allclose(model.class_prior_, np.array([6 + 60, 120]) / 186)
    np.testing.assert_allclose(answer(model, "predict_proba"), model.class_prior_[None], rtol=1e-6)


def test_mean_of_all_rows_that_partial_fit_saw():
    X, _ = numbers(60)
    model = MultiModalRegressor(random_state=0).partial_fit(X[:20], np.arange(20.0))
    assert answer(model) == pytest.approx(9.5)
    model.partial_fit(X, np.arange(60.0) + 100)
    assert answer(model) == pytest.approx((20 * 9.5 + 60 * 129.5) / 80)


def test_prior_of_the_last_warm_start():
    X, _ = numbers(60)
    model = linear(warm_start=True).fit(X, np.r_[1, [0] * 59])
    np.testing.assert_allclose(model.fit(X, np.arange(60) % 3 // 2).class_prior_, [2 / 3, 1 / 3])
    model = MultiModalRegressor(warm_start=True, max_epochs=1).fit(X, np.arange(60.0))
    assert answer(model.fit(X, np.arange(60.0) + 7)) == pytest.approx(36.5)


def test_weights_that_a_warm_start_ruined_are_no_fit():
    X, y = numbers()
    model = linear(warm_start=True).fit(X, y)
    with pytest.raises(BadInputError, match="became nan"):
        model.set_params(lr=1e30).fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)
    assert model.set_params(lr=0.05).fit(X, y).n_iter_ == 4


def test_what_a_warm_start_refuses_leaves_the_model():
    X, y = numbers()
    model = linear(warm_start=True).fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(BadInputError):
        model.fit(X, np.where(y, 2, 0))
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert model.n_iter_ == len(model.history_) == 4


@pytest.mark.parametrize("n_columns", [2, 3])
def test_a_fit_that_fails_early_leaves_no_network_for_other_columns(n_columns):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["a", "b"])
    y = np.arange(20) % 2
    model = MultiModalClassifier(max_epochs=1, random_state=0).fit(X, y)
    others = X[["b", "a"]] if n_columns == 2 else X.assign(c=0.0)
    with pytest.raises(BadInputError, match="no label came"):
        model.fit(others, [None, *y[1:]])
    with pytest.raises(NotFittedError):
        model.predict(others)


class Broken(Callback):
    def on_batch_begin(self, net, training=False, **kwargs):
        raise RuntimeError("broken")


def test_a_warm_start_that_fails_at_once_changes_nothing():
    X, _ = numbers(60)
    model = linear(warm_start=True, ema_decay=0.9, max_epochs=3).fit(X, np.arange(60) % 2)
    expected, history = model.predict_proba(X), list(model.history_)
    with pytest.raises(RuntimeError, match="broken"):
        model.set_params(callbacks=[Broken()]).fit(X, np.arange(60) % 2)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert model.n_iter_ == 3 and list(model.history_) == history
    assert model.net_._average.is_lent()  # and goes on from there
