from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmsk.columns import frame_presence
from mmsk.datasets import make_trimodal
from mmsk.datasets._make_trimodal import WORDS


def test_files_are_what_they_say(tmp_path):
    X, y = make_trimodal(5, 3, tmp_path, image_size=48, sampling_rate=8000, duration=0.5, random_state=0)
    assert X.columns.tolist() == ["photo", "clip", "caption", "length", "weight"]
    assert len(X) == len(y) == 5
    for photo, clip, caption in zip(X["photo"], X["clip"], X["caption"], strict=True):
        with Image.open(photo) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (48, 48))
        info = soundfile.info(clip)
        assert (info.format, info.subtype, info.samplerate, info.frames) == ("WAV", "PCM_16", 8000, 4000)
        assert caption[0].isupper()
        assert caption.endswith(".")
    assert X["length"].dtype == X["weight"].dtype == float


def test_classes_are_balanced(tmp_path):
    _, y = make_trimodal(10, 4, tmp_path, duration=0.1, random_state=0)
    assert sorted(np.bincount(y)) == [2, 2, 3, 3]


def test_same_seed_same_files_and_other_seed_others(tmp_path):
    first, y_first = make_trimodal(8, 4, tmp_path / "a", duration=0.1, random_state=3)
    again, y_again = make_trimodal(8, 4, tmp_path / "b", duration=0.1, random_state=3)
    other, _ = make_trimodal(8, 4, tmp_path / "a", duration=0.1, random_state=4)
    np.testing.assert_array_equal(y_first, y_again)
    pd.testing.assert_frame_equal(first.drop(columns=["photo", "clip"]), again.drop(columns=["photo", "clip"]))
    for column in ("photo", "clip"):
        for one, two in zip(first[column], again[column], strict=True):
            assert Path(one).read_bytes() == Path(two).read_bytes()
        assert not set(first[column]) & set(other[column])
    assert (first["weight"] != other["weight"]).all()


def test_files_that_are_there_are_left_alone(tmp_path):
    X, _ = make_trimodal(4, 3, tmp_path, duration=0.1, random_state=0)
    files = [*X["photo"], *X["clip"]]
    before = [Path(file).stat() for file in files]
    Path(files[0]).write_bytes(b"cut")
    again, _ = make_trimodal(4, 3, tmp_path, duration=0.1, random_state=0)
    pd.testing.assert_frame_equal(again, X)
    after = [Path(file).stat() for file in files]
    assert [(s.st_mtime_ns, s.st_ino) for s in before[1:]] == [(s.st_mtime_ns, s.st_ino) for s in after[1:]]
    assert before[0].st_size == after[0].st_size  # what is no such file is written
    assert len(list(tmp_path.rglob("*.*"))) == 8


@pytest.mark.parametrize("missing", [0.0, 0.1, 0.5, 0.8])
def test_missing_blanks_the_share_and_never_all_of_a_row(tmp_path, missing):
    X, _ = make_trimodal(40, 4, tmp_path, missing=missing, image_size=16, duration=0.1, random_state=0)
    presence = frame_presence(X)
    assert (~presence).sum() == round(missing * presence.size)
    assert presence[:, :3].any(axis=1).all()
    assert all(cell is None for cell, there in zip(X["photo"], presence[:, 0], strict=True) if not there)


def test_missing_changes_no_other_cell(tmp_path):
    complete, y = make_trimodal(12, 4, tmp_path, image_size=16, duration=0.1, random_state=0)
    blanked, y_blanked = make_trimodal(12, 4, tmp_path, missing=0.4, image_size=16, duration=0.1, random_state=0)
    np.testing.assert_array_equal(y, y_blanked)
    presence = frame_presence(blanked)
    np.testing.assert_array_equal(complete.to_numpy()[presence], blanked.to_numpy()[presence])


@pytest.mark.parametrize("n_classes", [3, 4, 7, 24])
def test_one_kind_is_shared_and_two_kinds_are_not(n_classes, tmp_path):
    classes = np.arange(n_classes)
    n_kinds = (n_classes + 1) // 2
    kinds = [classes // 2, (classes + 1) // 2 % n_kinds, classes % n_kinds]
    for i in range(3):
        assert len(set(kinds[i])) == n_kinds < n_classes
        assert len(set(zip(kinds[i], kinds[i - 1], strict=True))) == n_classes
    # and what is written follows these kinds: the captions of a class stay within one group of three words
    X, y = make_trimodal(8 * n_classes, n_classes, tmp_path, image_size=16, duration=0.1, random_state=0)
    for caption, target in zip(X["caption"], y, strict=True):
        said = [kind for kind, words in enumerate(WORDS) if any(f"the {word}" in caption.lower() for word in words)]
        assert said == [kinds[2][target]]


def test_one_modality_is_not_enough_and_all_are(tmp_path):
    X, y = make_trimodal(240, 4, tmp_path, random_state=0)
    features = {
        "photo": np.array([np.asarray(Image.open(path).resize((12, 12))).ravel() / 255 for path in X["photo"]]),
        "clip": np.array([_loudness_by_band(path) for path in X["clip"]]),
        "caption": CountVectorizer().fit_transform(X["caption"]).toarray(),
        "table": X[["length", "weight"]].to_numpy(),
    }
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    logs = {
        name: cross_val_predict(model, block, y, cv=3, method="predict_log_proba") for name, block in features.items()
    }
    scores = {name: np.mean(log.argmax(axis=1) == y) for name, log in logs.items()}
    for name, score in scores.items():
        assert 0.33 < score < 0.65, (name, scores)
    assert np.mean(sum(logs.values()).argmax(axis=1) == y) > 0.9


def _loudness_by_band(path):
    samples, _ = soundfile.read(path)
    return np.log1p(np.abs(np.fft.rfft(samples))[:1500].reshape(-1, 15).max(axis=1))


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("n_samples", 0), ("n_classes", 2), ("n_classes", 25), ("missing", 0.9), ("directory", None), ("image_size", 2)],
)
def test_parameters_out_of_range(tmp_path, parameter, value):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of make_trimodal"):
        make_trimodal(**{"directory": tmp_path, parameter: value})
