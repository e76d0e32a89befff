import pickle
from itertools import chain, combinations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline as SamplingPipeline
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from mmsk import MFCC, FoldEnsembleClassifier, ImageLoader, LateFusionClassifier, TensorFlattener
from mmsk.columns import make_column
from mmsk.datasets import make_trimodal
from mmsk.ensemble._stacking import out_of_fold, stack_features
from mmsk.exceptions import BadInputError, MissingModalityWarning, UnreadableCellWarning
from tests.ensemble.members import Memory, classic, small_network
from tests.rows import make_rows

CELLS = ["image__photo", "sound__clip", "text__caption"]


def late(**params):
    # GaussianNB refuses NaN: rows without an age must not reach it.
    return LateFusionClassifier([("image", classic()), ("sound", classic()), ("table", GaussianNB())], **params)


@pytest.fixture(scope="module")
def rows():
    X, y = make_rows(150)
    return X[:90].reset_index(drop=True), X[90:].reset_index(drop=True), y[:90], y[90:]


def present(X):
    return X[["image__photo", "sound__clip", "age"]].notna().to_numpy()


def members_proba(model, X):
    """What each member says about the rows that it can be asked about, NaN elsewhere."""
    proba = np.full((3, len(X), 3), np.nan)
    for k, ((_, member), name) in enumerate(
        zip(model.estimators_, ["image__photo", "sound__clip", "age"], strict=True)
    ):
        rows = X[name].notna().to_numpy()
        proba[k, rows] = member.predict_proba(X.loc[rows, [name]])
    return proba


# --------------------------------------------------------------------------------------------------------- averages
@pytest.mark.filterwarnings("ignore::mmsk.exceptions.MissingModalityWarning")
@pytest.mark.parametrize("average", ["geometric", "mean", "stack"])
def test_learns_from_incomplete_rows(rows, average):
    X, X_test, y, y_test = rows
    model = late(average=average, random_state=0).fit(X, y)
    assert model.score(X_test, y_test) > 0.75
    assert model.modalities_ == {"image": [0], "sound": [1], "table": [3]}


@pytest.mark.filterwarnings("ignore::mmsk.exceptions.MissingModalityWarning")
@pytest.mark.parametrize("weights", [None, [1, 2, 0.5]])
def test_averages_are_those_of_the_modalities_present(rows, weights):
    X, X_test, y, _ = rows
    mean = late(average="mean", weights=weights).fit(X, y)
    geometric = late(weights=weights, min_proba=1e-300).fit(X, y)
    proba = members_proba(mean, X_test)
    for row, there in enumerate(present(X_test)):
        if not there.any():
            continue
        weight = np.ones(3)[there] if weights is None else np.array(weights)[there]
        expected = np.average(proba[there, row], axis=0, weights=weight)
        np.testing.assert_allclose(mean.predict_proba(X_test[row : row + 1])[0], expected, rtol=1e-5)
        product = np.prod(proba[there, row] ** (weight / weight.sum())[:, None], axis=0)
        np.testing.assert_allclose(
            geometric.predict_proba(X_test[row : row + 1])[0], product / product.sum(), rtol=1e-5, atol=1e-9
        )


@pytest.mark.filterwarnings("ignore::mmsk.exceptions.MissingModalityWarning")
@pytest.mark.parametrize("average", ["geometric", "mean", "stack"])
def test_every_subset_of_modalities_is_answered_alike_in_any_batch(rows, average):
    X, X_test, y, _ = rows
    model = late(average=average, random_state=0).fit(X, y)
    complete = X_test[present(X_test).all(axis=1)]
    names = ["image__photo", "sound__clip", "age"]
    tables = []
    for kept in chain.from_iterable(combinations(names, n) for n in range(4)):
        table = complete.copy()
        for name in set(names) - set(kept):
            table[name] = np.nan if name == "age" else None
        tables.append(table)
    together = model.predict_proba(pd.concat(tables))
    np.testing.assert_allclose(together.sum(axis=1), 1)
    apart = np.concatenate([model.predict_proba(table) for table in tables])
    np.testing.assert_allclose(together, apart, rtol=1e-6)
    np.testing.assert_array_equal(together[: len(complete)], np.tile(model.class_prior_, (len(complete), 1)))


def test_rows_without_any_modality_get_the_prior_and_one_warning(rows):
    X, _, y, _ = rows
    model = late().fit(X, y)
    empty = X[:3].assign(image__photo=None, sound__clip=None, age=np.nan)
    with pytest.warns(MissingModalityWarning, match="3 rows.*first is row 0") as caught:
        proba = model.predict_proba(empty)
    assert len(caught) == 1
    np.testing.assert_array_equal(proba, np.tile(model.class_prior_, (3, 1)))
    _, counts = np.unique(y, return_counts=True)
    np.testing.assert_allclose(model.class_prior_, counts / len(y))
    # A modality of weight 0 is one that is not asked.
    only_table = X[:1].assign(image__photo=None, sound__clip=None, age=1.0)
    with pytest.warns(MissingModalityWarning):
        late(weights=[1, 1, 0]).fit(X, y).predict(only_table)


def test_every_member_sees_its_rows_and_no_other():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a__n": np.arange(60.0), "b__n": np.arange(60.0)})
    X.loc[rng.permutation(60)[:20], "a__n"] = np.nan
    X.loc[rng.permutation(60)[:20], "b__n"] = np.nan
    y = rng.integers(0, 2, 60)
    model = LateFusionClassifier([("a", Memory()), ("b", Memory())]).fit(X, y)
    for name, member in model.estimators_:
        assert sorted(member.known_) == sorted(X[f"{name}__n"].dropna())


def test_a_class_that_a_modality_never_had(rows):
    X, X_test, y, y_test = rows
    X = X.copy()
    X.loc[y == "sea", "image__photo"] = None
    model = late().fit(X, y)
    assert model.estimators_[0][1].classes_.tolist() == ["cat", "dog"]
    proba = late(average="mean").fit(X, y).predict_proba(X_test[X_test["image__photo"].notna()])
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    # A floor near one lets the others speak for the class; a small one lets the photo overrule them.
    both = X_test[present(X_test).all(axis=1) & (y_test == "sea")]
    assert len(both) > 3
    cautious = late(min_proba=0.2).fit(X, y)
    assert (cautious.predict(both) == "sea").mean() > (late(min_proba=1e-300).fit(X, y).predict(both) == "sea").mean()


# --------------------------------------------------------------------------------------------------------- stacking
def test_stacking_learns_from_rows_its_members_have_not_seen():
    rng = np.random.default_rng(0)
    n = 200
    X = pd.DataFrame({"id__n": np.arange(n) * 1.0, "sign__n": rng.normal(size=n)})
    y = (X["sign__n"] + rng.normal(scale=0.3, size=n) > 0).astype(int).to_numpy()
    X.loc[::7, "id__n"] = np.nan
    X.loc[1::5, "sign__n"] = np.nan
    X = X[X.notna().any(axis=1)]
    y, n = y[X.index], len(X)
    presence = X.notna().to_numpy()
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))
    tables = [X[["id__n"]], X[["sign__n"]]]
    members = [Memory(), GaussianNB()]
    proba, answered = out_of_fold("stack", members, tables, presence, y, None, None, folds, np.array([0, 1]), None)
    np.testing.assert_array_equal(answered, presence)
    assert (proba[0][presence[:, 0]] == 0.5).all(), "a memory that knows a held-out row has been trained on it"
    assert (proba[1][presence[:, 1]].argmax(axis=1) == y[presence[:, 1]]).mean() > 0.8

    members = [("id", Memory()), ("sign", GaussianNB())]
    stacked = LateFusionClassifier(members, average="stack", random_state=0).fit(X, y)
    coefficients = stacked.final_estimator_.coef_[0]
    assert np.abs(coefficients[:2]).max() < 1e-6 < np.abs(coefficients[2:4]).max()
    # In training rows the memory would have seemed perfect.
    assert LateFusionClassifier(members, average="mean").fit(X, y).score(X, y) > 0.95


def test_stacking_beats_the_mean_where_a_modality_is_noise(rows):
    X, X_test, y, y_test = rows
    rng = np.random.default_rng(0)
    X, X_test = (t.assign(noise__a=rng.normal(size=len(t)), noise__b=rng.normal(size=len(t))) for t in (X, X_test))
    members = [("sound", classic()), ("noise", KNeighborsClassifier(1))]
    mean = LateFusionClassifier(members).fit(X, y)
    stacked = LateFusionClassifier(members, average="stack", cv=3, random_state=0).fit(X, y)
    assert stacked.score(X_test, y_test) > mean.score(X_test, y_test) + 0.1


def test_final_estimator_and_folds_can_be_chosen(rows):
    X, X_test, y, _ = rows
    folds = list(StratifiedKFold(3).split(X, y))[:2]  # a third of the rows is never held out
    forest = RandomForestClassifier(20, random_state=0)
    model = late(average="stack", final_estimator=forest, cv=folds).fit(X, y)
    assert isinstance(model.final_estimator_, RandomForestClassifier)
    assert model.final_estimator_.n_features_in_ == 3 * (3 + 1)
    assert model.set_params(cv=3).fit(X, y).predict_proba(X_test[present(X_test).any(axis=1)]).shape[1] == 3


# ---------------------------------------------------------------------------------------------------- kinds of columns
@pytest.fixture(scope="module")
def files(tmp_path_factory):
    X, y = make_trimodal(
        96,
        3,
        tmp_path_factory.mktemp("files"),
        missing=0.3,
        image_size=32,
        sampling_rate=8000,
        duration=0.5,
        random_state=0,
    )
    return train_test_split(X, np.array(["cat", "dog", "owl"])[y], test_size=30, stratify=y, random_state=0)


def test_what_cannot_be_read_is_left_out_by_loading_first(files):
    X, _, y, _ = files
    member = make_pipeline(ImageLoader(size=(8, 8), on_error="missing"), classic())
    with pytest.raises(
        BadInputError, match=r"imageloader__on_error='missing' in the estimator of 'image'.*Load before"
    ):
        LateFusionClassifier([("image", member, ["photo"])]).fit(X, y)
    load = ColumnTransformer([("image", member[0], ["photo"])]).set_output(transform="pandas")
    model = make_pipeline(load, LateFusionClassifier([("image", member[1])])).fit(X, y)
    row = X[X["photo"].notna()][:1]
    with pytest.warns(UnreadableCellWarning), pytest.warns(MissingModalityWarning):
        unreadable = model.predict_proba(row.assign(photo="gone.jpg"))
    with pytest.warns(MissingModalityWarning):
        np.testing.assert_array_equal(unreadable, model.predict_proba(row.assign(photo=None)))


def test_raw_files_and_texts_by_the_names_of_their_columns(files):
    X, X_test, y, y_test = files
    photo = make_pipeline(ImageLoader(size=(8, 8)), TensorFlattener(), LogisticRegression(max_iter=500))
    sound = make_pipeline(
        MFCC(n_mfcc=8, pool="mean", sampling_rate=8000, duration=0.5, n_fft=512), SVC(probability=False)
    )
    sound.steps[-1] = ("forest", RandomForestClassifier(50, random_state=0))
    text = make_pipeline(TfidfVectorizer(analyzer="char", ngram_range=(1, 3)), LogisticRegression(C=10))
    table = make_pipeline(SimpleImputer(), GaussianNB())
    model = LateFusionClassifier([("photo", photo), ("clip", sound), ("caption", text, "caption"), ("table", table)])
    model.fit(X, y)
    assert model.modalities_ == {"photo": [0], "clip": [1], "caption": [2], "table": [3, 4]}
    assert model.score(X_test, y_test) > 0.6
    scores = cross_val_score(model, X, y, cv=3, n_jobs=2, error_score="raise")
    assert scores.mean() > 0.5
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X_test), model.predict_proba(X_test))


@pytest.mark.parametrize(
    "columns",
    [["b", "c"], [1, 2], slice(1, 3), [False, True, True, False], lambda X: ["b", "c"], pd.Index(["b", "c"])],
    ids=lambda c: type(c).__name__,
)
def test_columns_as_in_a_column_transformer(columns):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(40, 4)), columns=list("abcd"))
    y = (X["b"] > 0).to_numpy()
    model = LateFusionClassifier([("chosen", GaussianNB(), columns)]).fit(X, y)
    assert model.modalities_ == {"chosen": [1, 2]}
    expected = GaussianNB().fit(X[["b", "c"]], y).predict_proba(X[["b", "c"]])
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-6)


def test_arrays_take_names_in_order_and_polars_is_read_alike(rows):
    X, X_test, y, _ = rows
    X_test = X_test[present(X_test).any(axis=1)]
    expected = late().fit(X, y).predict_proba(X_test)
    array = LateFusionClassifier(
        [("photo", classic()), ("clip", classic()), ("caption", classic()), ("age", GaussianNB())]
    )
    array.fit(X.to_numpy(), y)
    assert array.modalities_ == {"photo": [0], "clip": [1], "caption": [2], "age": [3]}
    array.set_params(weights=[1, 1, 0, 1])
    np.testing.assert_allclose(array.fit(X.to_numpy(), y).predict_proba(X_test.to_numpy()), expected, rtol=1e-6)
    np.testing.assert_allclose(array.predict_proba(X_test.to_numpy().tolist()), expected, rtol=1e-6)

    def as_polars(X):
        cells = {
            name: pl.Series([c if isinstance(c, np.ndarray) else None for c in X[name]], dtype=pl.Object)
            for name in CELLS
        }
        return pl.DataFrame({**cells, "age": X["age"].to_numpy()})

    np.testing.assert_allclose(late().fit(as_polars(X), y).predict_proba(as_polars(X_test)), expected, rtol=1e-6)


def test_plain_numbers_need_no_estimators():
    X, y = load_iris(return_X_y=True)
    X[::9, 1] = np.nan
    X[3] = np.nan
    with pytest.warns(MissingModalityWarning, match="1 rows"):
        assert LateFusionClassifier().fit(X, y).score(X, y) > 0.9


# ------------------------------------------------------------------------------------------------------- nests anywhere
def test_parameters_are_reached_by_name(rows):
    X, _, y, _ = rows
    model = late()
    assert model.get_params()["image__logisticregression__C"] == 0.01
    model.set_params(image__logisticregression__C=0.5, table=KNeighborsClassifier(), table__n_neighbors=3)
    assert model.estimators[0][1][-1].C == 0.5 and model.estimators[2][1].n_neighbors == 3
    with_columns = LateFusionClassifier([("ages", GaussianNB(), ["age"])])
    with_columns.set_params(ages=KNeighborsClassifier())
    assert with_columns.estimators[0][2] == ["age"]
    assert repr(clone(with_columns)) == repr(with_columns)
    assert "GaussianNB" in model._repr_html_() or "KNeighbors" in model._repr_html_()
    model = Pipeline([("keep", FunctionTransformer()), ("late", late())])
    grid = {"late__average": ["mean", "stack"], "late__sound__logisticregression__C": [1e-8, 0.01]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise")
    with pytest.warns(MissingModalityWarning):
        search.fit(X, y)
    assert search.best_params_["late__sound__logisticregression__C"] == 0.01


@pytest.mark.filterwarnings("ignore::mmsk.exceptions.MissingModalityWarning")
def test_calibration_pickling_jobs_and_samplers(rows):
    X, X_test, y, y_test = rows
    assert CalibratedClassifierCV(late(), cv=3).fit(X, y).score(X_test, y_test) > 0.7
    alone = late(average="stack", random_state=0).fit(X, y)
    together = late(average="stack", random_state=0, n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(alone.predict_proba(X_test), together.predict_proba(X_test))
    again = pickle.loads(pickle.dumps(alone))
    np.testing.assert_array_equal(alone.predict_proba(X_test), again.predict_proba(X_test))
    np.testing.assert_allclose(np.exp(alone.predict_log_proba(X_test)), alone.predict_proba(X_test))
    # Over-sampling inside one modality's pipeline sees the rows of that modality alone.
    few = (y != "sea") | (np.cumsum(y == "sea") <= 12)
    balanced = SamplingPipeline([("smote", SMOTE(k_neighbors=2, random_state=0)), ("bayes", GaussianNB())])
    model = late().set_params(table=balanced).fit(X[few], y[few])
    np.testing.assert_allclose(model.estimators_[2][1]["bayes"].class_prior_, 1 / 3)


def test_networks_one_a_modality_and_folds_inside_and_outside(rows):
    X, X_test, y, y_test = rows
    networks = [("image", small_network("image")), ("sound", small_network("sound")), ("text", small_network("text"))]
    model = LateFusionClassifier(networks).fit(X, y)
    assert model.score(X_test, y_test) > 0.75
    folded = [(name, FoldEnsembleClassifier(classic(), cv=3, random_state=0)) for name in ("image", "sound")]
    inside = LateFusionClassifier([*folded, ("table", GaussianNB())]).fit(X, y)
    outside = FoldEnsembleClassifier(late(), cv=3, random_state=0)
    with pytest.warns(MissingModalityWarning):
        outside.fit(X, y)
    for ensemble in (inside, outside):
        with pytest.warns(MissingModalityWarning):
            assert ensemble.score(X_test, y_test) > 0.75
    assert inside.estimators_[0][1].oof_predictions_.shape == (X["image__photo"].notna().sum(), 3)


def test_weights_of_rows_are_repetitions(rows):
    X, X_test, y, _ = rows
    X_test = X_test[present(X_test).any(axis=1)]
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    members = [("table", GaussianNB())]
    weighted = LateFusionClassifier(members).fit(X, y, sample_weight=weight)
    repeated = LateFusionClassifier(members).fit(X.loc[np.repeat(X.index, weight)], np.repeat(y, weight))
    there = X_test[X_test["age"].notna()]
    np.testing.assert_allclose(weighted.predict_proba(there), repeated.predict_proba(there))
    np.testing.assert_allclose(weighted.class_prior_, repeated.class_prior_)
    late().fit(X, y, sample_weight=weight)  # pipelines get them, too
    with pytest.raises(BadInputError, match=r"KNeighborsClassifier.fit does not take it"):
        LateFusionClassifier([("sound", make_pipeline(TensorFlattener(), KNeighborsClassifier()))]).fit(X, y, weight)


# ------------------------------------------------------------------------------------------------------------ bad input
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"estimators": None}, "estimators=None came with a table of cells"),
        ({"estimators": []}, "estimators must hold"),
        ({"estimators": [("image", "forest")]}, "estimators must hold"),
        ({"estimators": [("smell", GaussianNB())]}, "modality 'smell'.*it has image, sound, text, table"),
        ({"estimators": [("a", GaussianNB(), ["height"])]}, "column"),
        ({"estimators": [("a", GaussianNB(), [])]}, "no column is chosen for modality 'a'"),
        ({"estimators": [("table", GaussianNB()), ("table", GaussianNB())]}, "unique"),
        ({"estimators": [("table", SVC())]}, "SVC gives no probabilities.*CalibratedClassifierCV"),
        ({"weights": [1, 2]}, "weights must be 3 numbers"),
        ({"weights": [1, -2, 1]}, "weights must be 3 numbers"),
        ({"weights": [0, 0, 0]}, "weights must be 3 numbers"),
        ({"average": "median"}, "'average' parameter"),
        ({"min_proba": 0}, "'min_proba' parameter"),
    ],
)
def test_bad_parameters_are_named(rows, params, message):
    X, _, y, _ = rows
    with pytest.raises(ValueError, match=message):
        late().set_params(**params).fit(X, y)


def test_bad_tables_are_named(rows):
    X, _, y, _ = rows
    with pytest.raises(BadInputError, match="'image' is missing from every training row"):
        late().fit(X.assign(image__photo=None), y)
    with pytest.raises(BadInputError, match="'sound' is there in rows of one class only"):
        late().fit(X.assign(sound__clip=make_column(X["sound__clip"].where(y == "cat", None).tolist())), y)
    with pytest.raises(BadInputError, match="inconsistent numbers of samples"):
        late().fit(X, y[:-1])
    with pytest.raises(BadInputError, match="two dimensions"):
        late().fit(X["image__photo"].to_numpy(), y)
    with pytest.raises(BadInputError, match="0 sample"):
        late().fit(X[:0], y[:0])
    with pytest.raises(ValueError, match="feature names"):
        late().fit(X, y).predict(X.rename(columns={"age": "years"}))


def test_features_of_a_stack_say_what_is_absent():
    proba = np.array([[[0.8, 0.2], [0.5, 0.5]], [[0.1, 0.9], [0.3, 0.7]]])
    presence = np.array([[True, False], [True, True]])
    features = stack_features(proba, presence, 1e-6)
    np.testing.assert_array_equal(features[:, 4:], presence)
    np.testing.assert_allclose(features[0, :4], [np.log(2), -np.log(2), 0, 0])
    np.testing.assert_allclose(features[1, :2], 0, atol=1e-12)
