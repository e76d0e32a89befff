"""How well does an ensemble tell ten sounds apart, and how much of that is due to each of its members?

Environmental sounds (ESC-10, its official folds): every fold is answered by what was trained on the other folds. The
ensemble is the geometric mean of three members: networks on decibels and networks on MFCC, each kind trained on parts
of the training clips and averaged, and a support vector machine on statistics of the same MFCC. Prints the accuracy of
each member, alone and averaged, beside a random forest on the same statistics.

    python -m benchmarks.esc10 --data ../shared/data --folds 1 2 3 4 --seeds 1

The members, their augmentation and their sizes were chosen by training on folds 2 and 3 and scoring fold 4, so fold 1
alone is clean of that choice. Networks on raw sound were tried there and left out, as they got no further than 0.61.
"""

import argparse
import itertools
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from benchmarks.baselines import support_vector_machine
from benchmarks.timing import table
from benchmarks.trimodal_rows import DATA
from mmsk import (
    MFCC,
    FoldEnsembleClassifier,
    LateFusionClassifier,
    MelSpectrogram,
    MixUp,
    MultiModalClassifier,
    SpectrogramAugmentation,
    SpectrogramEncoder,
    TensorFlattener,
)
from mmsk.datasets import make_trimodal

LOAD = ColumnTransformer(
    [
        ("mel", MelSpectrogram(sampling_rate=44_100, duration=5.0, n_fft=2048, hop_length=1024, n_mels=64), ["clip"]),
        ("mfcc", MFCC(20, duration=5.0, n_mels=64), ["clip"]),
    ]
).set_output(transform="pandas")
AUGMENT = {
    "mel": SpectrogramAugmentation(shift=1.0, time_stretch=0.2, frequency_shift=0.1, gain=6),
    # The rows of MFCC are no frequencies, so neither shifts nor masks along them mean a thing.
    "mfcc": SpectrogramAugmentation(shift=1.0, time_stretch=0.2, frequency_masks=0),
}


def networks(name, n_networks, max_epochs, seed):
    network = MultiModalClassifier(
        [(name, SpectrogramEncoder())],
        hidden_layer_sizes=(),
        augment=[(name, AUGMENT[name]), ("all", MixUp(0.4))],
        batch_size=16,
        lr=1e-3,
        max_epochs=max_epochs,
    )
    return FoldEnsembleClassifier(network, n_networks, random_state=seed)


def pooled(classifier):
    return make_pipeline(TensorFlattener(("mean", "std", "min", "max")), classifier)


def make_ensemble(n_networks, max_epochs, seed):
    return LateFusionClassifier(
        [
            ("mel", networks("mel", n_networks, max_epochs, seed)),
            ("mfcc", networks("mfcc", n_networks, max_epochs, seed)),
            ("statistics", pooled(support_vector_machine()), ["mfcc__clip"]),
        ]
    )


def clips(data):
    """Give paths, targets and folds."""
    listed = pd.read_csv(Path(data) / "esc10" / "esc10.csv")
    X = pd.DataFrame({"clip": [str(Path(data).absolute() / "esc10" / path) for path in listed["audio"]]})
    return X, listed["target"].to_numpy(), listed["fold"].to_numpy()


def run(fold, seed, cells, y, folds, n_networks, max_epochs):
    """Scores of the ensemble and of its parts on one fold."""
    train, test = folds != fold, folds == fold
    start = time.perf_counter()
    ensemble = make_ensemble(n_networks, max_epochs, seed).fit(cells[train], y[train])
    seconds = time.perf_counter() - start
    forest = pooled(RandomForestClassifier(500, random_state=seed)).fit(cells.loc[train, ["mfcc__clip"]], y[train])
    models = {"random forest": ([forest], ["mfcc__clip"])}
    for name, member in ensemble.estimators_:
        columns = list(cells.columns[ensemble.modalities_[name]])
        if isinstance(member, FoldEnsembleClassifier):
            models[f"{name}, one network"] = member.estimators_, columns
            models[f"{name}, {n_networks} networks"] = [member], columns
        else:
            models["support vector machine"] = [member], columns
    models["ensemble"] = [ensemble], list(cells)
    scores = {
        name: np.mean([model.score(cells.loc[test, columns], y[test]) for model in fitted])
        for name, (fitted, columns) in models.items()
    }
    print(f"{fold:4d} {seed:4d} | {scores['ensemble']:.3f} | {seconds:.0f}", flush=True)
    return scores


def compare(folds, seeds, data, n_networks, max_epochs, n_jobs=1):
    """Run everything; scores by model, each of shape (n_seeds, n_folds)."""
    X, y, fold_of = clips(data)
    cells = LOAD.fit_transform(X)
    print("fold seed | ensemble | seconds of training", flush=True)
    jobs = [
        joblib.delayed(run)(fold, seed, cells, y, fold_of, n_networks, max_epochs)
        for seed, fold in itertools.product(seeds, folds)
    ]
    results = joblib.Parallel(n_jobs)(jobs)
    return {name: np.reshape([scores[name] for scores in results], (len(seeds), len(folds))) for name in results[0]}


def summary(scores, folds):
    header = ["model", "accuracy", *(f"fold {fold}" for fold in folds)]
    lines = []
    for name, values in scores.items():
        by_fold = values.mean(axis=0)
        lines.append([name, f"{by_fold.mean():.3f} ± {by_fold.std():.3f}", *(f"{score:.3f}" for score in by_fold)])
    n_seeds = len(next(iter(scores.values())))
    note = f"Mean and standard deviation over folds, of means over {n_seeds} seeds; forest and machine see statistics."
    return table("Accuracy on ten sounds", header, lines, note)


def write_sounds(folder):
    """Write a tiny set of the layout of the real one."""
    X, y = make_trimodal(48, 3, Path(folder) / "esc10", image_size=16, duration=0.2, random_state=0)
    audio = [Path(path).relative_to(Path(folder) / "esc10") for path in X["clip"]]
    pd.DataFrame({"audio": audio, "target": y, "fold": np.arange(len(y)) // 3 % 2 + 1}).to_csv(
        Path(folder) / "esc10" / "esc10.csv", index=False
    )


def measure(quick=False):
    if not quick:
        return summary(compare((1, 2, 3, 4), (1, 2), DATA, 5, 40, 2), (1, 2, 3, 4))
    with tempfile.TemporaryDirectory() as folder:
        write_sounds(folder)
        return summary(compare((1, 2), (1,), folder, 2, 1), (1, 2))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=str(DATA))
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--networks", type=int, default=5, help="of each kind")
    parser.add_argument("--max-epochs", type=int, default=40)
    parser.add_argument("--n-jobs", type=int, default=2, help="runs at a time, one CPU thread each")
    options = parser.parse_args()
    scores = compare(options.folds, options.seeds, options.data, options.networks, options.max_epochs, options.n_jobs)
    print(summary(scores, options.folds))


if __name__ == "__main__":
    main()
