import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from mmsk.columns import frame_presence, make_column
from mmsk.exceptions import BadInputError
from mmsk.preprocessing import CharEncoder, ModalityMasker, TensorFlattener
from tests.preprocessing.files import make_pixels

N_ROWS = 400


def make_frame(n_rows=N_ROWS):
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "image__photo": make_column(generator.integers(0, 255, size=(n_rows, 3, 2, 2), dtype=np.uint8)),
            "image__back": [f"{i}.jpg" if i % 2 else None for i in range(n_rows)],
            "caption": [f"sentence {i}" for i in range(n_rows)],
            "clip": pd.Series([Path(f"{i}.wav") for i in range(n_rows)], dtype=object),
            "age": np.arange(n_rows),
            "weight": generator.normal(size=n_rows),
        }
    )


def modality_presence(frame):
    """Presence of image, caption, clip and table."""
    presence = frame_presence(frame)
    return np.column_stack([presence[:, :2].any(axis=1), presence[:, 2], presence[:, 3], presence[:, 4:].any(axis=1)])


def test_modalities_are_grouped():
    masker = ModalityMasker(random_state=0).fit(make_frame())
    assert masker.modalities_ == {"image": [0, 1], "caption": [2], "clip": [3], "table": [4, 5]}


@pytest.mark.parametrize("max_missing", [0, 1, 2, 3, 9])
def test_never_more_than_asked_and_never_all(max_missing):
    masked = ModalityMasker(max_missing, rate=1.0, random_state=0).fit_transform(make_frame())
    n_missing = (~modality_presence(masked)).sum(axis=1)
    assert (n_missing == min(max_missing, 3)).all()


def test_rate_is_the_share_of_blanked_modalities():
    masked = ModalityMasker(max_missing=3, rate=0.3, random_state=0).fit_transform(make_frame())
    share = 1 - modality_presence(masked).mean(axis=0)
    assert np.abs(share - 0.3).max() < 0.06
    untouched = ModalityMasker(rate=0.0, random_state=0).fit_transform(make_frame())
    assert modality_presence(untouched).all()


def test_limited_choice_is_even():
    masked = ModalityMasker(max_missing=1, rate=1.0, random_state=0).fit_transform(make_frame(2_000))
    assert np.abs((~modality_presence(masked)).mean(axis=0) - 0.25).max() < 0.04


def test_columns_of_a_modality_are_blanked_together():
    masked = ModalityMasker(random_state=0, rate=0.7).fit_transform(make_frame())
    presence, before = frame_presence(masked), frame_presence(make_frame())
    np.testing.assert_array_equal(presence[:, 4], presence[:, 5])
    assert not presence[before[:, 1] & ~presence[:, 0], 1].any()


def test_modalities_missing_before_count():
    frame = make_frame()
    frame["caption"] = None
    frame.loc[:99, "clip"] = None
    masked = ModalityMasker(max_missing=2, rate=1.0, random_state=0).fit_transform(frame)
    n_missing = (~modality_presence(masked)).sum(axis=1)
    assert (n_missing == 2).all()
    frame.loc[:, ["image__photo", "image__back", "clip"]] = None
    alone = ModalityMasker(max_missing=4, rate=1.0, random_state=0).fit_transform(frame)
    assert modality_presence(alone)[:, 3].all()


def test_row_without_anything_stays_so():
    masked = ModalityMasker(rate=1.0, random_state=0).fit_transform([["a", "b"], [None, ""]])
    assert masked[1].tolist() == [None, ""] and sum(cell is None for cell in masked[0]) == 1


def test_only_named_modalities_are_blanked():
    masked = ModalityMasker(rate=1.0, modalities=["clip", "table"], random_state=0).fit_transform(make_frame())
    assert modality_presence(masked).mean(axis=0).tolist() == [1, 1, 0, 0]


def test_unknown_modalities_are_refused():
    with pytest.raises(BadInputError, match="'video'") as caught:
        ModalityMasker(modalities=["image", "video"]).fit(make_frame())
    assert "caption" in str(caught.value)


def test_mask_depends_on_row_and_seed_alone():
    frame = make_frame()
    masker = ModalityMasker(random_state=3).fit(frame)
    expected = frame_presence(masker.transform(frame))
    order = np.random.default_rng(1).permutation(N_ROWS)
    np.testing.assert_array_equal(frame_presence(masker.transform(frame.iloc[order])), expected[order])
    np.testing.assert_array_equal(frame_presence(masker.transform(frame.iloc[7:8])), expected[7:8])
    repeated = frame.iloc[[5, 5, 6]]
    np.testing.assert_array_equal(frame_presence(masker.transform(repeated)), expected[[5, 5, 6]])
    again = ModalityMasker(random_state=3).fit(frame.iloc[:10])
    np.testing.assert_array_equal(frame_presence(again.transform(frame)), expected)
    other = ModalityMasker(random_state=4).fit_transform(frame)
    assert (frame_presence(other) != expected).any()


def test_mask_is_the_same_in_every_process():
    masked = ModalityMasker(max_missing=1, rate=1.0, random_state=0).fit_transform(
        [[f"{i}", f"t{i}"] for i in range(12)]
    )
    assert "".join("L" if row[0] is None else "R" for row in masked) == "RLRLRLRRLLRL"


def test_equal_numbers_of_other_dtype_are_masked_alike():
    frame = pd.DataFrame({"age": [1, 2, 3], "caption": ["a", "b", "c"]})
    masker = ModalityMasker(rate=0.5, random_state=1).fit(frame)
    floats = frame.astype({"age": float})
    np.testing.assert_array_equal(frame_presence(masker.transform(frame)), frame_presence(masker.transform(floats)))


def test_random_states():
    frame = make_frame(50)
    fresh = ModalityMasker().fit(frame)
    assert fresh.seed_ != ModalityMasker().fit(frame).seed_
    np.testing.assert_array_equal(frame_presence(fresh.transform(frame)), frame_presence(fresh.transform(frame)))
    one, two = (ModalityMasker(random_state=np.random.RandomState(5)).fit(frame) for _ in range(2))
    assert one.seed_ == two.seed_


def test_masks_training_rows_only_when_asked():
    frame = make_frame()
    masker = ModalityMasker(when="fit", rate=1.0, random_state=0)
    assert not modality_presence(masker.fit_transform(frame)).all()
    assert modality_presence(masker.transform(frame)).all()


def test_masks_in_a_pipeline_only_while_it_learns():
    texts = [["abc", "abe"], ["xyz", "xyw"]] * 10
    y = [0, 1] * 10
    model = make_pipeline(
        CharEncoder(max_length=3, vocabulary="unicode"),
        ModalityMasker(when="fit", rate=0.0, random_state=0),
        TensorFlattener(),
        LogisticRegression(),
    )
    assert model.fit(texts, y).score(texts, y) == 1.0
    assert not np.isnan(model[:-1].transform(texts)).any()


def test_frames_stay_frames_and_keep_dtypes():
    frame = make_frame().set_index(np.arange(N_ROWS) + 7)
    before = frame.copy()
    masked = ModalityMasker(random_state=0).fit_transform(frame)
    assert isinstance(masked, pd.DataFrame) and masked.index.tolist() == frame.index.tolist()
    assert masked.columns.tolist() == frame.columns.tolist()
    assert masked["age"].dtype == np.float64 and masked["weight"].dtype == np.float64
    assert masked["age"].isna().any() and masked["caption"].isna().any()
    assert masked["caption"].dtype == frame["caption"].dtype
    assert masked["image__photo"].map(lambda cell: cell is None).any()
    pd.testing.assert_frame_equal(frame, before)
    kept = masked["image__photo"].map(lambda cell: cell is not None)
    assert masked.loc[kept, "image__photo"].iloc[0] is frame.loc[kept, "image__photo"].iloc[0]


def test_times_categories_and_the_like_keep_their_dtype_and_value():
    n_rows = 40
    frame = pd.DataFrame(
        {
            "text": [f"text {i}" for i in range(n_rows)],
            "time": pd.to_datetime(np.arange(n_rows)),  # nanoseconds
            "zone": pd.date_range("2020", periods=n_rows, tz="UTC"),
            "kind": pd.Categorical(list("abcd") * 10),
            "word": pd.array(["a", None] * 20, dtype="string"),
            "count": pd.array([1, None] * 20, dtype="Int64"),
            "flag": np.arange(n_rows) % 2 > 0,
        },
        index=range(5, 5 + n_rows),
    )
    masked = ModalityMasker(random_state=0).fit_transform(frame)
    for name in frame.columns.drop("flag"):
        assert masked[name].dtype == frame[name].dtype, name
        kept = masked[name].dropna()
        assert 0 < len(kept) < frame[name].notna().sum(), name
        pd.testing.assert_series_equal(kept, frame.loc[kept.index, name])


def test_columns_of_polars_keep_their_dtype():
    n_rows = 20
    frame = pl.DataFrame(
        {
            "text": [f"text {i}" for i in range(n_rows)],
            "day": [datetime.date(2020, 1, 1 + i) for i in range(n_rows)],
            "kind": pl.Series(["a", "b"] * 10, dtype=pl.Categorical),
            "clip": pl.Series(np.arange(80.0).reshape(20, 4).tolist(), dtype=pl.Array(pl.Float32, 4)),
            "photo": pl.Series([np.full((2, 2), i) for i in range(n_rows)], dtype=pl.Object),
        }
    )
    masked = ModalityMasker(random_state=0).fit_transform(frame)
    assert masked.schema == frame.schema
    presence = frame_presence(masked)
    assert presence.any(axis=0).all() and not presence.all(axis=0).any()
    assert masked["day"].drop_nulls().is_in(frame["day"]).all()


@pytest.mark.parametrize("form", ["frame", "polars", "array", "objects"])
def test_transform_gives_tables_as_they_are(form):
    frame = pd.DataFrame({"id": [2**60 + 1, 5], "text": ["a", None]})
    table = {
        "frame": frame,
        "polars": pl.DataFrame({"id": [2**60 + 1, 5], "text": ["a", None]}),
        "array": np.array([[2**60 + 1, 3], [4, 5]]),
        "objects": frame.to_numpy(),
    }[form]
    masker = ModalityMasker(when="fit", rate=1.0, random_state=0).fit(table)
    assert masker.transform(table) is table


def test_polars_frames_stay_polars_frames():
    frame = pl.DataFrame({"caption": ["a", "b", "c"], "age": [1, 2, 3]})
    masked = ModalityMasker(max_missing=1, rate=1.0, random_state=0).fit_transform(frame)
    assert isinstance(masked, pl.DataFrame) and masked.schema == {"caption": pl.String, "age": pl.Float64}
    assert frame_presence(masked).sum(axis=1).tolist() == [1, 1, 1]


def test_set_output_turns_one_frame_into_another():
    frame = make_frame(20).drop(columns="clip")
    masker = ModalityMasker(random_state=0).set_output(transform="polars").fit(frame)
    turned = masker.transform(frame)
    assert isinstance(turned, pl.DataFrame) and turned.columns == frame.columns.tolist()
    np.testing.assert_array_equal(
        frame_presence(turned), frame_presence(masker.set_output(transform="pandas").transform(frame))
    )


def test_arrays_stay_arrays():
    numbers = np.arange(20.0).reshape(10, 2)
    assert ModalityMasker(rate=1.0, random_state=0).fit_transform(numbers).dtype == np.float64
    cells = np.column_stack([make_column(np.ones((3, 2))), np.array(["a", "b", "c"], dtype=object), [1, 2, 3]])
    masked = ModalityMasker(max_missing=2, rate=1.0, random_state=0).fit_transform(cells)
    assert masked.dtype == object and frame_presence(masked).sum() == 3
    assert ModalityMasker(random_state=0).fit(cells).modalities_ == {"x0": [0], "x1": [1], "table": [2]}
    blanks = [cell for cell in masked[:, 2] if not isinstance(cell, int)]
    assert blanks and all(np.isnan(cell) for cell in blanks)


def test_every_kind_of_cell_has_a_content():
    pixels = make_pixels(seed=1)
    rows = [
        ["text", b"text", pixels],
        [Path("text"), b"", Image.fromarray(pixels)],
        ["text", b"text", np.asfortranarray(pixels)],
    ]
    masker = ModalityMasker(max_missing=1, rate=1.0, random_state=0).fit(rows)
    masked = masker.transform(rows)
    assert frame_presence(masked[[0]]).tolist() == frame_presence(masked[[2]]).tolist()
    for bad in ({"a": 1}, 1j):
        with pytest.raises(BadInputError, match="content cannot be summarised") as caught:
            masker.transform([["text", b"text", bad]])
        assert caught.value.row == 0 and caught.value.column == 2
    for when in (pd.Timestamp("2024-02-01"), datetime.date(2024, 2, 1), datetime.time(12), pd.Timedelta("1h")):
        assert masker.transform([["text", b"text", when]]).shape == (1, 3)
    for number in (10**400, Decimal("0.1"), np.bool_(True)):
        assert masker.transform([["text", b"text", number]]).shape == (1, 3)


@pytest.mark.parametrize("parameters", [{"max_missing": -1}, {"rate": 1.5}, {"modalities": "image"}, {"when": "never"}])
def test_bad_parameters_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        ModalityMasker(**parameters).fit(make_frame(3))


def test_names_that_are_numbers_stay():
    frame = pd.DataFrame({0: ["a", "b", "c"], 1: [1.0, 2.0, 3.0]})
    masker = ModalityMasker(rate=1.0, random_state=0).fit(frame)
    assert masker.transform(frame).columns.tolist() == [0, 1]
    assert masker.set_output(transform="pandas").transform(frame).columns.tolist() == ["x0", "x1"]


def test_dates_stand_beside_what_is_blanked():
    days = [datetime.datetime(2024, 1, 1 + i) for i in range(8)]
    columns = {"photo": [f"{i}.jpg" for i in range(8)], "clip": [f"{i}.wav" for i in range(8)], "when": days}
    masker = ModalityMasker(modalities=["photo"], rate=1.0, random_state=0)
    for table in (pd.DataFrame(columns), pl.DataFrame(columns)):
        presence = frame_presence(masker.fit_transform(table))
        assert not presence[:, 0].any() and presence[:, 1:].all()


@pytest.mark.parametrize(
    "X", [pd.Series(["a", "b"], index=[5, 6]), pd.Series(["a", "b"], name=3), pd.Index(["a", "b"])]
)
@pytest.mark.parametrize("when", ["always", "fit"])
def test_columns_without_a_name(X, when):
    masked = ModalityMasker(when=when, random_state=0).fit(X).transform(X)
    assert list(masked.iloc[:, 0]) == ["a", "b"]  # a row keeps its only modality
    assert masked.index.tolist() == (X.index.tolist() if isinstance(X, pd.Series) else [0, 1])


def test_columns_of_one_name():
    with pytest.raises(BadInputError, match=r"two columns have this name \(column 'text'\)"):
        ModalityMasker().fit(pd.DataFrame([["a", "b"]], columns=["text", "text"]))
