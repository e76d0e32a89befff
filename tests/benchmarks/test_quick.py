"""The benchmarks run, in small; their figures are for a quiet machine."""

import importlib
import sys

import pytest
import torch


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("epoch", ["perceptron", "photos 3x32x32", "a third missing"]),
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


@pytest.mark.skipif(sys.platform != "linux", reason="the cap is one of Linux")
def test_memory_is_measured_and_capped():
    text = importlib.import_module("benchmarks.cost").memory_table(1600)
    by_name = {line.split("|")[1].strip(): line.split("|") for line in text.splitlines() if line.startswith("| l")}
    assert "fails" in by_name["loaded, capped"][-2]
    assert float(by_name["lazy, capped"][-2]) < 0.5


def test_time_by_rows_and_by_missing_cells():
    text = importlib.import_module("benchmarks.cost").time_tables((64, 128), 64, 1, epochs=2)
    assert "| 128 |" in text and "| 50% |" in text
