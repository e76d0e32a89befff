import json
import os
import pickle
import shutil
import signal

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from sklearn.exceptions import NotFittedError
from sklearn.metrics import get_scorer
from skorch.callbacks import Callback, Checkpoint, EpochScoring, LRScheduler
from skorch.callbacks import EarlyStopping as SkorchStopping
from torch.optim.lr_scheduler import ExponentialLR, ReduceLROnPlateau

from mmsk import (
    BadInputError,
    ImageEncoder,
    MixUp,
    ModuleEncoder,
    MultiModalClassifier,
    MultiModalRegressor,
    TabularEncoder,
)
from mmsk.net._averaging import WeightAverage
from tests.rows import make_rows


@pytest.fixture(autouse=True)
def own_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def rows(n_rows=80):
    """Labels that no column tells, so that what is learned soon stops to help."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_rows, 3)), rng.permutation(n_rows) % 2


def model(*callbacks, **options):
    options = {"max_epochs": 12, "batch_size": 16, "lr": 1e-2, "random_state": 0, **options}
    return MultiModalClassifier(callbacks=list(callbacks), **options)


class Counter(Callback):
    def __init__(self):
        self.n_epochs = 0

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs += 1


def test_early_stopping_by_name_is_the_parameter():
    X, y = rows()
    by_name = model("early_stopping", max_epochs=60, n_iter_no_change=3).fit(X, y)
    by_parameter = model(max_epochs=60, n_iter_no_change=3, early_stopping=True).fit(X, y)
    assert by_name.n_iter_ == by_parameter.n_iter_ < 60
    np.testing.assert_array_equal(by_name.predict_proba(X), by_parameter.predict_proba(X))
    both = model("early_stopping", max_epochs=60, n_iter_no_change=3, early_stopping=True).fit(X, y)
    assert [name for name, _ in both.net_.callbacks_].count("early_stopping") == 1


def test_reduce_lr_halves_the_rate_and_takes_the_place_of_the_schedule():
    X, y = rows()
    fitted = model("reduce_lr", max_epochs=30, n_iter_no_change=4, validation_fraction=0.3).fit(X, y)
    rates = fitted.history_[:, "event_lr"]
    assert fitted.net_.schedule == "constant"
    assert rates[0] == 1e-2
    assert {round(1e-2 / rate, 6) for rate in rates} >= {1.0, 2.0, 4.0}
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-2)
    plateau, expected = ReduceLROnPlateau(optimizer, factor=0.5, patience=2), []  # half of n_iter_no_change
    for loss in fitted.history_[:, "valid_loss"]:
        expected.append(optimizer.param_groups[0]["lr"])
        plateau.step(loss)
    assert rates == expected


def test_without_rows_held_out_the_training_loss_counts():
    X, y = rows()
    fitted = model("reduce_lr", "checkpoint").fit(X, y)
    callbacks = dict(fitted.net_.callbacks_)
    assert callbacks["reduce_lr"].monitor == "train_loss"
    assert callbacks["checkpoint"].monitor.args[0] == "train_loss"


def test_checkpoint_keeps_the_best_weights_and_ends_with_them(tmp_path):
    X, y = rows()
    fitted = model("checkpoint", validation_fraction=0.3).fit(X, y)
    (directory,) = (tmp_path / "checkpoints").iterdir()
    losses = fitted.history_[:, "valid_loss"]
    best = int(np.argmin(losses)) + 1
    assert best < 12
    kept = load_file(directory / "weights.safetensors")
    for name, value in fitted.net_.module_.state_dict().items():
        np.testing.assert_array_equal(kept[name], value.numpy())
    shorter = model(schedule="constant", validation_fraction=0.3, max_epochs=best).fit(X, y)
    constant = model("checkpoint", schedule="constant", validation_fraction=0.3)
    losses = constant.fit(X, y).history_[:, "valid_loss"]
    shorter.set_params(max_epochs=int(np.argmin(losses)) + 1).fit(X, y)
    np.testing.assert_array_equal(constant.predict_proba(X), shorter.predict_proba(X))
    assert len(json.loads((directory / "history.json").read_text())) == best
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2  # one a fit


def test_checkpoints_of_networks_that_lie_in_memory_otherwise(tmp_path):
    photos = np.random.default_rng(0).integers(0, 256, (20, 3, 8, 8)).astype(np.uint8)
    fitted = ImageEncoder(widths=(4, 8), max_epochs=2, callbacks=["checkpoint"]).fit(photos, [0, 1] * 10)
    (file,) = (tmp_path / "checkpoints").rglob("weights.safetensors")
    assert set(load_file(file)) == set(fitted.net_.module_.state_dict())


def press_ctrl_c(net, X, y):
    """Score, and be interrupted by the user meanwhile."""
    os.kill(os.getpid(), signal.SIGINT)
    return sum(range(10_000))


@pytest.fixture
def keyboard():
    """A shell may have told its background jobs to ignore Ctrl+C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("keyboard")
def test_an_interrupt_while_a_callback_is_at_work():
    interrupted = model(EpochScoring(press_ctrl_c), validation_fraction=0.2)
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(*rows())
    with pytest.raises(NotFittedError):
        interrupted.predict(rows()[0])


def test_an_interrupt_before_the_first_epoch(monkeypatch):
    def press(self, module, decay):
        raise KeyboardInterrupt

    fitted = model(warm_start=True, max_epochs=2).fit(*rows())
    monkeypatch.setattr(WeightAverage, "__init__", press)
    for interrupted in (fitted.set_params(ema_decay=0.9), model(ema_decay=0.9)):
        with pytest.raises(KeyboardInterrupt):
            interrupted.fit(*rows())
    assert fitted.n_iter_ == 2


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss"])
def test_scores_of_training_in_bfloat16(scoring):
    X, y = rows()
    fitted = model(EpochScoring(scoring, on_train=True, name="score"), precision="bfloat16", max_epochs=1).fit(X, y)
    assert np.isfinite(fitted.history_[-1]["score"])


@pytest.mark.parametrize("n_batches", [2, 12])
def test_an_interrupt_beside_a_checkpoint(n_batches, tmp_path):
    calls = []

    class Impatient(torch.nn.Linear):  # its user presses Ctrl+C while it computes
        def forward(self, x):
            calls.append(self.training)
            if sum(calls) == n_batches:
                raise KeyboardInterrupt
            return super().forward(x)

    encoder = ModuleEncoder(Impatient, module__in_features=3, module__out_features=4)
    interrupted = MultiModalClassifier([("table", encoder)], batch_size=16, callbacks=["checkpoint"], random_state=0)
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(*rows())
    assert len(list((tmp_path / "checkpoints").rglob("weights.safetensors"))) == (n_batches > 6)
    with pytest.raises(NotFittedError):
        interrupted.predict(rows()[0])


def test_a_checkpoint_that_cannot_be_written(tmp_path, monkeypatch):
    def vanish(self, net, **kwargs):
        shutil.rmtree(tmp_path / "checkpoints")

    monkeypatch.setattr(Counter, "on_epoch_end", vanish)
    with pytest.raises(BadInputError, match="checkpoint: the weights cannot be written"):
        model(Counter(), "checkpoint").fit(*rows())


def test_encoders_alone_hold_rows_out(tmp_path):
    X, y = rows()
    y = X[:, 0] + 0.01
    encoder = TabularEncoder(callbacks=["early_stopping", "checkpoint"], max_epochs=30, random_state=0).fit(X, y)
    assert encoder.n_iter_ > 1
    assert "valid_loss" in encoder.history_[-1]
    assert "valid_loss" in TabularEncoder(callbacks=["early_stopping"], max_epochs=2).fit(X, y > 0).history_[-1]
    message = r"0\.1 of 4 rows cannot be held out .*Add rows, change validation_fraction where there is one"
    with pytest.raises(BadInputError, match=message):
        TabularEncoder(callbacks=["early_stopping"]).fit(X[:4], [0, 0, 1, 1])


def test_tensorboard_writes_the_history(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    X, y = rows()
    fitted = model("tensorboard", validation_fraction=0.2, max_epochs=3).fit(X, y)
    (directory,) = (tmp_path / "runs").iterdir()
    events = EventAccumulator(str(directory)).Reload()
    written = [event.value for event in events.Scalars("Loss/train_loss")]
    np.testing.assert_allclose(written, fitted.history_[:, "train_loss"], rtol=1e-6)
    assert not fitted.net_._announce_batches


def test_opening_a_model_leaves_no_files(tmp_path):
    X, y = rows()
    fitted = model("checkpoint", "tensorboard", "early_stopping", "reduce_lr", "progress", max_epochs=2).fit(X, y)
    n_files = len(list(tmp_path.rglob("*")))
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert len(list(tmp_path.rglob("*"))) == n_files
    assert again.callbacks == fitted.callbacks


def test_tensorboard_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(BadInputError, match=r"not installed.*mmsk\[tensorboard\]"):
        model("tensorboard").fit(*rows())


def test_progress_by_name(capsys):
    model("progress", max_epochs=2).fit(*rows())
    assert "MultiModalClassifier" in capsys.readouterr().err
    model(max_epochs=2).fit(*rows())
    assert capsys.readouterr().err == ""


def test_checkpoints_of_skorch(tmp_path):
    X, y = rows()
    checkpoint = Checkpoint(
        monitor="train_loss_best", dirname=str(tmp_path / "mine"), f_params="epoch{last_epoch[epoch]}.pt"
    )
    model(checkpoint, max_epochs=2).fit(X, y)
    assert (tmp_path / "mine" / "epoch1.pt").exists()


def test_names_and_objects_mixed():
    X, y = rows()
    counter = Counter()
    stopping = SkorchStopping(monitor="train_loss", patience=2, threshold=10.0, sink=lambda text: None)
    fitted = model("checkpoint", counter, ("stop", stopping)).fit(X, y)
    assert fitted.n_iter_ < 12
    assert counter.n_epochs == 0  # a copy counted
    (count,) = (callback.n_epochs for _, callback in fitted.net_.callbacks_ if isinstance(callback, Counter))
    assert count == fitted.n_iter_


@pytest.mark.parametrize("named", [False, True])
def test_schedulers_of_skorch_take_the_place_of_the_schedule(named):
    scheduler = LRScheduler(ExponentialLR, gamma=0.5)
    fitted = model(("rate", scheduler) if named else scheduler, max_epochs=3).fit(*rows())
    assert fitted.history_[:, "event_lr"] == pytest.approx([1e-2, 5e-3, 2.5e-3])


def test_other_estimators_take_names_too():
    X, y = rows()
    encoder = TabularEncoder(callbacks=["early_stopping"], max_epochs=80, lr=1e-2, random_state=0).fit(X, y)
    assert "valid_loss" in encoder.history_[-1]
    assert encoder.n_iter_ < 80
    regressor = MultiModalRegressor(callbacks=["early_stopping"], max_epochs=200, lr=1e-2, random_state=0)
    assert regressor.fit(X, X[:, 0]).n_iter_ <= 200


def test_unknown_names():
    with pytest.raises(BadInputError, match="callbacks names 'early_stoping'. Known are 'early_stopping'"):
        model("early_stoping").fit(*rows())


def test_checkpoint_leaves_the_history_of_all_epochs():
    X, y = rows()
    fitted = model("checkpoint", validation_fraction=0.3).fit(X, y)
    assert fitted.n_iter_ == len(fitted.history_) == 12
    assert fitted.history_[:, "epoch"] == list(range(1, 13))


def test_checkpoint_when_training_goes_on_and_gets_worse():
    X, y = rows()
    fitted = model("checkpoint").fit(X, y)
    best = min(fitted.history_[:, "train_loss"])
    fitted.partial_fit(X, 1 - y)
    assert fitted.n_iter_ == 13
    assert fitted.history_[-1, "train_loss"] > best
    again = model("checkpoint", warm_start=True).fit(X, y).set_params(lr=1.0).fit(X, 1 - y)
    assert again.n_iter_ == 24


@pytest.mark.parametrize("augment", [None, [("all", MixUp(0.4))]])
def test_scores_of_skorch(augment):
    X, y = make_rows(40)
    score = EpochScoring("accuracy", lower_is_better=False, name="right")
    fitted = model(score, validation_fraction=0.25, max_epochs=4, augment=augment).fit(X, y)
    right = fitted.history_[:, "right"]
    assert all((10 * share) == pytest.approx(round(10 * share)) for share in right)  # of ten rows held out
    on_training = EpochScoring("accuracy", lower_is_better=False, on_train=True, name="right")
    fitted = model(on_training, max_epochs=15).fit(X, y)
    assert fitted.history_[-1, "right"] > fitted.history_[0, "right"]


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss"])
def test_scores_of_skorch_that_take_probabilities(scoring):
    X, y = rows()
    score = EpochScoring(scoring, lower_is_better=False, on_train=True, name="score")
    encoders = [("table", TabularEncoder(dropout=0.0))]
    # Training that moves nothing scores the network that comes out of it.
    fitted = MultiModalClassifier(encoders, lr=1e-12, max_epochs=1, callbacks=[score], random_state=0).fit(X, y)
    assert fitted.history_[-1, "score"] == pytest.approx(get_scorer(scoring)(fitted, X, y), abs=1e-6)


def test_scores_of_skorch_for_numbers():
    X, _ = rows()
    score = EpochScoring("r2", lower_is_better=False, on_train=True)
    fitted = MultiModalRegressor(callbacks=[score], max_epochs=15, random_state=0).fit(X, X[:, 0] - X[:, 1])
    assert fitted.history_[-1, "r2"] > 0.5


def test_without_training_no_callback_is_asked():
    X, y = rows()
    names = ["early_stopping", "reduce_lr", "checkpoint"]
    assert TabularEncoder(max_epochs=0, callbacks=names).fit(X, y).transform(X).shape[0] == len(X)
