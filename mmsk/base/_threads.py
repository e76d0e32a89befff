"""Tasks that threads share, the calling one among them."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor


def run_in_threads(work, tasks, n_threads):
    """Call a function with every task.

    joblib looks after its threads every hundredth of a second, in which dozens of small files are read.

    Parameters
    ----------
    work : callable
        Called with one task.
    tasks : sequence
        The tasks; each thread takes the next one as it comes to it.
    n_threads : int
        Threads that work, the calling one among them.

    Examples
    --------
    >>> from mmsk.base._threads import run_in_threads
    >>> squares = {}
    >>> run_in_threads(lambda i: squares.update({i: i * i}), range(4), n_threads=2)
    >>> sorted(squares.values())
    [0, 1, 4, 9]
    """
    left = iter(tasks)

    def run():
        try:
            for task in left:
                work(task)
        finally:  # no thread goes on where one has failed
            deque(left, maxlen=0)

    n_others = min(n_threads, len(tasks)) - 1
    if n_others < 1:
        run()
        return
    with ThreadPoolExecutor(n_others) as pool:
        others = [pool.submit(run) for _ in range(n_others)]
        run()
    for other in others:
        other.result()
