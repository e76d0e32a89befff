import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array

from mmsk.columns import frame_presence
from mmsk.datasets import pair_by_class
from mmsk.exceptions import BadInputError


@pytest.fixture
def tables():
    labels = ["cat"] * 3 + ["dog"] * 2
    return {
        "photo": ([f"{label}{i}.jpg" for i, label in enumerate(labels)], labels),
        "sound": (pd.Series([f"{label}{i}.wav" for i, label in enumerate(labels)], index=list("abcde")), labels),
        "text": (np.array([f"a {label} {i}" for i, label in enumerate(labels)]), np.array(labels)),
    }


def test_counts_of_the_recipe(tables):
    X, y = pair_by_class(tables, 5, random_state=0)
    assert X.columns.tolist() == ["photo", "sound", "text"]
    n_missing = (~frame_presence(X)).sum(axis=1)
    for label in ("cat", "dog"):
        np.testing.assert_array_equal(np.bincount(n_missing[y == label]), [5, 5, 5])
    assert X.isna().to_numpy().sum() == sum(cell is None for column in X for cell in X[column])


def test_every_cell_is_of_the_class(tables):
    X, y = pair_by_class(tables, 20, random_state=1)
    for column in X:
        for cell, label in zip(X[column], y, strict=True):
            assert cell is None or label in cell
    assert set(X["photo"].dropna()) == set(tables["photo"][0])  # every item gets its turn


def test_blanks_are_spread_over_modalities(tables):
    X, _ = pair_by_class(tables, 200, n_missing=1, random_state=0)
    np.testing.assert_allclose((~frame_presence(X)).mean(axis=0), 1 / 3, atol=0.06)


def test_seed_and_order(tables):
    X, y = pair_by_class(tables, 4, random_state=0)
    again, y_again = pair_by_class(tables, 4, random_state=0)
    pd.testing.assert_frame_equal(X, again)
    np.testing.assert_array_equal(y, y_again)
    other, _ = pair_by_class(tables, 4, random_state=1)
    assert not X.equals(other)
    ordered, y_ordered = pair_by_class(tables, 4, shuffle=False, random_state=0)
    assert y_ordered.tolist() == ["cat"] * 12 + ["dog"] * 12
    assert (~frame_presence(ordered)).sum(axis=1).tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [0] * 4 + [1] * 4 + [2] * 4


def test_a_frame_keeps_its_columns_and_loses_them_together(tables):
    tables["table"] = (pd.DataFrame({"age": [1, 2, 3, 4, 5], "kind": list("vwxyz")}), tables["photo"][1])
    X, y = pair_by_class(tables, 10, n_missing=(1,), random_state=0)
    assert X.columns.tolist() == ["photo", "sound", "text", "age", "kind"]
    assert X["age"].dtype == float
    np.testing.assert_array_equal(X["age"].isna(), [cell is None for cell in X["kind"]])
    assert 0 < X["age"].isna().sum() < len(X)
    assert dict(zip(X["kind"].dropna(), X["age"].dropna(), strict=True)) == {"v": 1, "w": 2, "x": 3, "y": 4, "z": 5}
    assert set(y[X["age"].le(3)]) == {"cat"}


def test_polars_frame(tables):
    tables["table"] = (pl.DataFrame({"age": [1, 2, 3, 4, 5]}), tables["photo"][1])
    X, _ = pair_by_class(tables, 3, n_missing=0, random_state=0)
    assert set(X["age"]) <= {1, 2, 3, 4, 5}


def test_numbers_and_arrays_as_cells():
    arrays = [np.full((2, 3), i) for i in range(4)]
    X, y = pair_by_class(
        {"series": (arrays, [0, 0, 1, 1]), "age": (np.arange(4), [0, 0, 1, 1])}, 6, n_missing=(0, 1), random_state=0
    )
    assert X["age"].dtype == float
    assert y.dtype.kind == "i"
    for cell, label in zip(X["series"], y, strict=True):
        assert cell is None or (cell.shape == (2, 3) and cell[0, 0] // 2 == label)


def test_missing_items_are_not_drawn(tables):
    tables["photo"] = (["cat0.jpg", None, "", "dog3.jpg", float("nan")], tables["photo"][1])
    X, _ = pair_by_class(tables, 10, n_missing=0, random_state=0)
    assert set(X["photo"]) == {"cat0.jpg", "dog3.jpg"}


def test_one_modality_and_mixed_labels():
    X, y = pair_by_class({"photo": (["a", "b"], ["one", 2])}, 2, n_missing=0, random_state=0)
    assert sorted(X["photo"]) == ["a", "a", "b", "b"]
    assert len(y) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"photo": (["a.jpg"], ["cat", "dog"])}, r"1 cells stand beside 2 labels \(column 'photo'\)"),
        ({"photo": (["a.jpg"], ["cat"])}, r"no item of this class .*column 'photo', value 'dog'.*similar_labels"),
        ({"photo": (["a.jpg", "b.jpg"], ["cat", None])}, r"label is missing \(row 1, column 'photo'\)"),
        ({"photo": "cat.jpg"}, "is a str, not a pair"),
        ({"photo": 3}, "is a int, not a pair"),
        ({"photo": (pd.DataFrame({"text": ["a", "b"]}), ["cat", "dog"])}, "'photo' and 'text' both have this column"),
    ],
)
def test_bad_tables(tables, change, message):
    with pytest.raises(BadInputError, match=message):
        pair_by_class(tables | change, 2)


@pytest.mark.parametrize("n_missing", [3, (0, 3), (0.5,), ()])
def test_bad_n_missing(tables, n_missing):
    with pytest.raises(BadInputError, match=r"n_missing is empty|must keep one"):
        pair_by_class(tables, 2, n_missing=n_missing)


def test_empty_tables():
    with pytest.raises(BadInputError, match="hold no item"):
        pair_by_class({"photo": ([], [])}, 2, n_missing=0)


def test_labels_that_are_tuples_stay_whole():
    labels = [("cat", 1), ("cat", 1), ("dog", 2)]
    _, y = pair_by_class({"photo": (list("abc"), labels)}, 2, n_missing=0, random_state=0)
    assert y.shape == (4,) and sorted(y) == [("cat", 1)] * 2 + [("dog", 2)] * 2


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({}, "tables is empty"),
        ({"photo": (["a"], [["cat"]])}, r"the label is a list, which is no class \(row 0, column 'photo'\)"),
        ({"photo": (None, ["cat"])}, r"cells of type NoneType came \(column 'photo'\)"),
        ({"photo": ((c for c in "a"), ["cat"])}, "cells of type generator came"),
        ({"photo": (csr_array(np.eye(1)), ["cat"])}, "cells of type csr_array came"),
    ],
)
def test_what_holds_no_cells_or_labels(tables, message):
    with pytest.raises(BadInputError, match=message):
        pair_by_class(tables, 2, n_missing=0)


def test_bad_types(tables):
    with pytest.raises(ValueError, match="'tables' parameter of pair_by_class"):
        pair_by_class([1], 2)
    with pytest.raises(ValueError, match="'n_per_class' parameter of pair_by_class"):
        pair_by_class(tables, 0)
    with pytest.raises(ValueError, match="'n_missing' parameter of pair_by_class"):
        pair_by_class(tables, 1, n_missing=-1)


def test_labels_of_several_types_stay_what_they_are():
    tables = {"p": (["a", "b"], ["cat", 1]), "q": (["c", "d"], ["cat", 1])}
    _, y = pair_by_class(tables, 2, n_missing=0, random_state=0)
    assert sorted(y, key=str) == [1, 1, "cat", "cat"]


@pytest.mark.parametrize("form", [np.array, pd.Series])
def test_numbers_stay_numbers(form):
    labels = ["a", "b"] * 3
    tables = {"num": (form(np.arange(6.0)), labels), "word": (list("uvwxyz"), labels)}
    X, _ = pair_by_class(tables, 4, n_missing=(0, 1), random_state=0)
    assert X["num"].dtype == np.float64 and X["num"].isna().any()


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_whole_numbers_beyond_those_of_floats_stay_themselves(dtype):
    labels, ids = ["a", "b"] * 3, np.arange(6).astype(dtype) + np.array(2**53, dtype)
    tables = {"id": (ids, labels), "word": (list("uvwxyz"), labels)}
    X, _ = pair_by_class(tables, 20, n_missing=(0, 1), random_state=0)
    assert X["id"].dtype.name.lower() == dtype and X["id"].isna().any()
    assert set(X["id"].dropna().tolist()) == set(ids.tolist())


def test_names_of_rows_say_nothing_of_what_holds_the_cells():
    cells = pd.Series(["a.jpg", "b.jpg"], index=["toarray", "columns"])
    X, _ = pair_by_class({"photo": (cells, ["cat", "dog"])}, 1, n_missing=0, random_state=0)
    assert sorted(X["photo"]) == ["a.jpg", "b.jpg"]
