import pickle

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.model_selection import cross_val_score

from mmsk import BadInputError, ImageEncoder, MissingModalityWarning, MultiModalRegressor
from tests.rows import make_rows


def rows(n_rows=80):
    X, y = make_rows(n_rows)
    return X, np.searchsorted(["cat", "dog", "sea"], y).astype(float)


def small(**params):
    encoders = [("image", ImageEncoder(widths=(8, 16), output_dim=16))]
    return MultiModalRegressor(
        encoders, **{"max_epochs": 15, "lr": 5e-3, "batch_size": 16, "random_state": 0, **params}
    )


def test_learns_from_incomplete_rows():
    X, y = rows(120)
    model = small().fit(X[:80], 1000 + 50 * y[:80])
    assert model.score(X[80:], 1000 + 50 * y[80:]) > 0.5
    assert model.transform(X).shape[0] == 120


def test_scores_on_numbers_like_a_linear_model():
    X, y = load_diabetes(return_X_y=True)
    assert cross_val_score(MultiModalRegressor(max_epochs=30, lr=1e-3, random_state=0), X, y).mean() > 0.4


def test_several_targets():
    X, y = rows()
    both = np.column_stack([y, -y])
    model = small().fit(X, both)
    assert model.predict(X).shape == both.shape
    assert model.score(X, both) > 0.6
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_rows_without_anything_get_the_mean():
    X, y = rows()
    model = small(max_epochs=1).fit(X, y, sample_weight=y + 1)
    X.iloc[2, :3] = None
    X.loc[2, "age"] = np.nan
    with pytest.warns(MissingModalityWarning, match="1 rows"):
        predicted = model.predict(X)
    assert predicted[2] == pytest.approx(np.average(y, weights=y + 1))


def test_constant_target():
    X, _ = rows(30)
    np.testing.assert_allclose(small(max_epochs=2).fit(X, np.full(30, 5.0)).predict(X), 5.0, atol=1.0)


@pytest.mark.parametrize("value", [0.1, 7.0, 12.34])  # the mean of 60 of the first and the last is rounded
def test_going_on_from_a_constant_target(value):
    X = np.random.default_rng(0).normal(size=(60, 3))
    model = MultiModalRegressor(lr=1e-2, random_state=0).partial_fit(X, np.full(60, value))
    assert model.target_scale_.tolist() == [1.0]
    for _ in range(60):
        model.partial_fit(X, value + X[:, 1])
    assert model.score(X, value + X[:, 1]) > 0.9


def test_partial_fit_keeps_the_first_scale():
    X, y = rows()
    model = small().partial_fit(X, y)
    mean = model.target_mean_.copy()
    for _ in range(10):
        model.partial_fit(X[:40], y[:40])
    np.testing.assert_array_equal(model.target_mean_, mean)
    assert model.n_iter_ == 11
    with pytest.raises(BadInputError, match="2 targets, the first fit had 1"):
        model.partial_fit(X, np.column_stack([y, y]))


def test_warm_start():
    X, y = rows(40)
    model = small(max_epochs=2, warm_start=True)
    assert model.fit(X, y).fit(X, y).n_iter_ == 4


def test_a_target_is_needed():
    X, _ = rows(20)
    with pytest.raises(BadInputError, match="requires y"):
        small().fit(X, None)
