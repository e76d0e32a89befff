import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks.baselines import fsdd_baseline, photo_features, trimodal_baseline, trimodal_probabilities
from benchmarks.trimodal_rows import DATA, trimodal_rows
from mmsk.columns import frame_presence
from mmsk.datasets import make_trimodal

real = pytest.mark.skipif(not (DATA / "trimodal").is_dir(), reason="the real data are not here")


@real
@pytest.mark.parametrize("fold", [1, 4])
def test_rows_follow_the_recipe_and_nothing_leaks(fold):
    X_train, y_train, X_test, y_test = trimodal_rows(fold, seed=1)
    assert X_train.columns.tolist() == X_test.columns.tolist() == ["photo", "clip", "caption"]
    for X, y, n in ((X_train, y_train, 60), (X_test, y_test, 8)):
        n_missing = (~frame_presence(X)).sum(axis=1)
        for label in np.unique(y):
            np.testing.assert_array_equal(np.bincount(n_missing[y == label]), [n, n, n])
    assert len(np.unique(y_train)) == 7
    items = pd.read_csv(DATA / "trimodal" / "trimodal.csv")
    files = items[items["modality"].ne("text")]
    fold_of = {str(DATA / "trimodal" / path): f for path, f in zip(files["path"], files["fold"], strict=True)}
    for column in ("photo", "clip"):
        assert {fold_of[path] for path in X_test[column].dropna()} == {fold}
        assert fold not in {fold_of[path] for path in X_train[column].dropna()}
    own_captions = set(items.loc[items["fold"].eq(fold), "text_masked"].dropna())
    assert set(X_test["caption"].dropna()) <= own_captions
    assert not set(X_train["caption"].dropna()) & own_captions


@real
def test_unknown_fold_and_speaker():
    with pytest.raises(ValueError, match="There is no fold 9"):
        trimodal_rows(9, seed=1)
    with pytest.raises(ValueError, match="There is no speaker 'nobody'"):
        fsdd_baseline("nobody")


@real
@pytest.mark.slow
def test_baseline_on_real_files():
    result = trimodal_baseline(fold=3, seed=1)
    assert result["accuracy"] > 0.8
    assert result["by_missing"][0] > result["by_missing"][2]
    assert result["accuracy"] == pytest.approx(np.mean(list(result["by_missing"].values())))


def test_gradients_ignore_brightness_and_see_direction(tmp_path):
    ramp = np.tile(np.linspace(20, 120, 128), (128, 1))
    paths = []
    for name, pixels in {"across": ramp, "bright": 2 * ramp, "down": ramp.T}.items():
        paths.append(str(tmp_path / f"{name}.png"))
        Image.fromarray(pixels.astype("uint8")).save(paths[-1])
    across, bright, down = (photo_features(path) for path in paths)
    assert across.shape == (7 * 7 * 4 * 9,)
    assert np.abs(across - bright).max() < 0.1
    assert np.abs(across - down).max() > 0.3
    assert across.reshape(-1, 9)[:, 0].mean() > 0.4  # the change runs along the first axis of directions


def test_probabilities_use_what_is_present(tmp_path):
    X, y = make_trimodal(150, 3, tmp_path, missing=0.1, random_state=0)
    X = X[["photo", "clip", "caption"]]
    classes, probabilities = trimodal_probabilities(X[:110], y[:110], X[110:])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert np.mean(classes[probabilities.argmax(axis=1)] == y[110:]) > 0.7
    alone = X[110:].assign(photo=None, clip=None)
    with_caption = alone["caption"].notna().to_numpy()
    _, from_captions = trimodal_probabilities(X[:110], y[:110], alone[with_caption])
    assert not np.allclose(from_captions, probabilities[with_caption])
