import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from skorch.callbacks import Callback, LRScheduler, PassthroughScoring

from mmsk import (
    BadInputError,
    ImageEncoder,
    MissingModalityWarning,
    MultiModalClassifier,
    SpectrogramEncoder,
    TextEncoder,
)
from mmsk.columns import make_column
from tests.rows import make_rows

SMALL = [
    ("image", ImageEncoder(widths=(8, 16), output_dim=16)),
    ("sound", SpectrogramEncoder(widths=(8, 16), output_dim=16)),
    ("text", TextEncoder(8, n_filters=16, output_dim=16, dropout=0.1)),
]
FEW = {"max_epochs": 12, "lr": 5e-3, "batch_size": 16, "hidden_layer_sizes": (16,), "random_state": 0}


def small(**params):
    return MultiModalClassifier(clone(SMALL, safe=False), **{**FEW, **params})


@pytest.mark.parametrize("fusion", ["concat", "sum", "mean", "max"])
@pytest.mark.parametrize("missing", ["zero", "token"])
def test_learns_from_incomplete_rows_and_answers_any_subset(fusion, missing):
    X, y = make_rows(120)
    model = small(fusion=fusion, missing=missing, modality_dropout=0.2).fit(X[:80], y[:80])
    assert model.score(X[80:], y[80:]) > 0.75
    for kept in ("image__photo", "sound__clip", "text__caption", "age"):
        alone = X[80:].copy()
        alone.loc[:, [c for c in X if c != kept and c != "age"]] = None
        if kept != "age":
            alone["age"] = np.nan
        alone = alone[alone[kept].notna()]
        proba = model.predict_proba(alone)
        np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)


def test_defaults_choose_an_encoder_for_every_kind_of_cell():
    X, y = make_rows(30)
    rng = np.random.default_rng(0)
    X["wave"] = make_column(rng.normal(size=(30, 500)).astype("float32"))
    X["watch"] = make_column(rng.normal(size=(30, 6, 40)).astype("float32"))
    model = MultiModalClassifier(max_epochs=1, random_state=0).fit(X, y)
    assert {key: type(encoder).__name__ for key, encoder in model.encoders_} == {
        "image": "ImageEncoder",
        "sound": "SpectrogramEncoder",
        "text": "TextEncoder",
        "table": "TabularEncoder",
        "wave": "WaveformEncoder",
        "watch": "WaveformEncoder",
    }
    assert model.modalities_["image"] == ["image__photo"]
    assert model.transform(X).shape == (30, model.net_.module_.fusion.output_dim)
    assert model.get_feature_names_out()[0] == "multimodalclassifier0"
    assert model.feature_names_in_.tolist() == X.columns.tolist()


def test_outputs_agree_with_each_other():
    X, y = make_rows(40)
    model = small(max_epochs=2).fit(X, y)
    proba = model.predict_proba(X)
    assert proba.shape == (40, 3)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), proba, rtol=1e-5)
    np.testing.assert_array_equal(model.classes_[proba.argmax(axis=1)], model.predict(X))
    np.testing.assert_array_equal(model.classes_[model.decision_function(X).argmax(axis=1)], model.predict(X))
    two = y != "sea"
    model.fit(X[two], y[two])
    assert model.decision_function(X).shape == (40,)
    np.testing.assert_array_equal(model.decision_function(X) > 0, model.predict(X) == model.classes_[1])


def test_what_other_rows_hold_changes_nothing():
    X, y = make_rows(40)
    model = small(max_epochs=3).fit(X, y)
    proba = model.predict_proba(X)
    order = np.random.default_rng(0).permutation(40)
    np.testing.assert_allclose(model.predict_proba(X.iloc[order]), proba[order], atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(X[5:9]), proba[5:9], atol=1e-6)
    for row in range(5):
        np.testing.assert_allclose(model.predict_proba(X[row : row + 1]), proba[row : row + 1], atol=1e-6)
    large = pd.concat([X] * 8, ignore_index=True)  # more rows than are taken at a time
    np.testing.assert_allclose(model.predict_proba(large)[-40:], proba, atol=1e-6)


def test_rows_without_anything_get_the_prior_and_one_warning():
    X, y = make_rows(40)
    weight = np.where(y == "cat", 3.0, 1.0)
    model = small(max_epochs=1).fit(X, y, sample_weight=weight)
    prior = np.array([weight[y == label].sum() for label in model.classes_]) / weight.sum()
    np.testing.assert_allclose(model.class_prior_, prior)
    X.loc[[3, 7], ["image__photo", "sound__clip", "text__caption"]] = None
    X.loc[[3, 7], "age"] = np.nan
    with pytest.warns(MissingModalityWarning, match="2 rows have no modality at all, the first is row 3") as caught:
        proba = model.predict_proba(X)
    assert len(caught) == 1
    np.testing.assert_allclose(proba[[3, 7]], [prior, prior], rtol=1e-5)
    assert model.fit(X, y).n_iter_ == 1  # and training passes over them


def test_parameters_reach_into_the_encoders():
    model = small()
    assert model.get_params()["image__output_dim"] == 16
    model.set_params(image__dropout=0.5, text=TextEncoder(4), fusion="max")
    assert model.encoders[0][1].dropout == 0.5
    assert dict(model.encoders)["text"].embedding_dim == 4
    again = clone(model)
    assert again.get_params()["image__dropout"] == 0.5
    assert again.encoders[0][1] is not model.encoders[0][1]
    assert "image" not in MultiModalClassifier().get_params()


def test_fit_changes_no_parameter():
    X, y = make_rows(30)
    model = small(max_epochs=1, callbacks=[LRScheduler("StepLR", step_size=1)])
    before = {name: str(value) for name, value in model.get_params().items()}
    model.fit(X, y)
    assert {name: str(value) for name, value in model.get_params().items()} == before
    assert not hasattr(model.encoders[0][1], "net_")


def test_the_array_of_a_column_transformer_takes_encoders_in_order():
    X, y = make_rows(60)
    array = X.to_numpy(dtype=object)
    model = small().fit(array, y)
    assert list(model.modalities_) == ["image", "sound", "text", "table"]
    named = small().fit(X, y)
    np.testing.assert_allclose(model.predict_proba(array), named.predict_proba(X), atol=1e-6)


def test_polars_frames():
    polars = pytest.importorskip("polars")
    X, y = make_rows(30)
    frame = polars.DataFrame(
        [
            polars.Series(name, X[name].tolist(), dtype=polars.Float64 if name == "age" else polars.Object)
            for name in X.columns
        ]
    )
    expected = small(max_epochs=1).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(small(max_epochs=1).fit(frame, y).predict_proba(frame), expected)


def test_plain_numbers_are_one_table():
    X, y = load_iris(return_X_y=True)
    model = MultiModalClassifier(max_epochs=60, lr=5e-3, random_state=0)
    assert cross_val_score(model, X, y).mean() > 0.9
    model.fit(X, y)
    assert list(model.modalities_) == ["table"]
    assert model.predict_proba(X).dtype == np.float64
    assert model.fit(X.astype("float32"), y).predict_proba(X).dtype == np.float32
    X[::3, 1] = np.nan
    assert model.fit(X, y).score(X, y) > 0.9


def test_weights_count_as_repetitions():
    X, y = load_iris(return_X_y=True)
    X, y = X[40:110], y[40:110]
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    model = MultiModalClassifier(max_epochs=20, batch_size=1000, random_state=0)
    weighted = model.fit(X, y, sample_weight=weight).predict_proba(X)
    repeated = model.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight)).predict_proba(X)
    np.testing.assert_allclose(weighted, repeated, atol=1e-8)


def test_class_weight_balances_the_classes_that_come():
    X, y = make_rows(40)
    first = np.flatnonzero(y != "cat")[:12]
    some = small(class_weight="balanced").partial_fit(X.iloc[first], y[first], classes=np.unique(y))
    assert np.isfinite(some.predict_proba(X)).all()
    weight = np.where(y == "cat", 0.0, 1.0)
    without = small(class_weight="balanced").fit(X, y, sample_weight=weight)
    assert np.isfinite(without.predict_proba(X)).all()


def test_given_class_weights_are_weights_of_rows():
    X, y = make_rows(40)
    by_class = small(max_epochs=2, class_weight={"cat": 3.0}).fit(X, y)
    by_row = small(max_epochs=2).fit(X, y, sample_weight=np.where(y == "cat", 3.0, 1.0))
    np.testing.assert_array_equal(by_class.predict_proba(X), by_row.predict_proba(X))


def test_class_weight_balances():
    X, y = make_rows(90)
    rare = np.concatenate([np.flatnonzero(y != "cat"), np.flatnonzero(y == "cat")[:3]])
    plain = small(max_epochs=1).fit(X.iloc[rare], y[rare])
    balanced = small(max_epochs=1, class_weight="balanced").fit(X.iloc[rare], y[rare])
    np.testing.assert_allclose(balanced.class_prior_, 1 / 3)
    assert balanced.predict_proba(X)[:, 0].mean() > plain.predict_proba(X)[:, 0].mean()


def test_early_stopping_restores_the_best_weights():
    X, y = make_rows(80)
    seen = []

    class Keep(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append({k: v.clone() for k, v in net.module_.state_dict().items()})

    model = small(
        max_epochs=60, early_stopping=True, n_iter_no_change=3, validation_fraction=0.3, lr=0.02, callbacks=[Keep()]
    )
    Keep.__deepcopy__ = lambda self, memo: self
    model.fit(X, np.random.default_rng(0).permutation(y))  # nothing to learn: the first epochs are the best
    losses = [row["valid_loss"] for row in model.history_]
    best = int(np.argmin(losses))
    assert best + 4 == len(losses) == model.n_iter_ < 60
    for name, value in model.net_.module_.state_dict().items():
        assert torch.equal(value, seen[best][name]), name


def test_a_held_out_share_without_stopping():
    X, y = make_rows(40)
    model = small(max_epochs=3, validation_fraction=0.25).fit(X, y)
    assert len(model.history_[:, "valid_loss"]) == 3
    assert model.history_[0]["valid_loss_best"]


def test_callbacks_hear_every_event():
    X, y = make_rows(40)
    heard = []

    class Listener(Callback):
        def on_train_begin(self, net, **kwargs):
            heard.append("train")

        def on_batch_end(self, net, batch, training, loss, **kwargs):
            assert len(batch[1]) <= 16
            heard.append("batch")

        def on_grad_computed(self, net, named_parameters, **kwargs):
            assert all(p.grad is not None or "standardize" in n for n, p in named_parameters)
            heard.append("grad")

    model = small(max_epochs=2, callbacks=[("listener", Listener), LRScheduler("StepLR", step_size=1, gamma=0.1)])
    Listener.heard = heard
    model.set_params(schedule="constant").fit(X, y)
    assert heard.count("train") == 1
    assert heard.count("batch") == heard.count("grad") == 2 * 3
    assert model.net_.optimizer_.param_groups[0]["lr"] == pytest.approx(5e-5)
    assert len(model.history_[0]["batches"]) == 3


def test_scores_passed_through_from_batches():
    X, y = make_rows(40)

    class Count(Callback):
        def on_batch_end(self, net, batch, training, **kwargs):
            net.history.record_batch("train_rows", len(batch[1]))

    passed = PassthroughScoring("train_rows", lower_is_better=False, on_train=True)
    model = small(max_epochs=2, callbacks=[Count, ("rows", passed)]).fit(X, y)
    sizes = np.array(model.history_[-1, "batches", :, "train_rows"])
    assert sizes.sum() == 40
    assert model.history_[-1]["train_rows"] == pytest.approx(np.average(sizes, weights=sizes))
    assert "train_rows_best" in model.history_[-1]


def test_a_callback_may_end_training_and_a_user_may_interrupt_it():
    X, y = make_rows(40)

    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    assert small(callbacks=[Stop]).fit(X, y).n_iter_ == 1

    class Interrupted(torch.optim.AdamW):
        def step(self, *args, **kwargs):
            raise KeyboardInterrupt

    model = small(optimizer=Interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_warm_start_and_partial_fit_go_on():
    X, y = make_rows(60)
    model = small(max_epochs=2, warm_start=True).fit(X, y)
    first = model.history_[-1]["train_loss"]
    model.fit(X, y)
    assert model.n_iter_ == 4
    assert model.history_[-1]["train_loss"] < first
    model.set_params(lr=1e-4, batch_size=60, max_epochs=1).fit(X, y)
    assert model.net_.optimizer_.param_groups[0]["lr"] == 1e-4
    assert model.history_[-1]["train_batch_count"] == 1
    step = small().partial_fit(X[:30], y[:30], classes=["cat", "dog", "sea", "sun"])
    assert step.n_iter_ == 1
    assert step.classes_.tolist() == ["cat", "dog", "sea", "sun"]
    for _ in range(15):
        step.partial_fit(X, y)
    assert step.n_iter_ == 16
    assert step.score(X, y) > 0.8
    assert step.set_params(max_epochs=1).fit(X, y).n_iter_ == 1  # a plain fit starts anew


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", torch.optim.RAdam])
def test_optimizers(optimizer):
    X, y = make_rows(40)
    model = small(optimizer=optimizer, max_epochs=3, lr=1e-2).fit(X, y)
    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"]


def test_weights_are_routed():
    X, y = make_rows(30)
    with config_context(enable_metadata_routing=True):
        model = small(max_epochs=1).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scores = cross_val_score(model, X, y, cv=2, params={"sample_weight": np.ones(30)})
    assert scores.shape == (2,)


def test_repr_in_html_shows_the_encoders():
    html = small()._repr_html_()
    assert "ImageEncoder" in html
    assert "sound" in html
    assert "MultiModalClassifier" in MultiModalClassifier()._repr_html_()


def test_progress_bar(capsys):
    X, y = make_rows(20)
    small(max_epochs=2, verbose=1).fit(X, y)
    shown = capsys.readouterr().err
    assert "MultiModalClassifier" in shown
    assert "2/2" in shown
    assert "train_loss" in shown


def test_auxiliary_heads_only_where_there_is_something_to_balance():
    X, y = make_rows(30)
    assert small(max_epochs=1).fit(X, y).net_.module_.auxiliary_heads is not None
    assert small(max_epochs=1, auxiliary_loss=0.0).fit(X, y).net_.module_.auxiliary_heads is None
    assert MultiModalClassifier(max_epochs=1).fit(X[["age"]], y).net_.module_.auxiliary_heads is None


def test_repeated_rows_store_a_cell_once():
    X, _ = make_rows(20, missing=0.0)
    model = small()
    cells = model._collect(model._read_fit(pd.concat([X, X, X[:5]])), np.arange(45)).cells
    assert [len(np.unique(part.slots)) for part in cells[:3]] == [20, 20, 20]
    assert len(cells[0].slots) == 45


def test_a_fit_that_fails_leaves_no_model_of_other_labels():
    X, y = make_rows(40)
    model = small(max_epochs=1).fit(X, y)
    model.set_params(encoders=[("image", ImageEncoder(weights="nowhere.safetensors"))])
    with pytest.raises(BadInputError, match="nowhere"):
        model.fit(X, np.where(y == "cat", "no", "yes"))
    with pytest.raises(NotFittedError):
        model.predict(X)
