"""The suite is only worth something if it fails: every broken transformer here must be caught by the check named."""

import random

import numpy as np
import pytest
import torch

from mmsk.base import BaseCellTransformer, BaseColumnTransformer
from mmsk.exceptions import BadInputError
from mmsk.testing import LOADER_CHECKS, check_loader

CELLS = ["cat", "horse", "bird", "fly"]


class Letters(BaseCellTransformer):
    """A sound transformer: code points of a text."""

    def __init__(self, on_error="raise", n_jobs=None, verbose=0):
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _cell_reader(self):
        return self._read

    def _read(self, cell):
        if not isinstance(cell, str):
            raise BadInputError("no text", fix="Give a text.")
        return np.array([ord(letter) for letter in cell], dtype=np.int32)


class CountsItsCalls(Letters):
    def transform(self, X):
        self.n_calls_ = getattr(self, "n_calls_", 0) + 1
        return super().transform(X)


class KeepsLambda(Letters):
    def fit(self, X, y=None):
        self.function_ = lambda: None
        return super().fit(X)


class ChangesParameter(Letters):
    def fit(self, X, y=None):
        self.verbose = 1
        return super().fit(X)


class CopiesParameter(Letters):
    def __init__(self, on_error="raise", n_jobs=None, verbose=0, names=()):
        super().__init__(on_error, n_jobs, verbose)
        self.names = list(names)


class ReturnsNothingFromFit(Letters):
    def fit(self, X, y=None):
        super().fit(X)
        return self.__class__()


class LooksAtOtherRows(Letters):
    def transform(self, X):
        table = super().transform(X)
        for cell in table.ravel():
            if cell is not None:
                cell += len(table)
        return table


class LooksAtTheFirstRow(Letters):
    def transform(self, X):
        table = super().transform(X)
        if len(table):
            table[0, 0] = None if table[0, 0] is None else table[0, 0] + 1
        return table


class ReadsTwice(Letters):
    def transform(self, X):
        table = super().transform(X)
        for row in range(len(table)):
            table[row, 0] = None if table[row, 0] is None else table[row, 0].copy()
        return table


class IsRandom(Letters):
    def _read(self, cell):
        return super()._read(cell) + np.int32(np.random.randint(1000))  # noqa: NPY002


class DrawsFromTorch(Letters):
    def _read(self, cell):
        torch.rand(1)
        return super()._read(cell)


class DrawsFromPython(Letters):
    def _read(self, cell):
        random.random()
        return super()._read(cell)


class FillsUnreadable(Letters):
    def _read(self, cell):
        if not isinstance(cell, str) and self.on_error == "missing":
            return np.zeros(1, dtype=np.int32)
        return super()._read(cell)


class HasARequiredParameter(Letters):
    def __init__(self, shift, on_error="raise", n_jobs=None, verbose=0):
        super().__init__(on_error, n_jobs, verbose)
        self.shift = shift


class SpoilsInput(Letters):
    def transform(self, X):
        if isinstance(X, np.ndarray) and X.dtype == object and X.flags.writeable and len(X):
            table = super().transform(X)
            X[0] = "spoilt"
            return table
        return super().transform(X)


class WritesIntoReadOnlyInput(Letters):
    def transform(self, X):
        if isinstance(X, np.ndarray):
            X[:] = X
        return super().transform(X)


class FillsMissing(Letters):
    def transform(self, X):
        table = super().transform(X)
        for row in range(len(table)):
            table[row, 0] = np.zeros(1, dtype=np.int32) if table[row, 0] is None else table[row, 0]
        return table


class WideCells(Letters):
    def _read(self, cell):
        return super()._read(cell).astype(np.int64)


class MixedCells(Letters):
    def _read(self, cell):
        return super()._read(cell).astype(np.int16 if len(cell) > 3 else np.int32)


class OwnNames(Letters):
    def get_feature_names_out(self, input_features=None):
        super().get_feature_names_out(input_features)
        return np.array([f"letters{i}" for i in range(self.n_features_in_)], dtype=object)


class AcceptsNoRows(Letters):
    def fit(self, X, y=None):
        return self if len(X) == 0 else super().fit(X)


class BlamesNoCell(Letters):
    def _bad_cell(self, error, row, column, value):
        return BadInputError(error.problem, step=type(self).__name__, fix=error.fix)


class SaysItNeedsFit(Letters):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags

    def transform(self, X):
        return BaseColumnTransformer.transform.__wrapped__(self, X) if hasattr(self, "n_features_in_") else X


class RefusesNaN(Letters):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        return tags


class NeedsText(Letters):
    def _check_container(self, X):
        if not isinstance(X, np.ndarray):
            raise BadInputError("no array", step=type(self).__name__)


BROKEN = [
    (CountsItsCalls, "idempotent"),
    (KeepsLambda, "pickle"),
    (ChangesParameter, "fit_changes_no_parameter"),
    (ReturnsNothingFromFit, "fit_changes_no_parameter"),
    (CopiesParameter, "clone"),
    (LooksAtOtherRows, "subset_invariance"),
    (LooksAtTheFirstRow, "order_invariance"),
    (ReadsTwice, "equal_cells_are_shared"),
    (IsRandom, "idempotent"),
    (IsRandom, "random_state_untouched"),
    (IsRandom, "fit_transform"),
    (DrawsFromTorch, "random_state_untouched"),
    (DrawsFromPython, "random_state_untouched"),
    (FillsUnreadable, "bad_cell_is_missing"),
    (SpoilsInput, "input_unchanged"),
    (WritesIntoReadOnlyInput, "read_only_input"),
    (FillsMissing, "missing_cells"),
    (FillsMissing, "all_missing"),
    (WideCells, "dtype_is_compact"),
    (MixedCells, "dtype_is_compact"),
    (OwnNames, "feature_names"),
    (OwnNames, "names_without_frame"),
    (OwnNames, "column_transformer"),
    (AcceptsNoRows, "fit_zero_rows"),
    (BlamesNoCell, "bad_cell"),
    (SaysItNeedsFit, "not_fitted"),
    (RefusesNaN, "tags"),
    (NeedsText, "series"),
    (NeedsText, "one_column_frame"),
    (NeedsText, "containers"),
    (NeedsText, "set_output_pandas"),
    (NeedsText, "set_output_polars"),
]


@pytest.mark.parametrize(("broken", "check"), BROKEN, ids=lambda value: getattr(value, "__name__", value))
def test_broken_transformer_is_caught(broken, check):
    with pytest.raises(Exception) as caught:
        LOADER_CHECKS[f"check_{check}"](broken(), CELLS)
    assert caught.type is not TypeError or "clone" in check
    with pytest.raises(Exception):  # noqa: B017
        check_loader(broken(), CELLS)


def test_sound_transformer_passes():
    assert check_loader(Letters(), CELLS) == list(LOADER_CHECKS)
    assert len(LOADER_CHECKS) >= 20
    check_loader(Letters(on_error="missing"), CELLS)
    check_loader(HasARequiredParameter(3), CELLS)
