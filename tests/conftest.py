import os

import pytest

# scikit-learn's array API checks are skipped without it; scipy reads it when it is imported.
os.environ.setdefault("SCIPY_ARRAY_API", "1")


def pytest_runtest_setup(item):
    if item.get_closest_marker("gpu") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("there is no CUDA device here")


def pytest_make_parametrize_id(config, val, argname):
    # Encoded files carry the time they were made at, and parallel workers must agree on the names of the tests.
    return argname if isinstance(val, bytes) else None
