"""The networks of known recipes: as large as there, and able to learn.

Weights are counted as torch does, those that learn: without the moving statistics of batch normalisation, which Keras
counts among them.
"""

import numpy as np
import pandas as pd
import pytest
import torch

from mmsk import (
    MFCC,
    BadInputError,
    ImageEncoder,
    MultiModalClassifier,
    SpectrogramEncoder,
    TextEncoder,
    WaveformEncoder,
)
from mmsk.columns import make_column
from tests.rows import make_rows

CLASSES = np.arange(82) % 41
ONE_EPOCH = {"max_epochs": 1, "batch_size": 41, "random_state": 0}


def count(fitted):
    return sum(weight.numel() for weight in fitted.net_.module_.parameters())


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_raw_sound_of_two_seconds_and_41_classes():
    encoder = WaveformEncoder("cnn1d", **ONE_EPOCH).fit(make_column(noise(82, 32_000))[:, None], CLASSES)
    assert count(encoder) == 360_513
    assert encoder.get_feature_names_out().size == 1028


def test_mfcc_of_40_by_173_and_41_classes():
    encoder = SpectrogramEncoder("cnn2d", **ONE_EPOCH).fit(make_column(noise(82, 40, 173))[:, None], CLASSES)
    assert count(encoder) == 168_361
    assert encoder.get_feature_names_out().size == 64


def test_mfcc_computed_by_the_network():
    sounds = make_column(noise(8, 4 * 512 * 16))[:, None]
    frontend = MFCC(40, sampling_rate=44_100, n_fft=2048, hop_length=512)
    encoder = SpectrogramEncoder("cnn2d", frontend=frontend, **ONE_EPOCH).fit(sounds, [0, 1] * 4)
    assert encoder.net_.module_.encoders[0].trunk[-3].in_features == 32 * 2 * (65 // 16)


def test_characters_with_selu():
    codes = make_column(np.random.default_rng(0).integers(2, 30, (82, 50)).astype("int32"))
    encoder = TextEncoder(network="selu", **ONE_EPOCH).fit(codes[:, None], CLASSES)
    module = encoder.net_.module_.encoders[0]
    assert [conv.kernel_size[0] for conv in module.convolutions] == [2, 3, 4, 5]
    convolutions = 256 * 256 * (2 + 3 + 4 + 5) + 4 * 256
    dense = 1024 * 1024 + 1024 + 1024 * 128 + 128
    n_vectors = len(np.unique(np.concatenate([*codes]))) + 1
    assert count(encoder) == n_vectors * 256 + convolutions + dense + 129 * 41


@pytest.mark.parametrize(
    ("backbone", "n_weights", "n_features"), [("vgg16", 14_714_688, 512), ("xception", 20_806_952, 2048)]
)
def test_pictures_and_41_classes(backbone, n_weights, n_features):
    if backbone == "xception":
        pytest.importorskip("timm")
    photos = np.random.default_rng(0).integers(0, 256, (82, 3, 32, 32)).astype("uint8")
    encoder = ImageEncoder(backbone, output_dim=None, trainable="head", **ONE_EPOCH).fit(photos, CLASSES)
    assert count(encoder) == n_weights + (n_features + 1) * 41


def test_an_output_dim_of_ones_own_adds_a_layer():
    X, y = make_column(noise(12, 40, 173))[:, None], [0, 1] * 6
    encoder = SpectrogramEncoder("cnn2d", output_dim=10, **ONE_EPOCH).fit(X, y)
    assert encoder.transform(X).shape == (12, 10)
    waves = make_column(noise(12, 2000))[:, None]
    assert WaveformEncoder("cnn1d", output_dim=7, **ONE_EPOCH).fit(waves, y).transform(waves).shape == (12, 7)


def test_cells_that_are_too_short():
    with pytest.raises(BadInputError, match=r"'cnn1d' was given cells of 1615 samples.*at least 1616"):
        WaveformEncoder("cnn1d").fit(make_column(noise(4, 1615))[:, None], [0, 1] * 2)
    WaveformEncoder("cnn1d", **ONE_EPOCH).fit(make_column(noise(4, 1616))[:, None], [0, 1] * 2)
    with pytest.raises(BadInputError, match=r"'cnn2d' was given cells of 20 bins and 15 frames"):
        SpectrogramEncoder("cnn2d").fit(make_column(noise(4, 20, 15))[:, None], [0, 1] * 2)


def test_even_windows_are_padded_as_keras_pads_them():
    network = SpectrogramEncoder("cnn2d", **ONE_EPOCH).fit(make_column(noise(4, 16, 16))[:, None], [0, 1] * 2)
    padding, convolution = network.net_.module_.encoders[0].trunk[:2]
    x = torch.zeros(1, 1, 16, 16)
    x[0, 0, 5, 5] = 1.0
    with torch.no_grad():
        convolution.bias.zero_()
        seen = convolution(padding(x))[0, 0]
    assert seen.shape == (16, 16)
    # A window that begins one before and ends two behind its place sees what lies up to two before and one behind.
    rows, columns = torch.nonzero(seen, as_tuple=True)
    assert (int(rows.min()), int(rows.max())) == (5 - 2, 5 + 1)
    assert (int(columns.min()), int(columns.max())) == (5 - 5, 5 + 4)


def test_recipes_learn_together():
    X, y = make_rows(48, missing=0.2)
    t = np.arange(2000) / 8000
    waves = [np.sin(2 * np.pi * (300 + 300 * "cat dog sea".split().index(label)) * t).astype("float32") for label in y]
    table = pd.DataFrame({"wave": make_column(waves), "text__caption": X["text__caption"]})
    named = [("wave", WaveformEncoder("cnn1d")), ("text", TextEncoder(32, network="selu", n_filters=32))]
    model = MultiModalClassifier(named, lr=1e-3, max_epochs=15, batch_size=16, random_state=0).fit(table, y)
    assert model.score(table, y) > 0.9
