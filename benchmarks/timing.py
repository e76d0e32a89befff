"""What the benchmarks share: runs that take turns, medians, and tables."""

import importlib.metadata
import os
import platform
import statistics
import time
from pathlib import Path

LIBRARIES = ("torch", "torchvision", "torchaudio", "scikit-learn", "skorch", "librosa", "numpy", "pillow", "soundfile")


def interleaved(functions, repeats=5, warm_up=True):
    """Time functions in turn, so that a machine that slows down slows all of them.

    Parameters
    ----------
    functions : dict of str to callable
        What is compared; called without arguments.
    repeats : int, default=5
        How often each is timed.
    warm_up : bool, default=True
        Whether each runs once before, untimed.

    Returns
    -------
    dict of str to float
        Median seconds of each.
    """
    seconds = {name: [] for name in functions}
    if warm_up:
        for function in functions.values():
            function()
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def table(title, header, rows, note=""):
    """Format a table in Markdown.

    Parameters
    ----------
    title : str
        What was measured.
    header : sequence of str
        Names of the columns.
    rows : sequence of sequence
        Cells; floats are shown with three digits.
    note : str, default=""
        A sentence below.

    Returns
    -------
    str
        The table, with a heading.
    """
    lines = [header, ["---"] * len(header), *[[_show(cell) for cell in row] for row in rows]]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"### {title}\n\n{text}\n" + (f"\n{note}\n" if note else "")


def _show(cell):
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.3g}" if abs(cell) < 100 else f"{cell:.0f}"


def machine():
    """Say what the figures were taken on."""
    model = next(
        (line.partition(":")[2].strip() for line in _cpu_lines() if line.startswith("model name")), platform.processor()
    )
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    return f"{model or platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}."


def _cpu_lines():
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
