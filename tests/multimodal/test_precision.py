"""What networks compute in, and what stays the same in it."""

import pickle

import joblib
import numpy as np
import pandas as pd

from mmsk import MultiModalClassifier
from mmsk.columns import make_column
from tests.multimodal.test_classifier import small
from tests.rows import make_rows


def test_bfloat16_products_train():
    X, y = make_rows(60)
    model = small(precision="bfloat16").fit(X, y)
    assert model.predict_proba(X).dtype == np.float32
    assert model.score(X, y) > 0.8


def test_bfloat16_of_short_sounds_is_as_random_as_its_seed():
    # Sixteen frames leave convolutions one wide, which oneDNN gets wrong.
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"sound__clip": make_column(rng.normal(size=(60, 32, 16)).astype("float32"))})
    y = np.arange(60) % 2
    models = [
        MultiModalClassifier(max_epochs=2, precision=precision, random_state=0).fit(X, y)
        for precision in ["bfloat16"] * 4 + ["float32"]
    ]
    first, *others, exact = (model.predict_proba(X) for model in models)
    for other in others:
        np.testing.assert_array_equal(other, first)
    np.testing.assert_allclose(first, exact, atol=0.05)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(models[0])).predict_proba(X), first)


def test_models_open_from_a_memory_map(tmp_path):
    X, y = make_rows(24)
    model = small(max_epochs=1).fit(X, y)
    joblib.dump(model, tmp_path / "model")
    opened = joblib.load(tmp_path / "model", mmap_mode="r")
    np.testing.assert_array_equal(opened.predict_proba(X), model.predict_proba(X))


def test_float64_everywhere():
    X, y = make_rows(40)
    assert small(precision="float64", max_epochs=1).fit(X, y).predict_proba(X).dtype == np.float64
