"""What does augmentation cost a row, and what do other libraries take for the same changes?

Ways to make the same random changes, drawn for every row, on one CPU thread: a loop over the rows first (1.0), then
batches by kornia and torch-audiomentations where they are installed, then mmsk. Photos are uint8 before and after, as
they lie in tensor columns.

    python -m benchmarks.augmentation

With kornia 0.9.0, torch-audiomentations 0.12.0 and torch 2.14.1 mmsk was 2.2 times as fast as kornia on photos,
2 times as torch-audiomentations on gain, shift and noise, and 17 times on pitch; neither draws from a generator that
it is given, so mmsk depends on neither. librosa's time stretch took 2 times as long, its pitch shift 1.6 times.
"""

import argparse
import importlib.util

import librosa
import numpy as np
import torch
from torchvision.transforms import v2

from benchmarks.timing import interleaved, machine, table
from mmsk import augmentation as a

PHOTOS = {"rotation": 10, "shift": 0.1, "zoom": 0.1, "brightness": 0.2, "erasing": 0.5}
RATE = 22_050


def photo_ways(photos, generator):
    """Rotation, shift, zoom, flip, brightness and, in half of the rows, erasing (mmsk: by noise)."""
    one_by_one = v2.Compose(
        [
            v2.RandomAffine(10, (0.1, 0.1), (0.9, 1.1), interpolation=v2.InterpolationMode.BILINEAR),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(brightness=0.2),
            v2.RandomErasing(0.5, value=0),
        ]
    )
    ways = {"torchvision, row by row": lambda: torch.stack([one_by_one(photo) for photo in photos])}
    if importlib.util.find_spec("kornia"):
        import kornia.augmentation as K

        together = K.ImageSequential(
            K.RandomAffine(10, (0.1, 0.1), (0.9, 1.1), padding_mode="reflection", p=1.0),
            K.RandomHorizontalFlip(),
            K.RandomBrightness((0.8, 1.2), p=1.0),
            K.RandomErasing(p=0.5),
        )
        ways["kornia"] = lambda: together(photos.float() / 255).mul(255).round_().to(torch.uint8)
    ours = a.ImageAugmentation(**PHOTOS)
    return ways | {"mmsk": lambda: ours(photos, generator)}


def affine_ways(photos, generator):
    """Rotation, shift and zoom alone, of floats."""
    values = photos.float() / 255
    one_by_one = v2.RandomAffine(10, (0.1, 0.1), (0.9, 1.1), interpolation=v2.InterpolationMode.BILINEAR)
    ways = {"torchvision, row by row": lambda: torch.stack([one_by_one(photo) for photo in values])}
    if importlib.util.find_spec("kornia"):
        import kornia.augmentation as K

        affine = K.RandomAffine(10, (0.1, 0.1), (0.9, 1.1), padding_mode="reflection", p=1.0)
        ways["kornia"] = lambda: affine(values)
    ours = a.ImageAugmentation(horizontal_flip=False, brightness=0)
    return ways | {"mmsk": lambda: ours(values, generator)}


def sound_ways(sounds, generator):
    """Gain, circular shift and white noise."""
    rng = np.random.default_rng(0)
    samples = sounds.numpy()

    def loop():
        for row in samples:
            louder = np.roll(row, rng.integers(-len(row) // 10, len(row) // 10)) * 10 ** (rng.uniform(-6, 6) / 20)
            level = np.sqrt(np.mean(louder**2)) * 10 ** (-rng.uniform(10, 40) / 20)
            louder + rng.standard_normal(len(row), dtype=np.float32) * level

    ways = {"numpy, row by row": loop}
    if importlib.util.find_spec("torch_audiomentations"):
        import torch_audiomentations as ta

        steps = [
            ta.Shift(-0.1, 0.1, p=1.0, output_type="tensor"),
            ta.Gain(-6, 6, p=1.0, output_type="tensor"),
            ta.AddColoredNoise(10, 40, 0, 0, p=1.0, output_type="tensor"),
        ]
        together = ta.Compose(steps, output_type="tensor")
        ways["torch-audiomentations"] = lambda: together(sounds[:, None], sample_rate=RATE)
    ours = a.WaveformAugmentation()
    return ways | {"mmsk": lambda: ours(sounds, generator)}


def stretch_ways(sounds, generator):
    """Time stretch, a rate a row."""
    rng = np.random.default_rng(0)
    samples = sounds.numpy()
    ours = a.WaveformAugmentation(shift=0, time_stretch=(0.8, 1.25), gain=None, noise_snr=None, n_fft=2048)
    return {
        "librosa, row by row": lambda: [
            librosa.effects.time_stretch(row, rate=np.exp(rng.uniform(-0.22, 0.22))) for row in samples
        ],
        "mmsk": lambda: ours(sounds, generator),
    }


def pitch_ways(sounds, generator):
    """Pitch shift of up to two semitones, drawn for every row."""
    rng = np.random.default_rng(0)
    samples = sounds.numpy()
    ways = {
        "librosa, row by row": lambda: [
            librosa.effects.pitch_shift(row, sr=RATE, n_steps=rng.uniform(-2, 2)) for row in samples
        ]
    }
    if importlib.util.find_spec("torch_audiomentations"):
        import torch_audiomentations as ta

        shift = ta.PitchShift(-2, 2, sample_rate=RATE, p=1.0, output_type="tensor")
        ways["torch-audiomentations"] = lambda: shift(sounds[:, None], sample_rate=RATE)
    ours = a.WaveformAugmentation(shift=0, pitch_shift=(-2, 2), gain=None, noise_snr=None, n_fft=2048)
    return ways | {"mmsk": lambda: ours(sounds, generator)}


def mask_ways(spectrograms, generator):
    """Two masks in time and two in frequency."""
    import torchaudio

    masks = [torchaudio.transforms.FrequencyMasking(9), torchaudio.transforms.TimeMasking(32)] * 2

    def one_by_one():
        return torch.stack([_apply(masks, row[None])[0] for row in spectrograms])

    ours = a.SpectrogramAugmentation()
    return {"torchaudio, row by row": one_by_one, "mmsk": lambda: ours(spectrograms, generator)}


def _apply(steps, value):
    for step in steps:
        value = step(value)
    return value


def compare(what, ways, n_rows, repeats):
    seconds = interleaved(ways, repeats)
    plain = next(iter(seconds.values()))
    return [[what, name, plain / value, value / n_rows * 1e6] for name, value in seconds.items()]


def measure(quick=False):
    """Compare speeds in one table and give own times in another."""
    repeats, n_photos, n_sounds = (1, 4, 2) if quick else (9, 32, 8)
    size, seconds = (24, 0.2) if quick else (96, 5.0)
    generator = torch.Generator().manual_seed(0)
    photos = torch.randint(0, 256, (n_photos, 3, size, size), dtype=torch.uint8, generator=generator)
    sounds = torch.randn(n_sounds, int(RATE * seconds), generator=generator) / 10
    spectrograms = -80 * torch.rand(n_photos, 64, 216, generator=generator)
    codes = torch.randint(97, 122, (n_photos, 200), generator=generator)
    recordings = torch.randn(n_photos, 6, 500, generator=generator)
    compared = [
        *compare("photos: affine, flip, brightness, erasing", photo_ways(photos, generator), n_photos, repeats),
        *compare("float photos: affine", affine_ways(photos, generator), n_photos, repeats),
        *compare("sounds: shift, gain, noise", sound_ways(sounds, generator), n_sounds, repeats),
        *compare("sounds: time stretch", stretch_ways(sounds, generator), n_sounds, repeats),
        *compare("sounds: pitch shift", pitch_ways(sounds, generator), n_sounds, repeats),
        *compare("spectrograms: four masks", mask_ways(spectrograms, generator), n_photos, repeats),
    ]
    mix, cut = a.MixUp(), a.CutMix()

    def mixed(mixer):
        partner, share, place = mixer.draw(n_photos, generator, "cpu")
        return mixer.mix("image", photos, photos.index_select(0, partner), share, place)

    full_photos = {"shear": 5, "crop": 0.2, "contrast": 0.2, "channel_shift": 0.1, "vertical_flip": True}
    own = {
        "photos: everything at once": lambda: a.ImageAugmentation(**PHOTOS, **full_photos)(photos, generator),
        "photos: MixUp": lambda: mixed(mix),
        "photos: CutMix": lambda: mixed(cut),
        "spectrograms: everything at once": lambda: a.SpectrogramAugmentation(0.5, 0.1, 0.1, 3, 1)(
            spectrograms, generator
        ),
        "text, 200 characters: defaults": lambda: a.TextAugmentation()(codes, generator),
        "recordings, 6 x 500: defaults": lambda: a.SeriesAugmentation()(recordings, generator),
    }
    alone = [[name, value / n_photos * 1e6] for name, value in interleaved(own, repeats).items()]
    return "\n".join(
        [
            table(
                "Augmentation: speed, one thread",
                ["changes, drawn a row", "way", "speed", "ms per 1000 rows"],
                compared,
                f"Photos of 3 x {size} x {size} in batches of {n_photos}, sounds of {seconds:g} s at {RATE} Hz "
                f"in batches of {n_sounds}, spectrograms of 64 x 216.",
            ),
            table("Augmentation: further changes of mmsk", ["changes", "ms per 1000 rows"], alone),
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny cells, one repeat")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(measure(options.quick))
    print(machine())


if __name__ == "__main__":
    main()
