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
