"""
=======================================
Folds, a grid search, a learning curve
=======================================

A pipeline that starts at files and ends at `MultiModalClassifier` is an estimator like any other. Here it is
cross-validated, its fusion and its encoders are searched, and more rows are seen to help.

Run it with ``python examples/plot_cross_validation.py [folder] [--rows 240]``; the picture goes to the folder.
"""

# %%
# A table of photos, sounds, sentences and numbers
# ------------------------------------------------
# The files are generated. No modality tells the four classes apart, and 30 % of all cells are blank.
import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # pictures go to files, so no window is needed

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import (
    GridSearchCV,
    LearningCurveDisplay,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from mmsk import CharEncoder, ImageEncoder, ImageLoader, MelSpectrogram, MultiModalClassifier, SpectrogramEncoder
from mmsk.datasets import make_trimodal

parser = argparse.ArgumentParser(description="Folds, a grid search, a learning curve.")
parser.add_argument("folder", nargs="?", default="demo", help="where the picture and generated files go")
parser.add_argument("--rows", type=int, default=240, help="rows to generate")
parser.add_argument("--epochs", type=int, default=15, help="passes over the rows")
parser.add_argument("--n-jobs", type=int, default=2, help="fits that run at the same time")
options = parser.parse_args()
if options.rows < 48:
    parser.error("argument --rows: with fewer than 48, folds would lack classes")
folder = Path(options.folder)
X, y = make_trimodal(options.rows, 4, folder / "files", missing=0.3, random_state=1)

# %%
# Folds
# -----
# Loading is part of the pipeline, so what a loader learns, such as the characters that occur, is learned from the
# training rows of a fold only. Several fits run at the same time, each with one thread; this changes no result.
load = ColumnTransformer(
    [
        ("image", ImageLoader(size=(32, 32)), ["photo"]),
        ("sound", MelSpectrogram(sampling_rate=16_000, duration=1.0, n_mels=32), ["clip"]),
        ("text", CharEncoder(max_length=80), ["caption"]),
        ("table", StandardScaler(), ["length", "weight"]),
    ]
).set_output(transform="pandas")
fuse = MultiModalClassifier(
    encoders=[
        ("image", ImageEncoder(widths=(16, 32, 64))),
        ("sound", SpectrogramEncoder(widths=(16, 32, 64))),
    ],
    lr=3e-3,
    max_epochs=options.epochs,
    random_state=0,
)
model = Pipeline([("load", load), ("fuse", fuse)])
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
folds = StratifiedKFold(3, shuffle=True, random_state=0)
scores = cross_val_score(model, X_train, y_train, cv=folds, n_jobs=options.n_jobs)
print(f"As it comes: {scores.mean():.3f} +- {scores.std():.3f} over {len(scores)} folds of {len(X_train)} rows")

# %%
# Parameters at every depth
# -------------------------
# The names follow the path into the pipeline: the classifier's own ``fusion``, and ``dropout`` of the encoder of
# one modality.
grid = {
    "fuse__fusion": ["concat", "mean"],
    "fuse__image__dropout": [0.0, 0.3],
}
search = GridSearchCV(model, grid, cv=folds, n_jobs=options.n_jobs).fit(X_train, y_train)
results = pd.DataFrame(search.cv_results_).sort_values("rank_test_score")
columns = {f"param_{name}": name.removeprefix("fuse__") for name in grid}
columns |= {"mean_test_score": "mean", "std_test_score": "sd"}
print("\nAll settings, the best first:")
print(results[list(columns)].rename(columns=columns).round(3).to_string(index=False))

# %%
# Settings that differ by less than the spread over the folds are not told apart by so few rows. The rows that took no
# part in the search say what the best one is worth.
print(f"\nThe best on {len(X_test)} rows held out: {search.score(X_test, y_test):.3f}")

# %%
# More rows
# ---------
# A score that still rises at the right edge says that more rows would help more than other parameters.
display = LearningCurveDisplay.from_estimator(
    search.best_estimator_,
    X_train,
    y_train,
    train_sizes=[0.25, 0.5, 1.0],
    cv=folds,
    shuffle=True,
    random_state=0,
    n_jobs=options.n_jobs,
    score_name="accuracy",
)
display.ax_.set(title="Learning curve", ylim=(0, 1.05))
display.figure_.savefig(folder / "learning_curve.png", dpi=120, bbox_inches="tight")
plt.close(display.figure_)
means = display.test_scores.mean(axis=1)
print("\nAccuracy by rows of training:", dict(zip(display.train_sizes.tolist(), means.round(3).tolist(), strict=True)))
print(f"Picture: {folder / 'learning_curve.png'}")
