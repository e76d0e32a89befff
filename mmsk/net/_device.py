"""Where and in which precision networks run."""

import os
from contextlib import contextmanager

import joblib
import torch

from mmsk.exceptions import BadInputError

# The process in which several threads have computed, if there is one.
_threads_of = None


def resolve_device(device):
    """Turn the parameter `device` into a torch device that exists here.

    Parameters
    ----------
    device : str
        ``"auto"`` takes a GPU where there is one; any torch device string is taken at its word, except that a CUDA
        device falls back to the CPU on a machine without one, so that models open everywhere.

    Returns
    -------
    torch.device
        The device.
    """
    has_cuda = torch.cuda.is_available()
    if device == "auto":
        return torch.device("cuda" if has_cuda else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise BadInputError(
            f"device={device!r} is not a device of torch", fix="Use 'auto', 'cpu' or 'cuda'."
        ) from error
    return torch.device("cpu") if resolved.type == "cuda" and not has_cuda else resolved


def resolve_precision(precision, device, all_float64):
    """Turn the parameter `precision` into the dtype of weights and, perhaps, a lower one for products.

    Parameters
    ----------
    precision : {"auto", "float32", "float64", "bfloat16"}
        ``"auto"`` computes float64 tables in float64 on a CPU, and uses bfloat16 products on a GPU that has them.
    device : torch.device
        Where the network runs.
    all_float64 : bool
        Whether every modality is a float64 table.

    Returns
    -------
    dtype : {"float32", "float64"}
        Dtype of the weights.
    mixed : bool
        Whether training multiplies in bfloat16.
    """
    if precision == "float64":
        return "float64", False
    if precision == "bfloat16":
        return "float32", True
    if precision == "auto":
        if device.type == "cpu":
            return ("float64" if all_float64 else "float32"), False
        return "float32", device.type == "cuda" and torch.cuda.is_bf16_supported()
    return "float32", False


@contextmanager
def cpu_threads(n_jobs):
    """Compute with a fixed number of CPU threads and give the caller's number back.

    How many threads take part changes the order of sums and with it the last bits of a result, and a joblib worker has
    fewer of them than the process that started it. A fixed number makes results bit-equal wherever a fit runs.

    Parameters
    ----------
    n_jobs : int or None
        As scikit-learn counts: None is one, -1 is all. It is one as well in a process that was forked after several
        threads had computed: they exist in its parent only, and the library that owns them would wait for them.
    """
    global _threads_of
    wanted = 1 if n_jobs is None else joblib.effective_n_jobs(n_jobs)
    if wanted > 1:
        _threads_of = _threads_of or os.getpid()
        wanted = wanted if _threads_of == os.getpid() else 1
    before = torch.get_num_threads()
    if wanted == before:
        yield
        return
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)
