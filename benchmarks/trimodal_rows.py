"""The rows that the fused network and the classical baseline are both trained and tested on."""

from pathlib import Path

import pandas as pd

from mmsk.datasets import pair_by_class

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FOLDS = (1, 2, 3, 4)
COLUMNS = {"photo": "image", "clip": "audio", "caption": "text"}
TEST_SEED_OFFSET = 1000


def trimodal_rows(fold, seed, data=DATA):
    """Pair photos, clips and masked captions: 60 + 60 + 60 rows a class to train on, 8 + 8 + 8 to test on.

    Training rows hold items of the other three folds, test rows items of this one, drawn with another seed.
    A third of the rows lacks nothing, a third one modality, a third two.
    """
    items = pd.read_csv(Path(data) / "trimodal" / "trimodal.csv")
    held_out = items["fold"] == fold
    if not held_out.any():
        raise ValueError(f"There is no fold {fold!r} in {data}; its folds are {sorted(items['fold'].unique())}.")
    X_train, y_train = _pair(items[~held_out], 60, seed, data)
    X_test, y_test = _pair(items[held_out], 8, seed + TEST_SEED_OFFSET, data)
    return X_train, y_train, X_test, y_test


def _pair(items, n_per_class, seed, data):
    folder = Path(data).absolute() / "trimodal"
    tables = {}
    for column, modality in COLUMNS.items():
        part = items[items["modality"] == modality]
        if modality == "text":
            cells = part["text_masked"].tolist()
        else:
            cells = [str(folder / path) for path in part["path"]]
        tables[column] = (cells, part["category"].tolist())
    return pair_by_class(tables, n_per_class, n_missing=(0, 1, 2), random_state=seed)
