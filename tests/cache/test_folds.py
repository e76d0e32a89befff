"""Folds and searches decode each file once."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from mmsk.preprocessing import MFCC, TensorFlattener
from tests.cache.reading import n_reads, reads, segments
from tests.preprocessing.files import write_sound


class CountingMFCC(MFCC):
    """Counts the files it decodes."""

    def _cell_reader(self):
        read = super()._cell_reader()

        def count(cell):
            reads.append(cell)
            return read(cell)

        return count


@pytest.fixture
def talks(tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(30) % 2
    paths = [
        write_sound(tmp_path / f"{i}.wav", seconds=0.1 + 0.01 * rng.integers(9), frequency=(300 + 500 * label))
        for i, label in enumerate(y)
    ]
    return pd.DataFrame({"clip": paths}), y


def test_cross_validation_and_search_decode_each_file_once(talks, tmp_path):
    X, y = talks
    load = CountingMFCC(6, 8_000, duration=0.2, n_fft=256, n_mels=16)

    def run(memory):
        model = make_pipeline(clone(load).set_params(memory=memory), TensorFlattener(), LogisticRegression())
        return cross_val_score(model, X, y, cv=StratifiedKFold(10)), model

    plain, _ = run(None)
    assert n_reads() == 10 * len(X)  # every fold reads all rows, to train on or held out
    kept, model = run(str(tmp_path / "kept"))
    assert n_reads() == len(X)
    np.testing.assert_array_equal(kept, plain)
    again, _ = run(str(tmp_path / "kept"))
    np.testing.assert_array_equal(again, plain)
    search = GridSearchCV(model, {"logisticregression__C": [0.1, 1.0]}, cv=StratifiedKFold(3)).fit(X, y)
    search.predict(X)
    assert n_reads() == 0
    GridSearchCV(model, {"countingmfcc__n_mfcc": [4, 6]}, cv=StratifiedKFold(3)).fit(X, y)
    assert n_reads() == len(X)  # for the four coefficients


def test_parallel_folds_share_the_cache(talks, tmp_path):
    X, y = talks
    memory = str(tmp_path / "kept")
    model = make_pipeline(
        MFCC(6, 8_000, duration=0.2, n_fft=256, n_mels=16, memory=memory), TensorFlattener(), LogisticRegression()
    )
    parallel = cross_val_score(model, X, y, cv=StratifiedKFold(5), n_jobs=2)
    np.testing.assert_array_equal(parallel, cross_val_score(model, X, y, cv=StratifiedKFold(5)))
    kept = [len(json.loads((path / "index.json").read_text())["keys"]) for path in segments(tmp_path)]
    assert sum(kept) == len(X)  # nobody decoded what another process had
