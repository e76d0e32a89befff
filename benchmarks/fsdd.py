"""Does one encoder on spoken digits beat a support vector machine on pooled MFCC, on speakers it never heard?

Leaves one speaker out at a time; the machine and the network see the same recordings. Prints accuracy a speaker, and
mean and spread over seeds.

    python -m benchmarks.fsdd --data ../shared/data --seeds 1 2 3 --augment off on

The augmentation was written down before it was first scored: voices differ in pace, pitch and level.
"""

import argparse
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from benchmarks.baselines import fsdd_baseline
from benchmarks.trimodal_rows import DATA
from mmsk import MFCC, MelSpectrogram, MultiModalClassifier, SpectrogramAugmentation

SOUND = {"sampling_rate": 8000, "duration": 1.0, "n_fft": 256, "hop_length": 128, "n_mels": 40}
AUGMENT = {
    # The rows of MFCC are no frequencies, so neither shifts nor masks along them mean a thing.
    "MFCC": SpectrogramAugmentation(shift=0.1, time_stretch=0.1, frequency_masks=0),
    "MelSpectrogram": SpectrogramAugmentation(shift=0.1, time_stretch=0.1, frequency_shift=0.05, gain=3),
}
FEATURES = {"MFCC": MFCC(20, **SOUND), "MelSpectrogram": MelSpectrogram(**SOUND)}


def run(feature, speaker, seed, data, augment):
    clips = pd.read_csv(Path(data) / "fsdd" / "fsdd.csv")
    X = pd.DataFrame({"clip": [str(Path(data).absolute() / "fsdd" / path) for path in clips["audio"]]})
    heard = clips["speaker"] != speaker
    model = make_pipeline(
        FEATURES[feature].set_output(transform="pandas"),
        MultiModalClassifier(
            hidden_layer_sizes=(),
            lr=1e-3,
            max_epochs=20,
            augment=[("clip", AUGMENT[feature])] if augment else None,
            random_state=seed,
        ),
    )
    y = clips["target"]
    return model.fit(X[heard], y[heard]).score(X[~heard], y[~heard])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=str(DATA))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--augment", nargs="+", choices=["off", "on"], default=["off", "on"])
    parser.add_argument("--n-jobs", type=int, default=2, help="runs at a time, one CPU thread each")
    options = parser.parse_args()
    speakers = sorted(pd.read_csv(Path(options.data) / "fsdd" / "fsdd.csv")["speaker"].unique())
    parallel = joblib.Parallel(options.n_jobs)
    print(f"{'':32s}" + "".join(f"{speaker:>10s}" for speaker in speakers) + "      mean    spread over seeds")
    classical = np.array([parallel(joblib.delayed(fsdd_baseline)(speaker, options.data) for speaker in speakers)])
    show("SVM on pooled MFCC", classical)
    for augment in options.augment:
        for feature in FEATURES:
            scores = parallel(
                joblib.delayed(run)(feature, speaker, seed, options.data, augment == "on")
                for seed in options.seeds
                for speaker in speakers
            )
            show(f"{feature}, augmentation {augment}", np.reshape(scores, (len(options.seeds), len(speakers))))


def show(name, scores):
    by_speaker = "".join(f"{score:10.3f}" for score in scores.mean(axis=0))
    print(f"{name:32s}{by_speaker}{scores.mean():10.3f}{scores.mean(axis=1).std():12.3f}", flush=True)


if __name__ == "__main__":
    main()
