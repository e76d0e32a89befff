import importlib
import importlib.metadata
import statistics
import subprocess
import sys

import pytest

import mmsk

TIMER = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def run_python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def median_seconds(statement, n_runs=3):
    return statistics.median(float(run_python(TIMER.format(statement))) for _ in range(n_runs))


def test_import_loads_no_heavy_library():
    loaded = run_python("import sys, mmsk; print(sorted({name.partition('.')[0] for name in sys.modules}))")
    for heavy in ("torch", "sklearn", "pandas", "numpy", "skorch", "librosa", "matplotlib"):
        assert f"'{heavy}'" not in loaded


def test_import_takes_a_tenth_of_what_it_stands_on():
    median_seconds("import mmsk", n_runs=1)  # the first run may still have to compile
    ours = median_seconds("import mmsk")
    theirs = median_seconds("import sklearn.pipeline, torch")
    assert ours < theirs / 10


@pytest.mark.parametrize("name", mmsk.__all__)
def test_public_names_resolve(name):
    assert getattr(mmsk, name) is not None
    assert name in dir(mmsk)


def test_version_is_the_installed_one():
    assert importlib.metadata.version("mmsk") == mmsk.__version__


@pytest.mark.parametrize(
    "room",
    [
        "augmentation",
        "encoders",
        "ensemble",
        "exceptions",
        "fusions",
        "metrics",
        "multimodal",
        "preprocessing",
        "sampling",
    ],
)
def test_every_name_of_a_room_can_be_had_from_mmsk(room):
    module = importlib.import_module(f"mmsk.{room}")
    names = getattr(module, "__all__", None) or [name for name in vars(module) if name[0].isupper()]
    assert names
    for name in names:
        assert getattr(mmsk, name) is getattr(module, name)


def test_unknown_name_raises():
    with pytest.raises(AttributeError, match="Imagination"):
        _ = mmsk.Imagination


def test_torch_torchvision_and_torchaudio_are_one_set():
    shapes = run_python(
        "import torch, torchvision, torchaudio; boxes = torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1]]);"
        "kept = torchvision.ops.nms(boxes, torch.ones(2), 0.5);"
        "print(len(kept), torchaudio.functional.resample(torch.zeros(800), 8000, 16000).shape[0])"
    )
    assert shapes == "1 1600"
