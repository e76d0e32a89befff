import numpy as np
import pytest
import torch

from mmsk.columns import make_column
from mmsk.net._cells import collect
from mmsk.net._modality import describe
from mmsk.net._placement import OnDevice, _uploaded, place_cells
from tests.multimodal.test_classifier import small
from tests.rows import make_rows


def some_cells():
    block = np.random.default_rng(0).integers(0, 255, (10, 3, 4, 4), dtype=np.uint8)
    column = make_column(block)[[7, 2, 9, 2]]
    column[2] = None
    modality = describe("image", [0], None, [column], "test")
    return block, collect(modality, [column], "test")


def test_cells_of_these_rows_alone_are_uploaded_a_few_at_a_time():
    block, cells = some_cells()
    used = torch.tensor([2, 7])
    source = OnDevice(_uploaded(cells.source, used, torch.device("cpu"), chunk=1))
    np.testing.assert_array_equal(source.take(torch.tensor([1, 0, 1])).numpy(), block[[7, 2, 7]])


def test_on_a_cpu_cells_stay_where_they_are():
    _, cells = some_cells()
    sources, slots = place_cells([cells], torch.device("cpu"), 0.5)
    assert sources == [cells.source]
    assert slots[0] is cells.slots


@pytest.mark.gpu
@pytest.mark.parametrize("memory_share", [0.0, 0.5])
def test_cells_reach_a_gpu_resident_or_staged(memory_share):
    block, cells = some_cells()
    (source,), (slots,) = place_cells([cells], torch.device("cuda"), memory_share)
    assert source.resident is (memory_share > 0)
    taken = source.take(torch.from_numpy(slots[[0, 1, 3], 0]).to(source.device))
    assert taken.is_cuda
    np.testing.assert_array_equal(taken.cpu().numpy(), block[[7, 2, 2]])


@pytest.mark.gpu
@pytest.mark.parametrize("device_memory", [0.0, 0.8])
def test_a_training_on_a_gpu_answers_as_one_on_a_cpu(device_memory):
    from mmsk import ImageAugmentation

    X, y = make_rows(120)
    params = {"precision": "float32", "augment": [("image", ImageAugmentation(rotation=5))]}
    scores = [
        small(device=device, device_memory=device_memory, **params).fit(X[:80], y[:80]).score(X[80:], y[80:])
        for device in ("cpu", "cuda")
    ]
    assert min(scores) > 0.75
