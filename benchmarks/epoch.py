"""What does an epoch of mmsk cost beside a hand-written torch loop over the same network and batches?

Three networks: a small perceptron, whose steps are so short that every microsecond of bookkeeping shows, a small
convolutional network, and photos, sounds and numbers with a third of the cells missing. Both sides have the same
layers, rows, batch size, weights of rows and course of the learning rate, and AdamW, which the loop takes as torch
gives it, and once more fused, as mmsk has it; one CPU thread.

    python -m benchmarks.epoch
"""

import math
import statistics
import time

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from benchmarks.timing import table
from mmsk import ImageEncoder, MultiModalClassifier, SpectrogramEncoder, TabularEncoder
from mmsk.columns import make_column
from mmsk.nn import ImageNetwork, SpectrogramNetwork, TabularNetwork

BATCH = 64


def perceptron_rows(n_rows, rng):
    X = pd.DataFrame(rng.normal(size=(n_rows, 20)).astype(np.float32)).add_prefix("x")
    return X, X.to_numpy()[:, :4].argmax(axis=1)


def photo_rows(n_rows, rng, side=32):
    y = rng.integers(0, 4, n_rows)
    photos = (
        rng.integers(0, 200, (n_rows, 3, side, side), dtype=np.uint8) + (10 * y).astype(np.uint8)[:, None, None, None]
    )
    return pd.DataFrame({"image__photo": make_column(photos)}), y


def three_rows(n_rows, rng, missing=1 / 3):
    X, y = photo_rows(n_rows, rng)
    sounds = rng.normal(size=(n_rows, 40, 64)).astype(np.float32) + y[:, None, None]
    X["sound__clip"] = make_column(sounds)
    numbers = rng.normal(size=(n_rows, 8)).astype(np.float32) + y[:, None]
    there = rng.random((n_rows, 3)) >= missing
    there[~there.any(axis=1), 0] = True
    for j, name in enumerate(["image__photo", "sound__clip"]):
        X.loc[~there[:, j], name] = None
    numbers[~there[:, 2]] = np.nan
    return X.join(pd.DataFrame(numbers).add_prefix("table__")), y


def make_model(epochs):
    return MultiModalClassifier(
        hidden_layer_sizes=(), auxiliary_loss=0.0, batch_size=BATCH, max_epochs=epochs, lr=1e-3, random_state=0
    )


def mmsk_seconds(model, X, y):
    """Seconds of every epoch of a fit."""
    model.fit(X, y)
    return [row["dur"] for row in model.history_]


class HandWritten(torch.nn.Module):
    """What one writes for a known set of modalities: encode the rows that have each, concatenate, answer."""

    def __init__(self, encoders, n_classes):
        super().__init__()
        self.encoders = torch.nn.ModuleList(encoders)
        self.head = torch.nn.Linear(sum(encoder.output_dim for encoder in encoders), n_classes)

    def forward(self, inputs, n_rows):
        embeddings = []
        for encoder, (cells, owners) in zip(self.encoders, inputs, strict=True):
            if owners is None:
                embeddings.append(encoder(cells))
                continue
            filled = torch.zeros(n_rows, encoder.output_dim)
            embeddings.append(filled.index_copy(0, owners, encoder(cells)))
        return self.head(torch.cat(embeddings, 1))


def hand_written_seconds(network, blocks, y, epochs, fused=None):
    """Train with a plain loop; `blocks` are (cells, presence), cells compact and only of rows that have them."""
    network = network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2, fused=fused)
    n_steps = epochs * math.ceil(len(y) / BATCH)
    n_warmup = 0.1 * n_steps

    def rate(step):
        if step < n_warmup:
            return (step + 1) / (n_warmup + 1)
        return 0.5 * (1 + math.cos(math.pi * (step - n_warmup) / (n_steps - n_warmup)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    places = [(torch.cumsum(there, 0) - 1).masked_fill(~there, -1) for _, there in blocks]
    seconds = []
    network.train()
    for _ in range(epochs):
        start = time.perf_counter()
        total = torch.zeros(())
        for rows in torch.randperm(len(y)).split(BATCH):
            inputs = []
            for (cells, there), place in zip(blocks, places, strict=True):
                if len(cells) == len(y):
                    inputs.append((cells.index_select(0, rows), None))
                    continue
                owners = there.index_select(0, rows).nonzero().squeeze(1)
                inputs.append((cells.index_select(0, place.index_select(0, rows.index_select(0, owners))), owners))
            optimizer.zero_grad()
            loss = F.cross_entropy(network(inputs, len(rows)), y.index_select(0, rows))
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach()
        float(total)
        seconds.append(time.perf_counter() - start)
    return seconds


def blocks_of(X):
    """The compact cells that a hand-written loop would keep, and which rows have them."""
    blocks = []
    for name in X.select_dtypes(object):
        there = X[name].notna().to_numpy(copy=True)
        blocks.append((torch.from_numpy(np.stack(X[name][there].to_list())), torch.from_numpy(there)))
    numbers = X.select_dtypes("number").to_numpy(copy=True)
    if numbers.size:
        there = ~np.isnan(numbers).all(axis=1)
        blocks.append((torch.from_numpy(numbers[there]), torch.from_numpy(there)))
    return blocks


def networks(n_rows, rng):
    """Name, rows, model of mmsk and the same network for the hand-written loop."""
    X, y = perceptron_rows(8 * n_rows, rng)
    encoder = TabularEncoder(hidden_layer_sizes=(64,), output_dim=64)
    yield "perceptron 20-64-64-4", X, y, [("table", encoder)], lambda: [TabularNetwork(20, (64,), 64, 0.0)]
    X, y = photo_rows(n_rows, rng)
    image = {"widths": (16, 32), "output_dim": 64, "dropout": 0.0}
    yield "photos 3x32x32", X, y, [("image", ImageEncoder(**image))], lambda: [ImageNetwork(3, **image)]
    X, y = three_rows(n_rows, rng)
    encoders = [
        ("image", ImageEncoder(**image)),
        ("sound", SpectrogramEncoder(**image)),
        ("table", encoder.set_params(dropout=0.0)),
    ]
    yield (
        "photos, sounds 40x64, numbers; a third missing",
        X,
        y,
        encoders,
        lambda: [ImageNetwork(3, **image), SpectrogramNetwork(40, **image), TabularNetwork(8, (64,), 64, 0.0)],
    )


def measure(quick=False):
    n_rows, epochs, repeats = (256, 3, 1) if quick else (2048, 6, 5)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = []
    for name, X, y, encoders, modules in networks(n_rows, np.random.default_rng(0)):
        blocks, target = blocks_of(X), torch.from_numpy(y)
        ours, plain, fused = [], [], []
        for _ in range(repeats):
            # The first epoch allocates and plans; all leave it out.
            model = make_model(epochs).set_params(encoders=encoders)
            ours += mmsk_seconds(model, X, y)[1:]
            plain += hand_written_seconds(HandWritten(modules(), 4), blocks, target, epochs)[1:]
            fused += hand_written_seconds(HandWritten(modules(), 4), blocks, target, epochs, fused=True)[1:]
        ours, plain, fused = map(statistics.median, (ours, plain, fused))
        rows.append((name, len(y), plain, ours, ours / plain, ours / fused))
    torch.set_num_threads(before)
    return table(
        "Seconds an epoch",
        ["network", "rows", "hand-written", "mmsk", "ratio", "ratio to a fused optimiser"],
        rows,
        "Batches of 64, AdamW, cosine schedule, callbacks at their defaults, one CPU thread; medians of interleaved "
        "runs. The hand-written loop takes torch's AdamW as it comes; the last column lets it have the fused one too.",
    )


def main():
    print(measure())


if __name__ == "__main__":
    main()
