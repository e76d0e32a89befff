"""How far do hand-made features and one classical model a modality get?

Two tasks on real files. `trimodal`: photos by histograms of oriented gradients and a support vector machine, clips by
MFCC statistics and a support vector machine, captions by TF-IDF and logistic regression, their probabilities combined
by geometric mean over the modalities present. `fsdd`: spoken digits by MFCC statistics and a support vector machine,
one speaker left out.

    python -m benchmarks.baselines --data ../shared/data --seeds 1 2 3
"""

import argparse
from functools import cache

import librosa
import numpy as np
import soundfile
from PIL import Image
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.trimodal_rows import DATA, FOLDS, trimodal_rows
from mmsk.columns import presence_of
from mmsk.datasets import fetch_fsdd

N_ORIENTATIONS = 9
CELL_SIZE = 16
LEAST_PROBABILITY = 1e-6


@cache
def photo_features(path, size=128):
    """Histograms of oriented gradients (Dalal and Triggs, 2005): 2 x 2 cells a block, L2-Hys normalisation."""
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L").resize((size, size), Image.Resampling.BILINEAR), dtype=float)
    rows, columns = np.gradient(np.sqrt(grey))
    strength = np.hypot(rows, columns)
    orientation = np.arctan2(rows, columns) % np.pi / np.pi * N_ORIENTATIONS
    low = np.floor(orientation).astype(int)
    share = orientation - low
    n_cells = size // CELL_SIZE
    votes = np.zeros((size, size, N_ORIENTATIONS))
    # Each pixel votes for the two nearest orientations.
    for bins, weight in ((low, 1 - share), (low + 1, share)):
        np.put_along_axis(votes, (bins % N_ORIENTATIONS)[..., None], (strength * weight)[..., None], axis=2)
    cells = votes.reshape(n_cells, CELL_SIZE, n_cells, CELL_SIZE, N_ORIENTATIONS).sum(axis=(1, 3))
    blocks = np.concatenate([cells[i : n_cells - 1 + i, j : n_cells - 1 + j] for i in (0, 1) for j in (0, 1)], axis=2)
    for ceiling in (0.2, np.inf):
        blocks = np.minimum(blocks / (np.linalg.norm(blocks, axis=2, keepdims=True) + 1e-6), ceiling)
    return blocks.ravel()


@cache
def clip_features(path, sampling_rate=22_050, n_fft=2048):
    """Mean, standard deviation, least and largest of 20 MFCC over time, and the spread of their changes."""
    samples, native_rate = soundfile.read(path, dtype="float32")
    samples = librosa.resample(samples, orig_sr=native_rate, target_sr=sampling_rate)
    mfcc = librosa.feature.mfcc(y=samples, sr=sampling_rate, n_mfcc=20, n_fft=n_fft, hop_length=n_fft // 4)
    changes = np.diff(mfcc, axis=1)
    return np.concatenate([mfcc.mean(1), mfcc.std(1), mfcc.min(1), mfcc.max(1), changes.std(1)])


def stack(features, paths):
    return np.array([features(path) for path in paths])


def support_vector_machine():
    # One model on all rows, its scores turned into probabilities by five held-out parts.
    machine = make_pipeline(StandardScaler(), SVC(C=10))
    return CalibratedClassifierCV(machine, cv=5, ensemble=False)


def text_model():
    vectors = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    )
    return make_pipeline(vectors, LogisticRegression(C=10, max_iter=2000))


MODELS = {
    "photo": (lambda cells: stack(photo_features, cells), support_vector_machine),
    "clip": (lambda cells: stack(clip_features, cells), support_vector_machine),
    "caption": (list, text_model),
}


def trimodal_probabilities(X_train, y_train, X_test):
    """Geometric mean of the modalities' probabilities over those present in each row."""
    classes = np.unique(y_train)
    logs = np.zeros((len(X_test), len(classes)))
    n_present = np.zeros(len(X_test))
    for column, (features, model) in MODELS.items():
        known = X_train[[column]].assign(target=y_train).dropna().drop_duplicates()  # an item drawn twice says no more
        fitted = model().fit(features(known[column]), known["target"])
        present = presence_of(X_test[column])
        if not present.any():
            continue
        probabilities = fitted.predict_proba(features(X_test.loc[present, column]))
        logs[present] += np.log(np.maximum(probabilities, LEAST_PROBABILITY))
        n_present += present
    combined = np.exp(logs / n_present[:, None])
    return classes, combined / combined.sum(axis=1, keepdims=True)


def trimodal_baseline(fold, seed, data=DATA):
    """Accuracy on the test rows of one fold, overall and by number of missing modalities."""
    X_train, y_train, X_test, y_test = trimodal_rows(fold, seed, data)
    classes, probabilities = trimodal_probabilities(X_train, y_train, X_test)
    right = classes[probabilities.argmax(axis=1)] == y_test
    n_missing = X_test.isna().sum(axis=1).to_numpy()
    return {
        "accuracy": float(right.mean()),
        "by_missing": {int(k): float(right[n_missing == k].mean()) for k in np.unique(n_missing)},
    }


def fsdd_baseline(speaker, data=DATA):
    """Accuracy on one speaker's digits after training on the others'."""
    frame = fetch_fsdd(folder=f"{data}/fsdd").frame
    held_out = frame["speaker"] == speaker
    if not held_out.any():
        raise ValueError(f"There is no speaker {speaker!r} in {data}; there are {sorted(frame['speaker'].unique())}.")
    train, test = frame[~held_out], frame[held_out]
    model = make_pipeline(StandardScaler(), SVC(C=10)).fit(digit_features(train["clip"]), train["target"])
    return float(model.score(digit_features(test["clip"]), test["target"]))


def digit_features(paths):
    """Mean and standard deviation of 20 MFCC: digits are short, and were recorded at 8 kHz."""
    return np.array([clip_features(path, 8000, 256)[:40] for path in paths])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=str(DATA))
    parser.add_argument("--folds", type=int, nargs="+", default=list(FOLDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    print("trimodal: fold seed   all  none missing  one  two")
    scores = []
    for seed in options.seeds:
        for fold in options.folds:
            result = trimodal_baseline(fold, seed, options.data)
            scores.append([result["accuracy"], *result["by_missing"].values()])
            print(f"          {fold:4d} {seed:4d}  " + "  ".join(f"{score:.3f}" for score in scores[-1]))
    print("          mean       " + "  ".join(f"{score:.3f}" for score in np.mean(scores, axis=0)))
    print("          deviation  " + "  ".join(f"{score:.3f}" for score in np.std(scores, axis=0)))
    print("fsdd: speaker left out, accuracy")
    speakers = sorted(fetch_fsdd(folder=f"{options.data}/fsdd").frame["speaker"].unique())
    digits = [fsdd_baseline(speaker, options.data) for speaker in speakers]
    for speaker, score in zip(speakers, digits, strict=True):
        print(f"      {speaker:10s} {score:.3f}")
    print(f"      {'mean':10s} {np.mean(digits):.3f}")


if __name__ == "__main__":
    main()
