"""What does augmentation add to an epoch?

The default encoders on photos of 96 x 96, on spectrograms of 64 x 216 and on texts, each alone and together, with the
default augmentation of each and without. The network computes on one thread; the next batch is augmented meanwhile in
another, which is free where a second core is.

    python -m benchmarks.augmented_epoch
"""

import statistics

import numpy as np
import pandas as pd
import torch

from benchmarks.timing import table
from mmsk import ImageAugmentation, MixUp, MultiModalClassifier, SpectrogramAugmentation, TextAugmentation
from mmsk.columns import make_column

AUGMENT = {
    "image": ImageAugmentation(erasing=0.5),
    "sound": SpectrogramAugmentation(),
    "text": TextAugmentation(),
}


def make_cells(n_rows):
    rng = np.random.default_rng(0)
    return {
        "image": make_column(rng.integers(0, 256, (n_rows, 3, 96, 96), dtype=np.uint8)),
        "sound": make_column(rng.normal(-40, 15, (n_rows, 64, 216)).astype(np.float32)),
        "text": make_column(rng.integers(2, 60, (n_rows, 120)).astype(np.int32)),
    }


def epoch_seconds(X, y, augment, epochs):
    model = MultiModalClassifier(max_epochs=epochs, batch_size=32, augment=augment, random_state=0)
    return [row["dur"] for row in model.fit(X, y).history_][1:]


def measure(quick=False):
    n_rows, epochs, repeats = (16, 2, 1) if quick else (384, 3, 3)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    cells, y = make_cells(n_rows), np.arange(n_rows) % 4
    rows = []
    for keys in (["image"], ["sound"], ["text"], list(cells)):
        X = pd.DataFrame({f"{key}__cell": cells[key] for key in keys})
        each = [(key, AUGMENT[key]) for key in keys]
        ways = {"off": None, "on": each, "on, and MixUp": [*each, ("all", MixUp())]}
        seconds = {way: [] for way in ways}
        for _ in range(repeats):
            for way, augment in ways.items():
                seconds[way] += epoch_seconds(X, y, augment, epochs)
        off, on, mixed = (statistics.median(values) for values in seconds.values())
        rows.append((" + ".join(keys), 1000 * off / n_rows, on / off, mixed / off))
    torch.set_num_threads(before)
    return table("Epochs with augmentation", ["cells", "off, ms a row", "on", "on, with MixUp"], rows, "Off is 1.0.")


def main():
    print(measure())


if __name__ == "__main__":
    main()
