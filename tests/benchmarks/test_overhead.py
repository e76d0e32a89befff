import re

import numpy as np
import pytest

from benchmarks import overhead
from mmsk.datasets import make_trimodal


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return make_trimodal(12, 3, tmp_path_factory.mktemp("files"), random_state=0)


def test_by_hand_is_the_same_prediction(rows, monkeypatch):
    monkeypatch.setattr(overhead, "CHUNK", 5)
    X, y = rows
    model = overhead.make_model().fit(X, y)
    by_hand = overhead.ByHand(model[-1], model[0].transform(X))
    np.testing.assert_allclose(by_hand.predict_proba(slice(0, 12)), model.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(by_hand.predict_proba(slice(3, 4)), model.predict_proba(X[3:4]), atol=1e-5)


def test_the_perceptron_has_as_many_weights():
    X, y = np.random.default_rng(0).normal(size=(30, 20)), np.arange(30) % 3
    network = overhead.make_perceptron(10_000, X, y)[-1]
    assert sum(part.size for part in [*network.coefs_, *network.intercepts_]) == pytest.approx(10_000, rel=0.02)


def test_quick_version_prints_tables(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["overhead", "--quick"])
    overhead.main()
    printed = capsys.readouterr().out
    assert printed.count("### ") == 3
    cells = re.findall(r"^\| ([^|]+) \| (\d[\d.e+-]*) \| ([\d.e+-]*) \|$", printed, flags=re.MULTILINE)
    assert len(cells) == 3 + 4 * 2 + 3 * 3
    assert all(float(ratio) > 0 for _, ratio, _ in cells)
    plain = [float(ratio) for what, ratio, _ in cells if re.search("import torch|perceptron|by hand", what)]
    assert plain == [1.0] * 8
