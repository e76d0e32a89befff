"""What does ten-fold cross-validation over raw sound files cost beside the classic recipe?

The classic recipe decodes every file anew in every epoch of every fold, with librosa inside a Python generator, and
trains a hand-written torch loop. mmsk gets the same files, features, network, batches, epochs and folds as
``cross_val_score`` of a pipeline that begins with paths, and keeps decoded cells with ``memory=``. One CPU thread each.
Spoken digits where they are at hand, else tones written for the purpose.

    python -m benchmarks.kfold
"""

import tempfile
import time
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import soundfile
import torch
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from torch.nn import functional as F

from benchmarks.timing import table
from benchmarks.trimodal_rows import DATA
from mmsk import MFCC, MultiModalClassifier, SpectrogramEncoder
from mmsk.nn import SpectrogramNetwork

# What librosa's functions do when nothing is said, which is what most recipes say.
RATE, N_MFCC, FRAMES = 22_050, 20, {"n_fft": 2048, "hop_length": 512, "n_mels": 128}
NETWORK = {"widths": (16, 32, 64), "output_dim": 64, "dropout": 0.2}
BATCH, LR = 64, 3e-3


class CountingMFCC(MFCC):
    """MFCC that counts the files it reads."""

    n_read = 0

    def _read_waveform(self, cell, mono=True):
        CountingMFCC.n_read += 1
        return super()._read_waveform(cell, mono)


def digit_files(n_files, folder):
    """Paths and labels: real digits of all speakers, or tones."""
    listing = DATA / "fsdd" / "fsdd.csv"
    if listing.exists():
        clips = pd.read_csv(listing).sample(n_files, random_state=0)
        return [str(DATA / "fsdd" / path) for path in clips["audio"]], clips["target"].to_numpy()
    rng = np.random.default_rng(0)
    paths, y = [], np.arange(n_files) % 10
    for i, label in enumerate(y):
        paths.append(str(Path(folder) / f"{i}.wav"))
        tone = np.sin(2 * np.pi * 200 * (1 + label / 3) * np.arange(4000) / 8000)
        soundfile.write(paths[-1], 0.5 * tone + 0.1 * rng.normal(size=len(tone)), 8000)
    return paths, y


# ------------------------------------------------------------------------------------------------- the classic recipe
def decode(path):
    samples, rate = librosa.load(path)
    samples = librosa.util.fix_length(samples, size=rate)
    return librosa.feature.mfcc(y=samples, sr=rate)


def generator(paths, y, rng=None):
    """Yield batches as such recipes do: shuffle, decode each file, stack."""
    order = np.arange(len(paths)) if rng is None else rng.permutation(len(paths))
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        yield torch.tensor(np.stack([decode(paths[row]) for row in rows])), torch.tensor(y[rows])


def classic_score(paths, y, train, test, epochs):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    encoder = SpectrogramNetwork(N_MFCC, **NETWORK)
    network = torch.nn.Sequential(encoder, torch.nn.Linear(encoder.output_dim, 10))
    network = network.to(memory_format=torch.channels_last)
    # The recipe's normalisation: statistics of one pass over the training files.
    encoder.standardize.learn((cells, torch.ones(len(cells))) for cells, _ in generator(paths[train], y[train]))
    optimizer = torch.optim.AdamW(network.parameters(), lr=LR, weight_decay=1e-2)
    n_steps = epochs * -(-len(train) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=n_steps, pct_start=0.1)
    for _ in range(epochs):
        network.train()
        for cells, target in generator(paths[train], y[train], rng):
            optimizer.zero_grad()
            F.cross_entropy(network(cells), target).backward()
            optimizer.step()
            schedule.step()
    network.eval()
    with torch.no_grad():
        answers = [(network(cells).argmax(1) == target).numpy() for cells, target in generator(paths[test], y[test])]
    return np.concatenate(answers).mean()


def measure(quick=False):
    n_files, n_folds, epochs = (60, 2, 2) if quick else (400, 10, 10)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    seconds, scores = {"classic": [], "mmsk": []}, {"classic": [], "mmsk": []}
    with tempfile.TemporaryDirectory() as folder:
        paths, y = digit_files(n_files, folder)
        folds = list(StratifiedKFold(n_folds, shuffle=True, random_state=0).split(paths, y))
        model = make_pipeline(
            CountingMFCC(N_MFCC, sampling_rate=RATE, duration=1.0, memory=Path(folder) / "cells", **FRAMES).set_output(
                transform="pandas"
            ),
            MultiModalClassifier(
                [("clip", SpectrogramEncoder(**NETWORK))],
                hidden_layer_sizes=(),
                lr=LR,
                batch_size=BATCH,
                max_epochs=epochs,
                random_state=0,
            ),
        )
        CountingMFCC.n_read = 0
        X = pd.DataFrame({"clip": paths})
        # Fold by fold in turn, so that a machine that slows down slows both.
        for train, test in folds:
            start = time.perf_counter()
            scores["mmsk"] += cross_val_score(model, X, y, cv=[(train, test)]).tolist()
            seconds["mmsk"].append(time.perf_counter() - start)
            start = time.perf_counter()
            scores["classic"].append(classic_score(np.array(paths), y, train, test, epochs))
            seconds["classic"].append(time.perf_counter() - start)
        n_read = CountingMFCC.n_read
    torch.set_num_threads(before)
    total = {name: sum(values) for name, values in seconds.items()}
    # One pass for the statistics, one an epoch, and the test files.
    n_classic = sum((epochs + 1) * len(train) + len(test) for train, test in folds) / n_files
    rows = [
        (name, total[name], total["classic"] / total[name], *_mean_and_spread(scores[name]), n)
        for name, n in (("classic", n_classic), ("mmsk", n_read / n_files))
    ]
    return table(
        f"{n_folds}-fold cross-validation over {n_files} sound files, {epochs} epochs",
        ["", "seconds", "times as fast", "accuracy", "sd over folds", "decodes a file"],
        rows,
    )


def _mean_and_spread(values):
    return f"{np.mean(values):.3f}", f"{np.std(values):.3f}"


def main():
    print(measure())


if __name__ == "__main__":
    main()
