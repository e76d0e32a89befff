"""Every transformer of cells, with the raw cells it reads: what the shared suite runs over."""

import numpy as np
from PIL import Image

from mmsk.preprocessing import (
    MFCC,
    AudioLoader,
    CharEncoder,
    ImageLoader,
    MelSpectrogram,
    ModalityMasker,
    SpectrogramImage,
    TensorFlattener,
    WaveformImage,
)
from tests.preprocessing.files import make_pixels, make_tone, write_image, write_sound


def photo_paths(directory):
    return [
        write_image(directory / "one.jpg", seed=1),
        write_image(directory / "two.png", seed=2),
        write_image(directory / "three.webp", seed=3),
        write_image(directory / "four.tiff", seed=4),
    ]


def photo_objects(directory):
    return [
        make_pixels(seed=1),
        (directory / write_image(directory / "two.png", seed=2)).read_bytes(),
        Image.fromarray(make_pixels(seed=3)),
        directory / write_image(directory / "four.jpg", seed=4),
    ]


def sound_paths(directory):
    return [
        write_sound(directory / "one.wav", seconds=0.3),
        write_sound(directory / "two.flac", seconds=0.2, frequency=880),
        write_sound(directory / "three.ogg", seconds=0.4, frequency=220),
    ]


def sound_objects(directory):
    return [
        make_tone(seconds=0.2).astype(np.float32),
        (directory / write_sound(directory / "two.wav", seconds=0.3)).read_bytes(),
        (make_tone(seconds=0.1, frequency=500) * 32000).astype(np.int16),
    ]


def texts(directory):
    return ["a cat", "a dog beside the river", "öäü \N{SNOWMAN} \N{GRINNING FACE}", "x"]


def blocks(directory):
    generator = np.random.default_rng(0)
    return list(generator.integers(0, 255, size=(4, 3, 6, 5), dtype=np.uint8))


def ragged_series(directory):
    generator = np.random.default_rng(0)
    return [generator.normal(size=(2, length)).astype(np.float32) for length in (5, 9, 7)]


# (name, transformer, function from a directory to its cells)
LOADERS = [
    ("ImageLoader-paths", ImageLoader(size=(20, 24)), photo_paths),
    ("ImageLoader-grey-objects", ImageLoader(size=(16, 12), mode="L", resize="pad"), photo_objects),
    ("ImageLoader-lazy", ImageLoader(size=(20, 24), lazy=True), photo_paths),
    ("AudioLoader-paths", AudioLoader(8_000, duration=0.25), sound_paths),
    ("AudioLoader-ragged", AudioLoader(11_025), sound_objects),
    ("AudioLoader-channels", AudioLoader(8_000, duration=0.1, mono=False), sound_paths),
    ("AudioLoader-int16", AudioLoader(8_000, duration=0.25, dtype="int16"), sound_paths),
    ("MelSpectrogram-paths", MelSpectrogram(8_000, duration=0.25, n_fft=512, n_mels=24), sound_paths),
    ("MelSpectrogram-ragged", MelSpectrogram(8_000, n_fft=512, n_mels=24), sound_objects),
    ("MelSpectrogram-lazy", MelSpectrogram(8_000, duration=0.25, n_fft=512, n_mels=24, lazy=True), sound_objects),
    ("MFCC-paths", MFCC(8, 8_000, duration=0.25, n_fft=512, n_mels=24, position="center"), sound_paths),
    ("MFCC-pooled", MFCC(8, 8_000, n_fft=512, n_mels=24, pool="mean_std"), sound_objects),
    ("WaveformImage-paths", WaveformImage((24, 40), 8_000), sound_paths),
    ("WaveformImage-lazy", WaveformImage((24, 40), 8_000, duration=0.25, amplitude=1.0, lazy=True), sound_objects),
    ("SpectrogramImage-paths", SpectrogramImage((20, 30), "magma", 8_000, n_fft=512, n_mels=24), sound_paths),
    (
        "SpectrogramImage-lazy",
        SpectrogramImage((20, 30), sampling_rate=8_000, n_fft=512, n_mels=24, lazy=True),
        sound_objects,
    ),
    ("CharEncoder-learned", CharEncoder(max_length=12), texts),
    ("CharEncoder-unicode", CharEncoder(max_length=12, vocabulary="unicode", lowercase=True), texts),
    ("TensorFlattener-flat", TensorFlattener(), blocks),
    ("TensorFlattener-pooled", TensorFlattener(statistics=("mean", "std", "median")), ragged_series),
    ("ModalityMasker-texts", ModalityMasker(rate=0.7, random_state=0), texts),
    ("ModalityMasker-blocks", ModalityMasker(rate=0.7, random_state=0), blocks),
]
