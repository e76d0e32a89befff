"""
===========================================
What augmentation does to photos and sounds
===========================================

Every epoch of a training draws new changes for every row. This shows six draws of each kind of change beside the cell
as it was loaded.

Run it with ``python examples/plot_augmentation.py [folder] [--data DIR]``; pictures go to the folder.
"""

# %%
# One photo and one sound
# -----------------------
# They are generated, unless a folder is given that holds some. Loaders turn them into cells; an augmentation takes a
# batch of cells as a tensor, here six times the same one, and a generator that all draws come from.
import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # pictures go to files, so no window is needed

import matplotlib.pyplot as plt
import torch

from mmsk import AudioLoader, ImageLoader, MelSpectrogram
from mmsk.augmentation import (
    CutMix,
    ImageAugmentation,
    MixUp,
    SpectrogramAugmentation,
    TextAugmentation,
    WaveformAugmentation,
)
from mmsk.datasets import make_trimodal

parser = argparse.ArgumentParser(description="Pictures of what augmentation does.")
parser.add_argument("folder", nargs="?", default="demo", help="where pictures and generated files go")
parser.add_argument("--data", help="a folder with photos (.jpg, .png) and sounds (.wav, .ogg, .flac) to use instead")
parser.add_argument("--seed", type=int, default=0, help="another seed, other draws")
options = parser.parse_args()
folder = Path(options.folder)
folder.mkdir(parents=True, exist_ok=True)
SAMPLING_RATE, N_DRAWS = 22_050, 6


def find(*suffixes):
    """Give two files of some kind; the second is what the first one is mixed with."""
    found = sorted(str(path) for path in Path(options.data).rglob("*") if path.suffix.lower() in suffixes)
    if len(found) < 2:
        parser.error(f"{options.data} holds {len(found)} files that end in {', '.join(suffixes)}; two are needed")
    return found[:2]


if options.data:
    photos, clips = find(".jpg", ".jpeg", ".png"), find(".wav", ".ogg", ".flac")
else:
    X, y = make_trimodal(3, 3, folder / "files", duration=2.0, random_state=4)
    X = X.iloc[(-y).argsort()]  # a triangle first, which shows how it is turned
    photos, clips = X["photo"].tolist()[:2], X["clip"].tolist()[:2]
sound = {"sampling_rate": SAMPLING_RATE, "duration": 2.0}
image, other_image = (torch.from_numpy(cell) for cell in ImageLoader(size=(96, 96)).fit_transform(photos)[:, 0])
wave, other_wave = (torch.from_numpy(cell) for cell in AudioLoader(**sound).fit_transform(clips)[:, 0])


def draw(augmentation, cell):
    """Change a cell six times."""
    return augmentation(cell.expand(N_DRAWS, *cell.shape), torch.Generator().manual_seed(options.seed))


def mix(mixer, kind, cell, other):
    """Mix a cell with another one six times."""
    cells, others = (part.expand(N_DRAWS, *part.shape) for part in (cell, other))
    _, share, place = mixer.draw(N_DRAWS, torch.Generator().manual_seed(options.seed), cell.device)
    return mixer.mix(kind, cells, others, share, place)


def save_grid(rows, before, show, name, size):
    """Save one row of pictures a change: the cell as it was, then six draws."""
    figure, axes = plt.subplots(
        len(rows), N_DRAWS + 1, figsize=((N_DRAWS + 1) * size[0], len(rows) * size[1]), layout="constrained"
    )
    for line, (title, cells) in zip(axes, rows.items(), strict=True):
        for ax, cell in zip(line, [before, *cells], strict=True):
            show(ax, cell)
            ax.set(xticks=[], yticks=[])
        line[0].set_ylabel(title, fontsize=8)
    axes[0, 0].set_title("as loaded", fontsize=9)
    axes[0, 1].set_title("six draws", fontsize=9, loc="left")
    figure.savefig(folder / name, dpi=90)
    plt.close(figure)
    print(f"Picture: {folder / name}")


# %%
# Photos
# ------
# Each change alone, then several at once. All changes of position are one reading of the photo, so that it is blurred
# once at most, and mirrored edges leave no black corners.
OFF = {"rotation": 0, "shift": 0, "zoom": 0, "horizontal_flip": False, "brightness": 0}
single = {
    "rotation": {"rotation": 30},
    "shift": {"shift": 0.25},
    "shear": {"shear": 25},
    "zoom": {"zoom": 0.4},
    "flips": {"horizontal_flip": True, "vertical_flip": True},
    "crop": {"crop": 0.7},
    "brightness": {"brightness": 0.5},
    "contrast": {"contrast": 0.8},
    "channel shift": {"channel_shift": 0.3},
    "erasing, noise": {"erasing": 1.0},
    "erasing, black": {"erasing": 1.0, "erasing_value": 0},
}
grid = {title: draw(ImageAugmentation(**(OFF | change)), image) for title, change in single.items()}
grid["the defaults"] = draw(ImageAugmentation(), image)
grid["MixUp"] = mix(MixUp(alpha=1.0), "image", image, other_image)
grid["CutMix"] = mix(CutMix(), "image", image, other_image)
save_grid(grid, image, lambda ax, cell: ax.imshow(cell.permute(1, 2, 0).numpy()), "augmented_photos.png", (1.0, 1.0))

# %%
# Sounds
# ------
# Samples can be shifted, stretched, moved in pitch, drowned in noise, made louder or softer; the pictures are
# spectrograms of what comes out. On spectrograms themselves spans of time and of frequency can be masked, too.
mel = MelSpectrogram(**sound, n_mels=64)


def spectrograms(waves):
    """Compute decibels of a batch of sounds."""
    return torch.stack([torch.from_numpy(cell) for cell in mel.fit_transform(list(waves.numpy()))[:, 0]])


OFF = {"shift": 0, "gain": None, "noise_snr": None}
single = {
    "shift": {"shift": 0.5},
    "time stretch": {"time_stretch": (0.6, 1.6)},
    "pitch shift": {"pitch_shift": (-6, 6)},
    "noise": {"noise_snr": (0, 30)},
    "gain": {"gain": (-20, 0)},
}
grid = {title: spectrograms(draw(WaveformAugmentation(**(OFF | change)), wave)) for title, change in single.items()}
decibels, other_decibels = spectrograms(torch.stack([wave, other_wave]))
single = {
    "masks": {},
    "masks, shift,\nstretch": {"shift": 0.5, "time_stretch": 0.4},
    "frequency shift": {"frequency_shift": 0.2, "time_masks": 0, "frequency_masks": 0},
    "noise, gain": {"noise": 10.0, "gain": 10.0, "time_masks": 0, "frequency_masks": 0},
}
grid |= {title: draw(SpectrogramAugmentation(**change), decibels) for title, change in single.items()}
grid["MixUp"] = mix(MixUp(alpha=1.0), "spectrogram", decibels, other_decibels)
grid["CutMix"] = mix(CutMix(), "spectrogram", decibels, other_decibels)
low, high = decibels.min().item(), decibels.max().item()
save_grid(
    grid,
    decibels,
    lambda ax, cell: ax.imshow(cell.numpy(), origin="lower", aspect="auto", vmin=low, vmax=high),
    "augmented_sounds.png",
    (1.3, 1.0),
)

# %%
# Sentences
# ---------
# Codes are the numbers of the characters, 0 is what pads a short sentence.
sentence = "We saw it at noon near the harbour, a little dusty."
codes = torch.tensor([ord(character) for character in sentence])
print(f"\n{sentence}")
for row in draw(TextAugmentation(0.05, 0.05, 0.05), codes):
    print("".join(chr(code) for code in row if code))
