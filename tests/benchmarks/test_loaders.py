import pytest

from benchmarks import loaders

# librosa.load imports what Python 3.13 no longer has.
pytestmark = pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated:DeprecationWarning")


def test_every_loader_is_compared():
    report = loaders.measure(quick=True)
    assert report.count("### ") == 4
    rows = [line.split(" | ") for line in report.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    figures = [row for row in rows if row[1] != "cells"]
    assert len(figures) == 4 + 11 + 4 + 4
    for row in figures:
        assert float(row[4]) > 0 and float(row[6]) >= 0


def test_generated_files_stand_in_for_real_ones(monkeypatch, tmp_path):
    monkeypatch.setattr(loaders, "DATA", tmp_path / "nowhere")
    assert loaders.measure(quick=True).count("### ") == 4
