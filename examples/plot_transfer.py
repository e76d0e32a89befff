"""
=========================================
Transfer: sounds as pictures, rain or sea
=========================================

An image network can look at sounds that are drawn as pictures, and it need not start from nothing. Here it tells rain
from sea waves by their waveforms and by their spectrograms: as it is, frozen, with its last stage or all of it
fine-tuned, and from scratch. Scores and training times stand side by side, and beside a classical model.

Run it with ``python examples/plot_transfer.py [folder] [--data DIR]``; pictures go to the folder. Those who have the
weights may take a large network: ``--backbone resnet18 --weights DEFAULT``, or a path in place of DEFAULT.
"""

# %%
# Where pictures go, and what is listened to.
import argparse
from functools import partial
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # pictures go to files, so no window is needed

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import soundfile
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mmsk import MFCC, ImageEncoder, MultiModalClassifier, SpectrogramImage, WaveformImage

parser = argparse.ArgumentParser(description="An image network on pictures of sounds, carried over or not.")
parser.add_argument("folder", nargs="?", default="demo", help="where pictures and generated files go")
parser.add_argument("--data", help="a folder that holds esc10/, to listen to real sounds instead")
parser.add_argument("--rows", type=int, default=120, help="clips of rain and sea to generate, or real ones at most")
parser.add_argument("--size", type=int, default=96, help="height and width of the pictures in pixels")
parser.add_argument("--epochs", type=int, default=20, help="passes over the clips")
parser.add_argument("--repeats", type=int, default=3, help="trainings of each network, differently seeded")
parser.add_argument("--backbone", default="small", help="the image network, such as resnet18 or vgg16")
parser.add_argument("--weights", help="DEFAULT or a file; otherwise the network is first trained on other sounds")
parser.add_argument("--n-jobs", type=int, default=2, help="folds that are trained at the same time")
options = parser.parse_args()
if options.rows < 16:
    parser.error("argument --rows: with fewer than 16, folds would lack classes")
if options.repeats < 1:
    parser.error("argument --repeats: has to be 1 at least")
folder = Path(options.folder)
folder.mkdir(parents=True, exist_ok=True)
SAMPLING_RATE = 22_050

# %%
# Sounds
# ------
# Every generated sound is noise that swells, with drops falling on it and a tone within. Kinds differ in how often and
# how deeply it swells, how many drops fall in a second, and how loud the tone is; the ranges of rain and sea overlap.
WATER = ["rain", "sea_waves"]
KINDS = {  # swells a second, their depth, drops a second, level of the tone
    "rain": [(0.3, 1.0), (0.0, 0.6), (10, 60), (0, 0)],
    "sea_waves": [(0.3, 1.0), (0.4, 1.0), (0, 20), (0, 0)],
    "engine": [(5, 20), (0.5, 1.0), (0, 5), (0.2, 1)],
    "hum": [(0.3, 1.0), (0.0, 0.3), (0, 5), (1, 3)],
    "knocking": [(0.3, 1.0), (0.0, 0.3), (2, 6), (0, 0)],
    "alarm": [(1, 4), (0.8, 1.0), (0, 5), (1, 3)],
}


def play(kind, rng):
    """Make two seconds of sound."""
    swells, depth, drops, level = (rng.uniform(*between) for between in KINDS[kind])
    time = np.arange(2 * SAMPLING_RATE) / SAMPLING_RATE
    swell = 1 - depth * (0.5 + 0.5 * np.sin(2 * np.pi * swells * time + rng.uniform(0, 6)))
    tone = level * np.sin(2 * np.pi * rng.uniform(100, 2000) * time)
    hits = rng.exponential(size=len(time)) * (rng.uniform(size=len(time)) < drops / SAMPLING_RATE)
    ringing = np.exp(-np.arange(400) / rng.uniform(20, 80)) * rng.normal(size=400)
    sound = swell * (rng.normal(size=len(time)) + tone) + 4 * np.convolve(hits, ringing)[: len(time)]
    sound = np.convolve(sound, np.exp(-np.arange(50) / rng.uniform(1, 10)))[: len(time)]  # dull or bright
    return sound * rng.uniform(0.1, 0.9) / np.abs(sound).max()


if options.data:
    table = pd.read_csv(Path(options.data) / "esc10" / "esc10.csv")
    table["audio"] = f"{options.data}/esc10/" + table["audio"]
else:
    rng = np.random.default_rng(0)
    n_each = options.rows // 2
    table = pd.DataFrame({"target": np.repeat(list(KINDS), n_each), "fold": np.tile(np.arange(n_each) % 4, len(KINDS))})
    (folder / "sounds").mkdir(exist_ok=True)
    table["audio"] = [f"{folder}/sounds/{i}.wav" for i in range(len(table))]
    for path, kind in zip(table["audio"], table["target"], strict=True):
        soundfile.write(path, play(kind, rng), SAMPLING_RATE)
table = table.sample(frac=1, random_state=0)
is_water = table["target"].isin(WATER)
water, others = table[is_water].groupby("target").head(options.rows // 2), table[~is_water].head(4 * options.rows)
X, y, folds = water[["audio"]], water["target"].to_numpy(), PredefinedSplit(water["fold"])
print(f"{len(X)} clips of rain and sea in {folds.get_n_splits()} folds, {len(others)} of other sounds")

# %%
# Sounds as pictures
# ------------------
# Drawing depends on no other row, so it is done once for all folds.
sound = {"sampling_rate": SAMPLING_RATE, "duration": 5.0 if options.data else 2.0}
size = (options.size, options.size)
draw = {"waveform": WaveformImage(size, **sound), "spectrogram": SpectrogramImage(size, **sound)}
pictures = {name: transformer.fit_transform(X) for name, transformer in draw.items()}

shown = [i for kind in WATER for i in np.flatnonzero(y == kind)[:4]]
figure, axes = plt.subplots(2, 8, figsize=(14, 4.2), layout="constrained")
for row, (name, cells) in zip(axes, pictures.items(), strict=True):
    row[0].set_ylabel(name)
    for ax, i in zip(row, shown, strict=True):
        ax.imshow(cells[i, 0].transpose(1, 2, 0))
        ax.set(xticks=[], yticks=[], title=y[i])
figure.savefig(folder / "transfer_pictures.png", dpi=120)
plt.close(figure)

# %%
# A network from another task
# ---------------------------
# Unless there are weights to start from, a network learns to tell the other sounds apart, rain and sea never among
# them, and its weights are saved. With ``output_dim=None`` it is the features of the network that are handed on,
# whatever reads them.
encoder = partial(ImageEncoder, options.backbone, output_dim=None)


def carried_weights(name, seed):
    """Train on pictures of the other sounds; give the file of the weights."""
    if options.weights:
        return options.weights
    path = folder / f"{name}-{seed}.safetensors"
    network = encoder(lr=1e-3, batch_size=16, max_epochs=options.epochs, random_state=seed)
    network.fit(draw[name].fit_transform(others[["audio"]]), others["target"]).save_weights(path)
    print(f"Trained on {name} pictures of other sounds in {sum(network.history_[:, 'dur']):.1f} s")
    return path


# %%
# Five ways to use it
# -------------------
# As it is, the network only turns pictures into numbers, for a linear classifier. Frozen, it is read by a small
# network, and computed once a picture rather than once an epoch. Fine-tuned, it learns a tenth as fast as what reads
# it.


def ways(name, seed):
    """List what is compared on one kind of picture."""
    path = carried_weights(name, seed)
    features = encoder(weights=path, trainable="head", max_epochs=1, random_state=seed)
    learning = {
        "frozen": encoder(weights=path, trainable="head"),
        "last stage": encoder(weights=path, trainable=1, lr_scale=0.1),
        "fine-tuned": encoder(weights=path, lr_scale=0.1),
        "from scratch": encoder(),
    }
    settings = {"lr": 1e-3, "batch_size": 16, "max_epochs": options.epochs, "random_state": seed}
    return {
        "as it is": make_pipeline(features, StandardScaler(), LogisticRegression(C=0.01, max_iter=2000)),
        **{way: MultiModalClassifier([("image", network)], **settings) for way, network in learning.items()},
    }


# %%
# Scores and times
# ----------------
# Chance counts for much with so few clips, so everything is repeated with other seeds, the training on other sounds
# included; the spread is that over the folds of their means. Times are those of one fit on one core, without the
# drawing of pictures and without the training on other sounds.
repeated = {name: [ways(name, seed) for seed in range(options.repeats)] for name in pictures}
results = {}


def show(title, models, X):
    """Cross-validate, print, and keep mean and spread of the accuracy and the seconds of a fit."""
    runs = [cross_validate(model, X, y, cv=folds, n_jobs=options.n_jobs, error_score="raise") for model in models]
    by_fold = np.mean([run["test_score"] for run in runs], axis=0)
    seconds = np.median([run["fit_time"] for run in runs])
    results[title] = by_fold.mean(), by_fold.std(), seconds
    print(f"{title:<30}{by_fold.mean():.3f} +- {by_fold.std():.3f}{seconds:>9.2f} s")


print(f"\n{'':<30}accuracy        a fit takes")
mfcc = MFCC(20, **sound, pool="mean_std").fit_transform(X)
show("SVM on MFCC", [make_pipeline(StandardScaler(), SVC(C=10))], mfcc)
for name, seeded in repeated.items():
    for way in seeded[0]:
        show(f"{name}, {way}", [models[way] for models in seeded], pictures[name])

# %%
# Most ways differ by less than the folds do: a few dozen clips tell no more. What a few hundred other sounds taught is
# worth some hundredths, and on real spectrograms nothing; those who have weights of a million photos may find more.
# Frozen, the network takes a fifteenth of the time and stays within five hundredths of the best.
#
# Bars are the means over the folds, lines their spread.
figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained", sharey=True)
accuracy, spread, seconds = np.array(list(results.values())).T
colours = ["grey", *["tab:blue"] * 5, *["tab:orange"] * 5]
axes[0].barh(list(results), accuracy, xerr=spread, color=colours)
axes[0].axvline(0.5, color="black", linestyle="--")
axes[0].set(xlabel="accuracy; dashed: chance", xlim=(0, 1))
axes[1].barh(list(results), seconds, color=colours)
axes[1].set(xlabel="seconds a fit", xscale="log")
axes[0].invert_yaxis()
figure.savefig(folder / "transfer_scores.png", dpi=120)
plt.close(figure)
print(f"Pictures: {folder / 'transfer_pictures.png'}, {folder / 'transfer_scores.png'}")
