import hashlib
import io
import os
from numbers import Integral, Real
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import soundfile
from PIL import Image, ImageDraw
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params

FILE_COLUMNS = ["photo", "clip", "caption"]
NUMBER_COLUMNS = ["length", "weight"]
WIDEST_BLANKING = 1 - 1 / len(FILE_COLUMNS + NUMBER_COLUMNS)

# One entry a kind of sentence; which of its words stands in a sentence is left to chance.
WORDS = [
    ("river", "stream", "creek"),
    ("mountain", "summit", "ridge"),
    ("market", "bazaar", "stalls"),
    ("forest", "woodland", "grove"),
    ("harbour", "pier", "quay"),
    ("kitchen", "stove", "pantry"),
    ("station", "platform", "railway"),
    ("desert", "dunes", "sand"),
    ("library", "bookshelf", "archive"),
    ("meadow", "pasture", "field"),
    ("workshop", "lathe", "bench"),
    ("garden", "orchard", "flowerbed"),
]
SENTENCES = [
    "We saw it {time} near the {word}, {mood}.",
    "{mood}, and close to the {word} as {time}.",
    "The {word} was quiet {time}; it looked {mood}.",
    "Somebody left it at the {word} {time}, {mood}.",
    "It was {mood} when we came to the {word} {time}.",
    "Not far from the {word}: found {time}, {mood}.",
]
TIMES = ["in the morning", "at noon", "late at night", "last week", "before the rain", "on a Sunday"]
MOODS = ["a little dusty", "hard to miss", "bright and loud", "almost hidden", "older than expected", "quite small"]


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_classes": [Interval(Integral, 3, 2 * len(WORDS), closed="both")],
        "directory": [str, os.PathLike],
        "missing": [Interval(Real, 0, WIDEST_BLANKING, closed="both")],
        "image_size": [Interval(Integral, 16, None, closed="left")],
        "sampling_rate": [Interval(Integral, 4000, None, closed="left")],
        "duration": [Interval(Real, 0.1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_trimodal(
    n_samples=200,
    n_classes=4,
    directory="trimodal",
    *,
    missing=0.0,
    image_size=64,
    sampling_rate=16_000,
    duration=1.0,
    random_state=None,
):
    """Write photos, sounds and sentences whose classes need more than one of them to tell apart.

    A photo shows a shape in some colour, a clip plays a pitch, a caption names a place, and two numbers lean towards
    the class. Pairs of classes share the shape and the range of colours, others the range of pitches, others the
    place: one modality alone is right about half of the time at best (of three classes two thirds of it), while any two
    of photo, clip and caption tell all classes apart. Positions, shades, backgrounds, timbres, noise and wording vary
    at random.

    Parameters
    ----------
    n_samples : int, default=200
        Number of rows.
    n_classes : int, default=4
        Number of classes, 3 to 24; equally frequent but for rounding.
    directory : str or path-like, default="trimodal"
        Folder for the files, made if it is not there. Files are named after their content, so that several calls can
        share a folder.
    missing : float, default=0.0
        Share of all cells left blank, at most 0.8. A row always keeps its photo, its clip or its caption.
    image_size : int, default=64
        Width and height of the photos in pixels.
    sampling_rate : int, default=16_000
        Samples per second of the clips.
    duration : float, default=1.0
        Length of the clips in seconds.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same files and rows in every call. `missing` blanks cells but changes no other.

    Returns
    -------
    X : DataFrame of shape (n_samples, 5)
        Columns `photo` (path of a JPEG file), `clip` (path of a 16-bit WAV file), `caption` (sentence), `length` and
        `weight` (numbers). A blank is None, in the numbers NaN.
    y : ndarray of shape (n_samples,), dtype int
        Class of each row, 0 to ``n_classes - 1``.

    Raises
    ------
    InvalidParameterError
        If a parameter is out of its range; a `ValueError`.

    See Also
    --------
    pair_by_class : Draws rows from unpaired real tables.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from mmsk.datasets import make_trimodal
    >>> with TemporaryDirectory() as folder:
    ...     X, y = make_trimodal(6, 3, folder, missing=0.2, random_state=0)
    >>> X.columns.tolist(), X.isna().sum().sum(), sorted(y.tolist())
    (['photo', 'clip', 'caption', 'length', 'weight'], np.int64(6), [0, 0, 1, 1, 2, 2])
    """
    rng = check_random_state(random_state)
    y = rng.permutation(np.arange(n_samples) % n_classes)
    seeds = rng.randint(np.iinfo(np.int32).max, size=n_samples)
    present = _draw_presence(n_samples, missing, rng)
    folders = {name: Path(directory) / name for name in ("photo", "clip")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)

    n_kinds = (n_classes + 1) // 2
    rows = []
    for i, (target, seed) in enumerate(zip(y, seeds, strict=True)):
        kinds = (target // 2, (target + 1) // 2 % n_kinds, target % n_kinds)  # no two classes agree in two of them
        # A generator a cell: a blank leaves the other cells as they are.
        draws = [np.random.default_rng([seed, column]) for column in range(4)]
        photo = clip = caption = None
        if present[i, 0]:
            photo = _write(folders["photo"], i, ".jpg", _jpeg(kinds[0], n_kinds, image_size, draws[0]))
        if present[i, 1]:
            clip = _write(folders["clip"], i, ".wav", _wav(kinds[1], n_kinds, sampling_rate, duration, draws[1]))
        if present[i, 2]:
            caption = _sentence(kinds[2], draws[2])
        length, weight = _measure(target, draws[3])
        rows.append(
            (photo, clip, caption, length if present[i, 3] else np.nan, weight if present[i, 4] else np.nan),
        )
    cells = list(zip(*rows, strict=True))
    columns = {name: pd.Series(column, dtype=object) for name, column in zip(FILE_COLUMNS, cells, strict=False)}
    columns |= {name: pd.Series(column, dtype=float) for name, column in zip(NUMBER_COLUMNS, cells[3:], strict=True)}
    return pd.DataFrame(columns), y


def _draw_presence(n_samples, missing, rng):
    order = rng.uniform(size=(n_samples, len(FILE_COLUMNS + NUMBER_COLUMNS)))
    kept = order[:, : len(FILE_COLUMNS)].argmax(axis=1)
    order[np.arange(n_samples), kept] = 2.0  # beyond every draw: blanked last, which is never
    n_blanks = round(missing * order.size)
    present = np.ones(order.size, dtype=bool)
    present[np.argsort(order, axis=None)[:n_blanks]] = False
    return present.reshape(order.shape)


def _write(folder, row, suffix, content):
    path = folder / f"{row:05d}-{hashlib.blake2b(content, digest_size=6).hexdigest()}{suffix}"
    # A file that is there is this one: caches of what is read know it by the time it was written, and others may be
    # reading it.
    if not (path.exists() and path.stat().st_size == len(content)):
        unfinished = path.with_suffix(f".{uuid4().hex}")
        unfinished.write_bytes(content)
        unfinished.replace(path)
    return str(path)


def _jpeg(kind, n_kinds, size, rng):
    """Draw one of four shapes in a colour out of one of `n_kinds` bands on a varied ground."""
    hue = (kind + rng.uniform(0.1, 0.9)) / n_kinds
    ends = rng.uniform(60, 200, size=(2, 3))
    slope = np.linspace(0, 1, size)[:, None] * rng.uniform(0, 1) + np.linspace(0, 1, size)[None, :] * rng.uniform(0, 1)
    ground = ends[0] + (ends[1] - ends[0]) * slope[..., None] / 2
    radius = size * rng.uniform(0.2, 0.36)
    centre = rng.uniform(radius, size - radius, size=2)
    mask = Image.new("L", (4 * size, 4 * size))  # drawn large and shrunk, for smooth edges
    corners = _outline(kind % 4, rng.uniform(-0.4, 0.4)) * radius + centre
    ImageDraw.Draw(mask).polygon([tuple(corner) for corner in 4 * corners], fill=255)
    alpha = np.asarray(mask.resize((size, size), Image.Resampling.BOX), dtype=float)[..., None] / 255
    colour = Image.new("HSV", (1, 1), (int(255 * hue), int(rng.uniform(120, 255)), int(rng.uniform(110, 255))))
    pixels = ground * (1 - alpha) + np.array(colour.convert("RGB").getpixel((0, 0))) * alpha
    pixels += rng.normal(scale=rng.uniform(4, 20), size=pixels.shape)
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype("uint8")).save(file, format="JPEG", quality=90)
    return file.getvalue()


def _outline(shape, turn):
    """Corners of a disc, a triangle, a square or a star in the unit circle."""
    n_corners = (36, 3, 4, 10)[shape]
    angles = turn + 2 * np.pi * np.arange(n_corners) / n_corners
    radii = np.where(np.arange(n_corners) % 2, 0.4, 1.0) if shape == 3 else np.ones(n_corners)
    return np.column_stack([radii * np.sin(angles), -radii * np.cos(angles)])


def _wav(kind, n_kinds, sampling_rate, duration, rng):
    """Play a tone out of one of `n_kinds` bands of three octaves, with a random timbre, envelope and noise."""
    frequency = 150 * 2 ** (3 * (kind + rng.uniform(0.1, 0.9)) / n_kinds)
    time = np.arange(int(sampling_rate * duration)) / sampling_rate
    phase = 2 * np.pi * frequency * time + rng.uniform(0, 2 * np.pi)
    vibrato = rng.uniform(0, 0.3) * np.sin(2 * np.pi * rng.uniform(4, 7) * time)
    harmonics = [n for n in range(1, 6) if n * frequency < sampling_rate / 2]
    strengths = rng.uniform(0, 1, size=5) / np.arange(1, 6)
    strengths[0] = 1
    tone = sum(strengths[n - 1] * np.sin(n * (phase + vibrato)) for n in harmonics)
    onset = rng.uniform(0, 0.3) * duration
    envelope = np.where(time < onset, 0, np.exp((onset - time) * rng.uniform(0, 4) / duration))
    signal = tone / np.abs(tone).max() * envelope
    signal += rng.normal(scale=rng.uniform(0.02, 0.3), size=len(time))
    signal *= rng.uniform(0.2, 0.9) / np.abs(signal).max()
    file = io.BytesIO()
    soundfile.write(file, signal, sampling_rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _sentence(kind, rng):
    word, time, mood = (str(rng.choice(choices)) for choices in (WORDS[kind], TIMES, MOODS))
    sentence = str(rng.choice(SENTENCES)).format(word=word, time=time, mood=mood)
    return sentence[0].upper() + sentence[1:]


def _measure(target, rng):
    length = rng.normal(20 + 5 * (target % 3), 4)
    weight = np.exp(rng.normal(1 + 0.4 * (target // 2 % 3), 0.4))
    return round(length, 2), round(weight, 3)
