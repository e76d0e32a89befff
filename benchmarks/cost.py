"""How do time and memory grow with rows and with missing cells, and does a set larger than memory train?

Rows of photos, sounds and numbers, as in `benchmarks.epoch`. Memory is measured in processes of their own: what a fit
adds at its peak to the process as it stood before the data, beside the bytes of the compact data and of the network.
The lazily decoded set is four times a cap that the operating system enforces (``RLIMIT_DATA``): loading it whole must
fail there. This half needs Linux.

    python -m benchmarks.cost
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from benchmarks.epoch import three_rows
from benchmarks.timing import table
from mmsk import ImageEncoder, ImageLoader, MultiModalClassifier, SpectrogramEncoder, TabularEncoder
from mmsk.columns import make_column

MEGABYTE = 2**20
SIDE = 128


def make_model(epochs, **params):
    image = {"widths": (16, 32), "output_dim": 64, "dropout": 0.0}
    encoders = [
        ("image", ImageEncoder(**image)),
        ("sound", SpectrogramEncoder(**image)),
        ("table", TabularEncoder(hidden_layer_sizes=(64,), output_dim=64)),
    ]
    return MultiModalClassifier(encoders, max_epochs=epochs, random_state=0, **params)


def make_default_model(epochs):
    return MultiModalClassifier(max_epochs=epochs, random_state=0)


def epoch_seconds(X, y, epochs):
    model = make_model(epochs).fit(X, y)
    return [row["dur"] for row in model.history_][1:]


def time_tables(sizes, n_rows, repeats, epochs=3):
    rng = np.random.default_rng(0)
    seconds = {n: [] for n in sizes}
    tables = {n: three_rows(n, rng) for n in sizes}
    for _ in range(repeats):
        for n, (X, y) in tables.items():
            seconds[n] += epoch_seconds(X, y, epochs)
    first = statistics.median(seconds[sizes[0]])
    rows = []
    for n in sizes:
        median = statistics.median(seconds[n])
        rows.append((n, median, 1000 * median / n, median / first / (n / sizes[0])))
    by_rows = table("Rows", ["rows", "seconds an epoch", "ms a row", "beside a straight line"], rows)

    return by_rows + "\n" + missing_table(n_rows, 2 * repeats - 1, epochs)


def missing_table(n_rows, repeats, epochs):
    """Epochs of rows that lack none, one, one or two, or two of three modalities, with small and default encoders."""
    lacking = {"none": (0,), "a third": (1,), "half": (1, 2), "two thirds": (2,)}
    rows = []
    for name, make, size in (
        ("small, photos 3x32x32, sounds 40x64", make_model, (32, 40, 64)),
        ("default, photos 3x64x64, sounds 64x128", make_default_model, (64, 64, 128)),
    ):
        tables = {share: rows_that_lack(n_missing, n_rows, size) for share, n_missing in lacking.items()}
        turns = []
        for _ in range(repeats):
            fits = {share: make(epochs).fit(X, y).history_[1:, "dur"] for share, (X, y) in tables.items()}
            turns.append({share: statistics.median(seconds) for share, seconds in fits.items()})
        # Compared within a turn: machines change their speed from one minute to the next.
        ratios = [statistics.median(turn[share] / turn["none"] for turn in turns) for share in list(lacking)[1:]]
        rows.append((name, statistics.median(turn["none"] for turn in turns), *ratios))
    return table(
        f"Missing cells, {n_rows} rows",
        ["encoders", "none missing, seconds an epoch", *(f"{share} missing" for share in list(lacking)[1:])],
        rows,
        "None missing is 1.0. Small networks spend much of a step on calls, whatever the number of rows.",
    )


def rows_that_lack(n_missing, n_rows, size):
    """Photos, sounds and numbers; each row lacks one of these numbers of them, in equal parts."""
    side, bins, frames = size
    rng = np.random.default_rng(1)
    order = np.argsort(rng.random((n_rows, 3)), axis=1)
    there = order >= np.resize(n_missing, n_rows)[:, None]
    y = rng.integers(0, 4, n_rows)
    numbers = np.where(there[:, 2:], rng.normal(size=(n_rows, 8)), np.nan).astype(np.float32)
    photos = rng.integers(0, 256, (n_rows, 3, side, side), dtype=np.uint8)
    sounds = rng.normal(size=(n_rows, bins, frames)).astype(np.float32)
    cells = {"image__photo": make_column(photos, there[:, 0]), "sound__clip": make_column(sounds, there[:, 1])}
    return pd.DataFrame(cells).join(pd.DataFrame(numbers).add_prefix("table__")), y


# --------------------------------------------------------------------------------------------- memory, in a process
def status_megabytes(name):
    """Read the memory of this process: VmHWM is its peak, VmData what RLIMIT_DATA counts."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def write_photos(folder, n_photos, n_distinct=64):
    """Real JPEG files; copies of some, as their content does not matter, but each is a file to decode."""
    rng = np.random.default_rng(0)
    for i in range(n_photos):
        path = folder / f"{i:06d}.jpg"
        if i < n_distinct:
            pixels = np.kron(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8), np.ones((16, 16, 1), dtype=np.uint8))
            Image.fromarray(pixels).save(path, quality=85)
        else:
            shutil.copyfile(folder / f"{i % n_distinct:06d}.jpg", path)


def fit_photos(folder, lazy, cap):
    """Train one epoch on photos and say what it took; with a cap in megabytes, within it."""
    small = pd.DataFrame({"image__photo": make_column(np.zeros((64, 3, SIDE, SIDE), dtype=np.uint8))})
    y = np.arange(64) % 4
    model = MultiModalClassifier(
        [("image", ImageEncoder(widths=(8, 16), output_dim=32))], batch_size=32, max_epochs=1, random_state=0
    )
    model.fit(small, y)  # what a process allocates once
    paths = sorted(map(str, Path(folder).glob("*.jpg")))
    if cap:
        limit = int((status_megabytes("VmData") + cap) * MEGABYTE)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = status_megabytes("VmHWM")
    cells = ImageLoader(size=(SIDE, SIDE), lazy=lazy).fit_transform(paths)
    X = pd.DataFrame({"image__photo": cells[:, 0]})
    loaded = status_megabytes("VmHWM")
    model.fit(X, np.arange(len(X)) % 4)
    weights = sum(p.nbytes for p in model.net_.module_.parameters()) / MEGABYTE
    data = len(paths) * 3 * SIDE * SIDE / MEGABYTE
    return {"data": data, "network": weights, "loaded": loaded - before, "peak": status_megabytes("VmHWM") - before}


def in_a_process(folder, lazy, cap=0):
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.cost", "--photos", str(folder), "--cap", str(cap)]
    done = subprocess.run(command + ["--lazy"] * lazy, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def memory_table(n_photos, capped=True):
    with tempfile.TemporaryDirectory() as folder:
        write_photos(Path(folder), n_photos)
        data = n_photos * 3 * SIDE * SIDE / MEGABYTE
        cap = data / 4
        rows = []
        runs = [("loaded", False, 0), ("lazy", True, 0)]
        for name, lazy, limit in runs + [("loaded, capped", False, cap), ("lazy, capped", True, cap)] * capped:
            found = in_a_process(folder, lazy, limit)
            if isinstance(found, str):
                rows.append((name, f"{limit:.0f}", data, "-", "-", f"fails: {found.partition(':')[0]}"))
                continue
            ratio = found["peak"] / (found["data"] + found["network"])
            rows.append((name, f"{limit:.0f}" if limit else "none", data, found["loaded"], found["peak"], ratio))
    return table(
        f"Peak memory of loading and fitting {n_photos} photos of 3x{SIDE}x{SIDE}, MB",
        ["cells", "cap", "compact data", "after loading", "peak of fit", "peak / (data + network)"],
        rows,
    )


def measure(quick=False):
    if quick:
        return time_tables((128, 256), 128, 1, epochs=2) + "\n" + memory_table(200, capped=False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    tables = time_tables((1000, 4000, 16_000), 2000, 2)
    torch.set_num_threads(before)
    return tables + "\n" + memory_table(8192)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", help="used inside: fit the photos of this folder and print what it took")
    parser.add_argument("--lazy", action="store_true")
    parser.add_argument("--cap", type=float, default=0.0)
    options = parser.parse_args()
    if options.photos:
        print(json.dumps(fit_photos(options.photos, options.lazy, options.cap)))
    else:
        print(measure())


if __name__ == "__main__":
    main()
