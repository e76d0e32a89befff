"""Batches of cells of every kind, and what changes them; zero strength and full strength."""

import torch

from mmsk.augmentation import (
    ImageAugmentation,
    SeriesAugmentation,
    SpectrogramAugmentation,
    TextAugmentation,
    WaveformAugmentation,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def photos(n=6, dtype=torch.uint8, shape=(3, 24, 32)):
    drawn = torch.rand(n, *shape, generator=generator(1), dtype=torch.float64)
    return (drawn * 255).to(dtype) if dtype == torch.uint8 else drawn.to(dtype)


def sounds(n=6, dtype=torch.float32, shape=(4000,)):
    drawn = torch.rand(n, *shape, generator=generator(1)) - 0.5
    return (drawn * 32767).to(dtype) if dtype == torch.int16 else drawn.to(dtype)


def sentences(
    texts=("a row of words", "another one, longer", "x", "", "the last of the rows", "numbers 123"), length=24
):
    codes = torch.zeros(len(texts), length, dtype=torch.int64)
    for row, text in enumerate(texts):
        codes[row, : len(text)] = torch.tensor([ord(c) for c in text], dtype=torch.int64)
    return codes


def spell(codes):
    """Give the text of each row, padding included as dots."""
    return ["".join(chr(c) if c else "." for c in row) for row in codes.tolist()]


STILL = {
    "image": ImageAugmentation(rotation=0, shift=0, zoom=0, horizontal_flip=False, brightness=0),
    "waveform": WaveformAugmentation(shift=0, gain=None, noise_snr=None),
    "spectrogram": SpectrogramAugmentation(time_masks=0, frequency_masks=0),
    "codes": TextAugmentation(0, 0, 0),
    "series": SeriesAugmentation(0, 0, 0, 0),
}

FULL = {
    "image": ImageAugmentation(
        20, 0.2, 10, 0.2, vertical_flip=True, crop=0.3, contrast=0.2, channel_shift=0.1, erasing=0.5
    ),
    "waveform": WaveformAugmentation(time_stretch=(0.8, 1.25), pitch_shift=(-2, 2), n_fft=256),
    "spectrogram": SpectrogramAugmentation(0.5, 0.1, 0.1, 3.0, 1.0),
    "codes": TextAugmentation(0.2, 0.2, 0.2),
    "series": SeriesAugmentation(channel_drop=0.3),
}

# name: (kind, cells)
BATCHES = {
    "photos": ("image", photos()),
    "float photos": ("image", photos(dtype=torch.float32)),
    "double photos": ("image", photos(dtype=torch.float64)),
    "half photos": ("image", photos(dtype=torch.float16)),
    "deep photos": ("image", (photos(dtype=torch.float32) * 60_000).to(torch.int32)),
    "grey photos": ("image", photos(shape=(1, 17, 9))),
    "videos": ("image", photos(shape=(5, 3, 12, 16))),
    "sounds": ("waveform", sounds()),
    "integer sounds": ("waveform", sounds(dtype=torch.int16)),
    "stereo": ("waveform", sounds(shape=(2, 3000))),
    "spectrograms": ("spectrogram", -80 * photos(dtype=torch.float32, shape=(16, 30))),
    "codes": ("codes", sentences()),
    "unsigned codes": ("codes", sentences().to(torch.uint32)),
    "small codes": ("codes", sentences().to(torch.uint8)),
    "recordings": ("series", photos(dtype=torch.float32, shape=(4, 50))),
    "integer recordings": ("series", sounds(dtype=torch.int16, shape=(4, 50))),
}
