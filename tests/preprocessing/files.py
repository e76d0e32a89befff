"""Real files for the tests, written where a test wants them."""

import numpy as np
import soundfile
from PIL import Image


def make_pixels(height=40, width=60, seed=0):
    """A picture whose quarters differ in colour, so that a turn or a flip shows."""
    generator = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    colours = generator.integers(0, 255, size=(4, 3))
    for k, colour in enumerate(colours):
        rows = slice(None, height // 2) if k < 2 else slice(height // 2, None)
        columns = slice(None, width // 2) if k % 2 == 0 else slice(width // 2, None)
        pixels[rows, columns] = colour
    return pixels


def write_image(path, seed=0, **options):
    Image.fromarray(make_pixels(seed=seed)).save(path, **options)
    return str(path)


def make_tone(seconds=0.5, frequency=440.0, sampling_rate=8_000):
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * sampling_rate)) / sampling_rate)


def write_sound(path, seconds=0.5, frequency=440.0, sampling_rate=8_000, **options):
    soundfile.write(path, make_tone(seconds, frequency, sampling_rate), sampling_rate, **options)
    return str(path)
