"""
==================================================
Audio tagging with an ensemble of two kinds of net
==================================================

What is heard in a short clip? One network listens to raw samples, another looks at MFCC. Each is trained once a fold
and averaged over the folds, and the two averages are averaged once more, always by geometric mean. This is the recipe
of the "Beginner's guide to audio data" (kaggle.com/code/fizzbuzz/beginner-s-guide-to-audio-data), scored as there by
the mean average precision of the first three tags.

Run it with ``python examples/plot_audio_tagging.py [folder] [--data DIR --set esc10]``; pictures go to the folder.
"""

# %%
# Where pictures go, and what is listened to.
import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # pictures go to files, so no window is needed

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import soundfile
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import PredefinedSplit
from sklearn.pipeline import make_pipeline

from mmsk import (
    MFCC,
    AudioLoader,
    MelSpectrogram,
    MultiModalClassifier,
    SpectrogramEncoder,
    TensorFlattener,
    WaveformEncoder,
)
from mmsk.augmentation import SpectrogramAugmentation, WaveformAugmentation
from mmsk.ensemble import FoldEnsembleClassifier, LateFusionClassifier
from mmsk.metrics import make_map_at_k_scorer, top_k_labels

parser = argparse.ArgumentParser(description="Tags of sounds from an ensemble of two kinds of network.")
parser.add_argument("folder", nargs="?", default="demo", help="where pictures and generated files go")
parser.add_argument("--data", help="a folder that holds esc10/ or fsdd/, to listen to real sounds instead")
parser.add_argument("--set", choices=["esc10", "fsdd"], default="esc10", help="which of them")
parser.add_argument("--rows", type=int, default=300, help="clips to generate, or to draw from the real ones")
parser.add_argument("--seconds", type=float, default=1.0, help="seconds of a clip that are listened to")
parser.add_argument("--epochs", type=int, default=20, help="passes over the clips")
parser.add_argument("--members", type=int, default=3, help="networks of each kind, one a fold of the training clips")
parser.add_argument("--n-jobs", type=int, default=2, help="networks that are trained at the same time")
options = parser.parse_args()
if options.rows < 60:
    parser.error("argument --rows: with fewer than 60, folds and rows held out would lack classes")
if options.members < 2:
    parser.error("argument --members: has to be 2 at least, as each is trained on what another is held out for")
folder = Path(options.folder)
folder.mkdir(parents=True, exist_ok=True)
SAMPLING_RATE = 8000

# %%
# Sounds
# ------
# The generated ones differ in how their pitch moves and in whether they come in bursts. Where the pitch starts, how
# fast it moves, how loud the sound is and how much noise lies over it is left to chance.
SHAPES = ["tone", "rise", "fall", "siren", "hiss"]
TAGS = np.array([f"{shape}, {beat}" for shape in SHAPES for beat in ("steady", "bursts")])


def play(tag, rng):
    """Make a second of sound."""
    shape, beat = tag.split(", ")
    time = np.arange(SAMPLING_RATE) / SAMPLING_RATE
    octaves = {
        "rise": time * rng.uniform(0.3, 1.5),
        "fall": -time * rng.uniform(0.3, 1.5),
        "siren": rng.uniform(0.2, 0.6) * np.sin(2 * np.pi * rng.uniform(2, 5) * time + rng.uniform(0, 6)),
    }
    phase = 2 * np.pi * np.cumsum(rng.uniform(300, 1300) * 2 ** octaves.get(shape, 0 * time)) / SAMPLING_RATE
    sound = rng.normal(size=len(time)) if shape == "hiss" else np.sin(phase) + rng.uniform() * np.sin(2 * phase)
    if beat == "bursts":
        sound = sound * (np.sin(2 * np.pi * rng.uniform(3, 8) * time + rng.uniform(0, 6)) > 0)
    sound = sound + rng.normal(scale=rng.uniform(0.1, 1.0), size=len(time))
    return sound * rng.uniform(0.1, 0.9) / np.abs(sound).max()


if options.data:
    # Clips from one recording, or by one speaker, are kept in one fold.
    table = pd.read_csv(Path(options.data) / options.set / f"{options.set}.csv", dtype={"target": str})
    table = table.sample(min(options.rows, len(table)), random_state=0)
    X = pd.DataFrame({"clip": [str(Path(options.data) / options.set / name) for name in table["audio"]]})
    y, (fold, _) = table["target"].to_numpy(), pd.factorize(table["fold" if options.set == "esc10" else "speaker"])
else:
    rng = np.random.default_rng(0)
    y, paths = TAGS[np.arange(options.rows) % len(TAGS)], []
    (folder / "sounds").mkdir(exist_ok=True)
    for i, tag in enumerate(y):
        paths.append(str(folder / "sounds" / f"{i}.wav"))
        soundfile.write(paths[-1], play(tag, rng), SAMPLING_RATE)
    X = pd.DataFrame({"clip": paths})
    fold = np.arange(options.rows) // len(TAGS) % 3  # as many of each tag in every fold
folds = PredefinedSplit(fold)
print(f"{len(X)} clips with {len(np.unique(y))} tags, {folds.get_n_splits()} folds")

# %%
# Two views of one column
# -----------------------
# A `ColumnTransformer` may read the same files twice, into two modalities. What loaders do depends on no other row, so
# it is done once here for all folds. Waves are brought to one loudness, as in the recipe: how loud a recording is says
# little about what is heard.
sound = {"sampling_rate": SAMPLING_RATE, "duration": options.seconds}
frames = {"n_fft": 512, "hop_length": int(128 * options.seconds)}  # 63 of them, however long the clips are
load = ColumnTransformer(
    [("wave", AudioLoader(**sound), ["clip"]), ("mfcc", MFCC(40, **frames, **sound), ["clip"])]
).set_output(transform="pandas")
cells = load.fit_transform(X)
cells["wave__clip"] = [wave / max(np.abs(wave).max(), 1e-6) for wave in cells["wave__clip"]]

# %%
# The ensemble
# ------------
# `FoldEnsembleClassifier` trains one network a fold of its training rows, `LateFusionClassifier` combines classifiers
# of different modalities; both take geometric means unless they are told otherwise. One ``random_state`` outside seeds
# every network anew.


def ensemble(name, encoder, augmentation):
    """Build the networks of one kind."""
    network = MultiModalClassifier(
        [(name, encoder)],
        hidden_layer_sizes=(),
        augment=[(name, augmentation)],
        lr=1e-3,
        batch_size=8,
        max_epochs=options.epochs,
    )
    return name, FoldEnsembleClassifier(network, cv=options.members, n_jobs=options.n_jobs)


wave = ensemble("wave", WaveformEncoder("cnn1d"), WaveformAugmentation(shift=0.2, noise_snr=None))
mfcc = ensemble("mfcc", SpectrogramEncoder("cnn2d"), SpectrogramAugmentation(shift=0.2, frequency_masks=0))
both = LateFusionClassifier([wave, mfcc], random_state=0)

# %%
# Scores
# ------
# One fit of the whole gives all of its parts, too. A tag at the first place counts 1, at the second 1/2, at the third
# 1/3. The baseline is a random forest on mean and standard deviation of the same MFCC.
baseline = make_pipeline(TensorFlattener(("mean", "std")), RandomForestClassifier(500, random_state=0))
map_at_3 = make_map_at_k_scorer(3)
scores = {}
answers = np.empty((len(X), 3), dtype=object)
for train, test in folds.split():
    both.fit(cells.iloc[train], y[train])
    baseline.fit(cells[["mfcc__clip"]].iloc[train], y[train])
    models = {"random forest on MFCC": ([baseline], ["mfcc__clip"])}
    for name, members in both.estimators_:
        models[f"{name}, one network"] = members.estimators_, [f"{name}__clip"]
        models[f"{name}, {options.members} networks"] = [members], [f"{name}__clip"]
    models["wave and mfcc"] = [both], list(cells)
    for name, (fitted, columns) in models.items():
        held_out = cells[columns].iloc[test]
        each = [(map_at_3(model, held_out, y[test]), model.score(held_out, y[test])) for model in fitted]
        scores.setdefault(name, []).append(np.mean(each, axis=0))
    answers[test] = top_k_labels(both.predict_proba(cells.iloc[test]), both.classes_, k=3)

results = np.array(list(scores.values()))  # models, folds, MAP@3 and accuracy
means, sds = results.mean(axis=1), results.std(axis=1)
print(f"\n{f'Over {folds.get_n_splits()} folds':<26}{'MAP@3':<18}accuracy")
for name, mean, sd in zip(scores, means, sds, strict=True):
    print(f"{name:<26}{mean[0]:.3f} +- {sd[0]:<9.3f}{mean[1]:.3f} +- {sd[1]:.3f}")
better = means[[2, 4], 0].max()  # of the two ensembles of one kind
print(f"\nBoth kinds together: {means[-1, 0] - better:+.3f} MAP@3 over the better one")

# %%
# Networks that differ in what they look at make different mistakes, which an average often evens out; networks that
# differ in their training rows alone do so to a smaller degree.
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
bars = ax.barh(list(scores), means[:, 0], xerr=sds[:, 0], color=["grey", *["tab:blue", "tab:orange"] * 2, "tab:green"])
ax.bar_label(bars, [f"{mean:.2f}" for mean in means[:, 0]], label_type="center", color="white")
ax.invert_yaxis()
ax.set(xlabel="MAP@3", xlim=(0, 1), title="Each network, each ensemble, and both")
figure.savefig(folder / "tagging_scores.png", dpi=120)
plt.close(figure)

# %%
# What the ensemble answered about clips that it was not trained on.
figure, axes = plt.subplots(2, 4, figsize=(12, 5.5), layout="constrained")
shown = np.random.default_rng(0).permutation(len(X))[: axes.size]
spectrograms = MelSpectrogram(n_mels=64, **frames, **sound).fit_transform(X.iloc[shown])[:, 0]
for ax, i, spectrogram in zip(axes.flat, shown, spectrograms, strict=True):
    ax.imshow(spectrogram, origin="lower", aspect="auto")
    ax.set_title(f"{y[i]}\n" + "\n".join(f"{place}. {tag}" for place, tag in enumerate(answers[i], 1)), fontsize=9)
    ax.set(xticks=[], yticks=[])
figure.savefig(folder / "tagged_clips.png", dpi=120)
plt.close(figure)
print(f"Pictures: {folder / 'tagging_scores.png'}, {folder / 'tagged_clips.png'}")
