import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from mmsk import (
    AudioLoader,
    BadInputError,
    CharEncoder,
    FoldEnsembleClassifier,
    ImageLoader,
    LateFusionClassifier,
    MultiModalClassifier,
    columns,
)


@pytest.mark.parametrize(
    "cell", [None, float("nan"), np.float32("nan"), np.datetime64("NaT", "s"), pd.NA, pd.NaT, "", b""]
)
def test_absent_cells(cell):
    assert columns.is_missing(cell)


@pytest.mark.parametrize(
    "cell", ["a", b"a", np.datetime64("2020"), 0, 0.0, False, np.zeros(0), np.zeros(3), np.nan * np.ones(2)]
)
def test_present_cells(cell):
    assert not columns.is_missing(cell)


def test_cells_are_views_of_the_block():
    block = np.arange(12, dtype=np.uint8).reshape(3, 4)
    column = columns.make_column(block, [True, False, True])
    assert column[1] is None
    assert np.shares_memory(column[2], block)
    assert column[2].dtype == np.uint8


def test_stacking_gives_the_block_back():
    block = np.arange(12, dtype=np.uint8).reshape(3, 4)
    stacked, presence = columns.stack_column(columns.make_column(block, [True, False, True]))
    assert stacked.dtype == np.uint8
    assert presence.tolist() == [True, False, True]
    np.testing.assert_array_equal(stacked[presence], block[[0, 2]])
    assert not stacked[1].any()


def test_stacking_names_the_row_of_another_shape():
    with pytest.raises(BadInputError, match=r"shape \(3,\).*shape \(2,\).*row 2"):
        columns.stack_column(columns.make_column([np.zeros(2), None, np.zeros(3)]))
    with pytest.raises(BadInputError, match="every cell"):
        columns.stack_column(columns.make_column([None, None]))


def test_rows_of_a_series_count_by_place_and_not_by_label():
    series = pd.Series(columns.make_column(np.arange(6.0)[:, None])).iloc[[5, 2, 0]]
    assert [cell[0] for cell in columns.make_column(series)] == [5, 2, 0]
    assert columns.stack_column(series)[0].ravel().tolist() == [5, 2, 0]


def test_times_that_are_not_there():
    assert columns.presence_of(np.array(["2020", "NaT"], "M8[D]")).tolist() == [True, False]


def test_make_column_takes_a_series_of_polars():
    polars = pytest.importorskip("polars")
    column = columns.make_column(polars.Series([[1.0, 2.0], None, [3.0]]))
    assert [None if cell is None else cell.tolist() for cell in column] == [[1.0, 2.0], None, [3.0]]


def test_make_column_refuses_a_wrong_presence():
    with pytest.raises(BadInputError, match="2 entries for 3 cells"):
        columns.make_column(np.zeros((3, 2)), [True, False])
    with pytest.raises(BadInputError, match="row 1"):
        columns.make_column([np.zeros(2), None], [True, True])


FRAMES = {
    "pandas": lambda data: pd.DataFrame(data),
    "polars": lambda data: pl.DataFrame(data),
    "rows": lambda data: [list(row) for row in zip(*data.values(), strict=True)],
    "array": lambda data: np.array([list(row) for row in zip(*data.values(), strict=True)], dtype=object),
}


@pytest.mark.parametrize("form", FRAMES)
def test_presence_of_every_container(form):
    X = FRAMES[form]({"photo": ["a", None, ""], "age": [1.0, float("nan"), 3.0]})
    assert columns.frame_presence(X).tolist() == [[True, True], [False, False], [False, True]]


def test_nullable_and_categorical_pandas_columns():
    X = pd.DataFrame(
        {"n": pd.array([1, None], dtype="Int64"), "c": pd.Categorical(["a", None]), "b": pd.array([True, None])}
    )
    names, arrays = columns.frame_columns(X)
    assert names == ["n", "c", "b"]
    assert arrays[0].dtype == np.float64
    assert columns.frame_presence(X).tolist() == [[True, True, True], [False, False, False]]


def test_a_series_is_one_column():
    names, arrays = columns.frame_columns(pd.Series(["a", None], name="photo"))
    assert names == ["photo"]
    assert arrays[0].tolist()[0] == "a"
    assert columns.frame_columns(pd.Series(["a"]))[0] is None
    assert columns.frame_columns(np.array(["a", "b"]))[1][0].dtype == object
    assert columns.frame_presence(np.zeros((2, 0))).shape == (2, 0)


def test_what_is_masked_is_not_there():
    mask = [[True, False], [False, False]]
    for dtype, expected in ((np.int64, np.float64), (np.float32, np.float32), (object, object), (str, object)):
        array = np.ma.array(np.array([[9, 2], [3, 4]]).astype(dtype), mask=mask)
        _, (first, second) = columns.frame_columns(array)
        assert first.dtype == second.dtype == expected
        assert columns.presence_of(first).tolist() == [False, True] and columns.presence_of(second).all()


def test_masks_of_cells():
    block = np.ma.array(np.full((2, 3), -999.0), mask=[[True] * 3, [False] * 3])
    assert columns.make_column(block).tolist()[0] is None
    assert columns.make_column(np.ma.array([1, 2], mask=[False, True])).tolist() == [1, None]
    assert columns.stack_column([block[0], block[1]])[1].tolist() == [False, True]
    block[1, 0] = np.ma.masked
    for build in (columns.make_column, columns.stack_column):
        with pytest.raises(BadInputError, match=r"masks some of its numbers \(row 1\).*filled"):
            build(list(block))
    with pytest.raises(BadInputError, match=r"AudioLoader: the array masks some of its numbers \(row 1"):
        AudioLoader(sampling_rate=8).transform(list(block))
    with pytest.raises(BadInputError, match=r"ImageLoader: the array masks some of its numbers \(row 0"):
        ImageLoader().transform([np.ma.array(np.zeros((5, 6)), mask=np.eye(5, 6))])
    cells = np.empty((2, 1), dtype=object)
    cells[:, 0] = list(block[[1, 1]])
    with pytest.raises(BadInputError, match=r"masks some of its numbers \(row 0"):
        MultiModalClassifier(max_epochs=1).fit(cells, [0, 1])


def test_structs_of_polars_are_no_sounds():
    X = pl.DataFrame({"place": [{"x": 1.0, "y": 2.0}, {"x": 3.0, "y": 4.0}]})
    _, (column,) = columns.frame_columns(X)
    assert column.tolist() == X["place"].to_list()
    with pytest.raises(BadInputError, match="expected a number, got dict"):
        MultiModalClassifier(max_epochs=1).fit(X, [0, 1])


ESTIMATORS = (
    MultiModalClassifier(max_epochs=1),
    CharEncoder(),
    FoldEnsembleClassifier(LogisticRegression(), cv=2),
    LateFusionClassifier([("table", LogisticRegression())]),
)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_what_holds_no_rows(estimator):
    frame = pl.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]})
    lazy, rows = frame.lazy(), iter(frame.rows())
    for X, problem in ((lazy, "a lazy frame"), (rows, "an iterator"), ({"a": [1]}, "a single dict")):
        with pytest.raises(BadInputError, match=f"{type(estimator).__name__}: {problem} came"):
            clone(estimator).fit(X, [0, 1, 0, 1])


def test_row_labels_make_no_frame_of_a_series():
    series = pd.Series(["a", "b"], index=["columns", "isetitem"], name="caption")
    assert not columns.is_frame(series)
    names, (column,) = columns.frame_columns(series)
    assert names == ["caption"] and column.tolist() == ["a", "b"]
    assert columns.is_frame(pl.DataFrame({"a": [1]}))


def test_ragged_rows_are_refused():
    with pytest.raises(BadInputError, match="2 cells where the first has 1"):
        columns.frame_columns([["a"], ["b", "c"]])


def test_groups_by_prefix_name_and_kind():
    cell = columns.make_column(np.zeros((2, 3)))
    number = np.zeros(2)
    groups = columns.group_columns(
        ["image__a", "voice", "age", "image__b", "meta__x"], [cell, cell, number, cell, number]
    )
    assert groups == {"image": [0, 3], "voice": [1], "table": [2], "meta": [4]}


def test_columns_without_names_take_keys_in_order():
    cell, number = columns.make_column(np.zeros((2, 3))), np.zeros(2)
    assert columns.group_columns(None, [cell, number, cell, number], ["image", "body"]) == {
        "image": [0],
        "body": [1, 3],
        "x2": [2],
    }


def test_arrays_of_polars():
    frame = pl.DataFrame(
        {"s": pl.Series([[1.0, 2.0], None, [3.0, 4.0]], dtype=pl.Array(pl.Float32, 2)), "n": [1, 2, 3]}
    )
    column = columns.frame_columns(frame)[1][0]
    assert column.dtype == object and column[1] is None and column[2].tolist() == [3.0, 4.0]
    assert columns.frame_presence(frame)[:, 0].tolist() == [True, False, True]
