"""Rows of tensor columns that the tests of the estimators learn from."""

import numpy as np
import pandas as pd

from mmsk.columns import make_column


def make_rows(n_rows=60, n_classes=3, missing=0.3, seed=0):
    """Rows whose photo, sound, sentence and number each hint at the class; some cells of all of them are missing."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n_rows) % n_classes)
    photo = rng.integers(0, 100, (n_rows, 3, 16, 16)).astype(np.uint8)
    for row, label in enumerate(y):
        photo[row, label % 3] += 100
    clip = rng.normal(size=(n_rows, 20, 24)).astype(np.float32)
    clip[np.arange(n_rows), 3 * y] += 4.0
    caption = rng.integers(2, 9, (n_rows, 12)).astype(np.int32)
    caption[:, 4:6] = 10 + y[:, None]
    caption[:, 9:] = 0
    there = rng.random((n_rows, 4)) >= missing
    there[~there[:, :3].any(axis=1), 0] = True  # no row without any modality
    X = pd.DataFrame(
        {
            "image__photo": make_column(photo, there[:, 0]),
            "sound__clip": make_column(clip, there[:, 1]),
            "text__caption": make_column(caption, there[:, 2]),
            "age": np.where(there[:, 3], y + rng.normal(scale=0.3, size=n_rows), np.nan),
        }
    )
    return X, np.array(["cat", "dog", "sea", "sun", "tea"])[y]
