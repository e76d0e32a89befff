"""
============================
A torch module of your own
============================

`ModuleEncoder` makes an encoder of any `torch.nn.Module`: inside `MultiModalClassifier`, where it is trained together
with all others, and alone, as a transformer that is trained by a target and gives embeddings.

Run it with ``python examples/plot_custom_encoder.py [folder] [--rows 360]``; the picture goes to the folder.
"""

# %%
# The module
# ----------
# A tone is the same whenever it sounds, so this network looks for patterns of frequencies in every frame and keeps the
# strongest answer over time. It takes a batch of spectrograms of shape (n_cells, n_bins, n_frames) and gives
# (n_cells, n_filters); its arguments are ordinary ones. To open a pickled model elsewhere, a module must be importable
# there: in a project it would stand in a file of its own.
import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # pictures go to files, so no window is needed

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from mmsk import CharEncoder, ImageEncoder, ImageLoader, MelSpectrogram, ModuleEncoder, MultiModalClassifier
from mmsk.datasets import make_trimodal


class FrameNetwork(torch.nn.Module):
    """Patterns of frequencies, the strongest over time."""

    def __init__(self, n_bins, n_filters=32, kernel_size=3):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv1d(n_bins, n_filters, kernel_size, padding=kernel_size // 2),
            torch.nn.ReLU(),
            torch.nn.Conv1d(n_filters, n_filters, 1),
        )

    def forward(self, spectrograms):
        """Map (n_cells, n_bins, n_frames) to (n_cells, n_filters)."""
        return self.layers(spectrograms).amax(dim=2)


parser = argparse.ArgumentParser(description="A torch module of your own as an encoder.")
parser.add_argument("folder", nargs="?", default="demo", help="where the picture and generated files go")
parser.add_argument("--rows", type=int, default=360, help="rows to generate")
parser.add_argument("--epochs", type=int, default=20, help="passes over the rows")
options = parser.parse_args()
if options.rows < 60:
    parser.error("argument --rows: with fewer than 60, folds would lack classes")
folder = Path(options.folder)
X, y = make_trimodal(options.rows, 6, folder / "files", missing=0.2, random_state=2)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)

# %%
# Inside the fused classifier
# ---------------------------
# Arguments of the module start with ``module__``, as in skorch, and can be searched over from outside.
N_MELS = 32
spectrogram = MelSpectrogram(sampling_rate=16_000, duration=1.0, n_mels=N_MELS)
load = ColumnTransformer(
    [
        ("image", ImageLoader(size=(32, 32)), ["photo"]),
        ("sound", spectrogram, ["clip"]),
        ("text", CharEncoder(max_length=80), ["caption"]),
        ("table", StandardScaler(), ["length", "weight"]),
    ]
).set_output(transform="pandas")
sound = ModuleEncoder(FrameNetwork, module__n_bins=N_MELS, module__n_filters=32, lr=1e-2, random_state=0)
fuse = MultiModalClassifier(
    encoders=[("image", ImageEncoder(widths=(16, 32, 64))), ("sound", sound)],
    lr=3e-3,
    max_epochs=options.epochs,
    random_state=0,
)
model = Pipeline([("load", load), ("fuse", fuse)])
folds = StratifiedKFold(3, shuffle=True, random_state=0)
search = GridSearchCV(model, {"fuse__sound__module__n_filters": [2, 32]}, cv=folds).fit(X_train, y_train)
for setting, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
    print(f"{setting['fuse__sound__module__n_filters']:>3} filters: {score:.3f} in {folds.n_splits} folds")
print(f"The better one on {len(X_test)} rows held out: {search.score(X_test, y_test):.3f}")

# %%
# Alone, as a transformer
# -----------------------
# The same encoder on the rows that have a sound: ``fit`` trains it to tell the classes, now with its own ``lr`` and
# ``max_epochs``, and ``transform`` gives what its last layer says. Six classes have three ranges of pitch between them,
# so sound alone can be right about half of the time.
heard_train, heard_test = X_train["clip"].notna(), X_test["clip"].notna()
alone = make_pipeline(spectrogram, sound, StandardScaler(), LogisticRegression())
alone.fit(X_train.loc[heard_train, ["clip"]], y_train[heard_train])
right = alone.score(X_test.loc[heard_test, ["clip"]], y_test[heard_test])
print(f"\nSound alone on the {heard_test.sum()} of them that have one: {right:.3f}")

# %%
# The embedding shows it: pairs of classes lie on top of each other, and the pairs lie apart.
points = PCA(2).fit_transform(alone[:-1].transform(X_test.loc[heard_test, ["clip"]]))
figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
for label, marker in zip(np.unique(y), "osv^DP", strict=True):
    ax.scatter(*points[y_test[heard_test] == label].T, marker=marker, alpha=0.7, label=f"class {label}")
ax.set(title="Embeddings of sounds held out", xlabel="first principal component", ylabel="second")
ax.legend(fontsize=8)
figure.savefig(folder / "embedding.png", dpi=120)
plt.close(figure)
print(f"Picture: {folder / 'embedding.png'}")
