"""How many rows a second does the classic three-modality network train at, and is the card busy?

An image network of Xception's size at 299 x 299 (ResNet-50, 25.6 million weights where Xception has 22.9), the
four-branch sound network on 128 x 1723 log-mel spectrograms, the character network on 200 characters; in float32 and
in bfloat16, beside a hand-written loop over the same network on the same card. Cells are drawn at random: only their
shapes count here. Without a GPU it runs a tiny version, so that the program can be tried anywhere.

    python -m benchmarks.gpu_three_modalities
"""

import statistics
import time

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from benchmarks.epoch import HandWritten, blocks_of
from benchmarks.timing import table
from mmsk import ImageEncoder, MultiModalClassifier, SpectrogramEncoder, TextEncoder
from mmsk.columns import make_column
from mmsk.net import describe

N_CLASSES = 11
FULL = {"rows": 1024, "side": 299, "bins": 128, "frames": 1723, "backbone": "resnet50", "batch": 32, "epochs": 3}
TINY = {"rows": 8, "side": 32, "bins": 64, "frames": 96, "backbone": "small", "batch": 4, "epochs": 2}


def make_rows(size, missing=0.0):
    rng = np.random.default_rng(0)
    n = size["rows"]
    there = rng.random((3, n)) >= missing
    blocks = {
        "image__photo": rng.integers(0, 256, (n, 3, size["side"], size["side"]), dtype=np.uint8),
        "sound__clip": rng.normal(size=(n, size["bins"], size["frames"])).astype(np.float32),
        "text__caption": rng.integers(2, 80, (n, 200)).astype(np.int32),
    }
    columns = {name: make_column(block, mask) for (name, block), mask in zip(blocks.items(), there, strict=True)}
    return pd.DataFrame(columns), np.arange(n) % N_CLASSES


def make_encoders(size):
    return {
        "image": ImageEncoder(size["backbone"]),
        "sound": SpectrogramEncoder("four_branch"),
        "text": TextEncoder(),
    }


def mmsk_epochs(X, y, size, precision, device):
    model = MultiModalClassifier(
        list(make_encoders(size).items()),
        hidden_layer_sizes=(),
        auxiliary_loss=0.0,
        batch_size=size["batch"],
        max_epochs=size["epochs"],
        precision=precision,
        device=device,
        device_memory=0.8,
        random_state=0,
    )
    model.fit(X, y)
    return [row["dur"] for row in model.history_][1:]


def hand_written_epochs(X, y, size, precision, device):
    names, columns = list(X), [X[name].to_numpy() for name in X]
    modules = [
        encoder.build(describe(key, [i], names, columns, "benchmark"))
        for i, (key, encoder) in enumerate(make_encoders(size).items())
    ]
    network = HandWritten(modules, N_CLASSES).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    blocks = [cells.to(device) for cells, _ in blocks_of(X)]
    target = torch.from_numpy(y).to(device)
    mixed = torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=precision == "bfloat16")
    seconds = []
    network.train()
    for _ in range(size["epochs"]):
        synchronize(device)
        start = time.perf_counter()
        for rows in torch.randperm(len(y)).to(device).split(size["batch"]):
            optimizer.zero_grad()
            with mixed:
                inputs = [(cells.index_select(0, rows), None) for cells in blocks]
                loss = F.cross_entropy(network(inputs, len(rows)), target.index_select(0, rows))
            loss.backward()
            optimizer.step()
        synchronize(device)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def synchronize(device):
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def busy_share(run):
    """Share of a run's kernels' span during which at least one kernel works; None without a GPU."""
    if not torch.cuda.is_available():
        run()
        return None
    with profile(activities=[ProfilerActivity.CUDA]) as recorded:
        run()
    spans = sorted(
        (event.time_range.start, event.time_range.end)
        for event in recorded.events()
        if event.device_type == torch.autograd.DeviceType.CUDA
    )
    busy, end = 0.0, spans[0][0]
    for start, stop in spans:
        busy += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return busy / (end - spans[0][0])


def measure(quick=False):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = TINY if quick or device == "cpu" else FULL
    X, y = make_rows(size)
    rows = []
    for precision in ("float32", "bfloat16"):
        ours, plain = [], []
        for _ in range(1 if quick else 3):
            ours += mmsk_epochs(X, y, size, precision, device)
            plain += hand_written_epochs(X, y, size, precision, device)
        ours, plain = statistics.median(ours), statistics.median(plain)
        busy = busy_share(lambda precision=precision: mmsk_epochs(X, y, size | {"epochs": 2}, precision, device))
        shown = "-" if busy is None else f"{busy:.0%}"
        rows.append((precision, len(y) / plain, len(y) / ours, ours / plain, shown))
    name = torch.cuda.get_device_name() if device == "cuda" else "no GPU: a tiny version on the CPU"
    return table(
        f"Photos {size['side']} x {size['side']}, spectrograms {size['bins']} x {size['frames']}, texts ({name})",
        ["precision", "hand-written, rows a second", "mmsk, rows a second", "time beside it", "card busy"],
        rows,
        "The share of time that the card is busy includes loading, planning and the copy of all cells to the card."
        if device == "cuda"
        else "Two steps an epoch: this shows that the program runs, and little of how fast.",
    )


def main():
    print(measure())


if __name__ == "__main__":
    main()
