"""Checks that every transformer of raw or tensor cells passes, as scikit-learn's do for its own estimators.

scikit-learn's suite feeds numbers; these checks feed what the transformer says it reads.
"""

import pickle
import random
import sys
import threading
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from mmsk.columns import frame_columns, is_missing
from mmsk.exceptions import BadInputError, UnreadableCellWarning
from mmsk.lazy import LazyCell

LOADER_CHECKS: dict = {}


def check_loader(loader, cells):
    """Run every check on a transformer that turns columns of cells.

    Parameters
    ----------
    loader : estimator
        The transformer; it is cloned, never changed.
    cells : list
        Three or more different raw cells, none missing, that `loader` can read.

    Returns
    -------
    list of str
        Names of the checks that were run.

    Raises
    ------
    AssertionError
        At the first check that fails.

    See Also
    --------
    mmsk.testing.LOADER_CHECKS : The checks by name, such as for ``pytest.mark.parametrize``.

    Examples
    --------
    >>> from mmsk.preprocessing import CharEncoder
    >>> from mmsk.testing import check_loader
    >>> len(check_loader(CharEncoder(max_length=5), ["one", "two", "three"])) >= 20
    True
    """
    for check in LOADER_CHECKS.values():
        check(loader, cells)
    return list(LOADER_CHECKS)


def _check(function):
    LOADER_CHECKS[function.__name__.removeprefix("_")] = function
    return function


def _column(cells):
    """Hold cells in an object array; numpy must not look inside cells that are arrays."""
    column = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        column[row] = cell
    return column


def _fitted(loader, cells):
    return clone(loader).fit(_column(cells))


def _assert_same(left, right):
    """Compare two outputs, whatever holds them, cell by cell and bit by bit."""
    left, right = frame_columns(left)[1], frame_columns(right)[1]
    assert len(left) == len(right), f"{len(left)} columns and {len(right)}"
    for one, other in zip(left, right, strict=True):
        assert len(one) == len(other), f"{len(one)} rows and {len(other)}"
        for row, (a, b) in enumerate(zip(one, other, strict=True)):
            if is_missing(a) or is_missing(b):
                assert is_missing(a) and is_missing(b), f"row {row}: {a!r} and {b!r}"
                continue
            assert isinstance(a, LazyCell) == isinstance(b, LazyCell), f"row {row}: {a!r} and {b!r}"
            a, b = (np.asarray(cell) if isinstance(cell, LazyCell) else cell for cell in (a, b))
            if isinstance(a, np.ndarray):
                assert a.dtype == b.dtype and a.shape == b.shape, f"row {row}: {a.dtype}{a.shape}, {b.dtype}{b.shape}"
                assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), f"row {row} differs"
            else:
                assert a == b, f"row {row}: {a!r} and {b!r}"


def _assert_raises(exceptions, call):
    try:
        call()
    except exceptions as error:
        return error
    raise AssertionError(f"nothing was raised where one of {exceptions} was expected")


def _pandas(cells, name="cell"):
    import pandas as pd

    return pd.DataFrame({name: pd.Series(_column(cells), dtype=object, index=range(10, 10 + len(cells)))})


def _polars(cells, name="cell"):
    import polars as pl

    is_text = all(isinstance(cell, str) for cell in cells)
    return pl.DataFrame([pl.Series(name, cells, dtype=pl.String if is_text else pl.Object)])


@_check
def _check_clone(loader, cells):
    copy = clone(_fitted(loader, cells))
    assert not hasattr(copy, "n_features_in_"), "a clone is fitted"
    assert repr(copy) == repr(loader), "a clone has other parameters"


@_check
def _check_get_set_params(loader, cells):
    parameters = loader.get_params(deep=False)
    changed = clone(loader).set_params(**parameters)
    for name, value in parameters.items():
        assert getattr(changed, name) is value, f"set_params changed {name}"
    _assert_raises(ValueError, lambda: clone(loader).set_params(no_such_parameter=1))


@_check
def _check_fit_changes_no_parameter(loader, cells):
    fitted = _fitted(loader, cells)
    assert repr(fitted) == repr(loader), "fit changed a parameter"
    fresh = clone(loader)
    assert fresh.fit(_column(cells)) is fresh, "fit does not return self"


@_check
def _check_fit_transform(loader, cells):
    _assert_same(clone(loader).fit_transform(_column(cells)), _fitted(loader, cells).transform(_column(cells)))


@_check
def _check_idempotent(loader, cells):
    fitted = _fitted(loader, cells)
    state = pickle.dumps(fitted)
    first = fitted.transform(_column(cells))
    assert pickle.dumps(fitted) == state, "transform changed the transformer"
    _assert_same(first, fitted.transform(_column(cells)))
    _assert_same(first, fitted.fit(_column(cells)).transform(_column(cells)))


@_check
def _check_pickle(loader, cells):
    fitted = _fitted(loader, cells)
    _assert_same(fitted.transform(_column(cells)), pickle.loads(pickle.dumps(fitted)).transform(_column(cells)))


@_check
def _check_subset_invariance(loader, cells):
    fitted = _fitted(loader, cells)
    whole = fitted.transform(_column(cells))
    for row in range(len(cells)):
        _assert_same(whole[row : row + 1], fitted.transform(_column(cells[row : row + 1])))


@_check
def _check_order_invariance(loader, cells):
    fitted = _fitted(loader, cells)
    _assert_same(fitted.transform(_column(cells))[::-1], fitted.transform(_column(cells[::-1])))


@_check
def _check_equal_cells_are_shared(loader, cells):
    output = _fitted(loader, cells).transform(_column([*cells, cells[0]]))
    _assert_same(output[:1], output[-1:])
    if output.dtype == object:
        assert output[0, 0] is output[-1, 0], "a repeated cell was read twice"


@_check
def _check_two_columns(loader, cells):
    table = np.column_stack([_column(cells), _column(cells[::-1])])
    output = clone(loader).fit(table).transform(table)
    width = output.shape[1] // 2
    assert output.shape == (len(cells), 2 * width)
    single = _fitted(loader, cells)
    # A row of two modalities may be masked where a row of one may not.
    if hasattr(single, "modalities_"):
        missing = np.vectorize(is_missing)(output)
        assert not missing.all(axis=1).any(), "a row lost all it had"
        return
    _assert_same(output[:, :width], single.transform(_column(cells)))
    _assert_same(output[:, width:], single.transform(_column(cells[::-1])))


@_check
def _check_feature_names(loader, cells):
    fitted = clone(loader).fit(_pandas(cells, "sample"))
    assert fitted.feature_names_in_.tolist() == ["sample"] and fitted.n_features_in_ == 1
    names = fitted.get_feature_names_out()
    assert names.dtype == object and all(name.startswith("sample") for name in names), names
    n_columns = len(frame_columns(fitted.transform(_pandas(cells, "sample")))[1])
    assert len(names) == n_columns == len(set(names)), names


@_check
def _check_names_without_frame(loader, cells):
    fitted = _fitted(loader, cells)
    assert not hasattr(fitted, "feature_names_in_")
    assert all(name.startswith("x0") for name in fitted.get_feature_names_out())
    assert all(name.startswith("given") for name in fitted.get_feature_names_out(["given"]))


@_check
def _check_wrong_names(loader, cells):
    fitted = clone(loader).fit(_pandas(cells, "one"))
    error = _assert_raises(ValueError, lambda: fitted.transform(_pandas(cells, "other")))
    assert "one" in str(error) and "other" in str(error), error


@_check
def _check_wrong_width(loader, cells):
    fitted = _fitted(loader, cells)
    _assert_raises(ValueError, lambda: fitted.transform(np.column_stack([_column(cells), _column(cells)])))


@_check
def _check_zero_rows(loader, cells):
    fitted = _fitted(loader, cells)
    output = fitted.transform(np.empty((0, 1), dtype=object))
    assert output.shape == (0, fitted.transform(_column(cells)).shape[1])
    for container in (_pandas, _polars):
        fitted = clone(loader).fit(container(cells))
        assert len(fitted.transform(container(cells)[:0])) == 0


@_check
def _check_fit_zero_rows(loader, cells):
    error = _assert_raises(BadInputError, lambda: clone(loader).fit(np.empty((0, 1), dtype=object)))
    assert "0 rows" in str(error) and type(loader).__name__ in str(error), error


@_check
def _check_one_row(loader, cells):
    assert len(clone(loader).fit_transform(_column(cells[:1]))) == 1


@_check
def _check_containers(loader, cells):
    expected = _fitted(loader, cells).transform(_column(cells))
    for container in (list, _column, lambda cells: _column(cells)[:, np.newaxis], lambda cells: [[c] for c in cells]):
        _assert_same(expected, clone(loader).fit_transform(container(cells)))


@_check
def _check_one_column_frame(loader, cells):
    expected = _fitted(loader, cells).transform(_column(cells))
    for container in (_pandas, _polars):
        _assert_same(expected, clone(loader).fit_transform(container(cells)))


@_check
def _check_series(loader, cells):
    expected = _fitted(loader, cells).transform(_column(cells))
    for container in (_pandas, _polars):
        fitted = clone(loader).fit(container(cells)["cell"])
        assert fitted.feature_names_in_.tolist() == ["cell"]
        _assert_same(expected, fitted.transform(container(cells)["cell"]))
        _assert_same(expected, fitted.transform(container(cells)))


@_check
def _check_missing_cells(loader, cells):
    import pandas as pd

    absent = [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT, ""]
    fitted = _fitted(loader, cells)
    expected = fitted.transform(_column(cells))
    output = fitted.transform(_column([*absent, *cells]))
    assert all(is_missing(value) for row in output[: len(absent)] for value in row), output[: len(absent)]
    _assert_same(expected, output[len(absent) :])


@_check
def _check_all_missing(loader, cells):
    output = _fitted(loader, cells).transform(_column([None, None]))
    assert output.shape[0] == 2 and all(is_missing(value) for row in output for value in row), output


@_check
def _check_set_output_default(loader, cells):
    output = clone(loader).set_output(transform="default").fit_transform(_column(cells))
    assert isinstance(output, np.ndarray) and output.ndim == 2


@_check
def _check_set_output_pandas(loader, cells):
    import pandas as pd

    fitted = clone(loader).set_output(transform="pandas").fit(_pandas([None, *cells]))
    for given, index in ((_pandas([None, *cells]), range(10, 11 + len(cells))), (_polars([None, *cells]), None)):
        output = fitted.transform(given)
        assert isinstance(output, pd.DataFrame)
        assert output.columns.tolist() == fitted.get_feature_names_out().tolist()
        assert index is None or output.index.tolist() == list(index)
        assert all(is_missing(value) for value in output.iloc[0])
        _assert_same(_fitted(loader, cells).transform(_column(cells)), output.iloc[1:])


@_check
def _check_set_output_polars(loader, cells):
    import polars as pl

    fitted = clone(loader).set_output(transform="polars").fit(_polars([*cells, None]))
    for given in (_polars([*cells, None]), _pandas([*cells, None])):
        output = fitted.transform(given)
        assert isinstance(output, pl.DataFrame)
        assert output.columns == fitted.get_feature_names_out().tolist()
        assert all(is_missing(value) for value in output.row(-1))
        _assert_same(_fitted(loader, cells).transform(_column(cells)), output[:-1])


@_check
def _check_read_only_input(loader, cells):
    frozen = [_frozen(cell) for cell in cells]
    column = _column(frozen)
    column.flags.writeable = False
    _assert_same(_fitted(loader, cells).transform(_column(cells)), clone(loader).fit_transform(column))


def _frozen(cell):
    if isinstance(cell, np.ndarray):
        cell = cell.copy()
        cell.flags.writeable = False
    return cell


@_check
def _check_input_unchanged(loader, cells):
    column = _column([*cells, None])
    before = [cell.copy() if isinstance(cell, np.ndarray) else cell for cell in column]
    clone(loader).fit_transform(column)
    _assert_same(_column(before), column)


@_check
def _check_n_jobs(loader, cells):
    several = clone(loader)
    if "n_jobs" in loader.get_params():
        several.set_params(n_jobs=2)
    expected = _fitted(loader, cells).transform(_column(cells))
    several.fit(_column(cells))
    # Threads of the caller must not disturb each other either.
    outputs = [None] * 3

    def work(i):
        outputs[i] = several.transform(_column(cells))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(outputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for output in outputs:
        assert output is not None, "transform failed in a thread"
        _assert_same(expected, output)


@_check
def _check_not_fitted(loader, cells):
    if get_tags(loader).requires_fit:
        _assert_raises(NotFittedError, lambda: clone(loader).transform(_column(cells)))
    else:
        _assert_same(_fitted(loader, cells).transform(_column(cells)), clone(loader).transform(_column(cells)))
    _assert_raises(NotFittedError, lambda: clone(loader).get_feature_names_out())


@_check
def _check_dtype_is_compact(loader, cells):
    output = _fitted(loader, cells).transform(_column(cells))
    if output.dtype != object:
        assert output.dtype.kind == "f", output.dtype
        return
    arrays = [cell for row in output for cell in row if isinstance(cell, np.ndarray)]
    assert len({cell.dtype for cell in arrays}) <= 1, "cells of one column differ in dtype"
    assert all(cell.dtype.itemsize <= 4 and cell.dtype.kind in "iuf" for cell in arrays), arrays[0].dtype


@_check
def _check_random_state_untouched(loader, cells):
    clone(loader).fit_transform(_column(cells))  # may import torch
    before = _random_states()
    clone(loader).fit_transform(_column(cells))
    for name, state in _random_states().items():
        assert state == before[name], f"the caller's random state of {name} moved"


def _random_states():
    states = {"random": random.getstate(), "numpy": pickle.dumps(np.random.get_state())}  # noqa: NPY002 - the caller's
    if "torch" in sys.modules:
        states["torch"] = sys.modules["torch"].get_rng_state().tolist()
    return states


@_check
def _check_column_transformer(loader, cells):
    frame = _pandas(cells, "sample")
    joined = ColumnTransformer([("key", clone(loader), ["sample"])]).set_output(transform="pandas")
    output = joined.fit_transform(frame)
    assert all(name.startswith("key__sample") for name in output.columns), output.columns
    _assert_same(_fitted(loader, cells).transform(_column(cells)), output)


@_check
def _check_ragged_rows(loader, cells):
    error = _assert_raises(BadInputError, lambda: clone(loader).fit([[cells[0]], [cells[1], cells[2]]]))
    assert error.row == 1 and error.step == type(loader).__name__, error


@_check
def _check_bad_containers(loader, cells):
    for container in (None, "a single text", {"cell": cells}, np.zeros((2, 2, 2)), 3.5):
        error = _assert_raises(BadInputError, lambda: clone(loader).fit(container))  # noqa: B023 - called at once
        assert error.step == type(loader).__name__, error


@_check
def _check_bad_cell(loader, cells):
    strange = object()
    fitted = _with_on_error(loader, "raise").fit(_pandas(cells, "sample"))
    error = _assert_raises(BadInputError, lambda: fitted.transform(_pandas([cells[0], strange], "sample")))
    assert error.row == 1 and error.column == "sample" and error.value is strange, error
    assert error.step == type(loader).__name__ and error.fix, error


def _with_on_error(loader, value):
    return clone(loader).set_params(**({"on_error": value} if "on_error" in loader.get_params(deep=False) else {}))


@_check
def _check_bad_cell_is_missing(loader, cells):
    if "on_error" not in loader.get_params(deep=False):
        return
    fitted = _with_on_error(loader, "missing").fit(_column(cells))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        output = fitted.transform(_column([object(), *cells]))
    assert any(issubclass(one.category, UnreadableCellWarning) for one in caught), "an unreadable cell gave no warning"
    assert all(is_missing(value) for value in output[0]), f"an unreadable cell became {output[0]}"
    _assert_same(output[1:], fitted.transform(_column(cells)))


@_check
def _check_tags(loader, cells):
    tags = get_tags(loader)
    assert tags.estimator_type == "transformer" or tags.transformer_tags is not None
    assert tags.input_tags.two_d_array and tags.input_tags.one_d_array and tags.input_tags.allow_nan
    assert not tags.target_tags.required
    clone(loader).fit(_column(cells), y=None)
