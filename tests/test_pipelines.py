"""The main job on real files, some missing, inside the tools of scikit-learn and imbalanced-learn."""

import pickle

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline as SamplingPipeline
from imblearn.under_sampling import RandomUnderSampler
from joblib import parallel_config
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    learning_curve,
    train_test_split,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mmsk import (
    MFCC,
    CharEncoder,
    ImageEncoder,
    ImageLoader,
    MelSpectrogram,
    ModalityMasker,
    MultiModalClassifier,
    SpectrogramEncoder,
    TensorFlattener,
    TextEncoder,
)
from mmsk.columns import frame_presence
from mmsk.datasets import make_trimodal

# The classes are equally frequent, so chance is 1/3.
ABOVE_CHANCE = 0.5
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)
SOUND = {"sampling_rate": 8000, "duration": 0.5, "n_fft": 512, "hop_length": 256, "n_mels": 24}
CELLS = ["image__photo", "sound__clip", "text__caption"]


@pytest.fixture(scope="session")
def split(tmp_path_factory):
    """Paths, sentences and numbers of three classes; 30 % of the cells are blank."""
    X, y = make_trimodal(
        132,
        3,
        tmp_path_factory.mktemp("trimodal"),
        missing=0.3,
        image_size=32,
        sampling_rate=8000,
        duration=0.5,
        random_state=0,
    )
    y = np.array(["cat", "dog", "owl"])[y]
    return train_test_split(X, y, test_size=36, stratify=y, random_state=0)


@pytest.fixture(scope="session")
def rows(split):
    """The 96 rows to learn from."""
    return split[0], split[2]


@pytest.fixture(scope="session")
def uneven(rows):
    """32 rows of one class, 20 of another and 10 of the third."""
    X, y = rows
    kept = np.concatenate([np.flatnonzero(y == label)[:n] for label, n in [("cat", 32), ("dog", 20), ("owl", 10)]])
    return X.iloc[kept], y[kept]


def load(output="pandas"):
    return ColumnTransformer(
        [
            ("image", ImageLoader(size=(16, 16)), ["photo"]),
            ("sound", MelSpectrogram(**SOUND), ["clip"]),
            ("text", CharEncoder(max_length=60), ["caption"]),
            ("table", StandardScaler(), ["length", "weight"]),
        ]
    ).set_output(transform=output)


def fuse(**params):
    encoders = [
        ("image", ImageEncoder(widths=(16, 32), output_dim=32)),
        ("sound", SpectrogramEncoder(widths=(16, 32), output_dim=32)),
        ("text", TextEncoder(embedding_dim=16, kernel_sizes=(3, 5), n_filters=32, output_dim=32, dropout=0.2)),
    ]
    defaults = {"hidden_layer_sizes": (32,), "batch_size": 16, "lr": 3e-3, "max_epochs": 12, "random_state": 0}
    return MultiModalClassifier(encoders, **{**defaults, **params})


def model_of(**params):
    return Pipeline([("load", load()), ("fuse", fuse(**params))])


def classic_features():
    """Plain numbers of the same files: one row of statistics a cell, NaN where a cell is missing."""
    return ColumnTransformer(
        [
            ("image", make_pipeline(ImageLoader(size=(8, 8)), TensorFlattener(statistics=("mean", "std"))), ["photo"]),
            ("sound", MFCC(n_mfcc=8, pool="mean", **SOUND), ["clip"]),
            ("table", "passthrough", ["length", "weight"]),
        ]
    ).set_output(transform="pandas")


# ------------------------------------------------------------------------------------------------ scikit-learn's tools
def test_the_rows_lack_cells_of_every_modality(rows):
    X, y = rows
    missing = X.isna().to_numpy()
    assert missing.mean() == pytest.approx(0.3, abs=0.02)
    assert missing.any(axis=0).all()
    assert (missing[:, :3].sum(axis=1) == 2).any()
    assert np.unique(y, return_counts=True)[1].tolist() == [32, 32, 32]


def test_cross_val_score_in_two_processes(rows):
    scores = cross_val_score(model_of(), *rows, cv=FOLDS, n_jobs=2, error_score="raise")
    assert scores.shape == (3,)
    assert scores.mean() > ABOVE_CHANCE


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_folds_from_raw_files_are_bit_equal(rows, backend):
    model = model_of(max_epochs=3, modality_dropout=0.2, missing="token")
    alone = cross_val_predict(model, *rows, cv=FOLDS, method="predict_proba")
    with parallel_config(backend=backend):
        together = cross_val_predict(model, *rows, cv=FOLDS, method="predict_proba", n_jobs=2)
    np.testing.assert_array_equal(alone, together)


def test_grid_search_over_fusion_and_an_encoder(split):
    X, X_test, y, y_test = split
    grid = {"fuse__fusion": ["concat", "mean"], "fuse__image__dropout": [0.0, 0.9]}
    search = GridSearchCV(model_of(), grid, cv=FOLDS, n_jobs=2, error_score="raise").fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 4
    assert len(np.unique(search.cv_results_["split0_test_score"])) > 1, "no parameter reaches the network"
    assert search.best_score_ == scores.max() > ABOVE_CHANCE
    best = search.best_estimator_.named_steps["fuse"]
    assert {"fuse__fusion": best.fusion, "fuse__image__dropout": dict(best.encoders)["image"].dropout} == (
        search.best_params_
    )
    assert search.score(X_test, y_test) > ABOVE_CHANCE


def test_learning_curve(rows):
    sizes, train, test = learning_curve(
        model_of(), *rows, train_sizes=[0.25, 1.0], cv=FOLDS, shuffle=True, random_state=0, error_score="raise"
    )
    assert sizes.tolist() == [16, 64]
    assert train.shape == test.shape == (2, 3)
    assert test[1].mean() > test[0].mean()


def test_calibrated_classifier(split):
    X, X_test, y, y_test = split
    model = CalibratedClassifierCV(model_of(), cv=3).fit(X, y)
    proba = model.predict_proba(X_test)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert model.classes_.tolist() == ["cat", "dog", "owl"]
    assert model.score(X_test, y_test) > ABOVE_CHANCE


def test_voting_classifier(split):
    X, X_test, y, y_test = split
    voters = [("joined", model_of()), ("averaged", model_of(fusion="mean", random_state=1))]
    model = VotingClassifier(voters, voting="soft").fit(X, y)
    assert model.score(X_test, y_test) > ABOVE_CHANCE
    mean = np.mean([voter.predict_proba(X_test) for voter in model.estimators_], axis=0)
    np.testing.assert_allclose(model.predict_proba(X_test), mean)


def test_stacking_classifier(split):
    X, X_test, y, y_test = split
    forest = make_pipeline(classic_features(), RandomForestClassifier(50, random_state=0))
    model = StackingClassifier([("fused", model_of()), ("forest", forest)], LogisticRegression(), cv=3).fit(X, y)
    assert model.score(X_test, y_test) > ABOVE_CHANCE
    assert model.transform(X_test).shape == (len(X_test), 6)


def test_permutation_importance(split):
    X, X_test, y, y_test = split
    model = model_of().fit(X, y)
    importance = {"scoring": "accuracy", "n_repeats": 5, "random_state": 0}
    files = permutation_importance(model, X_test, y_test, **importance)
    assert files.importances.shape == (5, 5)
    assert files.importances_mean[:3].sum() > 0.1, "shuffling photos, clips and captions should cost accuracy"
    cells = permutation_importance(model["fuse"], model["load"].transform(X_test), y_test, **importance)
    np.testing.assert_array_equal(cells.importances, files.importances)


def test_pickle_of_a_whole_pipeline(split):
    X, X_test, y, _ = split
    model = model_of().fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X_test), model.predict_proba(X_test))
    assert again[:-1].get_feature_names_out().tolist() == [*CELLS, "table__length", "table__weight"]


@pytest.mark.parametrize("output", ["default", "polars"])
def test_every_output_of_the_column_transformer_is_read_alike(split, output):
    X, X_test, y, _ = split
    expected = model_of(max_epochs=3).fit(X, y).predict_proba(X_test)
    model = Pipeline([("load", load(output)), ("fuse", fuse(max_epochs=3))]).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X_test), expected)
    assert list(model["fuse"].modalities_) == ["image", "sound", "text", "table"]


# -------------------------------------------------------------------------------------------------- rows drawn anew
@pytest.mark.parametrize(("sampler", "n_rows"), [(RandomOverSampler, 96), (RandomUnderSampler, 30)])
def test_samplers_between_loaders_and_classifier(uneven, split, sampler, n_rows):
    X, y = uneven
    steps = [("load", load()), ("sample", sampler(random_state=0)), ("fuse", fuse(max_epochs=25))]
    model = SamplingPipeline(steps).fit(X, y)
    np.testing.assert_allclose(model["fuse"].class_prior_, 1 / 3)
    loaded = model["load"].transform(X)
    drawn, labels = sampler(random_state=0).fit_resample(loaded, y)
    assert len(drawn) == len(labels) == n_rows
    assert drawn.columns.tolist() == loaded.columns.tolist()
    assert model.score(split[1], split[3]) > ABOVE_CHANCE


@pytest.mark.parametrize("sampler", [RandomOverSampler, RandomUnderSampler])
def test_samplers_move_cells_and_blanks_as_they_are(uneven, sampler):
    X, y = uneven
    cells = load().fit_transform(X)
    draw = sampler(random_state=0)
    drawn, _ = draw.fit_resample(cells, y)
    expected = cells.iloc[draw.sample_indices_]
    np.testing.assert_array_equal(frame_presence(drawn), frame_presence(expected))
    assert not frame_presence(drawn).all()
    for name in CELLS:
        for cell, origin in zip(drawn[name], expected[name], strict=True):
            assert (pd.isna(cell) and pd.isna(origin)) if origin is None else cell is origin


def test_modality_masker_as_a_step(split):
    X, X_test, y, y_test = split
    steps = {
        "load": load(),
        "mask": ModalityMasker(max_missing=3, rate=0.4, when="fit", random_state=0),
        "fuse": fuse(),
    }
    model = Pipeline(list(steps.items())).fit(X, y)
    loaded = load().fit_transform(X)
    masked = model["mask"].fit_transform(loaded)
    assert frame_presence(masked).sum() < frame_presence(loaded).sum()
    assert frame_presence(masked).any(axis=1).all()
    # Rows to be predicted keep what they have.
    np.testing.assert_array_equal(
        model.predict_proba(X_test), model["fuse"].predict_proba(model["load"].transform(X_test))
    )
    assert model.score(X_test, y_test) > ABOVE_CHANCE


# --------------------------------------------------------------------------------------------- classical estimators
def test_random_forest_on_pooled_cells_with_blanks(split):
    X, X_test, y, y_test = split
    model = make_pipeline(classic_features(), RandomForestClassifier(100, random_state=0)).fit(X, y)
    assert model[:-1].transform(X_test).isna().any().any()
    assert model[:-1].get_feature_names_out()[[0, 6]].tolist() == ["image__photo_mean0", "sound__clip_mean0"]
    assert model.score(X_test, y_test) > ABOVE_CHANCE


def test_support_vectors_on_pooled_cells(split):
    X, X_test, y, y_test = split
    model = make_pipeline(classic_features(), StandardScaler(), SimpleImputer(add_indicator=True), SVC()).fit(X, y)
    assert model.score(X_test, y_test) > ABOVE_CHANCE


def test_smote_on_pooled_cells(uneven, split):
    X, y = uneven
    steps = [("features", classic_features()), ("scale", StandardScaler()), ("impute", SimpleImputer())]
    model = SamplingPipeline([*steps, ("sample", SMOTE(random_state=0, k_neighbors=3)), ("svm", SVC())]).fit(X, y)
    made, labels = model["sample"].fit_resample(model[:-2].transform(X), y)
    assert np.unique(labels, return_counts=True)[1].tolist() == [32, 32, 32]
    assert np.isfinite(np.asarray(made)).all()
    assert model.score(split[1], split[3]) > ABOVE_CHANCE
