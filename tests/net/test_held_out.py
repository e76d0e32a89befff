import numpy as np
import pytest

from mmsk.net._held_out import held_out_rows


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
