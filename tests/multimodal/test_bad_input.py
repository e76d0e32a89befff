import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from mmsk import BadInputError, ImageEncoder, MultiModalClassifier, SpectrogramEncoder, TensorFusion
from mmsk.columns import make_column
from tests.rows import make_rows

X, Y = make_rows(40)


def small(**params):
    encoders = [("image", ImageEncoder(widths=(4, 8), output_dim=8))]
    return MultiModalClassifier(encoders, **{"max_epochs": 1, "random_state": 0, **params})


@pytest.fixture(scope="module")
def fitted():
    return small().fit(X, Y)


def changed(column, row, value, frame=X):
    frame = frame.copy()
    cells = frame[column].to_numpy(dtype=object, copy=True)
    cells[row] = value
    frame[column] = pd.Series(cells, index=frame.index, dtype=object)
    return frame


def refused(action, *words):
    with pytest.raises(BadInputError) as caught:
        action()
    for word in ("MultiModalClassifier", *words):
        assert word in str(caught.value)
    return caught.value


def test_raw_paths_need_a_loader():
    raw = pd.DataFrame({"photo": ["a.jpg", "b.jpg"]})
    error = refused(lambda: MultiModalClassifier().fit(raw, [0, 1]), "row 0", "'photo'", "'a.jpg'", "ImageLoader")
    assert (error.row, error.column, error.value) == (0, "photo", "a.jpg")


@pytest.mark.parametrize("bad", ["b.jpg", object(), {"a": 1}])
def test_a_cell_that_is_no_number(bad):
    refused(lambda: small().fit(changed("age", 7, bad), Y), "row 7", "'age'")


@pytest.mark.parametrize("bad", ["b.jpg", 3.0])
def test_a_cell_that_is_no_array(bad, fitted):
    wrong = changed("image__photo", 9, bad)
    refused(lambda: small().fit(wrong, Y), "row 9", "'image__photo'", "expected an array cell")
    refused(lambda: fitted.predict(wrong), "row 9", "'image__photo'")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (np.array(["a", "dog"]), "CharEncoder"),
        (np.array([1, None], dtype=object), "an array of object"),
        (np.zeros(3, "M8[s]"), "an array of datetime64[s]"),
        (np.zeros(3, complex), "an array of complex128"),
        (np.zeros((3, 0, 5), np.uint8), "an array of shape (3, 0, 5)"),
        (np.zeros((0, 9), np.float32), "an array of shape (0, 9)"),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_arrays_of_what_is_no_number(cell, words):
    frame = X.assign(words__column=pd.Series([cell] * len(X), index=X.index, dtype=object))
    refused(lambda: small().fit(frame, Y), "row 0", "'words__column'", words)


def test_numbers_beyond_all_floats(fitted):
    huge = changed("age", 3, 10**400)
    refused(lambda: small().fit(huge, Y), "row 3", "'age'", "too large for float64")
    refused(lambda: fitted.predict(huge), "row 3", "'age'", "too large for float64")
    with pytest.raises(BadInputError, match="int too large"):
        small().fit(X, Y, sample_weight=[10**400] + [1] * (len(X) - 1))


def test_cells_of_another_shape_or_dtype(fitted):
    for cell, words in {
        "shape": (np.zeros((3, 16, 17), np.uint8), "(3, 16, 17)"),
        "axes": (np.zeros((16, 16), np.uint8), "(16, 16)"),
        "dtype": (np.zeros((3, 16, 16)), "float64"),
        "text": (np.full((3, 16, 16), "a"), "<U1"),
    }.values():
        wrong = changed("image__photo", 5, cell)
        refused(lambda wrong=wrong, words=words: small().fit(wrong, Y), "row 5", "'image__photo'", words)
        refused(lambda wrong=wrong, words=words: fitted.predict(wrong), "row 5", words)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(value, fitted):
    cell = np.zeros((20, 24), np.float32)
    cell[3, 3] = value
    wrong = changed("sound__clip", 11, cell)
    refused(lambda: small().fit(wrong, Y), "row 11", "'sound__clip'", "NaN" if np.isnan(value) else "infinity")
    refused(lambda: fitted.predict(wrong), "row 11")


def test_float64_cells_that_overflow():
    refused(lambda: small().fit(changed("sound__clip", 0, np.full((20, 24), 1e300)), Y), "too large for float32")


def test_rows_are_counted_over_all_that_is_predicted(fitted):
    large = pd.concat([X] * 10, ignore_index=True)
    refused(lambda: fitted.predict(changed("sound__clip", 333, np.zeros((2, 2)), large)), "row 333")
    refused(lambda: fitted.predict(changed("age", 333, 1e39, large)), "row 333", "too large for float32")
    refused(lambda: fitted.predict(changed("age", 333, np.inf, large)), "row 333", "infinity")
    refused(lambda: fitted.predict(changed("age", 333, "old", large)), "row 333", "'old'")


def test_numbers_that_overflow_float32():
    wrong = X.copy()
    wrong.loc[4, "age"] = 1e300
    refused(lambda: small().fit(wrong, Y), "row 4", "'age'", "1e+300", "StandardScaler")
    alone = X[["age"]].fillna(0.0)
    alone.loc[4, "age"] = 1e300
    refused(lambda: MultiModalClassifier().fit(alone, Y), "row 4", "too large for float64")
    alone.loc[4, "age"] = 1e150
    assert MultiModalClassifier(max_epochs=1).fit(alone, Y).n_iter_ == 1  # float64 holds it


def test_infinite_numbers():
    wrong = X.copy()
    wrong.loc[4, "age"] = np.inf
    refused(lambda: small().fit(wrong, Y), "row 4", "'age'")
    refused(lambda: MultiModalClassifier().fit(wrong[["age"]], Y), "infinity")


def test_lengths_differ():
    refused(lambda: small().fit(X, Y[:-1]), "40", "39")
    refused(lambda: small().fit(X, Y, sample_weight=np.ones(7)), "sample_weight")
    refused(lambda: small().fit(X, Y, sample_weight=-np.ones(40)), "sample_weight")
    refused(lambda: small().fit(X, Y, sample_weight=np.zeros(40)), "zero")


def test_no_rows(fitted):
    for action in (lambda: small().fit(X[:0], Y[:0]), lambda: fitted.predict(X[:0])):
        refused(action, "0 sample(s)")
    refused(lambda: MultiModalClassifier().fit(np.zeros((0, 3)), []), "0 sample(s)")


def test_modalities_fit_never_saw(fitted):
    wider = X.copy()
    wider["video__clip"] = None
    refused(lambda: fitted.predict(wider), "video__clip")
    refused(lambda: fitted.predict(X.rename(columns={"sound__clip": "noise__clip"})), "noise__clip")
    refused(lambda: fitted.predict(X.drop(columns="age")), "age")


def test_a_modality_missing_from_every_training_row():
    empty = X.copy()
    empty["image__photo"] = None
    refused(lambda: MultiModalClassifier().fit(empty, Y), "'image'", "every training row")
    empty = X.copy()
    empty["age"] = np.nan
    refused(lambda: small().fit(empty, Y), "'table'", "every training row")


def test_encoders_for_modalities_that_are_not_there():
    model = MultiModalClassifier([("picture", ImageEncoder())])
    refused(lambda: model.fit(X, Y), "'picture'", "image, sound, text, table")


def test_something_that_is_no_encoder():
    refused(lambda: MultiModalClassifier([("image", "resnet18")]).fit(X, Y), "'resnet18'", "ImageEncoder('resnet18')")


def test_the_wrong_encoder():
    model = MultiModalClassifier([("image", SpectrogramEncoder())])
    with pytest.raises(BadInputError, match=r"SpectrogramEncoder reads spectrogram.*image"):
        model.fit(X, Y)


def test_cells_no_encoder_knows():
    video = make_column(np.zeros((40, 2, 3, 8, 8), np.uint8))
    with pytest.raises(BadInputError, match=r"no encoder is known for modality 'video'.*\(2, 3, 8, 8\)"):
        MultiModalClassifier().fit(pd.DataFrame({"video": video}), Y)
    with pytest.raises(BadInputError, match="no encoder is known"):
        MultiModalClassifier().fit(pd.DataFrame({"video": make_column(np.zeros((40, 5, 8, 8), np.uint8))}), Y)


def test_numbers_and_arrays_under_one_key():
    mixed = X.rename(columns={"age": "image__age"})
    refused(lambda: small().fit(mixed, Y), "mixes columns", "image__age")


def test_a_class_of_one_row_cannot_be_held_out():
    y = Y.astype("U8")
    y[13] = "once"
    error = refused(lambda: small(early_stopping=True).fit(X, y), "'once'", "one row")
    assert error.row == 13
    assert "once" in small().fit(X, y).classes_  # training alone can do with one
    refused(lambda: small(validation_fraction=0.01).fit(X, Y), "validation_fraction")


def test_new_classes_later(fitted):
    model = small().partial_fit(X, Y)
    refused(lambda: model.partial_fit(X, np.where(Y == "cat", "cow", Y)), "'cow'", "cat")
    refused(lambda: small().partial_fit(X, Y, classes=["cat", "dog"]), "'sea'")


@pytest.mark.parametrize("y", [np.linspace(0, 1, 40), np.where(np.arange(40) == 3, np.nan, 1.0)])
def test_targets_that_are_no_classes(y):
    refused(lambda: small().fit(X, y))


def test_a_loss_that_is_not_a_number():
    with np.errstate(all="ignore"), pytest.raises(BadInputError, match=r"(loss became|not finite)"):
        small(lr=1e30, max_epochs=20, optimizer="sgd", schedule="constant").fit(X, Y)


def test_wrong_parameters():
    for params in ({"fusion": "glue"}, {"lr": 0}, {"encoders": "none"}, {"missing": "mean"}, {"class_weight": "even"}):
        with pytest.raises(ValueError, match=next(iter(params))):
            small().set_params(**params).fit(X, Y)
    with pytest.raises(BadInputError, match="toaster"):
        small(device="toaster").fit(X, Y)


def test_not_fitted():
    for method in ("predict", "predict_proba", "decision_function", "transform"):
        with pytest.raises(NotFittedError):
            getattr(small(), method)(X)


@pytest.mark.parametrize("unit", ["ns", "us", "s"])
@pytest.mark.parametrize("dtype", ["datetime64", "timedelta64"])
def test_times_are_no_numbers(unit, dtype):
    when = pd.Series(np.arange(40).astype(f"{dtype}[{unit}]"))
    refused(lambda: small().fit(X.assign(when=when), Y), "row 0", "'when'", "expected a number, got")


def test_a_photo_that_no_training_row_has_and_that_has_no_prefix():
    frame = X.rename(columns={"sound__clip": "clip"}).assign(clip=None)
    refused(lambda: small().fit(frame, Y), "'clip' is missing from every training row")


def test_a_number_that_a_new_row_lacks_is_no_photo():
    numbers = X[["age"]].assign(weight=1.0)
    model = small().set_params(encoders="auto").fit(numbers, Y)
    rows = pd.DataFrame([{"age": None, "weight": 1.0}], dtype=object)
    np.testing.assert_array_equal(model.predict_proba(rows), model.predict_proba(rows.astype(float)))


def test_cells_where_training_had_numbers():
    numbers = X[["age"]].assign(photo=np.nan)
    model = small().set_params(encoders="auto").fit(numbers, Y)
    refused(lambda: model.predict(numbers.assign(photo=X["image__photo"])), "training had numbers only")


def test_lists_and_nested_arrays_say_what_to_make_of_them():
    lists = X.assign(wave=[[1.0, 2.0]] * len(X))
    refused(lambda: small().fit(lists, Y), "got list", "column.map(numpy.array)")
    arrays = X.assign(wave=lists["wave"].map(np.array))
    small().set_params(encoders="auto").fit(arrays, Y)
    nested = np.array([np.ones(3), np.ones(4)], dtype=object)
    refused(lambda: small().fit(X.assign(wave=[nested] * len(X)), Y), "array of object", "'wave'", "numpy.stack")


def test_a_name_of_a_fusion_has_no_parameters():
    model = small(fusion="tensor")
    refused(lambda: model.set_params(fusion__dim=8), "fusion='tensor' is a name", "TensorFusion(dim=8)")
    assert model.set_params(fusion=TensorFusion(), fusion__dim=8).fusion.dim == 8


@pytest.mark.parametrize("number", [np.nan, 2.7])
def test_codes_are_integers(number):
    caption = changed("text__caption", 3, np.full(12, number))
    model = small().set_params(encoders="auto").fit(X, Y)
    refused(lambda: model.predict(caption), "row 3", "'text__caption'", "dtype float64")


def test_an_error_while_training_names_the_estimator():
    refused(lambda: small(lr=1e30, max_epochs=30).fit(X, Y), "loss became nan", "Lower lr")


def test_a_modality_that_only_rows_of_weight_zero_have():
    few = X.assign(sound__clip=X["sound__clip"].where(np.arange(len(X)) < 6))
    weight = np.where(np.arange(len(X)) < 6, 0.0, 1.0)
    refused(lambda: small().fit(few, Y, sample_weight=weight), "'sound' is missing from every training row", "weight")


def test_masked_numbers_are_missing_ones():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    mask = rng.random(X.shape) < [0, 0.2, 0.4]
    holes = np.where(mask, np.nan, X)
    model = MultiModalClassifier(max_epochs=2, random_state=0)
    expected = model.fit(holes, y).predict_proba(holes)
    masked = np.ma.array(np.where(mask, -999, X), mask=mask)
    np.testing.assert_array_equal(model.fit(masked, y).predict_proba(masked), expected)
