"""What is refused before anything is trained, and what must not matter to training."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import GridSearchCV

from mmsk import (
    BadInputError,
    EarlyFusion,
    ImageEncoder,
    MelSpectrogram,
    MixUp,
    ModuleEncoder,
    MultiModalClassifier,
    MultiModalRegressor,
    SeriesAugmentation,
    SpectrogramAugmentation,
    SpectrogramEncoder,
    TabularEncoder,
    TextEncoder,
    WaveformAugmentation,
    WaveformEncoder,
)
from mmsk.columns import make_column
from tests.rows import make_rows

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(24, 2))
LABELS = (NUMBERS[:, 0] > 0).astype(int)
ROWS, ROW_LABELS = make_rows(12)


@pytest.mark.parametrize(
    "encoders",
    [
        [("sound", SpectrogramEncoder(network="four-branch"))],
        [("text", TextEncoder(network="SELU"))],
        [("text", TextEncoder(kernel_sizes=()))],
        [("image", ImageEncoder(lr_scale=-1.0))],
        [("image", ImageEncoder(output_dim=0))],
        [("image", ImageEncoder(widths=(8.5,)))],
        [("image", ImageEncoder(widths=()))],
        [("sound", WaveformEncoder(kernel_size=2.5))],
        [("table", TabularEncoder(hidden_layer_sizes=(0,)))],
        [("table", TabularEncoder(dropout=1.0))],
    ],
    ids=repr,
)
def test_encoders_are_checked_inside_a_model_as_they_are_alone(encoders):
    with pytest.raises(ValueError, match=f"parameter of {type(encoders[0][1]).__name__} must be"):
        MultiModalClassifier(encoders, max_epochs=1).fit(ROWS, ROW_LABELS)


def test_the_encoder_of_early_fusion_is_checked():
    fusion = EarlyFusion(SpectrogramEncoder(network="typo"))
    with pytest.raises(ValueError, match="'network' parameter of SpectrogramEncoder must be"):
        MultiModalClassifier(fusion=fusion, max_epochs=1).fit(ROWS[["sound__clip"]], ROW_LABELS)


def test_an_encoder_of_a_user_states_no_constraints():
    class Plain(ModuleEncoder):
        _parameter_constraints: dict = {}

    encoder = Plain(torch.nn.Linear, module__in_features=2, module__out_features=3)
    assert MultiModalClassifier([("table", encoder)], max_epochs=1).fit(NUMBERS, LABELS).predict(NUMBERS).shape == (24,)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"encoders": [("table", TabularEncoder)]}, "which is no encoder"),
        ({"encoders": [TabularEncoder()]}, r"encoders must hold \(modality, encoder\)"),
        ({"hidden_layer_sizes": (2.5,)}, "'hidden_layer_sizes' parameter of MultiModalClassifier"),
        ({"callbacks": [3]}, "callbacks names 3"),
        ({"class_weight": {0: -1, 1: 1}}, "weight of class 0 is no number from 0"),
        ({"class_weight": {0: np.nan, 1: 1}}, "weight of class 0 is no number from 0"),
        ({"class_weight": {0: "x", 1: 1}}, "weight of class 0 is no number from 0"),
        ({"class_weight": {0: 2, 7: 3}}, "MultiModalClassifier: .*class_weight"),
    ],
)
def test_parameters_that_mean_nothing_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        MultiModalClassifier(max_epochs=1).set_params(**params).fit(NUMBERS, LABELS)


def test_a_modality_called_as_what_mixes_rows():
    X = pd.DataFrame(NUMBERS).add_prefix("all__")
    with pytest.raises(BadInputError, match="a modality is called 'all'"):
        MultiModalClassifier(max_epochs=1, augment=[("all", MixUp(0.2))]).fit(X, LABELS)


@pytest.mark.parametrize("absent", [None, np.nan, pd.NA])
def test_the_row_of_a_missing_label_is_named(absent):
    labels = pd.Series(["a", "b"] * 12, dtype=object)
    labels[5] = absent
    for model in (MultiModalClassifier(max_epochs=1), TabularEncoder(max_epochs=1)):
        with pytest.raises(ValueError, match="NaN"):
            model.fit(NUMBERS, labels)
    with pytest.raises(BadInputError, match=r"no label came \(row 5\)"):
        MultiModalClassifier(max_epochs=1).fit(NUMBERS, labels)


TIMES = pd.Series(pd.date_range("2026-01-01", periods=24))


DATES = {
    "dates": TIMES,
    "nanoseconds": TIMES.astype("datetime64[ns]"),
    "durations": TIMES - TIMES[0],
    "with a zone": TIMES.dt.tz_localize("UTC"),
}


@pytest.mark.parametrize("times", DATES.values(), ids=DATES)
@pytest.mark.parametrize("others", [{}, {"a": NUMBERS[:, 0]}], ids=["alone", "beside numbers"])
def test_times_are_refused(times, others):
    times = times.copy()
    times[0] = pd.NaT
    with pytest.raises(BadInputError, match=r"expected a number, got \w+ \(row 1, column 'when'"):
        MultiModalClassifier(max_epochs=1).fit(pd.DataFrame({**others, "when": times}), LABELS)


@pytest.mark.parametrize("blank", [pd.NA, "", None, np.nan])
def test_blanks_of_any_kind_among_numbers(blank):
    X = pd.DataFrame(NUMBERS, columns=["a", "b"])
    model = MultiModalClassifier(max_epochs=2, random_state=0).fit(X, LABELS)
    blanked = X.astype(object)
    blanked.loc[3, "a"] = blank
    X.loc[3, "a"] = np.nan
    np.testing.assert_array_equal(model.predict_proba(blanked), model.predict_proba(X))
    np.testing.assert_array_equal(model.fit(blanked, LABELS).predict_proba(X), model.fit(X, LABELS).predict_proba(X))
    with pytest.raises(BadInputError, match=r"infinity .*\(row 4, column 'b', value inf\)"):
        model.fit(X.assign(b=np.where(np.arange(24) == 4, np.inf, X["b"])), LABELS)
    with pytest.raises(BadInputError, match="X holds arrays or texts where training had numbers only"):
        model.fit(X, LABELS).predict(blanked.assign(b=np.where(np.arange(24) == 2, "tall", X["b"].astype(object))))


def test_errors_name_the_rows_of_the_caller():
    X, weight = NUMBERS.copy(), np.ones(24)
    X[5, 1] = 1e200
    weight[0] = 0
    with pytest.raises(BadInputError, match=r"too large.*\(row 5, column 1"):
        MultiModalClassifier(max_epochs=1).fit(X, LABELS, weight)
    labels = LABELS.copy()
    labels[7] = 9
    with pytest.raises(BadInputError, match=r"class 9 has one row.*\(row 7\)"):
        MultiModalClassifier(max_epochs=1, early_stopping=True).fit(NUMBERS, labels, weight)
    weight[5] = 0
    model = MultiModalClassifier(max_epochs=1, random_state=0)
    left_out = model.fit(X[weight > 0], LABELS[weight > 0]).predict_proba(NUMBERS)
    np.testing.assert_array_equal(model.fit(X, LABELS, weight).predict_proba(NUMBERS), left_out)


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i2"])
def test_cells_of_another_byte_order(dtype):
    block = (RNG.normal(size=(24, 3, 50)) * 100).astype(dtype)
    model = MultiModalClassifier(max_epochs=1, random_state=0)
    swapped = model.fit(make_column(block)[:, None], LABELS).predict_proba(make_column(block)[:, None])
    native = make_column(block.astype(block.dtype.newbyteorder("=")))[:, None]
    np.testing.assert_array_equal(swapped, model.fit(native, LABELS).predict_proba(native))


@pytest.mark.filterwarnings("ignore:.* are taken for codes of texts:UserWarning")
@pytest.mark.parametrize("change", [2**32, -9])
def test_integers_that_are_no_codes(change):
    codes = RNG.integers(2, 9, (24, 6))
    codes[3] += change
    with pytest.raises(BadInputError, match=r"where codes of characters.*\(row 3, column"):
        MultiModalClassifier(max_epochs=1).fit(pd.DataFrame({"text": make_column(codes)}), LABELS)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int64", "float64"])
def test_what_is_named_says_what_integers_are(dtype):
    line, sheet = (make_column(RNG.integers(2, 90, (24, *shape)).astype(dtype)) for shape in ((40,), (3, 40)))
    classifier = partial(MultiModalClassifier, max_epochs=1)
    spectrograms = SpectrogramEncoder(frontend=MelSpectrogram(sampling_rate=100, n_fft=16, n_mels=4), max_epochs=1)
    for waveform in (WaveformEncoder(max_epochs=1), spectrograms, classifier([("x", WaveformEncoder())])):
        assert kind_of(waveform, line)[1] == "waveform"
    assert kind_of(classifier(augment=[("x", WaveformAugmentation())]), line)[1] == "waveform"
    assert kind_of(WaveformEncoder(max_epochs=1), sheet)[1] == "series"
    assert kind_of(SpectrogramEncoder(max_epochs=1), sheet)[1] == "spectrogram"
    masked = classifier([("x", WaveformEncoder())], augment=[("x", SpectrogramAugmentation())])
    assert kind_of(masked, sheet)[1] == "spectrogram"
    if dtype != "float64":
        assert kind_of(TextEncoder(max_epochs=1), line)[1] == "codes"


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "bool"])
def test_integers_that_may_be_no_codes_are_told(dtype):
    X = pd.DataFrame({"x": make_column(RNG.integers(0, 90, (24, 40)).astype(dtype))})
    with pytest.warns(UserWarning, match=rf"cells of {dtype} in modality 'x' are taken for codes.*WaveformEncoder"):
        MultiModalClassifier(max_epochs=1).fit(X, LABELS)
    for encoder in (TextEncoder(), WaveformEncoder()):
        MultiModalClassifier([("x", encoder)], max_epochs=1).fit(X, LABELS)


def test_integers_of_two_axes_want_a_named_encoder():
    sheet = pd.DataFrame({"x": make_column(RNG.integers(0, 90, (24, 3, 40)))})
    with pytest.raises(BadInputError, match=r"cells have shape \(3, 40\).*WaveformEncoder reads recordings"):
        MultiModalClassifier(max_epochs=1).fit(sheet, LABELS)


def kind_of(model, column):
    return model.fit(pd.DataFrame({"x": column}), LABELS).net_.module_.encoders, model._plan.modalities[0].kind


def test_what_is_named_says_whether_cells_are_spectrograms_or_series():
    few, many = (make_column(RNG.normal(size=(24, n, 40)).astype("float32")) for n in (8, 14))
    classifier = partial(MultiModalClassifier, max_epochs=1)
    assert kind_of(classifier(), few)[1] == "series"
    assert kind_of(classifier(), many)[1] == "spectrogram"
    assert kind_of(classifier([("x", SpectrogramEncoder())]), few)[1] == "spectrogram"
    masked = classifier([("x", SpectrogramEncoder())], augment=[("x", SpectrogramAugmentation())])
    assert kind_of(masked, few)[1] == "spectrogram"
    assert kind_of(classifier(augment=[("x", SeriesAugmentation())]), many)[1] == "series"
    assert kind_of(classifier(augment=[("x", WaveformAugmentation())]), few)[1] == "series"
    assert kind_of(SpectrogramEncoder(max_epochs=1), few)[1] == "spectrogram"
    assert kind_of(WaveformEncoder(max_epochs=1), few)[1] == "series"
    with pytest.raises(BadInputError, match="SeriesAugmentation changes series cells"):
        kind_of(classifier([("x", SpectrogramEncoder())], augment=[("x", SeriesAugmentation())]), many)


def test_a_search_over_booleans_of_numpy():
    search = GridSearchCV(MultiModalClassifier(max_epochs=1), {"early_stopping": np.array([True, False])}, cv=2)
    assert search.set_params(error_score="raise").fit(NUMBERS, LABELS).best_score_ >= 0


def test_later_classes_have_to_be_the_first_ones():
    model = MultiModalClassifier(max_epochs=1, random_state=0).partial_fit(NUMBERS, LABELS)
    assert model.partial_fit(NUMBERS, LABELS, classes=[1, 0]).n_iter_ == 2
    with pytest.raises(BadInputError, match=r"classes \[0, 1, 2\] came where the first call had \[0, 1\]"):
        model.partial_fit(NUMBERS, LABELS, classes=[0, 1, 2])


def test_classes_of_partial_fit_without_a_name():
    with pytest.raises(BadInputError, match="`classes` is no list of labels: it holds a missing label"):
        MultiModalClassifier(max_epochs=1).partial_fit(NUMBERS, LABELS, classes=[0.0, 1.0, np.nan])
    for classes in ("ab", np.array(["a", 1], dtype=object)):
        with pytest.raises(BadInputError, match="`classes` is no list of labels"):
            MultiModalClassifier(max_epochs=1).partial_fit(NUMBERS, LABELS, classes=classes)


def test_class_weights_that_leave_nothing():
    with pytest.raises(BadInputError, match="every sample_weight times class_weight is zero"):
        MultiModalClassifier(class_weight={0: 0, 1: 0}).fit(NUMBERS, LABELS)


@pytest.mark.parametrize("unit", [1e-170, 1.0, 1e160])
def test_the_unit_of_a_target_does_not_matter(unit):
    model = MultiModalRegressor(max_epochs=5, random_state=0)
    answers = model.fit(NUMBERS, NUMBERS[:, 0] * unit).predict(NUMBERS) / unit
    np.testing.assert_allclose(answers, model.fit(NUMBERS, NUMBERS[:, 0]).predict(NUMBERS), rtol=1e-3, atol=1e-5)


def test_a_target_beyond_float64():
    for model in (MultiModalRegressor(max_epochs=1), TabularEncoder(max_epochs=1)):
        with pytest.raises(BadInputError, match="the target reaches .*e\\+308"):
            model.fit(NUMBERS, np.where(LABELS, 1.5e308, 0.5))


@pytest.mark.parametrize("column", ["text", "series"])
def test_rows_of_weight_zero_are_as_if_they_were_not_there(column):
    if column == "text":
        cells = list(RNG.integers(2, 20, (24, 10)).astype("int32"))
        cells[0] = np.arange(90, 100, dtype="int32")
    else:
        cells = [RNG.normal(size=(3, 400 if i == 0 else 40)).astype("float32") for i in range(24)]
    X = pd.DataFrame({column: make_column(cells), "a": RNG.normal(size=24)})
    weight = np.ones(24)
    weight[0] = 0
    model = MultiModalClassifier(max_epochs=1, random_state=0)
    answers = [
        model.fit(X, LABELS, sample_weight=weight).predict_proba(X[1:]),
        model.fit(X[1:], LABELS[1:]).predict_proba(X[1:]),
        model.set_params(class_weight={"a": 1.0, "b": 1.0, "z": 0.0})
        .fit(X, np.r_[["z"], np.where(LABELS[1:], "b", "a")])
        .predict_proba(X[1:])[:, :2],
    ]
    np.testing.assert_array_equal(answers[0], answers[1])
    assert np.isfinite(answers[2]).all()


@pytest.mark.parametrize("standardize", [True, False])
def test_an_absent_number_before_a_module_of_the_user_counts_as_the_mean(standardize):
    X = NUMBERS + 5
    X[3, 1] = np.nan
    params = {"module__in_features": 2, "module__out_features": 4, "standardize": standardize}
    model = MultiModalClassifier([("table", ModuleEncoder(torch.nn.Linear, **params))], max_epochs=3, random_state=0)
    model.fit(X, LABELS)
    rows = np.array([[0.5, np.nan], [0.5, np.nanmean(X[:, 1])]])
    np.testing.assert_allclose(*model.predict_proba(rows), rtol=1e-5)


@pytest.mark.parametrize("output_dim", [1, 2])
def test_small_embeddings_tell_rows_apart(output_dim):
    encoder = TabularEncoder(output_dim=output_dim, max_epochs=5, random_state=0)
    assert len(np.unique(encoder.fit(NUMBERS, LABELS).transform(NUMBERS)[:, 0].round(2))) > 12


def test_several_targets_of_an_encoder_are_numbers():
    encoder = TabularEncoder(output_dim=8, max_epochs=1).fit(NUMBERS, np.arange(48).reshape(24, 2))
    assert not hasattr(encoder, "classes_")
    assert encoder.net_.module_.n_outputs == 2


def losses_of_single_epochs(**params):
    model = MultiModalClassifier(max_epochs=1, random_state=0, **params)
    for _ in range(5):
        model.partial_fit(NUMBERS, LABELS)
    return model


def test_averaging_weights_changes_no_training_of_single_epochs():
    plain, averaged = (losses_of_single_epochs(ema_decay=decay) for decay in (None, 0.99))
    np.testing.assert_allclose(plain.history_[:, "train_loss"], averaged.history_[:, "train_loss"], rtol=1e-6)
    assert abs(plain.predict_proba(NUMBERS) - averaged.predict_proba(NUMBERS)).max() > 1e-3


def test_gradient_blending_goes_on_over_single_epochs():
    model = MultiModalClassifier(gradient_blending=1, validation_fraction=0.25, max_epochs=1, random_state=0)
    for _ in range(4):
        model.partial_fit(ROWS, ROW_LABELS)
    weights = np.array(model.history_[:, "blending_weights"])
    assert not np.allclose(weights[-1], weights[0])
