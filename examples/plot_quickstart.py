"""
=================================================
Photos, sounds, sentences and numbers in one model
=================================================

A table holds one event a row: the path of a photo, the path of a sound, a sentence and two numbers. Some cells are
empty. One pipeline learns from all of it, and is scored beside classical models and beside each modality alone.

Run it with ``python examples/plot_quickstart.py [folder] [--rows 400]``; pictures go to the folder.
"""

# %%
# Where pictures go, and how much there is to learn from.
import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # pictures go to files, so no window is needed

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_validate, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mmsk import (
    CharEncoder,
    ImageEncoder,
    ImageLoader,
    MelSpectrogram,
    MultiModalClassifier,
    SpectrogramEncoder,
    TensorFlattener,
)
from mmsk.datasets import make_trimodal

parser = argparse.ArgumentParser(description="One model over photos, sounds, sentences and numbers.")
parser.add_argument("folder", nargs="?", default="demo", help="where pictures and generated files go")
parser.add_argument("--rows", type=int, default=400, help="rows to generate")
parser.add_argument("--epochs", type=int, default=20, help="passes over the rows")
parser.add_argument("--n-jobs", type=int, default=2, help="folds that are trained at the same time")
options = parser.parse_args()
if options.rows < 72:
    parser.error("argument --rows: with fewer than 72, folds would lack classes, or rows that lack as many cells")
folder = Path(options.folder)
folder.mkdir(parents=True, exist_ok=True)

# %%
# A table of files
# ----------------
# The rows are generated, so nothing is downloaded, but what they hold are real JPEG and WAV files. Pairs of the six
# classes share the shape and colour of their photos, others the pitch of their sounds, others the place their sentence
# names: no modality is enough. 30 % of all cells are blank.
X, y = make_trimodal(options.rows, 6, folder / "files", missing=0.3, random_state=0)
y = np.array(["bell", "clock", "drum", "horn", "lamp", "vase"])[y]
shown = X.head().assign(
    **{name: X[name].head().map(lambda path: path and Path(path).name) for name in ("photo", "clip")}
)
print(shown.to_string(index=False, max_colwidth=36), end="\n\n")

# %%
# The model
# ---------
# Each step of the `ColumnTransformer` is one modality. Loaders turn paths and sentences into cells of pixels,
# spectrograms and character codes; a blank stays a blank. The classifier trains one encoder a modality, all together.
# The photos and sounds here are small and simple, so their networks can be, too; sentences and numbers get the default.
SOUND = {"sampling_rate": 16_000, "duration": 1.0}
modalities = {
    "image": (ImageLoader(size=(32, 32)), ["photo"]),
    "sound": (MelSpectrogram(**SOUND, n_mels=32), ["clip"]),
    "text": (CharEncoder(max_length=80), ["caption"]),
    "table": (StandardScaler(), ["length", "weight"]),
}
encoders = {
    "image": ImageEncoder(widths=(16, 32, 64)),
    "sound": SpectrogramEncoder(widths=(16, 32, 64)),
}


def fused(*names):
    """Build the pipeline for some of the modalities."""
    load = ColumnTransformer([(name, *modalities[name]) for name in names]).set_output(transform="pandas")
    classifier = MultiModalClassifier(
        encoders=[(name, encoders[name]) for name in names if name in encoders],
        lr=3e-3,
        max_epochs=options.epochs,
        random_state=0,
    )
    return Pipeline([("load", load), ("fuse", classifier)])


X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
model = fused(*modalities).fit(X_train, y_train)
print(f"Accuracy on {len(X_test)} rows held out: {model.score(X_test, y_test):.3f}")
first = model.predict_proba(X_test[:1])[0].round(3).tolist()
print("The first of them:", dict(zip(model.classes_.tolist(), first, strict=True)))

# %%
# The loss falls for the network as a whole. Nothing was held out here; ``validation_fraction=0.1`` would add a second
# curve, and ``early_stopping=True`` would heed it.
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
history = model["fuse"].history_
ax.plot(history[:, "epoch"], history[:, "train_loss"])
ax.set(xlabel="epoch", ylabel="training loss", title="Loss of the fused network", ylim=(0, None))
ax.xaxis.set_major_locator(MaxNLocator(integer=True))
figure.savefig(folder / "loss_curve.png", dpi=120)
plt.close(figure)

# %%
# Beside classical models
# -----------------------
# The same rows as plain numbers, made by someone who knows what to look for: statistics of the colours, means and
# maxima of the frequency bands, counts of words, and the two numbers.
classic = {
    "image": (make_pipeline(ImageLoader(size=(32, 32)), TensorFlattener(("mean", "std", "min", "max"))), ["photo"]),
    "sound": (make_pipeline(MelSpectrogram(**SOUND, n_mels=32), TensorFlattener(("mean", "max"))), ["clip"]),
    "text": (make_pipeline(FunctionTransformer(lambda X: X["caption"].fillna("")), TfidfVectorizer()), ["caption"]),
    "table": ("passthrough", ["length", "weight"]),
}


def classical(classifier, *names):
    """Build a pipeline of plain numbers; a blank is filled with the mean of its column and flagged."""
    numbers = ColumnTransformer([(name, *classic[name]) for name in names], sparse_threshold=0)
    return make_pipeline(numbers, SimpleImputer(add_indicator=True), StandardScaler(), classifier)


def late_fusion(train, test):
    """Score one logistic regression a modality, each trained on the rows that have it, probabilities multiplied."""
    log_proba = np.zeros((len(test), len(np.unique(y))))
    for name, (_, columns) in classic.items():
        there = X[columns].notna().any(axis=1).to_numpy()
        learn, answer = train[there[train]], test[there[test]]
        one = classical(LogisticRegression(C=0.1, max_iter=2000), name).fit(X.iloc[learn], y[learn])
        log_proba[there[test]] += one.predict_log_proba(X.iloc[answer])
    return accuracy_score(y[test], one.classes_[log_proba.argmax(axis=1)])


# %%
# Everything is scored on the same folds: the mean over the folds, and their standard deviation. A modality alone is
# trained and scored on the rows that have it.
folds = StratifiedKFold(4, shuffle=True, random_state=0)


def report(name, accuracy, n_rows):
    """Print mean and spread of the accuracy over the folds."""
    print(f"{name:<36}{np.mean(accuracy):.3f} +- {np.std(accuracy):.3f}  {n_rows:>5} rows")


def score(name, model, there=slice(None)):
    """Cross-validate; give the fitted models and their test rows."""
    result = cross_validate(
        model, X[there], y[there], cv=folds, n_jobs=options.n_jobs, return_estimator=True, return_indices=True
    )
    report(name, result["test_score"], len(y[there]))
    return zip(result["estimator"], result["indices"]["test"], strict=True)


print(f"\n{'Accuracy over 4 folds':<36}mean      sd")
fitted = score("all modalities, fused", fused(*modalities))
for name, (_, columns) in modalities.items():
    score(f"{name} alone, same network", fused(name), X[columns].notna().any(axis=1).to_numpy())
report("classical, one model a modality", [late_fusion(train, test) for train, test in folds.split(X, y)], len(X))
score("classical, logistic regression", classical(LogisticRegression(C=0.01, max_iter=2000), *classic))
score("classical, random forest", classical(RandomForestClassifier(500, random_state=0), *classic))

# %%
# All modalities together are worth twice one of them. One classical model a modality does as well as the network here,
# with features made for these very files; side by side in one table, the same features lose to the blanks. The network
# needed no such features.

# %%
# What blanks cost
# ----------------
# Every row was predicted once, by the model of the fold that did not see it. Any two of photo, sound and sentence tell
# all classes apart; a row with a single one left is told from its neighbour class by the two numbers at best.
predicted = np.empty_like(y)
for model, rows in fitted:
    predicted[rows] = model.predict(X.iloc[rows])
n_missing = X[["photo", "clip", "caption"]].isna().sum(axis=1).to_numpy()
counts_missing = np.unique(n_missing)
accuracies = [accuracy_score(y[n_missing == n], predicted[n_missing == n]) for n in counts_missing]
print("\nFused, by missing modalities among photo, sound and sentence")
for n, accuracy in zip(counts_missing, accuracies, strict=True):
    print(f"{n} missing {accuracy:>25.3f}            {np.sum(n_missing == n):>4} rows")

figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
bars = ax.bar([str(n) for n in counts_missing], accuracies, color="tab:blue")
ax.bar_label(bars, [f"{accuracy:.2f}" for accuracy in accuracies])
ax.axhline(1 / 6, color="grey", linestyle="--", label="chance")
ax.set(xlabel="missing among photo, sound and sentence", ylabel="accuracy", ylim=(0, 1.05), title="What blanks cost")
ax.legend()
figure.savefig(folder / "accuracy_by_missing.png", dpi=120)
plt.close(figure)

# %%
# Mistakes are between classes that share what the row still holds.
display = ConfusionMatrixDisplay.from_predictions(y, predicted, cmap="Blues", colorbar=False)
display.ax_.set_title("All rows, each predicted by a model that did not see it")
display.figure_.savefig(folder / "confusion_matrix.png", dpi=120, bbox_inches="tight")
plt.close(display.figure_)

# %%
# Some rows as the network gets them: one that has everything, and one that lacks each of the three.
missing = X[["photo", "clip", "caption"]].isna().to_numpy()
examples = [int(np.argmax(found)) for found in (~missing.any(axis=1), *missing.T)]
cells = fused(*modalities)[:-1].fit_transform(X).iloc[examples]
figure, axes = plt.subplots(len(examples), 2, figsize=(7, 8), layout="constrained", width_ratios=[1, 2])
for i, (left, right) in enumerate(axes):
    photo, clip = cells["image__photo"].iloc[i], cells["sound__clip"].iloc[i]
    left.set_title(y[examples[i]])
    right.set_title(X["caption"].iloc[examples[i]] or "(no sentence)", fontsize=9)
    if photo is not None:
        left.imshow(photo.transpose(1, 2, 0))
    if clip is not None:
        right.imshow(clip, origin="lower", aspect="auto")
    for ax, cell, name in ((left, photo, "photo"), (right, clip, "sound")):
        ax.set(xticks=[], yticks=[])
        if cell is None:
            ax.text(0.5, 0.5, f"no {name}", ha="center", va="center", transform=ax.transAxes)
figure.savefig(folder / "rows.png", dpi=120)
plt.close(figure)
pictures = ("accuracy_by_missing.png", "confusion_matrix.png", "loss_curve.png", "rows.png")
print(f"\nPictures: {', '.join(str(folder / name) for name in pictures)}")
