"""
=================================================
Photos, sounds and sentences, up to two missing
=================================================

A known notebook tells classes apart by a photo, a sound and a sentence, of which none, one or two are missing. This
is its recipe: a four-branch network for sounds, a character network for sentences, augmentation, training that stops
early and lowers its learning rate, a report by class and a confusion matrix.

Run it with ``python examples/plot_missing_modalities.py [folder] [--rows 240] [--data DIR]``; pictures go there.
"""

# %%
# Where pictures go, and what there is to learn from.
import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # pictures go to files, so no window is needed

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, classification_report
from sklearn.model_selection import PredefinedSplit, StratifiedKFold, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from mmsk import (
    CharEncoder,
    ImageAugmentation,
    ImageEncoder,
    ImageLoader,
    LateFusionClassifier,
    MelSpectrogram,
    MultiModalClassifier,
    SpectrogramAugmentation,
    SpectrogramEncoder,
    TensorFlattener,
    TextEncoder,
)
from mmsk.datasets import make_trimodal, pair_by_class

parser = argparse.ArgumentParser(description="Photos, sounds and sentences, up to two of them missing.")
parser.add_argument("folder", nargs="?", default="demo", help="where pictures and generated files go")
parser.add_argument("--data", help="the folder that holds trimodal/, to use real photos, sounds and sentences")
parser.add_argument("--rows", type=int, default=240, help="rows to generate, or to pair from real files")
parser.add_argument("--epochs", type=int, default=30, help="passes over the rows at most")
parser.add_argument("--backbone", default="small", help="network for photos, such as resnet18 or xception")
parser.add_argument("--weights", help="DEFAULT or a file of weights that the backbone starts from")
parser.add_argument("--n-jobs", type=int, default=2, help="folds that are trained at the same time")
options = parser.parse_args()
if options.rows < 84:
    parser.error("argument --rows: with fewer than 84, folds and rows held out would lack classes")
folder = Path(options.folder)
folder.mkdir(parents=True, exist_ok=True)

# %%
# Rows with something missing
# ---------------------------
# Real items are paired at random within a class and a fold, as many rows with nothing missing as with one and with two
# modalities missing; no photo, sound or sentence is in two folds. Generated rows have 30 % of their cells blank, and no
# modality that is enough.
COLUMNS = ["photo", "clip", "caption"]


def paired(fold, items):
    """Pair the real photos, sounds and sentences of one fold."""
    tables = {column: (part["cell"], part["category"]) for column, part in items.groupby("column")}
    n_each = max(1, options.rows // (4 * 3 * items["category"].nunique()))
    X, y = pair_by_class(tables, n_each, n_missing=(0, 1, 2), random_state=int(fold))
    return X.assign(target=y, fold=fold)


if options.data:
    # Coarse spectrograms: the four-branch network takes time in proportion to their size.
    size, sound = (64, 64), {"sampling_rate": 16_000, "duration": 5.0, "n_mels": 40, "hop_length": 1024}
    source = Path(options.data).absolute() / "trimodal"
    items = pd.read_csv(source / "trimodal.csv")
    items["column"] = items["modality"].map({"image": "photo", "audio": "clip", "text": "caption"})
    items["cell"] = (f"{source}/" + items["path"]).fillna(items["text_masked"])
    rows = pd.concat([paired(*part) for part in items.groupby("fold")], ignore_index=True)
    X, y, folds = rows[COLUMNS], rows["target"].to_numpy(), PredefinedSplit(rows["fold"])
else:
    size, sound = (32, 32), {"sampling_rate": 16_000, "duration": 1.0, "n_mels": 32}
    X, y = make_trimodal(options.rows, 6, folder / "files", missing=0.3, random_state=0)
    y = np.array(["bell", "clock", "drum", "horn", "lamp", "vase"])[y]
    X, folds = X[COLUMNS], StratifiedKFold(3, shuffle=True, random_state=0)
n_missing = X.isna().sum(axis=1).to_numpy()

# %%
# The model
# ---------
# A tenth of the training rows is held out of the training of a fold: when their loss has not fallen for four epochs the
# learning rate is halved, after eight training ends, and the weights of the best epoch are taken. (Real items are drawn
# more than once, so that those rows share items with others; the rows of testing share none.)
read = {
    "photo": ImageLoader(size=size, memory=folder / "cells"),
    "clip": MelSpectrogram(**sound, memory=folder / "cells"),
    "caption": CharEncoder(max_length=120),
}
encoders = {
    "photo": ImageEncoder(options.backbone, weights=options.weights),
    "clip": SpectrogramEncoder("four_branch"),
    "caption": TextEncoder(network="selu"),
}
augment = {
    "photo": ImageAugmentation(rotation=15, shift=0.1, zoom=0.2, crop=0.3),
    "clip": SpectrogramAugmentation(shift=1.0, gain=3),
}
fuse = MultiModalClassifier(
    list(encoders.items()),
    augment=list(augment.items()),
    lr=1e-3,
    batch_size=32,
    max_epochs=options.epochs,
    validation_fraction=0.1,
    n_iter_no_change=8,
    callbacks=["early_stopping", "reduce_lr"],
    random_state=0,
)
load = ColumnTransformer([(name, reader, [name]) for name, reader in read.items()]).set_output(transform="pandas")
fused = Pipeline([("load", load), ("fuse", fuse)])

# %%
# Beside it, classical: a linear model a modality on statistics that someone chose, trained on the rows that have it,
# probabilities combined.
features = {
    "photo": [read["photo"], TensorFlattener(("mean", "std", "min", "max")), StandardScaler()],
    "clip": [read["clip"], TensorFlattener(("mean", "max")), StandardScaler()],
    "caption": [TfidfVectorizer()],
}
columns = {"photo": ["photo"], "clip": ["clip"], "caption": "caption"}
linear = LogisticRegression(C=0.1, max_iter=2000)
classical = LateFusionClassifier(
    [(key, make_pipeline(*steps, linear), columns[key]) for key, steps in features.items()]
)

# %%
# Scores
# ------
# Every row is predicted once, by the model of the fold that did not see it.
predicted, models = {}, {}
print(f"{len(X)} rows, accuracy    mean      sd     0 missing   1 missing   2 missing")
for name, model in {"fused network": fused, "classical": classical}.items():
    result = cross_validate(model, X, y, cv=folds, n_jobs=options.n_jobs, return_estimator=True, return_indices=True)
    predicted[name], models[name] = np.empty_like(y), result["estimator"]
    for model, rows in zip(models[name], result["indices"]["test"], strict=True):
        predicted[name][rows] = model.predict(X.iloc[rows])
    parts = [accuracy_score(y[n_missing == n], predicted[name][n_missing == n]) for n in (0, 1, 2)]
    scores = result["test_score"]
    print(f"{name:<23}{scores.mean():.3f} +- {scores.std():.3f}", *(f"{part:>11.3f}" for part in parts))
print(f"{'chance':<23}{1 / len(np.unique(y)):.3f}")
print("\nThe fused network by class:")
print(classification_report(y, predicted["fused network"], digits=3, zero_division=0))
display = ConfusionMatrixDisplay.from_predictions(
    y, predicted["fused network"], cmap="Blues", xticks_rotation="vertical"
)
display.figure_.savefig(folder / "missing_confusion.png", dpi=120, bbox_inches="tight")
plt.close(display.figure_)

# %%
# Training of the first fold: where the loss of the rows held out no longer falls the rate goes down.
history = models["fused network"][0]["fuse"].history_
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for key, label in (("train_loss", "training rows"), ("valid_loss", "rows held out")):
    ax.plot(history[:, "epoch"], history[:, key], label=label)
ax.set(xlabel="epoch", ylabel="loss", title="Training of the first fold", ylim=(0, None))
ax.legend()
figure.savefig(folder / "missing_loss.png", dpi=120)
plt.close(figure)
epochs = [len(model["fuse"].history_) for model in models["fused network"]]
print("Epochs trained in each fold:", *epochs)
print(f"\nPictures: {folder / 'missing_confusion.png'}, {folder / 'missing_loss.png'}")
