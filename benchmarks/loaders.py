"""Are the loaders faster than the plain way: a Pillow loop, librosa file by file, one `ord` a character?

Real photos, sounds and captions are read where they are; what is not there is generated.

    python -m benchmarks.loaders
"""

import itertools
import string
import tempfile
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import soundfile
from PIL import Image
from sklearn.base import clone

from benchmarks.timing import interleaved, table
from benchmarks.trimodal_rows import DATA
from mmsk.preprocessing import MFCC, AudioLoader, CharEncoder, ImageLoader, MelSpectrogram

RATE = 44_100


def measure(quick=False):
    """Compare every loader with the plain way.

    Parameters
    ----------
    quick : bool, default=False
        Take few items and time them once.

    Returns
    -------
    str
        Tables in Markdown.
    """
    with tempfile.TemporaryDirectory() as folder:
        groups = (compare_images, compare_sounds, compare_features, compare_texts)
        return "\n".join(group(Path(folder), quick) for group in groups)


def compare(title, cases, repeats, note):
    """Time the plain way and one or two threads of a loader in turn; every case is (name, cells, plain, loader)."""
    rows = []
    for name, cells, plain, loader in cases:
        ways = {"plain": plain, "one": lambda cells=cells, loader=loader: loader.fit_transform(cells)}
        if "n_jobs" in loader.get_params():
            two = clone(loader).set_params(n_jobs=2)
            ways["two"] = lambda cells=cells, two=two: two.fit_transform(cells)
        pairs = zip(ways["one"]()[:, 0], plain(), strict=True)
        gaps = [np.abs(np.subtract(*shared_length(scaled(cell), other), dtype=np.float64)) for cell, other in pairs]
        seconds = interleaved(ways, repeats)
        speeds = [f"{seconds['plain'] / seconds[way]:.2f}" if way in seconds else "" for way in ("one", "two")]
        mean, largest = float(np.mean([gap.mean() for gap in gaps])), float(max(gap.max() for gap in gaps))
        rows.append([name, len(cells), seconds["plain"] / len(cells) * 1e3, 1, *speeds, mean, largest])
    speed = ("plain way", "mmsk", "mmsk, 2 threads")
    return table(title, ("", "cells", "plain way, ms a cell", *speed, "mean difference", "largest"), rows, note)


def scaled(cell):
    """Bring 16-bit samples to -1 to 1, as the plain way has them."""
    return cell / 2**15 if cell.dtype == np.int16 else cell


def shared_length(cell, other):
    """Cut two arrays to the shorter: loaders bring sounds to one length, the plain way leaves them."""
    length = min(cell.shape[-1], other.shape[-1])
    return cell[..., :length], other[..., :length]


def compare_images(folder, quick):
    n = 4 if quick else 300
    small = real_files("trimodal/image", "jpg", n) or write_photos(folder, 225, 300, n)
    sets = [("photos of about 300 x 225, to 128", small, 128), ("photos of about 300 x 225, to 224", small, 224)]
    sizes = ((48, 64, 2), (300, 400, 2)) if quick else ((480, 640, 60), (1200, 1600, 12), (3000, 4000, 4))
    for height, width, n in sizes:
        sets.append((f"{width} x {height}, to 224", write_photos(folder, height, width, n), 224))

    def plain(paths, side):
        shape = (side, side)
        photos = [Image.open(path).convert("RGB").resize(shape, Image.Resampling.BILINEAR) for path in paths]
        return [np.asarray(photo).transpose(2, 0, 1) for photo in photos]

    cases = [
        (name, paths, lambda paths=paths, side=side: plain(paths, side), ImageLoader(size=(side, side)))
        for name, paths, side in sets
    ]
    note = (
        "Times as fast as `Image.open(path).convert('RGB').resize(size, BILINEAR)` and `numpy.asarray`. JPEG files, of "
        "which mmsk decodes large ones at a fraction of their size; a Pillow loop could with `Image.draft`."
    )
    return compare("Images against a Pillow loop", cases, 1 if quick else 7, note + " Differences are of 255.")


def compare_sounds(folder, quick):
    # So many that neither way finds the memory of its last run waiting for it: that of a first run is not there either.
    sounds = make_clips(2 if quick else 150)
    speech = real_files("fsdd", "wav", 4 if quick else 600) or write_sounds(folder, [y[:20_000] for y in sounds], "wav")
    wav = write_sounds(folder, sounds, "wav")
    speech_rate = soundfile.info(speech[0]).samplerate
    sets = [
        ("WAV, 5 s", wav, AudioLoader(RATE, duration=5.0)),
        ("WAV, 5 s, kept as int16", wav, AudioLoader(RATE, duration=5.0, dtype="int16")),
        ("WAV, 5 s, each as long as it is", wav, AudioLoader(RATE)),
        ("WAV, about half a second, filled up to one", speech, AudioLoader(speech_rate, duration=1.0)),
        ("the same, kept as int16", speech, AudioLoader(speech_rate, duration=1.0, dtype="int16")),
        ("WAV, about half a second, each as long as it is", speech, AudioLoader(speech_rate)),
        ("the same, kept as int16", speech, AudioLoader(speech_rate, dtype="int16")),
        ("WAV, 5 s, resampled", wav[:60], AudioLoader(22_050, duration=5.0)),
    ]
    for name in ("flac", "ogg", "mp3"):
        sets.append((f"{name}, 5 s", write_sounds(folder, sounds[:20], name), AudioLoader(RATE, duration=5.0)))

    def plain(paths, rate):
        return [librosa.load(path, sr=rate)[0] for path in paths]

    cases = [
        (name, paths, lambda paths=paths, loader=loader: plain(paths, loader.sampling_rate), loader)
        for name, paths, loader in sets
    ]
    note = "Times as fast as `librosa.load`, which gives float32, each sound as long as it is."
    return compare("Sounds against librosa", cases, 1 if quick else 7, note)


def compare_features(folder, quick):
    sounds = make_clips(2 if quick else 40)
    files = write_sounds(folder, sounds, "wav")
    short = [samples[: 2 * RATE] for samples in sounds]

    def mel(samples):
        return librosa.power_to_db(librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=2048, hop_length=512))

    def mfcc(samples):
        return librosa.feature.mfcc(y=samples, sr=RATE, n_mfcc=20, n_fft=2048, hop_length=512)

    same = {"sampling_rate": RATE, "n_fft": 2048, "hop_length": 512}
    cases = [
        ("log-mel, samples of 5 s", sounds, lambda: [mel(y) for y in sounds], MelSpectrogram(**same, duration=5.0)),
        (
            "log-mel, WAV of 5 s",
            files,
            lambda: [mel(librosa.load(path, sr=RATE)[0]) for path in files],
            MelSpectrogram(**same, duration=5.0),
        ),
        ("MFCC, samples of 2 s", short, lambda: [mfcc(y) for y in short], MFCC(**same, duration=2.0)),
        (
            "MFCC, WAV of 5 s",
            files,
            lambda: [mfcc(librosa.load(path, sr=RATE)[0]) for path in files],
            MFCC(**same, duration=5.0),
        ),
    ]
    note = "Times as fast as `librosa.feature`, with the same definition. Differences are of dB, or of coefficients."
    return compare("Features against librosa", cases, 1 if quick else 7, note)


def compare_texts(folder, quick):
    n = 20 if quick else 10_000
    cases = []
    for name, length in (("100 to 200 characters", 200), ("500 to 1000 characters", 1000)):
        texts = make_texts(n if length == 200 else n // 5, length)
        cases.append((name, texts, lambda texts=texts, length=length: by_ord(texts, length), unicode_codes(length)))
    cases.append(("100 to 200 characters, learned", *by_vocabulary(make_texts(n, 200))))
    captions = real_captions(40 if quick else 10_000) or make_texts(n, 120)
    cases.append(("captions, each many times", captions, lambda: by_ord(captions, 200), unicode_codes(200)))
    note = (
        "Times as fast as a row of zeros a text, filled with `ord(character) + 2`, or with what a vocabulary of the "
        "distinct characters says. Both ways give one array a text."
    )
    return compare("Texts against a loop over characters", cases, 1 if quick else 5, note)


def unicode_codes(length):
    return CharEncoder(length, vocabulary="unicode")


def by_ord(texts, length):
    rows = []
    for text in texts:
        row = np.zeros(length, dtype=np.int32)
        for i, character in enumerate(text[:length]):
            row[i] = ord(character) + 2
        rows.append(row)
    return rows


def by_vocabulary(texts):
    def plain():
        vocabulary = {character: i + 2 for i, character in enumerate(sorted(set("".join(texts))))}
        rows = []
        for text in texts:
            row = np.zeros(200, dtype=np.int32)
            for i, character in enumerate(text[:200]):
                row[i] = vocabulary.get(character, 1)
            rows.append(row)
        return rows

    return texts, plain, CharEncoder(200)


def real_files(part, suffix, n):
    return [str(path) for path in sorted((DATA / part).rglob(f"*.{suffix}"))[:n]]


def real_captions(n):
    path = DATA / "trimodal" / "trimodal.csv"
    captions = pd.read_csv(path)["text"].dropna().tolist() if path.exists() else []
    return list(itertools.islice(itertools.cycle(captions), n)) if captions else []


def write_photos(folder, height, width, n):
    """Write photos that compress as real ones do: areas of colour, and a little noise."""
    rng = np.random.default_rng(0)
    paths = []
    for i in range(n):
        coarse = Image.fromarray(rng.integers(0, 255, size=(12, 16, 3), dtype=np.uint8))
        pixels = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
        pixels += rng.integers(-12, 13, size=(height, width, 1), dtype=np.int16)
        paths.append(str(folder / f"{width}_{i}.jpg"))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(paths[-1], quality=85)
    return paths


def make_clips(n):
    """Five seconds of tones under noise."""
    rng = np.random.default_rng(0)
    time = np.arange(5 * RATE) / RATE
    tones = (np.sin(2 * np.pi * frequency * time) for frequency in rng.uniform(100, 4_000, size=n))
    return [(0.3 * tone + 0.05 * rng.normal(size=len(time))).astype(np.float32) for tone in tones]


def write_sounds(folder, sounds, suffix):
    paths = [str(folder / f"{len(samples)}_{i}.{suffix}") for i, samples in enumerate(sounds)]
    for path, samples in zip(paths, sounds, strict=True):
        soundfile.write(path, samples, RATE)
    return paths


def make_texts(n, length):
    rng = np.random.default_rng(0)
    letters = np.array([*string.ascii_letters, *"     .,"])
    lengths = rng.integers(length // 2, length + 1, size=n)
    return ["".join(rng.choice(letters, size=size)) for size in lengths]


def main():
    """Print the tables."""
    print(measure())


if __name__ == "__main__":
    main()
