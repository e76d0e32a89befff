"""What does mmsk cost besides the arithmetic: to import, to clone, to pickle, and to predict one row or a thousand?

A pipeline from files of photos and sounds and from numbers to a small fused network is compared with what one has
otherwise: the imports it stands on, a scikit-learn pipeline from numbers to a perceptron of as many weights, and calls
of the same trained torch modules by hand.

    python -m benchmarks.overhead
"""

import argparse
import pickle
import subprocess
import sys
import tempfile

import numpy as np
import torch
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.timing import interleaved, table
from mmsk import ImageLoader, MelSpectrogram, MultiModalClassifier
from mmsk.datasets import make_trimodal

IMPORTS = {
    "import torch, sklearn": "import torch, sklearn",
    "import mmsk": "import mmsk",
    "mmsk, and the names of the pipeline": "from mmsk import ImageLoader, MelSpectrogram, MultiModalClassifier",
}
NUMBERS = ["length", "weight"]
CHUNK = 256


def run(statement):
    subprocess.run([sys.executable, "-c", statement], check=True)


def make_model():
    load = ColumnTransformer(
        [
            ("image", ImageLoader((32, 32)), ["photo"]),
            ("sound", MelSpectrogram(16_000, duration=1.0, n_mels=40), ["clip"]),
            ("table", StandardScaler(), NUMBERS),
        ]
    ).set_output(transform="pandas")
    return make_pipeline(load, MultiModalClassifier(max_epochs=1, random_state=0))


def make_perceptron(n_weights, X, y):
    """A scikit-learn pipeline of about as many weights, after one epoch: what it learns does not matter here."""
    classes = np.unique(y)
    scaler = StandardScaler().fit(X)
    width = round(n_weights / (X.shape[1] + len(classes) + 1))
    network = MLPClassifier((width,), random_state=0).partial_fit(scaler.transform(X), y, classes=classes)
    return make_pipeline(scaler, network)


class ByHand:
    """The prediction one writes for a network that is known: no checks, no missing cells, tensors that are there."""

    def __init__(self, fused, cells):
        self.network = fused.net_.module_.eval()
        arrays = [np.stack(cells[name]) for name in ("image__photo", "sound__clip")]
        arrays.append(np.array(cells[[f"table__{name}" for name in NUMBERS]], dtype=np.float32))
        self.blocks = [torch.from_numpy(array) for array in arrays]

    def predict_proba(self, rows):
        with torch.inference_mode():
            parts = []
            for start in range(rows.start, rows.stop, CHUNK):
                chunk = slice(start, min(start + CHUNK, rows.stop))
                embeddings = [
                    encoder(block[chunk]) for encoder, block in zip(self.network.encoders, self.blocks, strict=True)
                ]
                parts.append(self.network.head(torch.cat(embeddings, 1)).softmax(1))
        return torch.cat(parts).numpy()


def count_weights(network):
    return sum(weights.numel() for weights in network.parameters())


def measure(quick=False):
    """Measure all of it.

    Parameters
    ----------
    quick : bool, default=False
        A few rows and runs, to see that it works.

    Returns
    -------
    str
        The tables.
    """
    n_rows, repeats = (24, 1) if quick else (1000, 7)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as directory:
        X, y = make_trimodal(n_rows, 4, directory, random_state=0)
        model = make_model().fit(X[: n_rows // 4], y[: n_rows // 4])
        numbers = np.random.default_rng(0).normal(size=(n_rows, 20))
        n_weights = count_weights(model[-1].net_.module_)
        perceptron = make_perceptron(n_weights, numbers, y)
        parts = [
            imports(1 if quick else 5),
            copies({"perceptron": perceptron, "mmsk": model}, repeats, n_weights),
            predictions(model, X, repeats),
        ]
    return "\n".join(parts)


def imports(repeats):
    seconds = interleaved({name: lambda s=statement: run(s) for name, statement in IMPORTS.items()}, repeats)
    first = seconds["import torch, sklearn"]
    return table(
        "Time to import",
        ["what", "time, as a ratio", "seconds"],
        [[name, value / first, value] for name, value in seconds.items()],
        "In a fresh interpreter each, whose own start is included.",
    )


def copies(models, repeats, n_weights):
    rows = []
    for what, work in {
        "clone": clone,
        "pickle, fitted": pickle.dumps,
        "pickle and back, fitted": lambda model: pickle.loads(pickle.dumps(model)),
    }.items():
        seconds = interleaved({name: lambda m=model, w=work: w(m) for name, model in models.items()}, repeats)
        rows += [[f"{what}: {name}", value / seconds["perceptron"], value * 1e3] for name, value in seconds.items()]
    sizes = {name: len(pickle.dumps(model)) for name, model in models.items()}
    rows += [[f"bytes of the pickle: {name}", size / sizes["perceptron"], ""] for name, size in sizes.items()]
    return table(
        "A pipeline of three modalities beside one of numbers",
        ["what", "time or size, as a ratio", "milliseconds"],
        rows,
        f"The networks have {n_weights} weights; scikit-learn's are float64, and with Adam's state pickled along.",
    )


def predictions(model, X, repeats):
    cells = model[0].transform(X)
    by_hand = ByHand(model[-1], cells)
    ways = {
        "network by hand": by_hand.predict_proba,
        "mmsk, loaded cells": lambda rows: model[-1].predict_proba(cells[rows]),
        "mmsk, files": lambda rows: model.predict_proba(X[rows]),
    }
    n_single = min(len(X), 50)
    works = {
        "one row": (1, lambda predict: predict(slice(0, 1))),
        f"{n_single} rows one by one": (n_single, lambda predict: [predict(slice(i, i + 1)) for i in range(n_single)]),
        f"{len(X)} rows at once": (len(X), lambda predict: predict(slice(0, len(X)))),
    }
    rows = []
    for what, (n_rows, work) in works.items():
        seconds = interleaved({name: lambda w=work, p=predict: w(p) for name, predict in ways.items()}, repeats)
        first = seconds["network by hand"]
        rows += [[f"{what}: {name}", value / first, value * 1e3 / n_rows] for name, value in seconds.items()]
    return table(
        "Time to predict",
        ["what", "time, as a ratio", "milliseconds a row"],
        rows,
        "One thread. By hand, the tensors are there already: no table is read, nothing is checked, no cell is missing.",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few rows and runs, to see that it works")
    print(measure(parser.parse_args().quick))


if __name__ == "__main__":
    main()
