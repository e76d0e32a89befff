"""Real photos, sounds and sentences, where the shared data lies beside the project."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline

from mmsk import MFCC, CharEncoder, ImageEncoder, ImageLoader, MelSpectrogram, MultiModalClassifier, SpectrogramEncoder
from mmsk.datasets import fetch_fsdd, pair_by_class

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_trimodal = pytest.mark.skipif(not (DATA / "trimodal").exists(), reason="the trimodal data is not here")
needs_fsdd = pytest.mark.skipif(not (DATA / "fsdd").exists(), reason="the fsdd data is not here")


@needs_trimodal
def test_photos_sounds_and_sentences():
    items = pd.read_csv(DATA / "trimodal" / "trimodal.csv")
    items = items[items["category"].isin(["dog", "clock", "rain"])]

    def rows(folds, n_per_class):
        tables = {}
        for name, modality in {"photo": "image", "clip": "audio", "caption": "text"}.items():
            part = items[(items["modality"] == modality) & items["fold"].isin(folds)]
            cells = part["text_masked"] if modality == "text" else str(DATA / "trimodal") + "/" + part["path"]
            tables[name] = (cells.tolist(), part["category"].tolist())
        return pair_by_class(tables, n_per_class, random_state=0)

    X, y = rows([1, 2, 3], 15)
    load = ColumnTransformer(
        [
            ("image", ImageLoader(size=(48, 48)), ["photo"]),
            ("sound", MelSpectrogram(duration=3.0, n_mels=32, hop_length=1024), ["clip"]),
            ("text", CharEncoder(max_length=100), ["caption"]),
        ]
    ).set_output(transform="pandas")
    encoders = [("image", ImageEncoder(widths=(16, 32, 64))), ("sound", SpectrogramEncoder(widths=(16, 32, 64)))]
    model = make_pipeline(load, MultiModalClassifier(encoders, max_epochs=12, batch_size=32, random_state=0)).fit(X, y)
    X_test, y_test = rows([4], 10)
    assert X_test.isna().sum().min() > 10
    assert model.score(X_test, y_test) > 0.7  # chance is 0.33


@needs_fsdd
@pytest.mark.parametrize("feature", [MFCC, MelSpectrogram])
def test_spoken_digits_of_known_speakers(feature):
    clips = fetch_fsdd(folder=DATA / "fsdd").frame
    clips = clips[clips["target"].isin([0, 1, 2]) & (clips["take"] < 10)]
    held_out = clips["take"] < 3
    sound = feature(sampling_rate=8000, duration=1.0, n_fft=256, hop_length=128, n_mels=32)
    model = make_pipeline(sound, MultiModalClassifier([("clip", SpectrogramEncoder(widths=(16, 32)))], random_state=0))
    model.fit(clips[["clip"]][~held_out], clips["target"][~held_out])
    assert model.score(clips[["clip"]][held_out], clips["target"][held_out]) > 0.8


@needs_trimodal
@pytest.mark.slow
def test_the_fused_network_is_ahead_of_classical_models():
    from benchmarks.trimodal import run

    results = [run(fold, 1, DATA, 25) for fold in (1, 2)]
    for way in ("fused", "together"):
        assert np.mean([scores[way]["all"] - scores["classical"]["all"] for _, _, scores, _ in results]) > 0.0
    assert all(seconds < 480 for *_, seconds in results)
