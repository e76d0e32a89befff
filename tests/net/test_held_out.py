import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline

from mmsk import MultiModalClassifier, MultiModalRegressor, RowSampler
from mmsk.columns import make_column
from mmsk.net._cells import collect
from mmsk.net._held_out import copied_rows, held_out_rows
from mmsk.net._modality import describe
from mmsk.net._training import _mean_one
from tests.rows import make_rows


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("classes", [np.array(["a", "b", "c"]), None], ids=["classes", "numbers"])
def test_groups_stay_together_and_classes_stay_in_training(fraction, classes):
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 40, 400)
    target = rng.choice(3, 400, p=[0.8, 0.15, 0.05]) if classes is not None else rng.normal(size=(400, 2))
    for seed in range(5):
        rows = held_out_rows(target, groups, fraction, classes, seed, "step")
        assert not set(groups[rows]) & set(np.delete(groups, rows))
        assert abs(len(rows) / 400 - fraction) < 0.08
        if classes is not None:
            assert len(np.unique(np.delete(target, rows))) == 3
        np.testing.assert_array_equal(rows, held_out_rows(target, groups, fraction, classes, seed, "step"))


def test_a_class_of_one_group_stays_in_training():
    target = np.array([0, 1] * 20 + [2] * 8)
    groups = np.append(np.arange(40) // 4, [10] * 8)
    for seed in range(10):
        assert not np.isin(target[held_out_rows(target, groups, 0.2, np.arange(3), seed, "step")], 2).any()


@pytest.mark.parametrize("classes", [np.arange(2), None], ids=["classes", "numbers"])
def test_groups_of_very_different_sizes(classes):
    groups = np.repeat(np.arange(10), [200] + [10] * 9)
    for seed in range(12):
        target = np.arange(290) % 2 if classes is not None else np.arange(290.0)[:, None]
        rows = held_out_rows(target, groups, 0.1, classes, seed, "step")
        assert 10 <= len(rows) <= 40
        assert not set(groups[rows]) & set(np.delete(groups, rows))
    assert len(held_out_rows(np.zeros((9, 1)), [0] * 4 + [1] * 5, 0.1, None, 0, "step")) == 4


@pytest.mark.parametrize("fraction", [0.05, 0.15, 0.4, 0.6, 0.75, 0.9])
def test_any_fraction_of_rows_of_groups(fraction):
    groups, target = np.arange(400) // 2, np.arange(400) % 4 // 2
    rows = held_out_rows(target, groups, fraction, np.arange(2), 0, "step")
    assert len(rows) / 400 == pytest.approx(fraction, abs=0.02)


def test_few_rows_a_class_are_nothing_to_warn_of():
    X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 3 // 2
    MultiModalClassifier(early_stopping=True, max_epochs=1).fit(X[:24], y[:24], groups=np.arange(24) // 2)


def test_rows_to_validate_on_have_no_say_in_scales():
    X = np.random.default_rng(0).normal(size=(40, 1))
    y, kept = np.arange(40) % 2, {"validation_fraction": 0.2, "max_epochs": 1, "random_state": 0}
    held_out = held_out_rows(y, None, 0.2, np.arange(2), MultiModalClassifier(**kept).fit(X, y)._seed, "step")
    X[held_out] = 1e6
    layer = MultiModalClassifier(**kept).fit(X, y).net_.module_.encoders[0].standardize
    assert layer.scale.item() == pytest.approx(np.delete(X, held_out).std())
    regressor = MultiModalRegressor(**kept).fit(X, X[:, 0])
    held_out = held_out_rows(X, None, 0.2, None, regressor._seed, "step")
    assert regressor.target_mean_[0] == pytest.approx(np.delete(X, held_out).mean())
    assert regressor.target_scale_[0] == pytest.approx(np.delete(X, held_out).std())


def test_characters_of_rows_to_validate_on_are_unknown():
    y, kept = np.arange(20) % 2, {"validation_fraction": 0.3, "max_epochs": 1, "random_state": 0}
    codes = np.full((20, 6), 5, dtype=np.uint8)
    column = make_column(codes)
    seed = MultiModalClassifier(**kept).fit(pd.DataFrame({"text": column}), y)._seed
    codes[held_out_rows(y, None, 0.3, np.arange(2), seed, "step"), 2:] = 7
    model = MultiModalClassifier(**kept).fit(pd.DataFrame({"text": column}), y)
    assert model.net_.module_.encoders[0].codes.tolist() == [5]
    assert MultiModalClassifier(max_epochs=1).fit(pd.DataFrame({"text": column}), y).net_.module_.encoders[
        0
    ].codes.tolist() == [5, 7]


def test_weights_have_a_mean_of_one_in_each_part():
    weight, held_out = np.r_[np.full(6, 3.0), 1.0, 1.0, 5.0, 9.0], np.array([6, 7, 8, 9])
    scaled = _mean_one(weight, np.arange(6), held_out)
    np.testing.assert_allclose(scaled, np.r_[np.ones(6), weight[6:] / 4])
    np.testing.assert_array_equal(_mean_one(np.full(4, 0.3), np.arange(4), None), np.ones(4))


def copies_in(X):
    """Ask for copies as fit does; columns of arrays first."""
    columns = [X[name].to_numpy() for name in X]
    groups = [[j] for j, name in enumerate(X) if X[name].dtype == object]
    groups.append([j for j, name in enumerate(X) if X[name].dtype != object])
    modalities = [describe(str(group), group, list(X), columns, "step") for group in groups if group]
    return copied_rows(modalities, [collect(modality, columns, "step") for modality in modalities])


def test_copies_are_rows_whose_cells_are_all_the_same():
    X, _ = make_rows(12)
    X.loc[10:, "image__photo":"text__caption"] = None  # numbers alone are alike by chance
    X.loc[10:, "age"] = 1.0
    assert copies_in(X) is None
    assert copies_in(X[["age"]].iloc[[0, 0, 1]]) is None
    rows = [0, 1, 1, 2, 10, 11, 1]
    groups = copies_in(X.iloc[rows])
    assert len(set(groups)) == 5
    assert groups[1] == groups[2] == groups[6]
    changed = X.iloc[rows].assign(age=np.arange(7.0))
    assert copies_in(changed) is None


def test_repeated_rows_do_not_validate_themselves():
    X, _ = make_rows(60, missing=0, seed=1)
    y = np.random.default_rng(5).integers(0, 2, 60)  # nothing to be learned
    X = X[["sound__clip", "age"]]
    network = MultiModalClassifier(early_stopping=True, validation_fraction=0.25, max_epochs=40, random_state=0)
    model = make_pipeline(RowSampler(120, random_state=0), network).fit(X, y)
    assert min(model[-1].history_[:, "valid_loss"]) > 0.5
    few = np.repeat([0, 1, 2], 10)  # a class is one row and its copies: better so than not at all
    network.set_params(max_epochs=1).fit(X.iloc[few], few)
