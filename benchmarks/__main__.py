"""Run every speed benchmark, one after the other, and write `benchmarks/RESULTS.md`.

The scores on real data (`benchmarks.trimodal`, `fusions`, `esc10`, `fsdd`) take longer and are run by themselves.

    python -m benchmarks
"""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.timing import machine

QUESTIONS = {
    "loaders": "Loaders against the plain way",
    "epoch": "An epoch against a hand-written loop",
    "kfold": "Cross-validation over raw files against decoding in every epoch",
    "augmentation": "Augmentation against other libraries",
    "augmented_epoch": "An epoch with augmentation and without",
    "transfer": "A frozen backbone computed once, and sounds as pictures",
    "cost": "Cost by rows, by missing cells, and memory",
    "overhead": "Import, clone, pickle, predict",
    "gpu_three_modalities": "The three-modality network of the classic recipe",
}
RESULTS = Path(__file__).parent / "RESULTS.md"


def main():
    sections = [
        "# Results of the benchmarks\n",
        f"Written by `make bench` on {machine()} Ratios are what counts: runs take turns, and figures are medians "
        "but for k-fold cross-validation and memory, which run once.\n",
    ]
    for name, title in QUESTIONS.items():
        start = time.perf_counter()
        # A process of its own: threads, caches and peak memory of one benchmark are not those of another.
        command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{name}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        seconds = time.perf_counter() - start
        section = f"## {title}\n\n`python -m benchmarks.{name}`, {seconds:.0f} s\n\n{done.stdout.strip()}\n"
        print(section, flush=True)
        sections.append(section)
    RESULTS.write_text("\n".join(sections))


if __name__ == "__main__":
    main()
