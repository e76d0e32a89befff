import numpy as np
import pytest
import torch

from mmsk.columns import make_column
from mmsk.net._ahead import one_ahead
from mmsk.net._batches import Batches, Rows, RowSubset
from mmsk.net._cells import collect
from mmsk.net._modality import describe

CPU = torch.device("cpu")


def make_source(there, n_columns=1, weight=None):
    """Waveforms whose every sample is the number of their row, present where `there` says."""
    n_rows = len(there)
    block = np.arange(n_rows, dtype=np.float32)[:, None].repeat(3, axis=1)
    columns = [make_column(block + 100 * j, presence=there) for j in range(n_columns)]
    modality = describe("sound", range(n_columns), None, columns, "test")
    weight = torch.ones(n_rows) if weight is None else torch.tensor(weight)
    return Rows([collect(modality, columns, "test")], torch.arange(n_rows) % 3, weight, CPU)


def walk(source, batch_size, seed=None, **options):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return list(Batches(RowSubset(source, torch.arange(len(source))), batch_size, generator, **options))


def test_every_row_comes_once_and_brings_its_own_cell():
    there = np.array([True, False, True, True, False, True, True])
    batches = walk(make_source(there), 3, seed=0)
    assert [inputs["n_rows"] for inputs, _ in batches] == [3, 2, 2]
    seen = []
    for inputs, (target, weight, mixture) in batches:
        assert weight is None and mixture is None
        owners, cells = inputs["owners"][0], inputs["cells"][0]
        rows = cells[:, 0].long()
        torch.testing.assert_close(target[owners], rows % 3)
        seen += rows.tolist()
    assert sorted(seen) == np.flatnonzero(there).tolist()
    assert sum(len(target) for _, (target, _, _) in batches) == 7


def test_complete_rows_need_no_owners_and_weights_come_where_they_differ():
    (inputs, (_, weight, _)), *_ = walk(make_source(np.ones(4, dtype=bool), weight=[1.0, 2.0, 1.0, 1.0]), 4)
    assert inputs["owners"] == [None]
    assert inputs["cells"][0][:, 0].tolist() == [0, 1, 2, 3]
    assert weight.tolist() == [1, 2, 1, 1]


def test_two_columns_of_one_modality():
    (inputs, _), *_ = walk(make_source(np.array([True, False, True]), n_columns=2), 4)
    assert inputs["owners"][0].tolist() == [0, 0, 2, 2]
    assert inputs["cells"][0][:, 0].tolist() == [0, 100, 2, 102]


def test_a_batch_without_any_cell_of_a_modality():
    batches = walk(make_source(np.array([False, False, True, True])), 2)
    assert [len(inputs["cells"][0]) for inputs, _ in batches] == [0, 2]


def test_every_batch_has_its_share_of_the_cells():
    there = np.zeros(200, dtype=bool)
    there[:50] = True
    source, counts, batches_of_two = make_source(there), [], set()
    for seed in range(5):
        batches = walk(source, 20, seed=seed)
        counts += [len(inputs["cells"][0]) for inputs, _ in batches]
        batches_of_two |= {tuple(sorted(inputs["cells"][0][:2, 0].tolist())) for inputs, _ in batches}
    assert set(counts) == {5}
    assert len(batches_of_two) > 40  # the rows of a batch are drawn anew


def test_rows_that_all_lack_something_else_meet_others_every_time():
    rng = np.random.default_rng(0)
    columns = [make_column(np.ones((64, 3), dtype=np.float32), presence=rng.random(64) < 0.5) for _ in range(12)]
    cells = collect(describe("sound", range(12), None, columns, "test"), columns, "test")
    source = Rows([cells], torch.arange(64), torch.ones(64), CPU)
    assert len(source.patterns.unique()) > 60
    meetings = torch.zeros(64, 64)
    for seed in range(30):
        batches = [target for _, (target, _, _) in walk(source, 16, seed=seed)]
        assert [len(batch) for batch in batches] == [16] * 4
        for batch in batches:
            meetings[batch[:, None], batch] += 1
    met = meetings - torch.diag(meetings.diag())
    assert met.max() < 20 and met.sum(1).min() == 30 * 15


def test_balanced_epochs_show_each_class_equally_often_and_all_rows_of_a_rare_one():
    target = torch.tensor([0] * 40 + [1] * 5 + [2] * 15)
    source = make_source(np.ones(60, dtype=bool))
    source.target = target
    rows = []
    for seed in range(3):
        batches = walk(source, 20, seed=seed, balanced=True)
        rows.append(torch.cat([inputs["cells"][0][:, 0].long() for inputs, _ in batches]))
        assert torch.bincount(target[rows[-1]]).tolist() == [20, 20, 20]
        assert torch.bincount(rows[-1], minlength=60)[40:45].tolist() == [4] * 5
        assert torch.bincount(rows[-1], minlength=60)[:40].max() == 1
    assert rows[0].tolist() != rows[1].tolist()


def test_balanced_epochs_of_more_classes_than_rows_a_class():
    source = make_source(np.ones(7, dtype=bool))
    source.target = torch.tensor([0, 0, 0, 0, 1, 2, 2])
    batches = walk(source, 3, seed=0, balanced=True)
    counts = torch.bincount(torch.cat([target for _, (target, _, _) in batches]))
    assert counts.sum() == 7 and counts.min() >= 2


@pytest.mark.parametrize("n_batches", [1, 5])
def test_one_ahead_keeps_the_order_and_hands_on_errors(n_batches):
    assert list(one_ahead(lambda i: i * i, n_batches, CPU)) == [i * i for i in range(n_batches)]

    def fail(i):
        raise ValueError(f"batch {i}")

    with pytest.raises(ValueError, match="batch 0"):
        list(one_ahead(fail, n_batches, CPU))


def test_one_ahead_makes_the_next_while_this_one_is_used():
    made = []
    batches = one_ahead(lambda i: made.append(i) or i, 10, CPU)
    assert next(batches) == 0
    assert next(batches) == 1
    assert len(made) <= 3  # and never more than one, whatever memory there is
    batches.close()
