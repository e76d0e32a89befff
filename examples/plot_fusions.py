"""
============================================
Early, late and intermediate fusion compared
============================================

Photos, sounds and sentences can be joined before one network, inside one network, or after one model each. Every way
that has a name is trained and tested on the same rows here, by one grid search, beside classical models.

Run it with ``python examples/plot_fusions.py [folder] [--rows 240] [--data DIR]``; the picture goes to the folder.
"""

# %%
# Where the picture goes, and what there is to learn from.
import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # pictures go to files, so no window is needed

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit, StratifiedKFold, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mmsk import (
    AttentionFusion,
    CharEncoder,
    ImageEncoder,
    ImageLoader,
    LateFusion,
    LateFusionClassifier,
    MelSpectrogram,
    MultiModalClassifier,
    SpectrogramEncoder,
    TensorFlattener,
    TensorFusion,
    TextEncoder,
)
from mmsk.datasets import make_trimodal, pair_by_class

NAMES = "early concat sum mean max gated film embrace tensor low_rank attention cross_attention bottleneck late".split()
parser = argparse.ArgumentParser(description="Early, late and intermediate fusion on the same rows.")
parser.add_argument("folder", nargs="?", default="demo", help="where the picture and generated files go")
parser.add_argument("--data", help="the folder that holds trimodal/, to use real photos, sounds and sentences")
parser.add_argument("--rows", type=int, default=240, help="rows to generate, or to pair from real files")
parser.add_argument("--epochs", type=int, default=15, help="passes over the rows")
parser.add_argument("--fusions", nargs="+", choices=NAMES, default=NAMES, help="some of the fusions instead of all")
parser.add_argument("--n-jobs", type=int, default=2, help="fits that run at the same time")
options = parser.parse_args()
if options.rows < 72:
    parser.error("argument --rows: with fewer than 72, folds would lack classes, or rows that lack as many cells")
folder = Path(options.folder)
folder.mkdir(parents=True, exist_ok=True)

# %%
# Rows with something missing
# ---------------------------
# Generated rows: pairs of the six classes share what their photo shows, others how they sound, others what their
# sentence says, so that no modality is enough, and 30 % of the cells are blank. Real items are paired at random within
# a class and a fold, with none, one or two of the three left out; the folds of testing are those of the files, so no
# photo, sound or sentence is on both sides.
COLUMNS = ["photo", "clip", "caption"]


def paired(fold, items):
    """Pair the real photos, sounds and sentences of one fold."""
    tables = {column: (part["cell"], part["category"]) for column, part in items.groupby("column")}
    n_each = max(1, options.rows // (4 * 3 * items["category"].nunique()))
    X, y = pair_by_class(tables, n_each, n_missing=(0, 1, 2), random_state=int(fold))
    return X.assign(target=y, fold=fold)


if options.data:
    size, sound = (64, 64), {"sampling_rate": 22_050, "duration": 5.0, "n_mels": 64}
    source = Path(options.data).absolute() / "trimodal"
    items = pd.read_csv(source / "trimodal.csv")
    items["column"] = items["modality"].map({"image": "photo", "audio": "clip", "text": "caption"})
    items["cell"] = (f"{source}/" + items["path"]).fillna(items["text_masked"])
    rows = pd.concat([paired(*part) for part in items.groupby("fold")], ignore_index=True)
    X, y, folds = rows[COLUMNS], rows["target"].to_numpy(), PredefinedSplit(rows["fold"])
else:
    size, sound = (32, 32), {"sampling_rate": 16_000, "duration": 1.0, "n_mels": 32}
    X, y = make_trimodal(options.rows, 6, folder / "files", missing=0.3, random_state=0)
    X, folds = X[COLUMNS], StratifiedKFold(3, shuffle=True, random_state=0)
missing = X.isna().sum(axis=1)
lacking = " and ".join(f"{(missing == n).sum()} lack {n}" for n in (0, 1, 2))
print(f"{len(X)} rows of {len(np.unique(y))} classes, of which {lacking} of photo, sound and sentence")

# %%
# Every fusion is a grid
# ----------------------
# What is searched over is one parameter of the classifier: a name, or an object where its own parameters are to be
# set. All files are decoded once and kept below the folder. The score of a fold is a dictionary: accuracy over all rows
# and over those that lack none, one or two of the three.
read = {
    "photo": ImageLoader(size=size, memory=folder / "cells"),
    "clip": MelSpectrogram(**sound, memory=folder / "cells"),
    "caption": CharEncoder(max_length=120),
}
encoders = {
    "photo": ImageEncoder(widths=(16, 32, 64)),
    "clip": SpectrogramEncoder(widths=(16, 32, 64)),
    "caption": TextEncoder(n_filters=64),
}
training = {"max_epochs": options.epochs, "batch_size": 32, "lr": 3e-3, "random_state": 0}
load = ColumnTransformer([(name, reader, [name]) for name, reader in read.items()]).set_output(transform="pandas")
model = Pipeline([("load", load), ("fuse", MultiModalClassifier(list(encoders.items()), **training))])


def by_missing(model, X, y):
    """Score a fitted model on all rows of a fold, and by how much they lack."""
    right, n_missing = model.predict(X) == y, X.isna().sum(axis=1).to_numpy()
    return {"all": right.mean()} | {f"{n} missing": right[n_missing == n].mean() for n in (0, 1, 2)}


fusions = list(options.fusions)
if options.fusions == NAMES:
    fusions += [TensorFusion(dim=7), AttentionFusion(over="tokens"), LateFusion(weights="learned")]
grid = {"fuse__fusion": fusions}
search = GridSearchCV(model, grid, cv=folds, scoring=by_missing, refit=False, n_jobs=options.n_jobs).fit(X, y)
GROUPS = ["all", "0 missing", "1 missing", "2 missing"]
splits = range(search.n_splits_)
scores = {
    str(fusion): [[search.cv_results_[f"split{k}_test_{group}"][i] for group in GROUPS] for k in splits]
    for i, fusion in enumerate(fusions)
}

# %%
# Late and early fusion of anything
# ---------------------------------
# `LateFusionClassifier` takes one classifier a modality, whatever it is: the networks above, each trained alone, or
# classical models. Each is trained on the rows that have its modality, and asked about those only. Early fusion of
# classical features is one wide table, in which blanks have to be filled.
networks = {
    name: make_pipeline(read[name], MultiModalClassifier([(name, encoder)], auxiliary_loss=0.0, **training))
    for name, encoder in encoders.items()
}
numbers = {
    "photo": make_pipeline(read["photo"], TensorFlattener(("mean", "std", "min", "max"))),
    "clip": make_pipeline(read["clip"], TensorFlattener(("mean", "max"))),
    "caption": make_pipeline(FunctionTransformer(lambda X: X["caption"].fillna("")), TfidfVectorizer()),
}


def linear(numbers, C):
    """Put a linear model behind numbers; a blank is filled with the mean of its column and flagged."""
    scale = StandardScaler(with_mean=False)
    return make_pipeline(numbers, SimpleImputer(add_indicator=True), scale, LogisticRegression(C=C, max_iter=2000))


joined = ColumnTransformer([(name, part, [name]) for name, part in numbers.items()], sparse_threshold=0)
others = {
    "LateFusionClassifier, networks": LateFusionClassifier([(*pair, [pair[0]]) for pair in networks.items()]),
    "LateFusionClassifier, linear": LateFusionClassifier(
        [(name, linear(part, 0.1), [name]) for name, part in numbers.items()]
    ),
    "one table, linear": linear(joined, 0.01),
}
for name, other in others.items():
    result = cross_validate(other, X, y, cv=folds, scoring=by_missing, n_jobs=options.n_jobs)
    scores[name] = np.column_stack([result[f"test_{group}"] for group in GROUPS])

# %%
# Side by side
# ------------
# Means over the folds, and how far each is ahead of plain concatenation on the same folds, with the standard error of
# that difference, which is rough itself where folds are few. What is less than two (of three folds four) times its
# error is not told apart.
scores = {name: np.array(values) for name, values in scores.items()}
order = sorted(scores, key=lambda name: -scores[name][:, 0].mean())
plain = scores["concat" if "concat" in scores else order[0]]
title = f"Accuracy over {len(plain)} folds"
print(f"\n{title:<38}mean      sd  ", *(f"{group:>11}" for group in GROUPS[1:]), "     ahead")
for name in order:
    ahead = scores[name][:, 0] - plain[:, 0]
    print(
        f"{name:<38}{scores[name][:, 0].mean():.3f} +- {scores[name][:, 0].std():.3f}",
        *(f"{mean:>11.3f}" for mean in scores[name][:, 1:].mean(axis=0)),
        f"  {ahead.mean():+.3f} +- {ahead.std(ddof=1) / np.sqrt(len(ahead)):.3f}",
    )

# %%
# On the generated rows early fusion does worst, of networks as of linear models, and nothing is clearly ahead of
# concatenation. Colours tell where the modalities meet: in the input, in the network, or in the answers.
EARLY, LATE = ("early", "one table"), ("late", "LateFusion")
colours = ["tab:orange" if n.startswith(EARLY) else "tab:green" if n.startswith(LATE) else "tab:blue" for n in order]
means = np.array([scores[name].mean(axis=0) for name in order])
spread = [scores[name][:, 0].std() for name in order]
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 1.5 + 0.3 * len(order)), layout="constrained", sharey=True, width_ratios=[2, 1]
)
left.barh(order, means[:, 0], xerr=spread, color=colours)
left.invert_yaxis()
left.axvline(1 / len(np.unique(y)), color="grey", linestyle="--")
left.set(xlabel="accuracy, all rows (dashed: chance)", xlim=(0, 1.05))
for colour, title in (("tab:orange", "early"), ("tab:blue", "intermediate"), ("tab:green", "late")):
    left.barh(order[:1], 0, color=colour, label=title)
left.legend(loc="lower right")
right.imshow(means[:, 1:], cmap="Blues", vmin=0, vmax=1, aspect="auto")
right.set_xticks(range(3), GROUPS[1:])
for (i, j), mean in np.ndenumerate(means[:, 1:]):
    right.text(j, i, f"{mean:.2f}", ha="center", va="center", color="white" if mean > 0.6 else "black", fontsize=8)
figure.savefig(folder / "fusions.png", dpi=120)
plt.close(figure)
print(f"\nPicture: {folder / 'fusions.png'}")
