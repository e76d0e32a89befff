import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from mmsk import (
    AttentionFusion,
    BadInputError,
    BaseFusion,
    BottleneckFusion,
    CrossAttentionFusion,
    EarlyFusion,
    ImageEncoder,
    LateFusion,
    LowRankFusion,
    MultiModalClassifier,
    MultiModalRegressor,
    SpectrogramEncoder,
    TabularEncoder,
    TensorFusion,
)
from mmsk.columns import make_column
from mmsk.fusions._by_name import NAMED
from mmsk.nn.fusions import Pooling
from tests.multimodal.test_classifier import small
from tests.rows import make_rows

COLUMNS = ["image__photo", "sound__clip", "text__caption", "age"]


def only(X, kept):
    """The same rows with all but the columns `kept` blanked."""
    X = X.copy()
    for name in COLUMNS:
        if name not in kept:
            X[name] = np.nan if name == "age" else None
    return X


@pytest.mark.parametrize("name", NAMED)
def test_every_fusion_learns_answers_any_subset_and_pickles(name):
    X, y = make_rows(150)
    model = small(fusion=name, modality_dropout=0.2, max_epochs=15).fit(X[:100], y[:100])
    assert model.score(X[100:], y[100:]) > (0.6 if name == "early" else 0.75)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    assert model.transform(X).shape == (150, len(model.get_feature_names_out()))
    whole = make_rows(12, missing=0.0)[0]
    for n in range(1, 5):
        for kept in itertools.combinations(COLUMNS, n):
            proba = model.predict_proba(only(whole, kept))
            assert np.isfinite(proba).all()
            np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", [*NAMED, AttentionFusion("tokens"), BottleneckFusion("tokens", n_heads=2)], ids=str)
def test_every_fusion_with_tokens_for_what_is_missing_and_one_seed(name):
    X, y = make_rows(40)
    params = {"fusion": name, "missing": "token", "modality_dropout": 0.3, "max_epochs": 2}
    first, second = small(**params).fit(X, y), small(**params).fit(X, y)
    proba = first.predict_proba(X)
    np.testing.assert_array_equal(proba, second.predict_proba(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(first)).predict_proba(X), proba)


@pytest.mark.parametrize("name", [*NAMED, AttentionFusion("tokens"), CrossAttentionFusion("tokens")], ids=str)
def test_gradients_reach_all_of_the_network(name):
    X, y = make_rows(40)
    model = small(fusion=name, max_epochs=1).fit(X, y)
    lost = {key for key, p in model.net_.module_.named_parameters() if p.grad is None or not p.grad.any()}
    assert lost == set()


@pytest.mark.parametrize("name", NAMED)
def test_one_modality(name):
    X, y = make_rows(40)
    model = MultiModalClassifier(fusion=name, max_epochs=30, lr=1e-2, random_state=0).fit(X[["age"]].fillna(0.0), y)
    assert model.score(X[["age"]].fillna(0.0), y) > 0.6


@pytest.mark.parametrize("name", NAMED)
def test_regression(name):
    X, _ = make_rows(60)
    age = X.pop("age").fillna(0.0)
    model = MultiModalRegressor(small().encoders, fusion=name, max_epochs=3, random_state=0).fit(X, age)
    assert np.isfinite(model.predict(X)).all()


def test_a_grid_of_names_and_objects_and_a_grid_inside_one():
    X, y = make_rows(60)
    pipe = Pipeline([("keep", FunctionTransformer()), ("fuse", small(max_epochs=1))])
    grid = {"fuse__fusion": ["concat", "gated", TensorFusion(dim=3)]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 3
    inside = {"fuse__fusion": [LowRankFusion()], "fuse__fusion__rank": [1, 2], "fuse__fusion__output_dim": [6]}
    search = GridSearchCV(pipe, inside, cv=2, error_score="raise").fit(X, y)
    network = search.best_estimator_["fuse"].net_.module_
    assert network.fusion.rank == search.best_params_["fuse__fusion__rank"]
    assert network.fusion.output_dim == 6


def test_a_fusion_given_as_an_object_is_left_as_it_is():
    X, y = make_rows(30)
    fusion = EarlyFusion(TabularEncoder((8,)))
    model = small(fusion=fusion, max_epochs=1).fit(X, y)
    assert model.fusion is fusion
    assert not hasattr(fusion.encoder, "net_")
    copy = clone(model)
    assert copy.fusion is not fusion and copy.fusion.encoder.hidden_layer_sizes == (8,)
    model.set_params(fusion__encoder__output_dim=5)
    assert model.fit(X, y).transform(X).shape == (30, 5)


class Halves(BaseFusion):
    """A user's own: the mean, times a parameter."""

    def __init__(self, factor=0.5):
        self.factor = factor

    def build(self, dims):
        class Scaled(Pooling):
            def forward(module, embeddings, presence):  # noqa: N805
                return self.factor * super().forward(embeddings, presence)

        return Scaled(dims, "mean")


def test_a_fusion_of_the_users_own():
    X, y = make_rows(60)
    search = GridSearchCV(small(fusion=Halves(), max_epochs=2), {"fusion__factor": [0.5, 2.0]}, cv=2).fit(X, y)
    assert search.best_estimator_.fusion.factor in (0.5, 2.0)


@pytest.mark.parametrize(
    ("fusion", "message"),
    [
        (AttentionFusion(dim=10, n_heads=4), "dim=10 is no multiple of n_heads=4"),
        (BottleneckFusion(n_shared=0), "'n_shared' parameter of BottleneckFusion must be an int in the range"),
        (TensorFusion(dim=63), r"dim=63 makes 64 \*\* 4 products of 4 modalities.*LowRankFusion"),
        (LateFusion(weights=[1, 2]), "weights are not 4 positive numbers"),
        (LateFusion(weights=[1, 2, 0, 1]), "weights are not 4 positive numbers"),
        (LateFusion("product"), "'average' parameter of LateFusion"),
        (TensorFusion, r"fusion=TensorFusion is a class. Give an instance: TensorFusion\(\)"),
        ("glue", "'fusion' parameter of MultiModalClassifier"),
        (EarlyFusion("mlp"), "'encoder' parameter of EarlyFusion"),
    ],
    ids=str,
)
def test_parameters_that_cannot_be_are_named(fusion, message):
    X, y = make_rows(20)
    with pytest.raises(ValueError, match=message):
        small(fusion=fusion, max_epochs=1).fit(X, y)


def test_late_fusion_is_the_average_of_its_heads():
    X, y = make_rows(60)
    model = small(fusion="late", max_epochs=3).fit(X, y)
    whole = make_rows(9, missing=0.0)[0]
    logs = np.stack([np.log(model.predict_proba(only(whole, [name]))) for name in COLUMNS])
    expected = np.exp(logs.mean(axis=0))
    np.testing.assert_allclose(model.predict_proba(whole), expected / expected.sum(1, keepdims=True), atol=1e-5)


def test_late_fusion_learns_which_modality_to_trust():
    X, y = make_rows(120, missing=0.0)
    X["age"] = np.random.default_rng(0).normal(size=len(X))  # says nothing
    model = small(fusion=LateFusion(weights="learned"), max_epochs=15, lr=2e-2, auxiliary_loss=0.3).fit(X, y)
    weights = dict(zip(model.modalities_, model.net_.module_.fusion.scores.softmax(0).tolist(), strict=True))
    assert weights["table"] == min(weights.values())


def spectrograms(n_rows=60, seed=0):
    """Two sounds a row, of other bins and frames, each there in most rows."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n_rows)
    near = rng.normal(size=(n_rows, 16, 40)).astype(np.float32)
    far = rng.normal(size=(n_rows, 13, 25)).astype(np.float32)
    near[np.arange(n_rows), 4 + 6 * y] += 3.0
    far[np.arange(n_rows), 2 + 6 * y] += 3.0
    there = rng.random((n_rows, 2)) > 0.3
    there[~there.any(axis=1), 0] = True
    return pd.DataFrame({"near": make_column(near, there[:, 0]), "far": make_column(far, there[:, 1])}), y


def test_early_fusion_of_spectrograms():
    X, y = spectrograms()
    fusion = EarlyFusion(SpectrogramEncoder(widths=(8, 16), output_dim=16))
    model = MultiModalClassifier(fusion=fusion, max_epochs=12, batch_size=16, random_state=0).fit(X[:45], y[:45])
    assert model.net_.module_.fusion.n_frames == 40
    assert model.score(X[45:], y[45:]) > 0.8
    vectors = MultiModalClassifier(fusion=EarlyFusion(TabularEncoder()), max_epochs=12, random_state=0).fit(X, y)
    assert vectors.net_.module_.fusion.n_frames is None
    assert vectors.score(X, y) > 0.8


def test_early_fusion_counts_absent_numbers_as_average():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(3.0, 2.0, (80, 3)).astype("float32"), columns=["a__x", "a__y", "b__x"])
    y = (X["a__x"] > 3.0).to_numpy()
    X.loc[::4, ["a__x", "a__y"]] = np.nan
    X.loc[1::4, "a__y"] = np.nan
    model = MultiModalClassifier(fusion="early", max_epochs=20, random_state=0).fit(X, y)
    network = model.net_.module_
    seen = []
    network.fusion.encoder.hidden.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model.predict(X[:4])
    values, flags = seen[0].chunk(2, 1)
    absent = X[:4].isna().to_numpy()
    np.testing.assert_array_equal(flags.numpy(), absent)
    assert not values.numpy()[absent].any()
    there = (X[:4] - X.mean()) / X.std(ddof=0)
    np.testing.assert_allclose(values.numpy()[~absent], there.to_numpy()[~absent], rtol=1e-4)


def test_early_fusion_takes_every_kind_of_cell_but_videos():
    X, y = make_rows(24)
    rng = np.random.default_rng(0)
    X["wave"] = make_column(rng.normal(size=(24, 50)).astype("float32"))
    X["watch"] = make_column(rng.normal(size=(24, 6, 40)).astype("float32"))
    model = MultiModalClassifier(fusion="early", max_epochs=2, random_state=0).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()
    X["film"] = make_column(rng.integers(0, 9, (24, 2, 3, 8, 8)).astype("uint8"))
    with pytest.raises(BadInputError, match="holds videos, which early fusion does not join"):
        model.fit(X, y)


def test_early_fusion_takes_no_weights_of_single_inputs():
    X, y = make_rows(12)
    early = EarlyFusion(TabularEncoder(weights="numbers.safetensors"))
    with pytest.raises(BadInputError, match="early fusion has weights='numbers.safetensors'"):
        MultiModalClassifier(fusion=early).fit(X, y)


@pytest.mark.parametrize("fusion", [AttentionFusion, CrossAttentionFusion, BottleneckFusion])
def test_learned_tokens_are_as_many_in_every_batch(fusion):
    X, y = make_rows(40)
    model = MultiModalClassifier(
        [("image", ImageEncoder(widths=(4, 8)))], fusion=fusion("tokens"), missing="token", max_epochs=3, random_state=0
    ).fit(X, y)
    together = model.predict_proba(X)
    alone = np.concatenate([model.predict_proba(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_early_fusion_with_batch_statistics_and_a_batch_of_one_row():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"sound": make_column(rng.normal(size=(5, 20, 30)).astype(np.float32))})
    model = MultiModalClassifier(fusion=EarlyFusion(SpectrogramEncoder("cnn2d")), batch_size=1, max_epochs=1)
    assert np.isfinite(model.fit(X, [0, 1, 0, 1, 0]).predict_proba(X)).all()
