"""One batch ahead: the next one is read, copied and augmented while the network works on this one.

Threads, not processes: decoders and torch's operators release the interpreter lock, arrays need not be copied between
processes, and a process that has used torch's threads must not be forked.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import joblib
import torch
from joblib.parallel import get_active_backend


def reading_threads(n_jobs):
    """Say how many threads may read cells beside the training; none of its own inside a joblib worker.

    Parameters
    ----------
    n_jobs : int or None
        As scikit-learn counts.

    Returns
    -------
    int
        At least 1, which is the thread that asks.
    """
    return 1 if inside_worker() or n_jobs is None else joblib.effective_n_jobs(n_jobs)


def inside_worker():
    """Tell whether this code runs inside a joblib worker, whose siblings use the other cores.

    Returns
    -------
    bool
        True in a thread or process that joblib started.
    """
    backend, _ = get_active_backend()
    return bool(backend.nesting_level)


def one_ahead(make, n_batches, device):
    """Make batches in a thread of their own, each while the caller works on the one before.

    Parameters
    ----------
    make : callable
        From the number of a batch to the batch: nested tuples, lists and dicts of tensors. Called in order.
    n_batches : int
        How many.
    device : torch.device
        Where the batches are; on a GPU they are made on a stream of their own, so that copies overlap with the work.

    Yields
    ------
    object
        The batches.
    """
    if device.type != "cuda" and (inside_worker() or os.cpu_count() == 1):
        yield from map(make, range(n_batches))
        return
    stream = torch.cuda.Stream(device) if device.type == "cuda" else None
    if stream is not None:
        # What the batches are made of may still be on its way to the device.
        stream.wait_stream(torch.cuda.current_stream(device))
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(_made, make, 0, stream)
        for i in range(n_batches):
            batch, ready = coming.result()
            if i + 1 < n_batches:
                coming = pool.submit(_made, make, i + 1, stream)
            if stream is not None:
                _hand_over(batch, ready, device)
            yield batch


def _made(make, i, stream):
    if stream is None:
        return make(i), None
    with torch.cuda.stream(stream):
        batch = make(i)
        return batch, stream.record_event()


def _hand_over(batch, ready, device):
    """Let the stream that trains wait for a batch, and keep the batch's memory until that stream is done with it."""
    stream = torch.cuda.current_stream(device)
    stream.wait_event(ready)
    for tensor in _tensors(batch):
        if tensor.is_cuda:
            tensor.record_stream(stream)


def _tensors(part):
    if isinstance(part, torch.Tensor):
        yield part
    elif isinstance(part, (dict, list, tuple)):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from _tensors(inner)
