import threading
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from joblib import parallel_config

from mmsk.base import BaseCellTransformer, BaseColumnTransformer, distinct_cells, first_place, spread_cells
from mmsk.exceptions import BadInputError, UnreadableCellWarning
from mmsk.lazy import LazyCell


class Length(BaseCellTransformer):
    """Measures texts; a text of digits is a bad cell."""

    def __init__(self, on_error="raise", n_jobs=None, verbose=0):
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _cell_layout(self):
        return (1,), np.int16

    def _cell_reader(self):
        return self._measure

    def _measure(self, cell):
        reads.append(cell)
        if str(cell).isdigit():
            raise BadInputError("digits came", fix="Give letters.")
        return np.array([len(str(cell))])


reads: list = []


@pytest.fixture(autouse=True)
def fresh_reads():
    reads.clear()


def measured(table):
    return [[None if cell is None else int(cell[0]) for cell in row] for row in table]


@pytest.mark.parametrize(
    "table",
    [
        ["cat", None, "horse"],
        [["cat"], [None], ["horse"]],
        (("cat",), ("",), ("horse",)),
        np.array(["cat", "", "horse"]),
        np.array([["cat"], [""], ["horse"]], dtype=object),
        pd.Series(["cat", None, "horse"]),
        pd.Series(["cat", None, "horse"], dtype="category"),
        pd.Series(["cat", pd.NA, "horse"], dtype="string", name="animal"),
        pd.DataFrame({"animal": ["cat", None, "horse"]}, index=[3, 1, 2]),
        pd.DataFrame({5: ["cat", np.nan, "horse"]}),
        pl.Series(["cat", None, "horse"]),
        pl.DataFrame({"animal": ["cat", None, "horse"]}),
        pl.DataFrame({"animal": ["cat", None, "horse"]}, schema={"animal": pl.Categorical}),
    ],
    ids=lambda table: type(table).__module__ + "." + type(table).__name__,
)
def test_every_table_is_read(table):
    assert measured(Length().fit(table).transform(table)) == [[3], [None], [5]]


def test_names_follow_scikit_learn():
    frame = pd.DataFrame({"a": ["x"], "b": ["y"]})
    fitted = Length().fit(frame)
    assert fitted.feature_names_in_.tolist() == ["a", "b"] and fitted.n_features_in_ == 2
    with pytest.raises(ValueError, match="same order"):
        fitted.transform(frame[["b", "a"]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        fitted.transform(frame.to_numpy())
    assert not hasattr(fitted.fit(frame.to_numpy()), "feature_names_in_")
    assert not hasattr(Length().fit(pd.DataFrame({0: ["x"]})), "feature_names_in_")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (None, "NoneType"),
        ("cat.jpg", "single str"),
        (b"cat", "single bytes"),
        (Path("cat.jpg"), "came where a table"),
        (3, "single int"),
        ({"a": ["x"]}, "single dict"),
        (np.array("x", dtype=object), "0 dimensions"),
        (np.zeros((2, 2, 2)), "3 dimensions"),
        (scipy.sparse.csr_array(np.eye(2)), "sparse"),
        (pl.LazyFrame({"a": ["x"]}), "lazy"),
        (pd.DataFrame(index=[0, 1]), "no columns"),
        ([["a", "b"], ["c"]], "1 cells where the first has 2"),
        ([], "0 rows"),
        (pd.DataFrame({"a": []}), "0 rows"),
        (pd.Series([], dtype=object), "0 rows"),
    ],
)
def test_what_is_no_table_is_refused(table, words):
    with pytest.raises(BadInputError, match=words) as caught:
        Length().fit(table)
    assert caught.value.step == "Length" and caught.value.fix


@pytest.mark.parametrize("n_jobs", [None, 1, 2, -1])
def test_distinct_cells_are_read_once(n_jobs):
    cells = Length(n_jobs=n_jobs).fit_transform([["a", "bb"], ["bb", Path("a")], [None, b"a"]])
    assert sorted(map(str, reads)) == ["a", "b'a'", "bb"]
    assert cells[0, 0] is cells[1, 1] and cells[0, 1] is cells[1, 0]
    assert cells[0, 0].base.shape == (3, 1) and cells[0, 0].dtype == np.int16


@pytest.mark.parametrize("n_jobs", [1, 2, 8])
def test_first_bad_cell_is_raised_whatever_the_threads(n_jobs):
    cells = ["good", "more", *(str(i) for i in range(10, 60))]
    for _ in range(5):
        with pytest.raises(BadInputError) as caught:
            Length(n_jobs=n_jobs).fit_transform(cells)
        assert caught.value.row == 2 and caught.value.value == "10"
        assert str(caught.value) == "Length: digits came (row 2, column 0, value '10'). Give letters."


def test_reading_stops_after_the_first_bad_cell():
    with pytest.raises(BadInputError):
        Length().fit_transform(["1", *(f"good{i}" for i in range(100))])
    assert reads == ["1"]


def test_bad_cells_become_missing_with_one_warning():
    frame = pd.DataFrame({"a": ["x", "1", None], "b": ["22", "1", "y"]})
    with pytest.warns(UnreadableCellWarning) as caught:
        table = Length(on_error="missing").fit(frame).transform(frame)
    assert measured(table) == [[1, None], [None, None], [None, 1]]
    assert len(caught) == 1 and Path(caught[0].filename).name == "test_base.py"
    message = str(caught[0].message)
    assert message.startswith("Length: 3 cells could not be read and are missing: ")
    assert "(row 1, column 'a', value '1')" in message and "(row 0, column 'b', value '22')" in message


def test_threads_are_used_in_a_context_of_processes():
    # Processes would write into copies of the block.
    with parallel_config(backend="loky", n_jobs=2):
        assert measured(Length().fit_transform(["cat", "horse"])) == [[3], [5]]
    assert sorted(reads) == ["cat", "horse"]


def test_cells_are_read_side_by_side():
    class Meeting(Length):
        def _measure(self, cell):
            barrier.wait(timeout=20)
            return super()._measure(cell)

    barrier = threading.Barrier(2)
    assert measured(Meeting(n_jobs=2).fit_transform(["cat", "horse"])) == [[3], [5]]


def test_progress_is_shown_when_asked(capfd):
    Length().fit_transform(["cat"])
    assert capfd.readouterr().err == ""
    Length(verbose=1).fit_transform(["cat", "horse"])
    shown = capfd.readouterr().err
    assert "Length" in shown and "2/2" in shown


def test_other_exceptions_are_not_taken_for_bad_cells():
    class Broken(Length):
        def _measure(self, cell):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Broken(on_error="missing").fit_transform(["cat"])


@pytest.mark.parametrize("cell", [np.array([1.5]), np.array([[1]]), np.array([1, 2]), np.array(1)])
def test_a_reader_that_gives_other_cells_than_promised_is_wrong(cell):
    class Other(Length):
        def _cell_layout(self):
            return (1,), np.int16

        def _measure(self, text):
            return cell

    with pytest.raises(
        TypeError, match=r"Other reads a cell of shape .* where its _cell_layout promises \(1,\) and int16"
    ):
        Other(on_error="missing").fit_transform(["cat"])
    with pytest.raises(TypeError, match="_cell_layout promises"):
        np.asarray(LazyCell(Other()._measure, "cat", shape=(1,), dtype=np.int16, step="Other"))


def test_cells_of_no_common_layout_are_their_own_arrays():
    class Letters(Length):
        def _cell_layout(self):
            return None

        def _measure(self, cell):
            return np.array(list(cell))

    cells = Letters().fit_transform(["cat", "horse"])[:, 0]
    assert [cell.tolist() for cell in cells] == [list("cat"), list("horse")] and cells[0].base is None


@pytest.mark.parametrize("parameters", [{"on_error": "ignore"}, {"n_jobs": "two"}, {"verbose": -1}])
def test_bad_parameters_are_refused_before_cells_are_read(parameters):
    for call in ("fit", "transform"):
        with pytest.raises(ValueError, match=next(iter(parameters))):
            getattr(Length(**parameters), call)(["cat"])
    assert not reads


def test_names_of_columns_and_rows_say_nothing_of_a_table():
    for table in (
        pd.DataFrame({"collect": ["a"], "toarray": ["b"]}),
        pd.Series(["a", "b"], index=["collect", "toarray"]),
    ):
        assert Length().fit_transform(table).size == 2


def test_an_iterator_is_refused_as_it_would_be_empty_the_second_time():
    for cells in ((cell for cell in "ab"), map(str.upper, "ab")):
        with pytest.raises(BadInputError, match="Length: an iterator came, which can be walked but once"):
            Length().fit(cells)


def test_base_classes_leave_the_reading_to_their_children():
    with pytest.raises(TypeError, match="Length does not say how it reads a cell"):
        BaseCellTransformer._cell_reader(Length())
    assert BaseCellTransformer._cell_layout(Length()) is None
    assert BaseColumnTransformer().fit(["cat"]).n_features_in_ == 1


def test_cells_go_back_where_they_stood():
    columns = [np.array(["a", None, "b"], dtype=object), np.array([Path("b"), "a", ""], dtype=object)]
    raw, slots = distinct_cells(columns)
    assert raw == ["a", "b"] and [slot.tolist() for slot in slots] == [[0, -1, 1], [1, 0, -1]]
    assert [first_place(i, slots) for i in (0, 1)] == [(0, 0), (2, 0)]
    one, two = spread_cells([np.array([1]), np.array([2])], slots)
    assert one[0] is two[1] and one[1] is None and one[2] is two[0] and two[2] is None


def test_equal_content_of_another_kind_is_another_cell():
    raw, _ = distinct_cells([["1", b"1", 1, 1.5, float("nan")], np.arange(5.0)])
    assert raw[:4] == ["1", b"1", 1, 1.5] and raw[4:] == [0.0, 1.0, 2.0, 3.0, 4.0]
