import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.utils import get_tags

from mmsk.columns import make_column
from mmsk.exceptions import BadInputError
from mmsk.preprocessing import CharEncoder, MelSpectrogram, TensorFlattener
from tests.preprocessing.files import make_tone


def test_flat_values_and_names():
    photos = make_column(np.arange(12, dtype=np.uint8).reshape(2, 1, 2, 3))
    frame = pd.DataFrame({"photo": photos, "age": [30, 40]})
    output = TensorFlattener().set_output(transform="pandas").fit_transform(frame)
    assert output.columns.tolist() == [*(f"photo_{i}" for i in range(6)), "age"]
    assert output.to_numpy().tolist() == [[0, 1, 2, 3, 4, 5, 30], [6, 7, 8, 9, 10, 11, 40]]


def test_statistics_are_those_of_numpy():
    generator = np.random.default_rng(0)
    cells = [generator.normal(size=(3, length)).astype(np.float32) for length in (4, 9)]
    names = ("mean", "std", "min", "max", "median")
    flattener = TensorFlattener(statistics=names)
    output = flattener.fit_transform(make_column(cells))
    assert output.dtype == np.float32 and output.shape == (2, 15)
    for row, cell in enumerate(cells):
        expected = [getattr(np, name)(cell.astype(float), axis=1) for name in names]
        np.testing.assert_allclose(output[row], np.concatenate(expected), rtol=1e-6)
    assert flattener.get_feature_names_out(["s"])[3] == "s_std0"


def test_axes_beyond_the_first_are_pooled():
    photo = np.arange(24.0).reshape(2, 3, 4)
    output = TensorFlattener(statistics=["mean"]).fit_transform(make_column([photo]))
    assert output.tolist() == [[photo[0].mean(), photo[1].mean()]]
    wave = TensorFlattener(statistics=["max", "min"]).fit_transform(make_column([np.arange(5.0), np.arange(3.0)]))
    assert wave.tolist() == [[4, 0], [2, 0]]


def test_missing_cells_become_nan():
    column = make_column([None, np.ones(2, dtype=np.uint8), None])
    output = TensorFlattener().fit_transform(column)
    assert np.isnan(output[[0, 2]]).all() and output[1].tolist() == [1, 1]
    assert np.isnan(TensorFlattener().fit_transform(np.array([np.nan, 2.0]))[0, 0])


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("uint8", "f4"), ("int16", "f4"), ("bool", "f4"), ("float32", "f4"), ("int32", "f8"), ("float64", "f8")],
)
def test_dtype_holds_the_values(dtype, expected):
    column = make_column(np.ones((2, 3), dtype=dtype))
    flattener = TensorFlattener().fit(column)
    assert flattener.dtype_ == expected == flattener.transform(column).dtype


def test_ragged_cells_are_refused_unless_pooled():
    column = make_column([np.ones((2, 3)), np.ones((2, 4))])
    with pytest.raises(BadInputError, match=r"shape \(2, 4\)") as caught:
        TensorFlattener().fit_transform(column)
    assert caught.value.row == 1 and caught.value.step == "TensorFlattener"
    assert TensorFlattener(statistics=["mean"]).fit_transform(column).tolist() == [[1, 1], [1, 1]]
    with pytest.raises(BadInputError, match=r"shape \(3, 2\)"):
        TensorFlattener(statistics=["mean"]).fit(column).transform(make_column([np.ones((3, 2))]))


def test_numbers_and_arrays_are_not_mixed():
    with pytest.raises(BadInputError, match="a plain number was expected"):
        TensorFlattener().fit(np.ones(2)).transform(make_column([np.ones(1)]))


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (make_column([None, None]), "its width is unknown"),
        (["a.jpg", "b.jpg"], "array of numbers was expected"),
        (make_column([np.ones((2, 0))]), "holds no number"),
    ],
)
def test_columns_without_numbers_are_refused(column, words):
    with pytest.raises(BadInputError, match=words):
        TensorFlattener().fit(column)


@pytest.mark.parametrize("statistics", [("mean", "mode"), (), ["sum"]])
def test_bad_statistics_are_refused(statistics):
    with pytest.raises(BadInputError, match="statistics must be"):
        TensorFlattener(statistics=statistics).fit(make_column([np.ones(2)]))


def test_tags_say_what_is_read():
    assert not get_tags(TensorFlattener()).input_tags.string and get_tags(CharEncoder()).input_tags.string
    assert get_tags(CharEncoder()).requires_fit and not get_tags(CharEncoder(vocabulary="unicode")).requires_fit


def test_bridge_behind_a_column_transformer():
    frame = pd.DataFrame({"clip": make_column([make_tone(), None, make_tone(0.2)]), "age": [1.0, 2.0, np.nan]})
    load = ColumnTransformer(
        [("sound", MelSpectrogram(8_000, n_fft=512, n_mels=4), ["clip"]), ("table", "passthrough", ["age"])]
    )
    bridge = TensorFlattener(statistics=("mean",))
    named = bridge.fit(load.set_output(transform="pandas").fit_transform(frame))
    assert named.get_feature_names_out().tolist() == [*(f"sound__clip_mean{i}" for i in range(4)), "table__age"]
    output = TensorFlattener(statistics=("mean",)).fit_transform(load.set_output(transform="default").transform(frame))
    assert output.shape == (3, 5) and np.isnan(output).tolist() == [
        [False] * 5,
        [True] * 4 + [False],
        [False] * 4 + [True],
    ]


def test_cells_have_the_shape_and_range_of_fit():
    flattener = TensorFlattener().fit(make_column(np.ones((4, 2, 3))))
    with pytest.raises(BadInputError, match=r"shape \(3, 2\) came where, as in fit, an array of shape \(2, 3\)"):
        flattener.transform(make_column(np.ones((4, 3, 2))))
    with pytest.raises(BadInputError, match=r"too large for float32.*\(row 1, column 0"):
        TensorFlattener().fit(make_column(np.ones((2, 2), "f4"))).transform(make_column([np.ones(2), [1e300, 1]]))
    assert np.isinf(TensorFlattener().fit_transform(make_column([np.array([np.inf, 1])]))).any()


def test_parts_and_numbers_of_one_name_are_refused():
    table = pd.DataFrame({"clip": make_column(np.ones((2, 3))), "clip_1": [1.0, 2.0]})
    with pytest.raises(BadInputError, match="two columns would be called 'clip_1'.*Rename"):
        TensorFlattener().fit(table)
