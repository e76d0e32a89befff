import os
import subprocess
import sys

import joblib
import pytest
import torch

from mmsk import BadInputError
from mmsk.net import cpu_threads, resolve_device, resolve_precision

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_devices():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto").type == expected
    assert resolve_device("cuda").type == expected
    assert resolve_device("cpu").type == "cpu"
    with pytest.raises(BadInputError, match="not a device"):
        resolve_device("toaster")


def test_precision():
    assert resolve_precision("auto", CPU, True) == ("float64", False)
    assert resolve_precision("auto", CPU, False) == ("float32", False)
    assert resolve_precision("float32", CPU, True) == ("float32", False)
    assert resolve_precision("float64", CPU, False) == ("float64", False)
    assert resolve_precision("bfloat16", CPU, True) == ("float32", True)
    assert resolve_precision("auto", GPU, True)[0] == "float32"


@pytest.mark.parametrize("n_jobs", [None, 1, 2, -1])
def test_threads_are_given_back(n_jobs):
    before = torch.get_num_threads()
    with pytest.raises(KeyError), cpu_threads(n_jobs):
        assert torch.get_num_threads() == (1 if n_jobs is None else joblib.effective_n_jobs(n_jobs))
        raise KeyError
    assert torch.get_num_threads() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_computes_although_threads_had_computed(tmp_path):
    script = tmp_path / "fork.py"
    script.write_text(FORK)
    assert subprocess.run([sys.executable, script], timeout=120).returncode == 0


FORK = """
import os
import numpy as np
from mmsk import MultiModalClassifier
X = np.random.default_rng(0).normal(size=(2000, 30)).astype("float32")
model = MultiModalClassifier(max_epochs=1, n_jobs=2, random_state=0).fit(X, X[:, 0] > 0)
expected = model.predict_proba(X)
child = os.fork()
if not child:
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-5)
    model.fit(X, X[:, 0] > 0)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
