"""
========================================
Few photos, and of some classes very few
========================================

A network is trained on some hundred photos, and of every second class it sees half a dozen. Classes are balanced,
photos are turned, cropped and partly erased, and a network is carried over from another task. All are scored beside a
classical model on the same rows, and the photos that were taken for something else are shown.

Run it with ``python examples/plot_few_photos.py [folder] [--data DIR]``; pictures go to the folder. Those who have the
weights may take a large network: ``--backbone vgg16 --weights DEFAULT``, or a path in place of DEFAULT.
"""

# %%
# Where pictures go, and how much there is to learn from.
import argparse
from itertools import product
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # pictures go to files, so no window is needed

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from imblearn.pipeline import make_pipeline
from PIL import Image, ImageDraw
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, recall_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mmsk import ImageAugmentation, ImageEncoder, ImageLoader, MultiModalClassifier, RowSampler

parser = argparse.ArgumentParser(description="Balancing, augmentation and transfer for few photos.")
parser.add_argument("folder", nargs="?", default="demo", help="where pictures and generated files go")
parser.add_argument("--data", help="a folder that holds trimodal/, to use its real photos instead")
parser.add_argument("--rows", type=int, default=336, help="photos to generate, or real ones at most")
parser.add_argument("--size", type=int, default=64, help="height and width in pixels, a multiple of 8")
parser.add_argument("--epochs", type=int, default=30, help="passes over the photos")
parser.add_argument("--backbone", default="small", help="the network that is carried over, such as vgg16")
parser.add_argument("--weights", help="DEFAULT or a file; otherwise it is first trained on drawn shapes")
parser.add_argument("--n-jobs", type=int, default=2, help="folds that are trained at the same time")
options = parser.parse_args()
if options.rows < 72:
    parser.error("argument --rows: with fewer than 72, folds would lack classes")
if options.size < 16 or options.size % 8:
    parser.error("argument --size: has to be a multiple of 8, and 16 at least")
folder = Path(options.folder)
folder.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(0)

# %%
# Photos
# ------
# The generated ones show polygons and stars, more or less upright, of many colours, sizes and places, before something
# blurred.
SHAPES = list(product((3, 4, 5, 6, 8), ("polygon", "star"), ("full", "outline")))
OWN = [(corners, form, fill) for corners, form, fill in SHAPES if corners in (3, 4, 6) and fill == "full"]


def draw(corners, form, fill, side=96):
    """Draw a shape."""
    photo = Image.fromarray(rng.integers(0, 160, (4, 4, 3), dtype=np.uint8)).resize((side, side))
    angles = np.arange(2 * corners) * np.pi / corners - np.pi / 2 + rng.uniform(-0.2, 0.2)
    inner = 0.4 if form == "star" else np.cos(np.pi / corners)
    radii = rng.uniform(0.25, 0.5) * side * np.where(np.arange(2 * corners) % 2, inner, 1)
    x, y = rng.uniform(0.35, 0.65, 2) * side
    edge = [
        (x + radius * np.cos(angle), y + radius * np.sin(angle)) for radius, angle in zip(radii, angles, strict=True)
    ]
    color = tuple(rng.integers(96, 256, 3).tolist())
    ImageDraw.Draw(photo).polygon(edge, fill=color if fill == "full" else None, outline=color, width=3)
    return photo


if options.data:
    table = pd.read_csv(Path(options.data) / "trimodal" / "trimodal.csv")
    table = table[table["modality"] == "image"]
    table = table.assign(photo=f"{options.data}/trimodal/" + table["path"], target=table["category"])
else:
    (folder / "photos").mkdir(exist_ok=True)
    table = pd.DataFrame(OWN * (options.rows // len(OWN)), columns=["corners", "form", "fill"])
    table["photo"] = [f"{folder}/photos/{i}.jpg" for i in table.index]
    for *shape, photo in table.itertuples(index=False):
        draw(*shape).save(photo)
    table["target"] = table["form"] + " of " + table["corners"].astype(str)
    table["fold"] = table.groupby("target").cumcount() % 4
table = table.groupby(["target", "fold"]).head(options.rows // (4 * table["target"].nunique()))
y = table["target"].to_numpy()
load = ImageLoader(size=(options.size, options.size))
photos = load.fit_transform(table[["photo"]])  # a photo is read alike in every fold, so all are read once

# %%
# Of every second class the training sees two photos a fold; the test sees all, so that scores say something about
# these classes, too.
rare = np.unique(y)[::2]
is_seen = ~np.isin(y, rare) | (table.groupby(["target", "fold"]).cumcount() < 2).to_numpy()
folds = [(train[is_seen[train]], test) for train, test in PredefinedSplit(table["fold"]).split()]
print(f"{len(y)} photos of {len(np.unique(y))} classes in {len(folds)} folds; those of {', '.join(rare)} are rare:")
print("the first fold learns from", pd.Series(y[folds[0][0]]).value_counts().sort_index().to_dict())

# %%
# A network from another task
# ---------------------------
# Unless there are weights to start from, a network first learns to tell other drawn shapes apart.
weights = options.weights
if weights is None:
    others = [shape for shape in SHAPES if shape not in OWN] * 60
    cells = load.fit_transform([draw(*shape) for shape in others])
    encoder = ImageEncoder(options.backbone, output_dim=None, lr=1e-3, batch_size=32, max_epochs=15, random_state=0)
    weights = folder / "shapes.safetensors"
    encoder.fit(cells, ["-".join(map(str, shape)) for shape in others]).save_weights(weights)

# %%
# What is compared
# ----------------
# `RowSampler` repeats the rows of rare classes. It is a step of imbalanced-learn's `Pipeline`, so that the network and
# the classical model learn from the same rows, and test rows are never touched. (A network alone could do with
# ``MultiModalClassifier(sampler="balanced")``.) Repeated photos are no news by themselves; augmentation makes each copy
# a different one. Random erasing covers a part, so that no single part is relied on.
erasing = ImageAugmentation(rotation=15, zoom=0.2, crop=0.3, erasing=0.5)


def network(encoder, augmentation=None):
    """Put a hidden layer and an answer behind an encoder."""
    augment = [("photo", augmentation)] if augmentation else None
    return MultiModalClassifier(
        [("photo", encoder)], augment=augment, lr=1e-3, batch_size=32, max_epochs=options.epochs, random_state=0
    )


def edge_directions(cells):
    """Count, in each of 8 x 8 parts of a photo, how strong edges of 9 directions are."""
    grey = np.stack(cells[:, 0]).mean(axis=1)
    down, across = np.gradient(grey, axis=(1, 2))
    direction = (np.arctan2(down, across) % np.pi / np.pi * 9).astype(int) % 9
    votes = np.hypot(down, across)[..., None] * (direction[..., None] == np.arange(9))
    parts = votes.reshape(len(cells), 8, options.size // 8, 8, options.size // 8, 9).sum(axis=(2, 4))
    return np.sqrt(parts / (parts.sum(axis=3, keepdims=True) + 1e-6)).reshape(len(cells), -1)


def balanced(*steps):
    """Let what follows learn from balanced classes."""
    return make_pipeline(RowSampler(random_state=0), *steps)


scratch = ImageEncoder(output_dim=None)
frozen = ImageEncoder(options.backbone, weights=weights, trainable="head", output_dim=None)
tuned = ImageEncoder(options.backbone, weights=weights, lr_scale=0.3, output_dim=None)
linear = LogisticRegression(C=0.01, max_iter=2000)
models = {
    "linear on edges, balanced": balanced(FunctionTransformer(edge_directions), StandardScaler(), linear),
    "from scratch": network(scratch),
    "balanced": balanced(network(scratch)),
    "balanced, augmented": balanced(network(scratch, erasing)),
    "transfer, frozen": balanced(network(frozen)),  # without augmentation, so that it is computed once a photo
    "transfer, fine-tuned": balanced(network(tuned, erasing)),
}

# %%
# Scores
# ------
# Every photo is answered by a model that did not see it. Recall is the share of a class that is found; "macro" is its
# mean over all classes, "of the rare" that over those the training saw little of.
predicted, results = {}, []
print(f"\n{'':<28}{'accuracy':<19}{'macro recall':<19}of the rare")
for name, model in models.items():
    predicted[name] = cross_val_predict(model, photos, y, cv=folds, n_jobs=options.n_jobs)
    by_fold = []
    for _, test in folds:
        answers = y[test], predicted[name][test]
        recalls = [recall_score(*answers, labels=labels, average="macro") for labels in (None, rare)]
        by_fold.append([accuracy_score(*answers), *recalls])
    results.append(np.transpose([np.mean(by_fold, axis=0), np.std(by_fold, axis=0)]))
    print(f"{name:<28}" + "     ".join(f"{mean:.3f} +- {sd:.3f}" for mean, sd in results[-1]))

# %%
# Balance alone repeats photos that a network knows by heart already; together with augmentation it is what rare classes
# need. What was learned from shapes helps much with other shapes and little, if at all, with real photos, which is why
# people carry over networks that have seen a million of those.
#
# Lines are the spread over the folds; the dashed line is chance.
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for shift, score, label in ((0.2, 1, "all classes"), (-0.2, 2, "rare classes")):
    means, sds = np.array(results)[:, score].T
    ax.barh(np.arange(len(models)) - shift, means, 0.4, xerr=sds, label=label)
ax.axvline(1 / len(np.unique(y)), color="black", linestyle="--")
ax.set_yticks(range(len(models)), models)
ax.invert_yaxis()
ax.set(xlabel="macro recall", xlim=(0, 1))
ax.legend()
figure.savefig(folder / "few_photos_scores.png", dpi=120)
plt.close(figure)

# %%
# Some of the photos that the augmented network took for something else: what they are, and what it took them for.
answer = predicted["balanced, augmented"]
wrong = np.flatnonzero(answer != y)
figure, axes = plt.subplots(3, 8, figsize=(13, 6), layout="constrained")
for ax in axes.flat:
    ax.set_axis_off()
for ax, i in zip(axes.flat, rng.permutation(wrong), strict=False):
    ax.imshow(photos[i, 0].transpose(1, 2, 0))
    ax.set_title(f"{y[i]}\ntaken for {answer[i]}", fontsize=9)
figure.savefig(folder / "few_photos_wrong.png", dpi=120)
plt.close(figure)
print(f"{len(wrong)} photos taken for something else by the augmented network")
print(f"Pictures: {folder / 'few_photos_scores.png'}, {folder / 'few_photos_wrong.png'}")
