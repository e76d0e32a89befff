import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.ensemble import BalancedBaggingClassifier
from imblearn.over_sampling import SMOTE
from scipy import sparse

from mmsk.columns import frame_presence, is_missing, make_column
from mmsk.exceptions import BadInputError
from mmsk.sampling import MaskedCopies, RowSampler, TensorSampler, balance_classes

N = 24
Y = np.array(["dog"] * 15 + ["cat"] * 6 + ["eel"] * 3)


def every_kind_of_column():
    rng = np.random.default_rng(0)
    there = np.arange(N) % 4 > 0
    return pd.DataFrame(
        {
            "image__photo": make_column(rng.integers(0, 255, (N, 3, 4, 4)).astype("uint8"), there),
            "sound__clip": make_column(rng.normal(size=(N, 30)).astype("float32"), ~there | (np.arange(N) % 3 > 0)),
            "text__codes": make_column(rng.integers(2, 9, (N, 7)).astype("int32")),
            "small": np.arange(N, dtype="int8"),
            "single": np.linspace(0, 1, N).astype("float32"),
            "maybe": pd.array([1, None] * (N // 2), dtype="Int64"),
            "flag": np.arange(N) % 2 > 0,
            "kind": pd.Categorical(list("abcd") * (N // 4)),
            "day": pd.date_range("2020", periods=N),
            "zone": pd.date_range("2020", periods=N, tz="UTC"),
            "path": ["a.jpg", None, "c.jpg"] * (N // 3),
        },
        index=np.arange(N) * 10,
    )


def texts(X):
    return [None if is_missing(text) else text for text in X["path"]]


def assert_same_cells(table, expected):
    assert list(table.columns) == list(expected.columns)
    assert (table.dtypes == expected.dtypes).all()
    for name in table:
        for cell, other in zip(table[name], expected[name], strict=True):
            assert cell is other or cell == other or (is_missing(cell) and is_missing(other))


# --------------------------------------------------------------------------------------------------------- RowSampler
def test_every_dtype_and_blank_of_a_frame_stays():
    X = every_kind_of_column()
    sampler = RowSampler(random_state=0)
    drawn, y = sampler.fit_resample(X, pd.Series(Y, index=X.index, dtype="category", name="animal"))
    assert y.value_counts().tolist() == [15, 15, 15]
    assert y.name == "animal" and y.dtype == "category" and y.index.equals(drawn.index)
    assert_same_cells(drawn, X.iloc[sampler.sample_indices_])
    assert drawn.index.equals(pd.RangeIndex(45))
    assert sampler.feature_names_in_.tolist() == X.columns.tolist()


@pytest.mark.parametrize("kind", ["polars", "objects", "lists", "block", "sparse", "strings", "column", "float32"])
def test_every_container_stays(kind):
    X = every_kind_of_column()
    given = {
        "polars": lambda: pl.DataFrame(
            {"photo": pl.Series(list(X["image__photo"]), dtype=pl.Object), "path": texts(X), "n": range(N)}
        ),
        "objects": lambda: X[["image__photo", "path"]].to_numpy(),
        "lists": lambda: X[["small", "path"]].to_numpy().tolist(),
        "block": lambda: np.arange(N * 12, dtype="uint8").reshape(N, 3, 4),
        "sparse": lambda: sparse.csr_array(np.eye(N, dtype="float32")),
        "strings": lambda: np.array([["a", "bb"]] * N),
        "column": lambda: X["image__photo"].to_numpy(),
        "float32": lambda: np.eye(N, dtype="float32"),
    }[kind]()
    if kind == "column":
        given = given[:, None]
    sampler = RowSampler("min", random_state=0)
    drawn, y = sampler.fit_resample(given, Y.tolist())
    assert type(drawn) is type(given) and type(y) is list
    assert sorted(y) == ["cat"] * 3 + ["dog"] * 3 + ["eel"] * 3
    rows = sampler.sample_indices_
    if kind == "polars":
        assert drawn.schema == given.schema
        assert drawn["n"].to_list() == rows.tolist()
        assert all(a is b for a, b in zip(drawn["photo"], [given["photo"][int(i)] for i in rows], strict=True))
    elif kind == "lists":
        assert drawn == [given[i] for i in rows]
    elif kind == "sparse":
        assert (drawn != given[rows]).nnz == 0
    else:
        assert drawn.dtype == given.dtype
        assert drawn.shape == given[rows].shape
        same = [a is b or np.array_equal(a, b) for a, b in zip(drawn.ravel(), given[rows].ravel(), strict=True)]
        assert all(same)


@pytest.mark.parametrize(
    ("n_per_class", "counts"),
    [("max", [15, 15, 15]), ("min", [3, 3, 3]), (7, [7, 7, 7]), ((5, 10), [6, 10, 5]), ([0, 4], [4, 4, 3])],
)
def test_rows_of_a_class_are_drawn_equally_often(n_per_class, counts):
    X = np.arange(N)[:, None]
    drawn, y = balance_classes(X, Y, n_per_class=n_per_class, random_state=0)
    assert np.unique(y, return_counts=True)[1].tolist() == counts
    np.testing.assert_array_equal(Y[drawn[:, 0]], y)
    assert (np.diff(drawn[:, 0]) >= 0).all()
    for label, count in zip(["cat", "dog", "eel"], counts, strict=True):
        times = np.bincount(drawn[y == label, 0], minlength=N)[label == Y]
        assert times.max() - times.min() <= 1 and times.sum() == count
    again = balance_classes(X, Y, n_per_class=n_per_class, random_state=0)[0]
    np.testing.assert_array_equal(again, drawn)


def test_the_seed_chooses_and_the_global_state_stays():
    X = np.arange(N)[:, None]
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the caller's state is what this is about
    draws = {balance_classes(X, Y, n_per_class="min", random_state=seed)[0].tobytes() for seed in range(8)}
    assert len(draws) > 4
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("n_per_class", [(5,), (9, 3), (1.5, 3), "mean", 0, (-1, 4), None, (0, 0)])
def test_bad_numbers_of_rows_are_named(n_per_class):
    with pytest.raises(ValueError, match="n_per_class"):
        balance_classes(np.zeros((N, 1)), Y, n_per_class=n_per_class)


def test_bad_tables_are_named():
    with pytest.raises(BadInputError, match=r"RowSampler: y has one class.*\['dog'\]"):
        RowSampler().fit_resample(np.zeros((3, 1)), ["dog"] * 3)
    with pytest.raises(BadInputError, match="inconsistent numbers of samples"):
        RowSampler().fit_resample(np.zeros((3, 1)), ["dog", "cat"])
    with pytest.raises(BadInputError, match="Unknown label type"):
        RowSampler().fit_resample(np.zeros((3, 1)), [0.1, 0.2, 0.3])


# ------------------------------------------------------------------------------------------------------- MaskedCopies
def modalities_present(X):
    return X[["image__photo", "sound__clip", "text__codes", "path", "kind"]].notna().sum(axis=1).to_numpy()


@pytest.mark.parametrize("n_missing", [(0, 1, 2), (1,), [0, 3], (2, 2)])
def test_copies_lack_as_many_modalities_as_asked(n_missing):
    X = every_kind_of_column().drop(columns=["day", "zone", "small", "single", "maybe", "flag"])
    sampler = MaskedCopies(n_missing, random_state=0)
    more, y = sampler.fit_resample(X, Y)
    rows, had = sampler.sample_indices_, modalities_present(X)
    np.testing.assert_array_equal(y, Y[rows])
    expected = [had[row] - n for n in n_missing for row in range(N) if n == 0 or had[row] > n]
    np.testing.assert_array_equal(modalities_present(more), expected)
    assert (modalities_present(more) > 0).all()
    assert (more.dtypes == X.dtypes).all()
    origin = X.iloc[rows]
    for name in X:
        for cell, other in zip(more[name], origin[name], strict=True):
            assert is_missing(cell) or cell is other or cell == other, "a cell that stays is the cell of its row"


def test_every_modality_has_its_turn_and_the_table_is_one():
    X = every_kind_of_column()
    more, _ = MaskedCopies((1,), random_state=0).fit_resample(pd.concat([X] * 10), np.tile(Y, 10))
    lost = frame_presence(pd.concat([X] * 10)) & ~frame_presence(more)
    names = list(X)
    numbers = [names.index(name) for name in ("small", "single", "flag")]
    # small, single and flag, with maybe where it is there, go together; every other column goes alone.
    assert (lost[:, numbers] == lost[:, numbers[:1]]).all()
    assert lost.any(axis=0).all()
    np.testing.assert_array_equal(np.delete(lost, [*numbers[1:], names.index("maybe")], axis=1).sum(axis=1), 1)
    assert more["small"].dtype == more["flag"].dtype == np.float32
    assert more["single"].dtype == np.float32
    assert more["maybe"].dtype == "Int64"
    assert more["day"].dtype == X["day"].dtype and more["zone"].dtype == X["zone"].dtype


@pytest.mark.parametrize(
    "sampler",
    [MaskedCopies((0, 1), random_state=0), TensorSampler(SMOTE(k_neighbors=1, random_state=0), columns=["clip"])],
)
def test_columns_of_polars_stay_what_they_were(sampler):
    clips = [None, *np.random.default_rng(0).random((N - 1, 4)).tolist()]
    X = pl.DataFrame(
        {
            "clip": pl.Series(clips, dtype=pl.Array(pl.Float32, 4)),
            "list": pl.Series(clips, dtype=pl.List(pl.Float64)),
            "day": [datetime.date(2020, 1, 1 + i) for i in range(N)],
            "kind": pl.Series(["a", None] * (N // 2), dtype=pl.Categorical),
            "count": pl.Series([None, *range(N - 1)]),
            "flag": pl.Series([None, True] * (N // 2)),
            "text": ["t"] * N,
            "nothing": [None] * N,
        }
    )
    if isinstance(sampler, MaskedCopies):  # the other one draws between cells, and refuses what is none
        X = X.with_columns(pl.Series("place", [{"x": 1.0}] * N))
    more, _ = sampler.fit_resample(X, Y)
    assert more.schema == X.schema and len(more) > N
    kept = X["count"].drop_nulls().unique()
    assert set(more["count"].drop_nulls()) <= set(kept)
    assert set(more["day"].drop_nulls()) <= set(X["day"])


@pytest.mark.parametrize("numbers", [range(2), np.array([0, 1])], ids=["range", "array"])
def test_numbers_to_blank_in_any_sequence(numbers):
    X = every_kind_of_column()
    expected, _ = MaskedCopies((0, 1), random_state=0).fit_resample(X, Y)
    np.testing.assert_array_equal(
        frame_presence(MaskedCopies(numbers, random_state=0).fit_resample(X, Y)[0]), frame_presence(expected)
    )


def test_copies_of_arrays_polars_and_lists():
    X = every_kind_of_column()[["image__photo", "path"]]
    sampler = MaskedCopies((0, 1), random_state=0)
    frame, labels = sampler.fit_resample(X, Y)
    array, y = sampler.fit_resample(X.to_numpy(), Y)
    np.testing.assert_array_equal(frame_presence(array), frame_presence(frame))
    photos = pl.Series([None if is_missing(cell) else cell for cell in X["image__photo"]], dtype=pl.Object)
    polars, _ = sampler.fit_resample(pl.DataFrame({"image__photo": photos, "path": texts(X)}), Y)
    np.testing.assert_array_equal(frame_presence(polars), frame_presence(frame))
    assert polars.dtypes == [pl.Object, pl.String]
    lists, _ = sampler.fit_resample(X.to_numpy().tolist(), Y.tolist())
    np.testing.assert_array_equal(frame_presence(lists), frame_presence(frame))
    np.testing.assert_array_equal(labels, y)
    assert len(array) > N and not frame_presence(frame).all()


def test_plain_numbers_are_one_modality_and_stay():
    X = np.random.default_rng(0).normal(size=(N, 3))
    more, y = MaskedCopies(random_state=0).fit_resample(X, Y)
    np.testing.assert_array_equal(more, X)
    np.testing.assert_array_equal(y, Y)


def test_bad_numbers_of_missing_modalities_are_named():
    X = every_kind_of_column()
    for n_missing in ((), (-1,), (0.5,), "01"):
        with pytest.raises(ValueError, match="n_missing"):
            MaskedCopies(n_missing).fit_resample(X, Y)
    with pytest.raises(BadInputError, match="nothing to copy.*Put 0"):
        MaskedCopies((1,)).fit_resample(np.zeros((N, 2)), Y)


def test_ensembles_of_imbalanced_learn_draw_with_a_sampler_of_ours():
    X = np.random.default_rng(0).normal(size=(N, 2)) + 5 * np.unique(Y, return_inverse=True)[1][:, None]
    model = BalancedBaggingClassifier(n_estimators=3, sampler=RowSampler(), random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.9
