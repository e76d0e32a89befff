"""What holds for every augmentation."""

import importlib
import pkgutil
import sys
from subprocess import run

import pytest
import torch
from sklearn.base import clone

import mmsk.augmentation
from mmsk.augmentation import ImageAugmentation, TextAugmentation, WaveformAugmentation
from mmsk.augmentation._base import BaseAugmentation
from mmsk.augmentation._interpolation import cut, roll
from mmsk.exceptions import BadInputError
from tests.augmentation.cells import BATCHES, FULL, STILL, generator, photos, sounds

batches = pytest.mark.parametrize("name", BATCHES)


def test_every_augmentation_is_tested_here():
    for module in pkgutil.iter_modules(mmsk.augmentation.__path__):
        importlib.import_module(f"mmsk.augmentation.{module.name}")
    assert (
        {type(a) for a in FULL.values()} == {type(a) for a in STILL.values()} == set(BaseAugmentation.__subclasses__())
    )


@batches
def test_shape_dtype_and_input_stay(name):
    kind, cells = BATCHES[name]
    before = cells.clone()
    changed = FULL[kind](cells, generator())
    assert changed.shape == cells.shape
    assert changed.dtype == cells.dtype
    assert torch.equal(cells, before)
    assert not torch.equal(changed, cells)
    assert changed.double().isfinite().all()


@batches
def test_a_seed_repeats_and_another_does_not(name):
    kind, cells = BATCHES[name]
    augmentation = FULL[kind]
    first = augmentation(cells, generator(3))
    assert torch.equal(first, clone(augmentation)(cells, generator(3)))
    assert not torch.equal(first, augmentation(cells, generator(4)))
    again = generator(3)
    augmentation(cells, again)
    assert not torch.equal(first, augmentation(cells, again))  # the next epoch


@batches
def test_equal_rows_become_different(name):
    kind, cells = BATCHES[name]
    changed = FULL[kind](cells[1:2].expand(8, *cells.shape[1:]).clone(), generator())
    assert len({tuple(row.reshape(-1).tolist()) for row in changed.double()}) == 8


@batches
def test_no_strength_is_no_change(name):
    kind, cells = BATCHES[name]
    assert torch.equal(STILL[kind](cells, generator()), cells)


@batches
@pytest.mark.parametrize("n", [0, 1])
def test_few_cells(name, n):
    kind, cells = BATCHES[name]
    for augmentation in (FULL[kind], STILL[kind]):
        changed = augmentation(cells[:n], generator())
        assert changed.shape == cells[:n].shape
        assert changed.dtype == cells.dtype


@batches
def test_global_random_state_is_left_alone(name):
    kind, cells = BATCHES[name]
    state = torch.get_rng_state()
    FULL[kind](cells, generator())
    assert torch.equal(torch.get_rng_state(), state)


@batches
def test_cells_that_are_not_contiguous(name):
    kind, cells = BATCHES[name]
    axes = list(range(cells.ndim))[::-1]
    strided = cells.permute(axes).contiguous().permute(axes)
    assert torch.equal(FULL[kind](strided, generator()), FULL[kind](cells, generator()))


@pytest.mark.parametrize("kind", FULL)
def test_cells_of_another_kind_are_refused(kind):
    with pytest.raises(BadInputError, match=r"dimensions; one of shape \(7,\) came"):
        FULL[kind](torch.zeros(7), generator())


def test_bad_parameters_are_refused():
    for augmentation in (
        ImageAugmentation(zoom=1.0),
        ImageAugmentation(rotation=-1),
        ImageAugmentation(erasing=1.5),
        ImageAugmentation(fill="mirror"),
        ImageAugmentation(erasing_value="white"),
        TextAugmentation(deletion=2),
        WaveformAugmentation(crop=0),
    ):
        with pytest.raises(ValueError, match=f"parameter of {type(augmentation).__name__}"):
            augmentation.validate()
    for augmentation, message in (
        (ImageAugmentation(erasing_area=(0.5, 0.2)), r"erasing_area is \(0.5, 0.2\), expected two ascending"),
        (ImageAugmentation(erasing_ratio=(0.0, 2.0)), "erasing_ratio is .* between 0.001 and 1000"),
        (WaveformAugmentation(time_stretch=(0.8,)), "time_stretch is"),
        (WaveformAugmentation(time_stretch=(0.0, 1.0)), "time_stretch is"),
        (WaveformAugmentation(gain=(float("nan"), 1.0)), "gain is"),
    ):
        with pytest.raises(BadInputError, match=message):
            augmentation.validate()
        with pytest.raises(BadInputError, match=message):
            augmentation(photos() if isinstance(augmentation, ImageAugmentation) else sounds(), generator())


def test_parameters_are_what_a_search_sets():
    augmentation = clone(ImageAugmentation(rotation=5)).set_params(rotation=30, erasing_area=(0.1, 0.2))
    assert augmentation.get_params()["rotation"] == 30
    assert "rotation=30" in repr(augmentation)


def test_import_is_lazy():
    code = "import sys, mmsk.augmentation; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.gpu
def test_pieces_are_the_same_on_a_gpu():
    cells, steps = photos(shape=(3, 50)), torch.tensor([0, 3, -3, 49, 17, -20])
    assert torch.equal(roll(cells.cuda(), steps.cuda()).cpu(), roll(cells, steps))
    assert torch.equal(cut(cells.cuda(), steps.abs().cuda(), 1).cpu(), cut(cells, steps.abs(), 1))


@pytest.mark.gpu
@pytest.mark.parametrize("name", BATCHES)
def test_on_a_gpu_without_waiting(name):
    kind, cells = BATCHES[name]
    cells = cells.cuda()
    FULL[kind](cells, torch.Generator("cuda").manual_seed(0))
    torch.cuda.set_sync_debug_mode("error")
    try:
        changed = FULL[kind](cells, torch.Generator("cuda").manual_seed(0))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert changed.device == cells.device
    assert changed.shape == cells.shape
