import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from mmsk import BadInputError, MixUp, MultiModalClassifier, MultiModalRegressor, TabularEncoder
from mmsk.columns import make_column
from tests.multimodal.test_classifier import small
from tests.rows import make_rows


def numbers(n_rows=96, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 6)).astype(np.float32)
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


def linear(**params):
    """A network without dropout or batch statistics, whose training depends on nothing but the steps taken."""
    encoders = [("table", TabularEncoder(hidden_layer_sizes=(8,), output_dim=8, dropout=0.0))]
    defaults = {"optimizer": "sgd", "lr": 0.05, "max_epochs": 4, "batch_size": 32, "random_state": 0}
    return MultiModalClassifier(encoders, hidden_layer_sizes=(), **{**defaults, **params})


def weights_of(model):
    return torch.cat([p.detach().flatten() for p in model.net_.module_.parameters()])


class GradientNorms(Callback):
    def on_train_begin(self, net, **kwargs):
        self.norms = []

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.norms.append(float(torch.stack([p.grad.norm() for _, p in named_parameters]).norm()))


@pytest.mark.parametrize("accumulate", [2, 3])
def test_accumulated_batches_take_the_step_of_one_large_batch(accumulate):
    X, y = numbers()
    large = linear(batch_size=96 // 3 * accumulate if accumulate == 3 else 48).fit(X, y)
    parts = linear(batch_size=32 if accumulate == 3 else 24, accumulate=accumulate).fit(X, y)
    torch.testing.assert_close(weights_of(parts), weights_of(large), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("batch_size", "accumulate"), [(48, 2), (12, 8), (1, 96)])
def test_weights_count_alike_in_batches_of_any_size(batch_size, accumulate):
    X, y = numbers()
    weight = np.where(np.arange(96) % 8 == 0, 50.0, 0.5)
    whole = linear(batch_size=96).fit(X, y, weight)
    parts = linear(batch_size=batch_size, accumulate=accumulate).fit(X, y, weight)
    torch.testing.assert_close(weights_of(parts), weights_of(whole), rtol=1e-4, atol=1e-6)
    assert parts.history_[-1]["train_loss"] == pytest.approx(whole.history_[-1]["train_loss"], rel=1e-4)


def test_the_last_batches_of_an_epoch_are_a_group_of_their_own():
    X, y = numbers(70)
    model = linear(batch_size=10, accumulate=3, callbacks=[("norms", GradientNorms())]).fit(X, y)
    assert len(dict(model.net_.callbacks_)["norms"].norms) == 4 * 3  # 7 batches: 3 + 3 + 1


def test_gradients_are_clipped_to_the_norm_asked_for():
    X, y = numbers()
    # Plain steps of one batch: the way is as long as lr times the norm of the gradient.
    params = {"max_epochs": 1, "batch_size": 96, "schedule": "constant", "weight_decay": 0.0, "lr": 1.0}
    start = weights_of(linear(**params | {"lr": 1e-12}).fit(X, y))
    free, clipped = (weights_of(linear(**params, max_grad_norm=norm).fit(X, y)) for norm in (None, 1e-3))
    assert (free - start).norm() > 1e-2
    torch.testing.assert_close((clipped - start).norm(), torch.tensor(1e-3), rtol=1e-2, atol=0)


def test_weight_average_of_a_constant_course_lies_between_first_and_last_weights():
    X, y = numbers()
    last = linear(max_epochs=20).fit(X, y)
    averaged = linear(max_epochs=20, ema_decay=0.99).fit(X, y)
    assert averaged.history_[:, "train_loss"] == last.history_[:, "train_loss"]  # the average does not steer training
    early = linear(max_epochs=20, lr=1e-12).fit(X, y)
    way = (weights_of(last) - weights_of(early)).norm()
    assert 0 < (weights_of(averaged) - weights_of(last)).norm() < way
    assert averaged.score(X, y) > 0.8


def test_weight_average_by_its_definition():
    from mmsk.net._averaging import WeightAverage

    module = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        module.weight.fill_(0.0)
    average, expected = WeightAverage(module, decay=0.5), 0.0
    for step in range(1, 9):
        with torch.no_grad():
            module.weight.fill_(float(step))
        average.follow()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    average.lend()
    assert module.weight.item() == pytest.approx(expected)
    average.give_back()
    assert module.weight.item() == 8.0


def test_averaged_weights_validate_and_are_those_that_early_stopping_restores():
    X, y = make_rows(90)
    model = small(ema_decay=0.9, early_stopping=True, n_iter_no_change=3, max_epochs=10).fit(X, y)
    assert "valid_loss" in model.history_[-1]
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_balanced_sampler_finds_the_rare_class():
    rng = np.random.default_rng(0)
    y = np.r_[np.zeros(190, dtype=int), np.ones(10, dtype=int)]
    X = (rng.normal(size=(200, 4)) + 0.8 * y[:, None]).astype(np.float32)
    recall = {}
    for sampler in (None, "balanced"):
        model = linear(sampler=sampler, max_epochs=10, lr=0.1).fit(X, y)
        recall[sampler] = (model.predict(X)[y == 1] == 1).mean()
        np.testing.assert_allclose(model.class_prior_, [0.95, 0.05])
    assert recall["balanced"] >= recall[None] + 0.3


def test_compiled_encoders_answer_as_others():
    X, y = numbers(48)
    plain, compiled = linear(max_epochs=2).fit(X, y), linear(max_epochs=2, compile=True)
    try:
        compiled.fit(X, y)
    except Exception as error:  # torch tells in many ways that there is no compiler
        if any(word in str(error).lower() for word in ("compiler", "g++", "gcc", "python.h", "cpp")):
            pytest.skip(f"torch.compile does not work here: {str(error)[:100]}")
        raise
    np.testing.assert_allclose(compiled.predict_proba(X), plain.predict_proba(X), atol=1e-4)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(compiled)).predict_proba(X), plain.predict_proba(X), atol=1e-4)


class Brighter:
    """A user's own augmentation: any callable of cells and generator."""

    def __init__(self):
        self.seen = []

    def __call__(self, cells, generator):
        self.seen.append((tuple(cells.shape), cells.dtype))
        return cells


def test_augmentation_sees_present_cells_of_training_alone_in_their_own_dtype():
    X, y = make_rows(40)
    brighter = Brighter()
    model = small(max_epochs=2, augment=[("image", brighter)], validation_fraction=0.2).fit(X, y)
    n_present = X["image__photo"].notna()
    assert {dtype for _, dtype in brighter.seen} == {torch.uint8}
    assert sum(shape[0] for shape, _ in brighter.seen) < 2 * n_present.sum()  # 8 rows are held out
    n_seen = len(brighter.seen)
    model.predict(X)
    assert len(brighter.seen) == n_seen


def augmented(**params):
    from mmsk import ImageAugmentation, MixUp, SpectrogramAugmentation, TextAugmentation

    augment = [
        ("image", ImageAugmentation(rotation=10)),
        ("sound", SpectrogramAugmentation()),
        ("text", TextAugmentation(deletion=0.1)),
        ("all", MixUp(0.2)),
    ]
    return small(augment=augment, **params)


def test_augmented_training_is_seeded_learns_and_takes_missing_cells():
    X, y = make_rows(120)
    first, second = augmented().fit(X[:80], y[:80]), augmented().fit(X[:80], y[:80])
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    plain = small().fit(X[:80], y[:80])
    assert first.history_[-1, "train_loss"] != plain.history_[-1, "train_loss"]
    assert first.score(X[80:], y[80:]) > 0.75
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(first)).predict_proba(X), first.predict_proba(X))


@pytest.mark.parametrize("missing", [0.0, 0.5])
def test_mixing_rows_by_hand(missing):
    """The cells, targets and presence of a mixed batch are those that the definition gives."""
    from mmsk.net._augmenter import Augmenter
    from mmsk.net._batches import Batches, Rows, RowSubset
    from mmsk.net._cells import collect
    from mmsk.net._modality import describe

    n_rows = 10
    there = np.random.default_rng(0).random((n_rows, 2)) >= missing
    blocks = np.random.default_rng(1).normal(size=(2, n_rows, 5)).astype(np.float32)
    columns = [make_column(block, presence=mask) for block, mask in zip(blocks, there.T, strict=True)]
    modality = describe("wave", [0, 1], None, columns, "test")
    rows = Rows([collect(modality, columns, "test")], torch.arange(n_rows), torch.ones(n_rows), torch.device("cpu"))
    augment = Augmenter([("all", MixUp(1.0))], [modality], torch.Generator().manual_seed(0))
    subset = RowSubset(rows, torch.arange(n_rows))
    (inputs, (target, _, mixture)), *_ = Batches(subset, n_rows, augment=augment)
    assert target.tolist() == list(range(n_rows))
    owners, cells = inputs["owners"][0], inputs["cells"][0]
    expected = []
    for row in range(n_rows):
        for j in (0, 1):
            if there[row, j]:
                partner, share = int(mixture.partner[row]), float(mixture.share[row])
                other = blocks[j, partner] if there[partner, j] else blocks[j, row]
                expected.append(share * blocks[j, row] + (1 - share) * other)
    np.testing.assert_allclose(cells.numpy(), expected, atol=1e-6)
    assert owners.tolist() == np.nonzero(there)[0].tolist()


def test_the_loss_of_mixed_rows():
    from mmsk.net._augmenter import Mixture

    X, y = numbers()
    net = linear(max_epochs=1).fit(X, y).net_
    outputs, target = torch.randn(4, 2), torch.tensor([0, 1, 1, 0])
    mixture = Mixture(torch.tensor([1, 2, 3, 0]), torch.tensor([1.0, 0.75, 0.5, 0.0]))
    loss = torch.nn.functional.cross_entropy
    own, other = loss(outputs, target, reduction="none"), loss(outputs, target[mixture.partner], reduction="none")
    expected = (mixture.share * own + (1 - mixture.share) * other).mean()
    torch.testing.assert_close(net.get_loss((outputs, []), (target, None, mixture)), expected)


def test_labels_of_mixed_rows_count_with_the_weights_of_their_rows():
    from mmsk.net._augmenter import Mixture

    weight = torch.tensor([1.0, 3.0, 0.5])
    mixture = Mixture(torch.tensor([1, 2, 0]), torch.tensor([0.75, 0.5, 1.0]))
    mixed, shares = mixture.weigh(weight)
    losses = torch.tensor([2.0, 5.0, 7.0])
    by_hand = 0.75 * 1 * 2 + 0.25 * 3 * 5, 0.5 * 3 * 5 + 0.5 * 0.5 * 7, 0.5 * 7
    torch.testing.assert_close(mixed * torch.lerp(losses[mixture.partner], losses, shares.share), torch.tensor(by_hand))


@pytest.mark.parametrize("tiny", [0.0, 1e-9])
def test_rows_of_hardly_any_weight_teach_nothing_through_mixing(tiny):
    X, y = numbers(200)
    wrong = np.arange(200) >= 100
    model = linear(augment=[("all", MixUp(1.0))], max_epochs=30)
    model.fit(X, np.where(wrong, 1 - y, y), np.where(wrong, tiny, 1.0))
    assert model.score(X, y) > 0.95


def test_a_row_of_which_nothing_was_mixed_keeps_its_label():
    from mmsk.net._augmenter import Augmenter
    from mmsk.net._modality import describe

    n_rows = 40
    first = np.arange(n_rows) % 2 == 0
    columns = [make_column(np.ones((n_rows, 5), np.float32), presence=there) for there in (first, ~first)]
    modalities = [describe(key, [0], None, [column], "test") for key, column in zip("ab", columns, strict=True)]
    augment = Augmenter([("all", MixUp(1.0))], modalities, torch.Generator().manual_seed(0))
    owners = [torch.from_numpy(np.flatnonzero(there)) for there in (first, ~first)]
    cells = [torch.rand(len(owner), 5) for owner in owners]
    _, mixture = augment(cells, owners, [torch.zeros_like(owner) for owner in owners], n_rows)
    alike = torch.from_numpy(first) == torch.from_numpy(first)[mixture.partner]
    assert alike.any() and not alike.all()
    assert (mixture.share[~alike] == 1).all() and (mixture.share[alike] < 1).any()


def test_search_over_an_augmentation():
    X, y = make_rows(30)
    search = GridSearchCV(
        augmented(max_epochs=1), {"augment__image__rotation": [0, 20], "augment__all__alpha": [0.5]}, cv=2
    ).fit(X, y)
    best = search.best_estimator_
    assert dict(best.augment)["all"].alpha == 0.5
    assert dict(best.augment)["image"].rotation == search.best_params_["augment__image__rotation"]
    copy = clone(best)
    assert dict(copy.augment)["image"] is not dict(best.augment)["image"]
    copy.set_params(augment__image=Brighter())
    assert isinstance(dict(copy.augment)["image"], Brighter)
    assert copy.set_params(augment=None).get_params()["augment"] is None


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        ([("photo", Brighter())], "augment names modality 'photo', which X does not have; it has image, sound"),
        ([("image", Brighter()), ("image", Brighter())], "augment names 'image' twice"),
        ([("all", Brighter())], "augment gives .* to 'all'"),
        (["image"], "something other than a pair"),
        ([("image", "rotate")], "something other than a pair"),
        ([("image", Brighter)], "something other than a pair"),
        ([("all", MixUp)], "something other than a pair"),
        ([("image", lambda cells, generator: None)], "modality 'image' gave a NoneType for [0-9]+ cells"),
        ([("image", lambda cells, generator: cells[1:])], "modality 'image' gave a tensor of"),
    ],
)
def test_bad_augmentation_is_named(augment, message):
    X, y = make_rows(12)
    with pytest.raises(BadInputError, match=message):
        small(augment=augment).fit(X, y)


def test_augmentation_of_another_kind_of_cell_is_refused():
    from mmsk import ImageAugmentation

    X, y = make_rows(12)
    with pytest.raises(BadInputError, match="ImageAugmentation changes image or video cells, modality 'sound' holds"):
        small(augment=[("sound", ImageAugmentation())]).fit(X, y)
    with pytest.raises(BadInputError, match=r"there is no 'augment__image__rotation' to set"):
        small().set_params(augment__image__rotation=3)


def test_regressor_takes_all_of_it():
    from mmsk import ImageAugmentation

    X, _ = make_rows(60)
    age = X.pop("age").fillna(0.0)
    params = {"augment": [("image", ImageAugmentation()), ("all", MixUp())], "ema_decay": 0.9, "accumulate": 2}
    model = MultiModalRegressor(max_epochs=2, max_grad_norm=1.0, random_state=0, **params).fit(X, age)
    assert np.isfinite(model.predict(X)).all()


def test_numbers_alone_are_mixed_and_missing_ones_stay_missing():

    X, y = numbers(64)
    X[::3, 2] = np.nan
    X[5] = np.nan
    table = pd.DataFrame(X).add_prefix("x")
    model = linear(augment=[("all", MixUp(1.0))], max_epochs=8).fit(table, y)
    assert model.score(table.drop(index=5), np.delete(y, 5)) > 0.7


def test_what_a_warm_start_may_change():
    X, y = numbers()
    model = linear(warm_start=True, max_epochs=2).fit(X, y)
    changed = {"early_stopping": True, "n_iter_no_change": 1, "max_grad_norm": 1e-9, "accumulate": 3, "ema_decay": 0.9}
    model.set_params(**changed, weight_decay=0.5, auxiliary_loss=0.9, max_epochs=50).fit(X, y)
    assert model.n_iter_ < 20  # steps that short change nothing, and so training stops
    assert "early_stopping" in dict(model.net_.callbacks_)
    assert (model.net_.accumulate, model.net_.ema_decay, model.net_.auxiliary_loss) == (3, 0.9, 0.9)
    assert {group["weight_decay"] for group in model.net_.optimizer_.param_groups} == {0.5}
    model.set_params(early_stopping=False, max_epochs=3).fit(X, y)
    assert len(model.history_) == model.n_iter_
    assert "early_stopping" not in dict(model.net_.callbacks_)


@pytest.mark.parametrize("factor", [2.0**-200, 2.0**140])
def test_only_the_proportions_of_weights_count(factor):
    X, y = numbers()
    weight = np.random.default_rng(1).random(len(X))
    plain, scaled = (linear().fit(X, y, sample_weight=w) for w in (weight, factor * weight))
    np.testing.assert_array_equal(plain.predict_proba(X), scaled.predict_proba(X))
