import numpy as np

from benchmarks.esc10 import measure, summary


def test_ensemble_and_its_parts_are_scored(capsys):
    text = measure(quick=True)
    networks = [f"{name}, {n}" for name in ("mel", "mfcc") for n in ("one network", "2 networks")]
    lines = [line for line in text.splitlines() if " ± " in line]
    names = [line.split("|")[1].strip() for line in lines]
    assert names == ["random forest", *networks, "support vector machine", "ensemble"]
    assert "nan" not in text
    for line in lines:
        mean, *folds = (float(cell.split()[0]) for cell in line.split("|")[2:-1])
        assert abs(mean - np.mean(folds)) < 2e-3
    assert len(capsys.readouterr().out.splitlines()) == 1 + 2, "one line a fold"


def test_spread_is_that_over_folds_not_seeds():
    (line,) = (
        line for line in summary({"forest": np.array([[0.7, 0.9], [0.9, 0.9]])}, (2, 4)).splitlines() if "±" in line
    )
    assert [cell.strip() for cell in line.split("|")[1:-1]] == ["forest", "0.850 ± 0.050", "0.800", "0.900"]
