"""
=============================================
One ill in eleven: over-sampling without leak
=============================================

Coughs, ages, genders and symptoms of people of whom few are ill. SMOTE makes rows of the rare class, before a random
forest and before a fused network. Inside a pipeline it sees the training rows of a fold only. Many a notebook
over-samples before it splits instead; how much that flatters is shown, too.

Run it with ``python examples/plot_imbalance.py [folder] [--data DIR]``; the picture goes to the folder.
"""

# %%
# Where the picture goes, and how many rows there are.
import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # pictures go to files, so no window is needed

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import soundfile
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import PredefinedSplit, StratifiedKFold, cross_validate
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mmsk import MFCC, MultiModalClassifier
from mmsk.sampling import RowSampler, TensorSampler

parser = argparse.ArgumentParser(description="Over-sampling inside and before the folds.")
parser.add_argument("folder", nargs="?", default="demo", help="where the picture and generated files go")
parser.add_argument("--data", help="a folder that holds esc10/: sneezes are told from all other sounds instead")
parser.add_argument("--rows", type=int, default=440, help="rows to generate, or to draw from the real ones")
parser.add_argument("--epochs", type=int, default=30, help="passes of the network over the rows")
parser.add_argument("--n-jobs", type=int, default=2, help="folds that are trained at the same time")
options = parser.parse_args()
folder = Path(options.folder)
folder.mkdir(parents=True, exist_ok=True)
SAMPLING_RATE = 8000
rng = np.random.default_rng(0)

# %%
# Coughs and a table
# ------------------
# An ill person's cough wheezes more, on average, and each symptom is likelier. The sounds may be real; the table is
# always generated.


def cough(ill):
    """Make a second of sound: a burst of noise, and a wheeze within it."""
    time = np.arange(SAMPLING_RATE) / SAMPLING_RATE
    since = time - rng.uniform(0, 0.3)
    wheeze = rng.uniform(0, 1.0 if ill else 0.6) * np.sin(2 * np.pi * rng.uniform(300, 600) * time)
    sound = (rng.normal(size=len(time)) + wheeze) * np.exp(-since * rng.uniform(5, 12)) * (since > 0)
    sound = sound + rng.normal(scale=rng.uniform(0.01, 0.1), size=len(time))
    return sound * rng.uniform(0.2, 0.9) / np.abs(sound).max()


if options.data:
    clips = pd.read_csv(Path(options.data) / "esc10" / "esc10.csv")
    clips = clips.sample(min(options.rows, len(clips)), random_state=0)
    y = (clips["target"] == "sneezing").to_numpy().astype(int)
    paths = [str(Path(options.data) / "esc10" / name) for name in clips["audio"]]
    folds = PredefinedSplit(clips["fold"])  # all takes of one recording are in one fold
else:
    y = (np.arange(options.rows) % 11 == 0).astype(int)
    (folder / "coughs").mkdir(exist_ok=True)
    paths = [str(folder / "coughs" / f"{i}.wav") for i in range(len(y))]
    for path, ill in zip(paths, y, strict=True):
        soundfile.write(path, cough(ill), SAMPLING_RATE)
    folds = StratifiedKFold(4, shuffle=True, random_state=0)
X = pd.DataFrame(
    {
        "clip": paths,
        "age": rng.normal(45 + 6 * y, 15).clip(5, 95).round(),
        "gender": rng.choice(["f", "m"], len(y)),
        "fever": (rng.uniform(size=len(y)) < 0.15 + 0.3 * y).astype(int),
        "short_of_breath": (rng.uniform(size=len(y)) < 0.1 + 0.3 * y).astype(int),
    }
)
print(f"{len(X)} rows, {y.sum()} of them ill")
print(X.head(3).assign(clip=X["clip"].map(lambda path: Path(path).name)).to_string(index=False))

# %%
# Inside the folds
# ----------------
# The sampler is a step of imbalanced-learn's `Pipeline`, which calls it in fit and passes it over in predict. It works
# on numbers and on cells of arrays alike, here on the means of MFCC and on the table. Whole numbers stay whole: nobody
# has half a fever. The steps are parameters, so that a search may choose:
# ``{"sampler": ["passthrough", RowSampler(), TensorSampler(SMOTE())]}``.
table = make_column_transformer(
    (StandardScaler(), ["age"]),
    (OneHotEncoder(drop="if_binary", sparse_output=False, dtype=int), ["gender"]),
    ("passthrough", ["fever", "short_of_breath"]),
    verbose_feature_names_out=False,
)
mfcc = MFCC(20, SAMPLING_RATE, n_fft=512, hop_length=256, pool="mean", memory=folder / "cache")
load = ColumnTransformer(
    [("sound", mfcc, ["clip"]), ("table", table, ["age", "gender", "fever", "short_of_breath"])]
).set_output(transform="pandas")
samplers = {
    "as they are": "passthrough",
    "repeated": RowSampler(random_state=0),
    "SMOTE": TensorSampler(SMOTE(random_state=0)),
}
classifiers = {
    "random forest": RandomForestClassifier(300, random_state=0),
    "fused network": MultiModalClassifier(max_epochs=options.epochs, random_state=0),
}
SCORERS = {"roc_auc": "ROC AUC", "average_precision": "average precision", "recall": "recall of the ill"}


def show(title, model, X, y, cv):
    """Print scores over the folds; give those of the area under the curve."""
    result = cross_validate(model, X, y, cv=cv, scoring=list(SCORERS), n_jobs=options.n_jobs)
    by_scorer = [result[f"test_{scorer}"] for scorer in SCORERS]
    print(f"{title:<30}" + "".join(f"{score.mean():.3f} +- {score.std():<10.3f}" for score in by_scorer))
    return by_scorer[0]


areas = {}
print(f"\n{'Sampled inside the folds':<30}" + "".join(f"{name:<19}" for name in SCORERS.values()))
for name, classifier in classifiers.items():
    for sampling, sampler in samplers.items():
        model = Pipeline([("load", load), ("sampler", sampler), ("classify", classifier)])
        areas[name, sampling, "inside"] = show(f"{name}, {sampling}", model, X, y, folds)

# %%
# Before the split
# ----------------
# The same rows, samplers and classifiers the other way round. Copies of a row, or rows between two rows, now lie on
# both sides of the split, and what is scored is half made up. Folds are shuffled, as what is made up is of no
# recording; for unsampled rows of the real set that alone does not change the areas. Only the areas may be compared
# with those above, as they do not depend on how many rows are ill; the other scores rise from that alone.
print("\nSampled before the split")
cells = load.fit_transform(X)
for name, classifier in classifiers.items():
    for sampling, sampler in list(samplers.items())[1:]:
        cells_more, y_more = sampler.fit_resample(cells, y)
        shuffled = StratifiedKFold(folds.get_n_splits(), shuffle=True, random_state=0)
        areas[name, sampling, "before"] = show(f"{name}, {sampling}", classifier, cells_more, y_more, shuffled)

print("\nROC AUC that over-sampling before the split adds to the score, and to nothing else")
for name in classifiers:
    for sampling in list(samplers)[1:]:
        flattery = areas[name, sampling, "before"].mean() - areas[name, sampling, "inside"].mean()
        print(f"{name}, {sampling:<12}{flattery:+.3f}")

# %%
# The dashed line is chance.
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
colours = {"inside": "tab:blue", "before": "tab:red"}
for place, (key, area) in enumerate(sorted(areas.items())):
    ax.barh(place, area.mean(), xerr=area.std(), color=colours[key[2]])
ax.set_yticks(range(len(areas)), [f"{name}, {sampling}, {where} the folds" for name, sampling, where in sorted(areas)])
ax.axvline(0.5, color="black", linestyle="--")
ax.set(xlabel="ROC AUC", xlim=(0, 1), title="Blue is true of new people, red is not")
figure.savefig(folder / "imbalance.png", dpi=120)
plt.close(figure)
print(f"Picture: {folder / 'imbalance.png'}")
