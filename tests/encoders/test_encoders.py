import copy
import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from mmsk import (
    BadInputError,
    ImageEncoder,
    ModuleEncoder,
    SpectrogramEncoder,
    TabularEncoder,
    TextEncoder,
    WaveformEncoder,
)
from mmsk.columns import make_column
from tests.rows import make_rows

FEW = {"max_epochs": 15, "lr": 5e-3, "batch_size": 16, "random_state": 0}


class Flat(torch.nn.Module):
    """A user's module that draws from torch's global generator while it trains."""

    def __init__(self, n_hidden=8):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.LazyLinear(n_hidden), torch.nn.ReLU(), torch.nn.Dropout(0.2)
        )

    def forward(self, x):
        return self.layers(x)


class Bag(torch.nn.Module):
    """A user's module over codes."""

    def __init__(self, n_codes):
        super().__init__()
        self.bag = torch.nn.EmbeddingBag(n_codes, 6)

    def forward(self, codes):
        return self.bag(codes)


def waves():
    """Ragged clips of a low or a high tone."""
    rng = np.random.default_rng(0)
    clips, y = [], []
    for i in range(40):
        t = np.arange(rng.integers(600, 900)) / 8000
        y.append(i % 2)
        clips.append((np.sin(2 * np.pi * (300 + 900 * y[-1]) * t) + 0.1 * rng.normal(size=len(t))).astype("float32"))
    return pd.DataFrame({"clip": make_column([None if i % 9 == 8 else clip for i, clip in enumerate(clips)])}), y


def sample(kind):
    X, y = make_rows(48)
    if kind in X:
        return X[[kind]], y
    return waves()


CASES = {
    "image": (ImageEncoder(widths=(8, 16), output_dim=10, **FEW), "image__photo"),
    "backbone": (ImageEncoder("mobilenet_v3_small", output_dim=10, **{**FEW, "max_epochs": 1}), "image__photo"),
    "spectrogram": (SpectrogramEncoder(widths=(8, 16), output_dim=10, **FEW), "sound__clip"),
    "four branches": (SpectrogramEncoder("four_branch", output_dim=10, **{**FEW, "max_epochs": 2}), "sound__clip"),
    "waveform": (WaveformEncoder(widths=(8, 16, 16), output_dim=10, **FEW), "wave"),
    "text": (TextEncoder(8, n_filters=16, output_dim=10, **FEW), "text__caption"),
    "table": (TabularEncoder((16,), output_dim=10, **FEW), "age"),
    "module": (ModuleEncoder(Flat, module__n_hidden=16, output_dim=10, **FEW), "image__photo"),
    "module on codes": (ModuleEncoder(Bag, module__n_codes=20, output_dim=10, **FEW), "text__caption"),
    "module on waves": (ModuleEncoder(Flat, output_dim=10, standardize=False, **FEW), "wave"),
}
LEARNS = {"image", "spectrogram", "waveform", "text", "table", "module"}


@pytest.mark.parametrize("case", CASES)
def test_an_encoder_alone_is_a_transformer(case):
    encoder, kind = clone(CASES[case][0]), CASES[case][1]
    X, y = sample(kind)
    state = torch.get_rng_state()
    embedding = encoder.fit(X, y).transform(X)
    assert torch.equal(torch.get_rng_state(), state)
    absent = X.iloc[:, 0].isna().to_numpy()
    assert absent.any()
    assert embedding.shape == (len(X), 10)
    assert np.isnan(embedding[absent]).all()
    assert np.isfinite(embedding[~absent]).all()
    assert len(encoder.history_) == encoder.n_iter_ == encoder.max_epochs
    prefix = type(encoder).__name__.lower()
    assert encoder.get_feature_names_out().tolist() == [f"{prefix}{i}" for i in range(10)]
    np.testing.assert_array_equal(clone(encoder).fit(X, y).transform(X), embedding)
    if case in LEARNS:
        there = ~absent
        probe = LogisticRegression(max_iter=1000).fit(embedding[there], np.asarray(y)[there])
        assert probe.score(embedding[there], np.asarray(y)[there]) > 0.8


@pytest.mark.parametrize("case", CASES)
def test_pickles_and_copies_embed_alike_and_name_no_torch(case):
    encoder, kind = clone(CASES[case][0]), CASES[case][1]
    X, y = sample(kind)
    embedding = encoder.set_params(max_epochs=1).fit(X, y).transform(X)
    data = pickle.dumps(encoder)
    assert b"torch" not in data
    for again in (pickle.loads(data), copy.deepcopy(encoder)):
        np.testing.assert_array_equal(again.transform(X), embedding)
        assert again.history_[-1]["train_loss"] == encoder.history_[-1]["train_loss"]


@pytest.mark.parametrize(
    "encoder", [TabularEncoder(), ModuleEncoder(partial(torch.nn.LazyLinear, 8))], ids=lambda e: type(e).__name__
)
def test_scikit_learn_checks(encoder):
    results = check_estimator(encoder, on_fail=None, on_skip=None)
    assert [r["check_name"] for r in results if r["status"] != "passed"] == []
    assert len(results) == 54  # scikit-learn 1.9


def test_several_columns_share_an_encoder_and_are_averaged():
    X, y = make_rows(30, missing=0.0)
    both = pd.DataFrame({"a": X["image__photo"], "b": X["image__photo"][::-1].to_numpy()})
    both.loc[3, "b"] = None
    encoder = ImageEncoder(widths=(4, 8), output_dim=6, max_epochs=1, random_state=0).fit(both, y)
    a = encoder.transform(pd.DataFrame({"a": both["a"], "b": [None] * 30}))
    b = encoder.transform(pd.DataFrame({"a": [None] * 30, "b": both["b"]}))
    together = encoder.transform(both)
    expected = np.where(np.isnan(b), a, (a + b) / 2)
    np.testing.assert_allclose(together, expected, atol=1e-6)


def test_a_column_without_any_cell_belongs_to_the_modality():
    X, y = make_rows(20, missing=0.0)
    X = pd.DataFrame({"a": X["image__photo"], "b": [None] * 20})
    assert ImageEncoder(widths=(4,), max_epochs=1).fit(X, y).transform(X).shape == (20, 128)


@pytest.mark.parametrize("form", ["block", "list", "series", "column", "polars series"])
def test_one_column_in_any_container(form):
    X, y = make_rows(20, missing=0.0)
    column = X["image__photo"]
    forms = {
        "block": np.stack(column.to_numpy()),
        "list": column.tolist(),
        "series": column,
        "column": column.to_numpy(),
    }
    if form == "polars series":
        polars = pytest.importorskip("polars")
        given = polars.Series("photo", column.tolist(), dtype=polars.Object)
    else:
        given = forms[form]
    encoder = ImageEncoder(widths=(4,), output_dim=4, max_epochs=1, random_state=0)
    expected = clone(encoder).fit(X[["image__photo"]], y).transform(X[["image__photo"]])
    np.testing.assert_array_equal(encoder.fit(given, y).transform(given), expected)


def test_a_numeric_target_trains_a_regression():
    X, _ = make_rows(60, missing=0.2)
    brightness = X["age"].fillna(1.0).to_numpy()
    encoder = TabularEncoder((16,), **FEW).fit(X[["age"]], brightness)
    assert not hasattr(encoder, "classes_")
    assert encoder.history_[-1]["train_loss"] < 0.5 * encoder.history_[0]["train_loss"]
    for both in (np.column_stack([brightness, -brightness]), np.eye(2, dtype=int)[np.arange(60) % 2]):
        assert TabularEncoder(max_epochs=1).fit(X[["age"]], both).net_.module_.head[-1].out_features == 2


def test_an_encoder_feeds_a_classic_classifier():
    X, y = make_rows(60, missing=0.0)
    pipeline = make_pipeline(SpectrogramEncoder(widths=(8, 16), **FEW), LogisticRegression(max_iter=500))
    assert pipeline.fit(X[["sound__clip"]][:40], y[:40]).score(X[["sound__clip"]][40:], y[40:]) > 0.6


def test_set_output_gives_named_columns():
    X, y = make_rows(20)
    encoder = TextEncoder(8, n_filters=4, output_dim=3, max_epochs=1).set_output(transform="pandas")
    out = encoder.fit(X[["text__caption"]], y).transform(X[["text__caption"]])
    assert out.columns.tolist() == ["textencoder0", "textencoder1", "textencoder2"]
    assert out.index.equals(X.index)


def test_the_wrong_kind_of_cells():
    X, y = make_rows(20)
    with pytest.raises(BadInputError, match=r"ImageEncoder reads image cells.*spectrogram"):
        ImageEncoder().fit(X[["sound__clip"]], y)
    with pytest.raises(BadInputError, match="mixes columns"):
        ImageEncoder().fit(pd.DataFrame({"a": X["image__photo"], "b": 1.0}), y)


def test_a_target_is_needed():
    with pytest.raises(BadInputError, match="requires y"):
        TabularEncoder().fit(np.zeros((3, 1)), None)
    with pytest.raises(NotFittedError):
        TabularEncoder().transform(np.zeros((3, 1)))


def test_module_parameters_are_parameters():
    encoder = ModuleEncoder(Flat, module__n_hidden=3)
    assert encoder.get_params()["module__n_hidden"] == 3
    assert clone(encoder.set_params(module__n_hidden=5, lr=0.1)).get_params()["module__n_hidden"] == 5
    assert encoder.lr == 0.1
    X, y = make_rows(20)
    assert encoder.set_params(max_epochs=1).fit(X[["image__photo"]], y).transform(X[["image__photo"]]).shape == (20, 5)
    with pytest.raises(BadInputError, match="'n_hiden' is not a parameter"):
        ModuleEncoder(Flat, n_hiden=3).fit(X[["image__photo"]], y)


@pytest.mark.parametrize("module", [partial(torch.nn.Conv2d, 3, 4, 3), partial(torch.nn.Linear, 7, 2)])
def test_modules_that_do_not_fit(module):
    X, y = make_rows(20)
    with pytest.raises(BadInputError, match="cannot take cells of shape"):
        ModuleEncoder(module).fit(X[["image__photo"]], y)


def test_longer_cells_at_predict_are_cut_with_a_warning():
    X, y = waves()
    encoder = WaveformEncoder(widths=(8, 8), max_epochs=1, random_state=0).fit(X[:30], y[:30])
    longest = max(len(cell) for cell in X["clip"][:30] if cell is not None)
    cell = np.arange(longest + 10, dtype="float32")
    with pytest.warns(UserWarning, match="1 cells of modality 'cells' are longer"):
        cut = encoder.transform(pd.DataFrame({"clip": make_column([cell])}))
    np.testing.assert_allclose(cut, encoder.transform(pd.DataFrame({"clip": make_column([cell[5:-5]])})))


def test_a_fit_on_numbers_forgets_the_classes_of_an_earlier_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 3))
    encoder = TabularEncoder(max_epochs=1).fit(X, X[:, 0] > 0)
    assert hasattr(encoder, "classes_")
    assert not hasattr(encoder.fit(X, X[:, 0]), "classes_")
