"""Which fusion is best on the same real rows, some of whose photos, sounds and sentences are missing?

The rows, the encoders and all other parameters are those of `benchmarks.trimodal`; only the fusion differs, or a
training aid is added to the plain one. For each fold and seed files are decoded once for all of them. Prints accuracy
by number of missing modalities, mean and standard deviation over folds and seeds, and how far each is ahead of plain
concatenation on the same rows, with the standard error of that difference. All of it takes a working day on two cores:
scores go to a file as they come, and those that are in it are not computed again.

    python -m benchmarks.fusions --folds 1 2 3 4 --seeds 1 2 3 --n-jobs 2 --keep fusions.jsonl
"""

import argparse
import itertools
import json
import math
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import clone

from benchmarks.timing import table
from benchmarks.trimodal import make_model, row, score_by_missing
from benchmarks.trimodal_rows import COLUMNS, DATA, trimodal_rows
from mmsk import AttentionFusion, BottleneckFusion, CrossAttentionFusion, LateFusion, TensorFusion
from mmsk.datasets import make_trimodal

PLAIN = "concat"
NAMES = "concat early sum mean max gated film embrace tensor low_rank attention cross_attention bottleneck late".split()
SETTINGS = {
    **{name: {"fusion": name} for name in NAMES},
    "tensor, dim 7": {"fusion": TensorFusion(dim=7)},
    "attention, 2 layers of 128": {"fusion": AttentionFusion(dim=128, n_layers=2)},
    "attention over tokens": {"fusion": AttentionFusion("tokens")},
    "cross_attention over tokens": {"fusion": CrossAttentionFusion("tokens")},
    "bottleneck over tokens": {"fusion": BottleneckFusion("tokens")},
    "late, mean": {"fusion": LateFusion("mean")},
    "late, learned weights": {"fusion": LateFusion(weights="learned")},
    "concat, gradient_modulation": {"gradient_modulation": 0.3},
    "concat, gradient_blending": {"gradient_blending": 5, "validation_fraction": 0.1},
}
GROUPS = ("all", 0, 1, 2)


def generated_rows(fold, seed, folder):
    X, y = make_trimodal(60, 3, folder, missing=0.3, image_size=16, duration=0.2, random_state=10 * fold + seed)
    X = X[list(COLUMNS)]
    return X[:40], y[:40], X[40:], y[40:]


def run(fold, seed, names, rows, data, training, keep):
    """Train every setting on the rows of one fold and seed, and write down its scores."""
    X_train, y_train, X_test, y_test = rows(fold, seed, data)
    load, fuse = (step for _, step in make_model(seed, **training).steps)
    train, test = load.fit_transform(X_train), load.transform(X_test)
    for name in names:
        start = time.perf_counter()
        model = clone(fuse).set_params(**SETTINGS[name]).fit(train, y_train)
        scores = score_by_missing(model.predict(test), y_test, X_test)
        seconds = time.perf_counter() - start
        print(f"{fold:4d} {seed:4d} | {row(scores)} | {seconds:4.0f} | {name}", flush=True)
        line = json.dumps({"fold": fold, "seed": seed, "name": name, "scores": [scores[k] for k in GROUPS]})
        with open(keep, "a") as file:
            file.write(line + "\n")


def compare(names, folds, seeds, rows, data, training, keep, n_jobs=1):
    """Run what is not there yet; scores by name, each of shape (n_runs, n_groups)."""
    there, jobs, runs = read(keep), [], list(itertools.product(seeds, folds))
    print("fold seed |  all    0     1     2 missing | seconds | fusion", flush=True)
    for seed, fold in runs:
        if new := [name for name in names if (fold, seed, name) not in there]:
            jobs.append(joblib.delayed(run)(fold, seed, new, rows, data, training, keep))
    joblib.Parallel(n_jobs)(jobs)
    there = read(keep)
    return {name: np.array([there[fold, seed, name] for seed, fold in runs]) for name in names}


def read(keep):
    lines = [json.loads(line) for line in Path(keep).read_text().splitlines()] if Path(keep).exists() else []
    return {(line["fold"], line["seed"], line["name"]): line["scores"] for line in lines}


def summary(scores):
    header = ["fusion", "accuracy", "0 missing", "1 missing", "2 missing"]
    compared = PLAIN in scores
    header += [f"ahead of {PLAIN}", "standard error"] if compared else []
    lines = []
    for name, values in sorted(scores.items(), key=lambda item: -item[1][:, 0].mean()):
        line = [name, *(f"{m:.3f} ± {s:.3f}" for m, s in zip(values.mean(0), values.std(0), strict=True))]
        if compared:
            ahead = values[:, 0] - scores[PLAIN][:, 0]
            error = ahead.std(ddof=1) / math.sqrt(len(ahead)) if len(ahead) > 1 else 0.0
            line += [f"{ahead.mean():+.3f}", f"{error:.3f}"]
        lines.append(line)
    n_runs = len(next(iter(scores.values())))
    note = f"Mean and standard deviation over {n_runs} pairs of fold and seed; all fusions had the same rows."
    return table("Accuracy by fusion", header, lines, note)


def measure(quick=False):
    with tempfile.TemporaryDirectory() as folder:
        keep = f"{folder}/scores.jsonl"
        if not quick:
            return summary(compare(list(SETTINGS), (1, 2, 3, 4), (1, 2, 3), trimodal_rows, DATA, {}, keep, 2))
        return summary(compare(list(SETTINGS), (1,), (1,), generated_rows, folder, {"max_epochs": 1}, keep))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=str(DATA))
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--fusions", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--max-epochs", type=int, default=25)
    parser.add_argument("--n-jobs", type=int, default=2, help="runs at a time, one CPU thread each")
    parser.add_argument("--augment", action="store_true", help="as benchmarks.trimodal augments")
    parser.add_argument("--precision", default="auto", help="bfloat16 is faster on CPUs that multiply in it")
    parser.add_argument("--keep", required=True, help="file of scores, one file for each choice of these parameters")
    options = parser.parse_args()
    training = {name: getattr(options, name) for name in ("max_epochs", "augment", "precision")}
    scores = compare(
        options.fusions,
        options.folds,
        options.seeds,
        trimodal_rows,
        options.data,
        training,
        options.keep,
        options.n_jobs,
    )
    print(summary(scores))


if __name__ == "__main__":
    main()
