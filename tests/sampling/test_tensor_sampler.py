import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.combine import SMOTETomek
from imblearn.over_sampling import ADASYN, SMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline
from imblearn.under_sampling import EditedNearestNeighbours, RandomUnderSampler
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate

from mmsk import ImageEncoder, MultiModalClassifier, SpectrogramEncoder, TextEncoder
from mmsk.columns import frame_presence, is_missing, make_column
from mmsk.exceptions import BadInputError
from mmsk.sampling import MaskedCopies, RowSampler, TensorSampler
from tests.rows import make_rows


def uneven_rows(n_rows=240, missing=0.15):
    """Three classes of 54, 30 and 20 rows, some cells of all of them missing."""
    X, y = make_rows(n_rows, missing=missing)
    kept = np.concatenate([np.flatnonzero(y == label)[:n] for label, n in [("cat", 54), ("dog", 30), ("sea", 20)]])
    kept.sort()
    X = X.iloc[kept].reset_index(drop=True)
    X["place"] = [f"p{i}" for i in range(len(X))]
    X["visits"] = np.arange(len(X), dtype=np.int16)
    return X, y[kept]


def same(cell, other):
    if is_missing(cell) or is_missing(other):
        return is_missing(cell) and is_missing(other)
    return cell is other or np.array_equal(cell, other)


def test_rows_that_are_there_stay_and_new_ones_look_like_them():
    X, y = uneven_rows()
    more, labels = TensorSampler(SMOTE(random_state=0, k_neighbors=3)).fit_resample(X, y)
    n = len(X)
    assert np.unique(labels, return_counts=True)[1].tolist() == [54, 54, 54]
    assert (more.dtypes == X.dtypes).all() and more.columns.tolist() == X.columns.tolist()
    assert frame_presence(X).mean() < 0.95
    for name in X:
        assert all(same(a, b) for a, b in zip(more[name][:n], X[name], strict=True)), name
    np.testing.assert_array_equal(labels[:n], y)
    new = more[n:]
    used = ["image__photo", "sound__clip", "age", "visits"]
    assert frame_presence(new[used]).all()
    complete = X[used].notna().all(axis=1).to_numpy()
    for label in ("dog", "sea"):
        own = X[complete & (y == label)]
        made = new[labels[n:] == label]
        for name in ("image__photo", "sound__clip"):
            cells, real = np.stack(list(made[name])), np.stack(list(own[name]))
            assert cells.dtype == real.dtype and cells.shape[1:] == real.shape[1:]
            assert (cells.max(axis=0) <= real.max(axis=0)).all() and (cells.min(axis=0) >= real.min(axis=0)).all()
            assert not any((cell == real).all(axis=tuple(range(1, real.ndim))).any() for cell in cells)
        assert made["age"].between(own["age"].min(), own["age"].max()).all()
        # Codes and texts are whole cells of one row, the same row for both.
        origin = made["place"].str[1:].astype(int)
        assert (y[origin] == label).all() and complete[origin].all()
        assert all(same(a, b) for a, b in zip(made["text__caption"], X["text__caption"].iloc[origin], strict=True))


def test_codes_come_from_the_nearest_row():
    rng = np.random.default_rng(0)
    y = np.array([0] * 30 + [1] * 8)
    photo = rng.random((38, 1, 3, 3)).astype("float32")
    X = pd.DataFrame({"photo": make_column(photo), "codes": make_column(np.arange(38)[:, None])})
    more, _ = TensorSampler(SMOTE(random_state=0)).fit_resample(X, y)
    for photo_made, codes in zip(more["photo"][38:], more["codes"][38:], strict=True):
        distance = ((photo[30:] - photo_made) ** 2).sum(axis=(1, 2, 3))
        assert 30 + distance.argmin() == codes[0]


def test_plain_numbers_are_sampled_as_without_it():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 4)), np.array([0] * 45 + [1] * 15)
    expected, labels = SMOTE(random_state=0).fit_resample(X, y)
    more, given = TensorSampler(SMOTE(random_state=0)).fit_resample(X, y)
    np.testing.assert_array_equal(more, expected)
    np.testing.assert_array_equal(given, labels)


def test_every_modality_weighs_alike():
    """A photo of many large numbers must not decide alone which rows are neighbours."""
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 255, (40, 3, 8, 8)).astype("uint8")
    age = np.repeat([0.0, 1.0], 20) + rng.normal(scale=0.01, size=40)
    X = pd.DataFrame({"photo": make_column(photo), "age": age})
    X = pd.concat([X, X, X], ignore_index=True)
    y = np.array([1] * 40 + [0] * 80)
    made = TensorSampler(SMOTE(random_state=0, k_neighbors=5)).fit_resample(X, y)[0]["age"][120:]
    assert ((made < 0.2) | (made > 0.8)).all()


@pytest.mark.parametrize("sampler", [ADASYN(), BorderlineSMOTE(), RandomOverSampler(shrinkage=0.5)], ids=repr)
def test_other_over_samplers(sampler):
    X, y = uneven_rows(missing=0.05)
    y = np.random.default_rng(0).permutation(y)  # these look for rows among those of other classes
    more, labels = TensorSampler(clone(sampler).set_params(random_state=0)).fit_resample(X, y)
    assert all(np.unique(labels, return_counts=True)[1] >= 40)
    assert all(same(a, b) for a, b in zip(more["image__photo"][: len(X)], X["image__photo"], strict=True))
    assert len(more) > len(X) + 10


@pytest.mark.parametrize(
    "sampler", [RandomUnderSampler(random_state=0), EditedNearestNeighbours(), SMOTETomek(random_state=0)], ids=repr
)
def test_samplers_that_leave_out_rows_keep_incomplete_ones(sampler):
    X, y = uneven_rows()
    y = np.random.default_rng(0).permutation(y)
    more, _ = TensorSampler(sampler).fit_resample(X, y)
    incomplete = ~X[["image__photo", "sound__clip", "age"]].notna().all(axis=1)
    assert set(X["place"][incomplete]) <= set(more["place"])
    assert len(more) < len(X) or isinstance(sampler, SMOTETomek)


def test_repeated_rows_are_the_very_cells():
    X, y = uneven_rows()
    more, labels = TensorSampler(RandomOverSampler(random_state=0)).fit_resample(X, y)
    assert np.unique(labels, return_counts=True)[1].tolist() == [54, 54, 54]
    known = {id(cell) for cell in X["image__photo"]}
    assert all(id(cell) in known for cell in more["image__photo"])


def test_rows_alike_in_what_is_used_keep_what_else_they_have():
    X = pd.DataFrame({"n": [1.0] * 6 + [2.0] * 3, "path": [f"{i}.jpg" for i in range(9)]})
    more, _ = TensorSampler(SMOTE(random_state=0, k_neighbors=2)).fit_resample(X, [0] * 6 + [1] * 3)
    assert more["path"][:9].tolist() == X["path"].tolist()


def test_columns_choose_and_the_others_are_carried():
    X, y = uneven_rows(missing=0.4)
    sampler = TensorSampler(SMOTE(random_state=0), columns=["age"]).fit(X, y)
    more, labels = sampler.fit_resample(X, y)
    assert sampler.columns_ == [X.columns.get_loc("age")]
    assert sampler.sampling_strategy_ == sampler.sampler_.sampling_strategy_
    new, known = more[len(X) :], {id(cell) for cell in X["image__photo"]}
    assert np.unique(labels, return_counts=True)[1].tolist() == [54, 54, 54]
    assert new["image__photo"].isna().any()
    assert all(cell is None or id(cell) in known for cell in new["image__photo"])
    assert not new["age"].isin(X["age"]).any()
    assert TensorSampler(SMOTE(random_state=0), columns=[3]).fit_resample(X, y)[0]["age"].equals(more["age"])


def test_strategies_count_all_rows():
    X, y = uneven_rows()
    strategies = [{"sea": 30}, "minority", "not majority", lambda labels: {"sea": 30}]
    for strategy, n_sea in zip(strategies, [30, 54, 54, 30], strict=True):
        smote = SMOTE(random_state=0, k_neighbors=2, sampling_strategy=strategy)
        _, labels = TensorSampler(smote).fit_resample(X, y)
        assert (labels == "sea").sum() == n_sea


def test_pandas_dtypes_are_restored():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "photo": make_column(rng.random((30, 1, 2, 2)).astype("float16")),
            "maybe": pd.array(rng.integers(0, 9, 30), dtype="Int64"),
            "count": rng.integers(0, 9, 30).astype("uint8"),
            "kind": pd.Categorical(rng.integers(0, 3, 30)),
            "flag": rng.random(30) > 0.5,
            "perhaps": pd.array([True, False, None] * 10, dtype="boolean"),
            "day": pd.date_range("2020", periods=30),
            "text": pd.array(["a", None] * 15, dtype="string"),
        }
    )
    sampler = TensorSampler(SMOTE(random_state=0))
    more, _ = sampler.fit_resample(X, [0] * 22 + [1] * 8)
    assert sampler.columns_ == [0, 1, 2]
    assert (more.dtypes == X.dtypes).all()
    pd.testing.assert_frame_equal(more[:30].drop(columns="photo"), X.drop(columns="photo"))
    assert more["photo"].iloc[-1].dtype == np.float16
    assert set(more["kind"][30:]) <= {0, 1, 2} and more["kind"].notna().all()


def test_arrays_lists_and_polars():
    X, y = uneven_rows()
    X = X[["image__photo", "age", "place"]]
    sampler = TensorSampler(SMOTE(random_state=0))
    frame, _ = sampler.fit_resample(X, y)
    photos = pl.Series([None if is_missing(cell) else cell for cell in X["image__photo"]], dtype=pl.Object)
    tables = {
        "array": X.to_numpy(),
        "lists": X.to_numpy().tolist(),
        "polars": pl.DataFrame({"photo": photos, "age": X["age"].to_numpy(), "place": X["place"].tolist()}),
    }
    for name, table in tables.items():
        more, _ = sampler.fit_resample(table, y)
        assert type(more) is type(table)
        rows = more.rows() if name == "polars" else more
        for made, expected in zip(rows, frame.itertuples(index=False), strict=True):
            assert all(same(a, b) for a, b in zip(made, expected, strict=True)), name


def test_bad_tables_are_named():
    X, y = uneven_rows()
    sampler = TensorSampler(SMOTE(random_state=0))
    with pytest.raises(BadInputError, match="no column can be interpolated.*RowSampler"):
        sampler.fit_resample(X[["text__caption", "place"]], y)
    with pytest.raises(BadInputError, match="cannot be interpolated.*column 'place'"):
        TensorSampler(columns=["age", "place"]).fit_resample(X, y)
    with pytest.raises(BadInputError, match="columns names 'height', which the table does not have"):
        TensorSampler(columns=["height"]).fit_resample(X, y)
    lacking = X.assign(age=X["age"].where(y != "sea"))
    with pytest.raises(BadInputError, match=r"SMOTE cannot work.*'sea': 0.*neighbours"):
        sampler.fit_resample(lacking, y)
    with pytest.raises(BadInputError, match="no row has all"):
        TensorSampler().fit_resample(pd.DataFrame({"a": [1, np.nan] * 3, "b": [np.nan, 1] * 3}), [0, 1] * 3)
    ragged = pd.DataFrame({"clip": make_column([np.zeros(i % 2 + 3, "float32") for i in range(12)])})
    with pytest.raises(BadInputError, match=r"row 1, column 'clip'.*fixed"):
        TensorSampler().fit_resample(ragged, [0] * 8 + [1] * 4)
    with pytest.raises(ValueError, match="'sampler' parameter"):
        TensorSampler("smote").fit_resample(X, y)


# ------------------------------------------------------------------------------------------------------ in a pipeline
class Witness(ClassifierMixin, BaseEstimator):
    """Remembers what it was trained on and what it was asked."""

    def fit(self, X, y):
        self.classes_, self.X_, self.y_ = np.unique(y), X, y
        return self

    def predict(self, X):
        self.asked_ = X
        return np.full(len(X), self.classes_[0])


@pytest.mark.parametrize(
    "sampler",
    [TensorSampler(SMOTE(random_state=0, k_neighbors=2)), RowSampler(random_state=0), MaskedCopies(random_state=0)],
    ids=lambda sampler: type(sampler).__name__,
)
def test_nothing_made_from_training_rows_reaches_the_test_fold_nor_back(sampler):
    X, y = uneven_rows(missing=0.1)
    model = Pipeline([("sample", sampler), ("witness", Witness())])
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    done = cross_validate(model, X, y, cv=folds, return_estimator=True, return_indices=True, error_score="raise")
    places = X["place"].to_numpy()
    for fitted, train, test in zip(done["estimator"], *done["indices"].values(), strict=True):
        witness = fitted["witness"]
        assert witness.asked_["place"].tolist() == places[test].tolist(), "test rows are asked as they are, once"
        assert set(witness.X_["place"].dropna()) <= set(places[train])
        assert len(witness.X_) > len(train)
        # Every cell of training lies within the training rows of its class: nothing was drawn towards a test row.
        for label in np.unique(y):
            real = np.stack([cell for cell in X["sound__clip"].iloc[train][y[train] == label] if cell is not None])
            cells = np.stack([cell for cell in witness.X_["sound__clip"][witness.y_ == label] if not is_missing(cell)])
            assert (cells <= real.max(axis=0)).all() and (cells >= real.min(axis=0)).all()


def network():
    encoders = [
        ("image", ImageEncoder(widths=(8, 16), output_dim=16)),
        ("sound", SpectrogramEncoder(widths=(8, 16), output_dim=16)),
        ("text", TextEncoder(8, n_filters=16, output_dim=16)),
    ]
    return MultiModalClassifier(
        encoders, max_epochs=8, lr=5e-3, batch_size=16, hidden_layer_sizes=(16,), random_state=0
    )


@pytest.mark.parametrize(
    "sampler",
    [TensorSampler(SMOTE(random_state=0, k_neighbors=2)), RowSampler((20, 40), random_state=0), MaskedCopies((0, 1))],
    ids=lambda sampler: type(sampler).__name__,
)
def test_a_network_learns_from_sampled_rows(sampler):
    X, y = uneven_rows()
    X = X.drop(columns=["place"])
    test, y_test = make_rows(60, seed=1)
    test["visits"] = 0
    model = Pipeline([("sample", sampler), ("fuse", network())]).fit(X, y)
    assert model.score(test, y_test) > 0.6


def test_parameters_of_the_inner_sampler_are_searched_over():
    X, y = uneven_rows(missing=0.05)
    model = Pipeline([("sample", TensorSampler(SMOTE(random_state=0))), ("witness", Witness())])
    grid = {"sample__sampler__k_neighbors": [1, 2], "sample__columns": [None, ["age"]]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 4


def test_a_cell_that_holds_nan_is_named():
    X, y = make_rows(30)
    X = X[["sound__clip", "age"]]
    X.at[7, "sound__clip"] = np.full_like(X.at[7, "sound__clip"], np.nan)
    with pytest.raises(BadInputError, match=r"TensorSampler: a cell contains NaN.*\(row 7, column 'sound__clip'\)"):
        TensorSampler().fit_resample(X, y)
