"""The benchmarks run, in small; their figures are for a quiet machine."""

import importlib
import sys

import pytest
import torch

# librosa imports what Python 3.13 has dropped.
pytestmark = pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated:DeprecationWarning")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("epoch", ["perceptron", "photos 3x32x32", "a third missing"]),
        ("augmented_epoch", ["| image |", "| sound |", "| text |", "| image + sound + text |"]),
        ("kfold", ["| classic |", "| mmsk |"]),
        ("gpu_three_modalities", ["| float32 |", "| bfloat16 |"]),
    ],
)
def test_benchmark_fills_its_table(name, rows):
    threads = torch.get_num_threads()
    text = importlib.import_module(f"benchmarks.{name}").measure(quick=True)
    for row in rows:
        assert row in text
    assert "nan" not in text
    assert torch.get_num_threads() == threads


def test_each_file_is_decoded_once():
    text = importlib.import_module("benchmarks.kfold").measure(quick=True)
    (row,) = (line for line in text.splitlines() if line.startswith("| mmsk"))
    assert row.split("|")[-2].strip() == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read where Linux tells it")
def test_lazy_photos_take_less_memory():
    text = importlib.import_module("benchmarks.cost").memory_table(1200, capped=False)
    peak = {line.split("|")[1].strip(): float(line.split("|")[-3]) for line in text.splitlines() if "none" in line}
    assert peak["lazy"] < peak["loaded"]


def test_time_by_rows_and_by_missing_cells():
    text = importlib.import_module("benchmarks.cost").time_tables((64, 128), 64, 1, epochs=2)
    assert "| 128 |" in text and "half missing" in text
