import numpy as np
import pytest

from benchmarks.fusions import NAMES, SETTINGS, measure, summary
from mmsk.fusions._by_name import NAMED


def test_every_fusion_and_every_aid_is_scored(capsys):
    assert set(NAMES) == set(NAMED)
    text = measure(quick=True)
    for name in SETTINGS:
        assert f"| {name} |" in text
    assert "nan" not in text
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(SETTINGS)


def test_differences_are_those_on_the_same_rows():
    plain, other = np.full((4, 4), 0.5), np.full((4, 4), 0.5)
    plain[:, 0], other[:, 0] = [0.1, 0.9, 0.5, 0.5], [0.2, 1.0, 0.7, 0.7]
    first, second = (line for line in summary({"concat": plain, "gated": other}).splitlines() if " 0.500 ± " in line)
    assert first.split("|")[1:3] == [" gated ", " 0.650 ± 0.287 "]
    assert [cell.strip() for cell in first.split("|")[-3:-1]] == ["+0.150", "0.029"]
    assert [cell.strip() for cell in second.split("|")[-3:-1]] == ["+0.000", "0.000"]
    assert 0.057735 / np.sqrt(4) == pytest.approx(0.029, abs=2e-4)
