"""What does it save to compute a frozen backbone once a row, and to draw sounds without a plotting library?

A head is trained on the features of a frozen ResNet-18, on one CPU thread: by a loop in torch that runs the backbone
for every batch (1.0), by mmsk where photos change every epoch, so that it has to do the same, and by mmsk where they
do not.
Pictures of sounds: matplotlib and librosa (1.0), and mmsk.

    python -m benchmarks.transfer
"""

import argparse

import librosa
import numpy as np
import torch
from torch.nn import functional as F
from torchvision.models import resnet18

from benchmarks.timing import interleaved, machine, table
from mmsk import ImageEncoder, MultiModalClassifier, SpectrogramImage, WaveformImage

RATE = 22_050


def unchanged(cells, generator):
    """An augmentation that does nothing, so that every epoch runs the backbone."""
    return cells


def frozen_table(n_photos, side, epochs, repeats):
    rng = np.random.default_rng(0)
    photos = rng.integers(0, 256, (n_photos, 3, side, side), dtype=np.uint8)
    y = np.arange(n_photos) % 4
    encoder = ImageEncoder("resnet18", trainable="head", dropout=0.0)
    options = {"hidden_layer_sizes": (), "batch_size": 32, "random_state": 0}

    def loop():
        torch.manual_seed(0)
        trunk, head = resnet18().eval(), torch.nn.Linear(512, 4)
        trunk.fc = torch.nn.Identity()
        optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3)
        cells, target = torch.from_numpy(photos), torch.from_numpy(y)
        for _ in range(epochs):
            for rows in torch.randperm(n_photos).split(32):
                with torch.no_grad():
                    features = trunk(cells[rows].float().div(255).sub(0.45).div(0.22))
                optimizer.zero_grad()
                F.cross_entropy(head(features), target[rows]).backward()
                optimizer.step()

    def fit(augment=None):
        named = [("image", encoder)]
        MultiModalClassifier(named, max_epochs=epochs, augment=augment, **options).fit(photos, y)

    seconds = interleaved(
        {
            "torch loop": loop,
            "mmsk, photos change": lambda: fit([("image", unchanged)]),
            "mmsk, photos do not change": fit,
        },
        repeats,
    )
    rows = [[name, seconds["torch loop"] / taken, taken] for name, taken in seconds.items()]
    title = f"Head of a frozen ResNet-18: {n_photos} photos of {side} x {side}, {epochs} epochs"
    return table(title, ["way", "times as fast", "seconds"], rows)


def picture_table(n_sounds, seconds_each, repeats):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rng = np.random.default_rng(0)
    sounds = list(rng.normal(scale=0.1, size=(n_sounds, round(RATE * seconds_each))).astype(np.float32))

    def plot(draw):
        for samples in sounds:
            figure = pyplot.figure(figsize=(2.24, 2.24), dpi=100)
            axes = figure.add_axes([0, 0, 1, 1])
            axes.axis("off")
            draw(axes, samples)
            figure.canvas.draw()
            np.array(figure.canvas.buffer_rgba())
            pyplot.close(figure)

    def draw_spectrogram(axes, samples):
        power = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=1024, hop_length=512)
        axes.imshow(librosa.power_to_db(power), origin="lower", aspect="auto")

    ways = {
        ("waveform", "matplotlib"): lambda: plot(lambda axes, samples: axes.plot(samples)),
        ("waveform", "mmsk"): lambda: WaveformImage((224, 224)).fit_transform(sounds),
        ("spectrogram", "librosa, matplotlib"): lambda: plot(draw_spectrogram),
        ("spectrogram", "mmsk"): lambda: SpectrogramImage((224, 224)).fit_transform(sounds),
    }
    taken = interleaved(ways, repeats)
    plain = {picture: next(seconds for (p, _), seconds in taken.items() if p == picture) for picture, _ in taken}
    rows = [
        [picture, way, plain[picture] / seconds, 1e3 * seconds / n_sounds] for (picture, way), seconds in taken.items()
    ]
    title = f"Pictures of 224 x 224 pixels of sounds of {seconds_each:g} s"
    return table(title, ["picture", "way", "times as fast", "ms a sound"], rows)


def measure(quick=False):
    """Measure both; give Markdown."""
    if quick:
        return "\n".join([frozen_table(16, 32, 2, 1), picture_table(2, 0.5, 1)])
    return "\n".join([frozen_table(256, 64, 10, 3), picture_table(20, 5.0, 5)])


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few rows, to see that it runs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(measure(arguments.quick))
    print(machine())


if __name__ == "__main__":
    main()
