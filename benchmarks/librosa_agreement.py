"""Counts the cells of log-mel spectrograms and MFCC that differ from librosa's by more than 0.001.

Usage: python benchmarks/librosa_agreement.py DIRECTORY [DIRECTORY ...]

Every WAV and Ogg file below the directories is read, such as those of FSDD and ESC-10.
"""

import sys
from pathlib import Path

import librosa
import numpy as np

from mmsk.preprocessing import MFCC, AudioLoader, MelSpectrogram

TOLERANCE = 1e-3
RATE = 22_050


def compare(directory):
    paths = sorted(path for path in Path(directory).rglob("*") if path.suffix in (".wav", ".ogg"))
    totals = {"mel": [0, 0, 0.0], "mfcc": [0, 0, 0.0]}
    for start in range(0, len(paths), 50):
        waves = AudioLoader(RATE).fit_transform(paths[start : start + 50])
        spectrograms = MelSpectrogram(RATE, n_fft=2048).fit_transform(waves)
        coefficients = MFCC(sampling_rate=RATE, n_fft=2048).fit_transform(waves)
        for row, (samples,) in enumerate(waves):
            expected = {
                "mel": librosa.power_to_db(librosa.feature.melspectrogram(y=samples, sr=RATE)),
                "mfcc": librosa.feature.mfcc(y=samples, sr=RATE),
            }
            for name, cell in (("mel", spectrograms[row, 0]), ("mfcc", coefficients[row, 0])):
                difference = np.abs(cell - expected[name])
                totals[name][0] += difference.size
                totals[name][1] += int((difference > TOLERANCE).sum())
                totals[name][2] = max(totals[name][2], float(difference.max()))
    for name, (n_cells, n_different, largest) in totals.items():
        print(
            f"{Path(directory).name:12} {name:5} {len(paths):5} files {n_cells:10} cells "
            f"{n_different:6} beyond {TOLERANCE:g}, largest difference {largest:.2g}"
        )


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for argument in sys.argv[1:]:
        compare(argument)
