"""Weights that come from files, parts that stand still, and rates that differ."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torchvision import models

from mmsk import (
    BadInputError,
    ImageAugmentation,
    ImageEncoder,
    MixUp,
    ModuleEncoder,
    MultiModalClassifier,
    SpectrogramEncoder,
    TabularEncoder,
    TextEncoder,
    WaveformEncoder,
)
from mmsk.columns import make_column
from tests.rows import make_rows

SMALL = "mobilenet_v3_small"
FEW = {"max_epochs": 2, "batch_size": 16, "random_state": 0}


def photos(n_rows=40, **options):
    X, y = make_rows(n_rows, **options)
    return X[["image__photo"]], y


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(3)
    return models.get_model(SMALL, weights=None).state_dict()


@pytest.fixture
def no_internet(monkeypatch, tmp_path):
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path


def weights_of(encoder):
    return {name: value.clone() for name, value in encoder.net_.module_.encoders[0].state_dict().items()}


# --- where weights come from
@pytest.mark.parametrize("form", ["weights.safetensors", "weights.pt", "checkpoint.pt"])
def test_weights_of_the_backbone_from_a_file(form, state, tmp_path):
    path = tmp_path / form
    if form.endswith("safetensors"):
        save_file(state, path)
    else:
        torch.save({"state_dict": state, "epoch": 3} if form.startswith("checkpoint") else state, path)
    X, y = photos()
    encoder = ImageEncoder(SMALL, weights=path, trainable="head", **FEW).fit(X, y)
    trained = weights_of(encoder)
    for name, value in trained.items():
        if name.startswith("trunk."):
            assert torch.equal(value, state[name.removeprefix("trunk.")]), name
    torch.testing.assert_close(trained["standardize.mean"] / 255, torch.tensor([0.485, 0.456, 0.406]))
    path.unlink()  # a pickle asks for no file
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(encoder)).transform(X), encoder.transform(X))


@pytest.mark.parametrize("trainable", ["all", "head"])
def test_no_epochs_give_the_network_as_it_is(trainable, state, tmp_path):
    save_file(state, path := tmp_path / "weights.safetensors")
    X, y = photos(missing=0.3)
    same = {"weights": path, "output_dim": None, "random_state": 0}
    as_it_is = ImageEncoder(SMALL, trainable=trainable, max_epochs=0, **same).fit(X, y)
    for name, value in weights_of(as_it_is).items():
        if name.startswith("trunk."):
            assert torch.equal(value, state[name.removeprefix("trunk.")]), name
    assert as_it_is.n_iter_ == len(as_it_is.history_) == 0
    frozen = ImageEncoder(SMALL, trainable="head", max_epochs=1, **same).fit(X, y)
    np.testing.assert_array_equal(as_it_is.transform(X), frozen.transform(X))


def test_default_weights_come_from_the_cache(state, no_internet):
    weights = models.get_model_weights(SMALL).DEFAULT
    cache = no_internet / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    torch.save(state, cache / weights.url.rsplit("/", 1)[1])
    X, y = photos(missing=0.0)
    encoder = ImageEncoder(SMALL, weights="DEFAULT", trainable="head", max_epochs=1).fit(X, y)
    assert torch.equal(weights_of(encoder)["trunk.features.0.0.weight"], state["features.0.0.weight"])


@pytest.mark.parametrize("backbone", [SMALL, "xception"])
def test_a_download_that_fails(backbone, no_internet):
    if backbone == "xception":
        pytest.importorskip("timm")
    with pytest.raises(BadInputError, match=r"could not be had from https?://.*give its path as weights"):
        ImageEncoder(backbone, weights="DEFAULT", max_epochs=1).fit(*photos())


def test_files_that_hold_something_else(state, tmp_path):
    X, y = photos()

    def refuses(match, **options):
        with pytest.raises(BadInputError, match=match):
            ImageEncoder(**{"backbone": SMALL, "weights": path, **options}, max_epochs=1).fit(X, y)

    path = tmp_path / "none.pt"
    refuses("is no file")
    path.write_bytes(b"not weights")
    refuses("cannot be read")
    torch.save([1, 2], path)
    refuses("no dict of tensors")
    torch.save({"weight": torch.zeros(2)}, path)
    refuses(r"are missing, such as 'features.0.0.weight', and 1 are unknown, such as 'weight'")
    torch.save(state | {"features.0.0.weight": torch.zeros(8, 3, 3, 3)}, path)
    refuses(r"'features.0.0.weight' in shape \(8, 3, 3, 3\), this network has it in shape \(16, 3, 3, 3\)")
    torch.save(models.get_model("shufflenet_v2_x0_5", weights=None).state_dict(), path)
    refuses("are not those of this network")
    refuses("which nobody has trained", backbone="small", weights="DEFAULT")


def test_code_in_a_file_is_not_run(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"weight": ModuleEncoder}, path)
    with pytest.raises(BadInputError, match="it is no file of tensors alone"):
        ImageEncoder(SMALL, weights=path).fit(*photos())


# --- from task to task
def waves(n_rows=24):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"wave": make_column(rng.normal(size=(n_rows, 400)).astype("float32"))}), [0, 1] * (n_rows // 2)


def sample(kind):
    X, y = make_rows(24, missing=0.2)
    return (X[[kind]], y) if kind in X else waves()


class Flat(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(6), torch.nn.ReLU())

    def forward(self, x):
        return self.layers(x)


ENCODERS = {
    "image": (ImageEncoder(widths=(4, 8), output_dim=6), "image__photo"),
    "backbone": (ImageEncoder(SMALL, output_dim=6), "image__photo"),
    "spectrogram": (SpectrogramEncoder(widths=(4, 8), output_dim=6), "sound__clip"),
    "waveform": (WaveformEncoder(widths=(4, 8), output_dim=6), "wave"),
    "text": (TextEncoder(4, n_filters=8, output_dim=6), "text__caption"),
    "table": (TabularEncoder((8,), output_dim=6), "age"),
    "module": (ModuleEncoder(Flat), "image__photo"),
}


@pytest.mark.parametrize("case", ENCODERS)
def test_every_encoder_carries_its_weights_to_another_task(case, tmp_path):
    encoder, kind = ENCODERS[case]
    encoder, (X, y) = clone(encoder).set_params(**FEW), sample(kind)
    embedding = encoder.fit(X, y).transform(X)
    path = tmp_path / "encoder.safetensors"
    assert encoder.save_weights(path) is encoder
    # Rates of nearly nothing leave weights as they came; half the rows have another scale, which must not count.
    again = clone(encoder).set_params(weights=path, lr=1e-30, weight_decay=0.0)
    other = np.roll(np.asarray(y), 1)
    half = slice(None) if case == "text" else slice(0, 12)
    again.set_params(max_epochs=1).fit(X[half], other[half])
    batch_norm = {name for name in weights_of(again) if "running" in name or "num_batches" in name}
    for name, value in weights_of(encoder).items():
        if name not in batch_norm:
            torch.testing.assert_close(weights_of(again)[name], value, atol=1e-12, rtol=1e-6)
    if not batch_norm:
        np.testing.assert_allclose(again.transform(X), embedding, atol=1e-6)


@pytest.mark.parametrize("name", ["encoder.pt", "encoder", "encoder.weights"])
def test_weights_are_read_whatever_their_file_is_called(name, tmp_path):
    X, y = sample("age")
    encoder = TabularEncoder((8,), output_dim=6, **FEW).fit(X, y).save_weights(tmp_path / name)
    again = clone(encoder).set_params(weights=tmp_path / name, max_epochs=0).fit(X, y)
    np.testing.assert_array_equal(again.transform(X), encoder.transform(X))


def test_encoders_of_a_fused_model_carry_theirs(tmp_path):
    X, y = make_rows(40)
    named = [("image", ImageEncoder(widths=(4, 8), output_dim=6)), ("text", TextEncoder(4, n_filters=4, output_dim=5))]
    model = MultiModalClassifier(named, **FEW).fit(X, y)
    model = pickle.loads(pickle.dumps(model))
    path = tmp_path / "photo.safetensors"
    dict(model.encoders_)["image"].save_weights(path)
    alone = ImageEncoder(widths=(4, 8), output_dim=6, weights=path, trainable="head", lr=1e-30, weight_decay=0.0)
    alone.set_params(max_epochs=1, batch_size=16).fit(X[["image__photo"]], y)
    for name, value in model.net_.module_.encoders[0].state_dict().items():
        torch.testing.assert_close(weights_of(alone)[name], value, atol=1e-12, rtol=1e-6)
    both = MultiModalClassifier([("image", alone)], **FEW).fit(X, y)  # and back into a fused one
    trunk = both.net_.module_.encoders[0].trunk.state_dict()
    for name, value in model.net_.module_.encoders[0].trunk.state_dict().items():
        assert torch.equal(trunk[name], value)
    with pytest.raises(NotFittedError, match="no weights yet"):
        ImageEncoder().save_weights(path)


def test_weights_of_another_width_are_refused(tmp_path):
    X, y = photos()
    path = tmp_path / "encoder.safetensors"
    ImageEncoder(widths=(4, 8), max_epochs=1).fit(X, y).save_weights(path)
    with pytest.raises(BadInputError, match="hold 'trunk.stem.0.weight' in shape"):
        ImageEncoder(widths=(6, 8), weights=path, max_epochs=1).fit(X, y)
    with pytest.raises(BadInputError, match="cannot be written"):
        ImageEncoder(widths=(4,), max_epochs=1).fit(X, y).save_weights(tmp_path / "nowhere" / "encoder.safetensors")


def test_characters_that_both_tasks_have_keep_their_vectors(tmp_path):
    codes = make_column([np.array([5, 7, 9, 5]), np.array([7, 9, 0, 0])] * 6)
    others = make_column([np.array([7, 20, 9, 3]), np.array([20, 7, 0, 0])] * 6)
    first = TextEncoder(4, n_filters=4, output_dim=3, max_epochs=1).fit(codes[:, None], [0, 1] * 6)
    first.save_weights(tmp_path / "text.safetensors")
    options = {"weights": tmp_path / "text.safetensors", "lr": 1e-30, "weight_decay": 0.0}
    second = clone(first).set_params(**options).fit(others[:, None], [0, 1] * 6)
    was, now = (encoder.net_.module_.encoders[0] for encoder in (first, second))
    assert now.codes.tolist() == [3, 7, 9, 20]
    torch.testing.assert_close(now.embedding.weight[[2, 3]], was.embedding.weight[[2, 3]], atol=1e-12, rtol=1e-6)
    assert not torch.equal(now.embedding.weight[1], was.embedding.weight[1])


class Scattered(torch.nn.Module):
    """What it multiplies with was drawn, and is no part of its state; what it counts is, but is no tensor."""

    def __init__(self, n_inputs=3):
        super().__init__()
        self.register_buffer("directions", torch.randn(n_inputs, 4), persistent=False)
        self.layer = torch.nn.Linear(4, 3)
        self.n_calls = 0

    def get_extra_state(self):
        return {"n_calls": self.n_calls}

    def set_extra_state(self, state):
        self.n_calls = state["n_calls"]

    def forward(self, x):
        self.n_calls += self.training
        return self.layer(torch.cos(x @ self.directions))


def test_what_a_module_drew_and_kept_is_the_same_in_a_pickle(tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 3))
    model = MultiModalClassifier([("table", ModuleEncoder(Scattered))], max_epochs=2, ema_decay=0.9, random_state=3)
    model.fit(X, [0, 1] * 10)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    counts = [fitted.net_.module_.encoders[0].body.n_calls for fitted in (model, again)]
    assert counts[0] == counts[1] > 0
    with pytest.raises(BadInputError, match=r"keeps 'body\._extra_state', a dict, which a file of weights cannot hold"):
        dict(model.encoders_)["table"].save_weights(tmp_path / "table.safetensors")


def test_layers_that_ask_for_the_version_of_their_format(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photos = np.random.default_rng(0).integers(0, 256, (12, 3, 32, 32)).astype(np.uint8)
    encoder = ImageEncoder("mnasnet0_5", output_dim=6, callbacks=["checkpoint"], max_epochs=1)
    encoder.fit(photos, [0, 1] * 6).save_weights("encoder.safetensors")
    again = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(again.transform(photos), encoder.transform(photos))
    trunk = encoder.net_.module_.encoders[0].trunk.state_dict()
    torch.save(trunk, "trunk.pt")
    for name in ("encoder.safetensors", "trunk.pt"):
        started = clone(encoder).set_params(weights=name, max_epochs=0).fit(photos, [0, 1] * 6)
        now = started.net_.module_.encoders[0].trunk.state_dict()
        assert all(torch.equal(now[name], value) for name, value in trunk.items())


# --- what stands still
@pytest.mark.parametrize("backbone", [SMALL, "small"])
def test_a_frozen_backbone_runs_once_a_photo(backbone, monkeypatch):
    X, y = photos()
    n_there = int(X["image__photo"].notna().sum())
    seen = []
    encoder = ImageEncoder(backbone, widths=(4, 8), output_dim=6, trainable="head", dropout=0.0, random_state=0)
    encoder.set_params(max_epochs=5, batch_size=16)
    build = ImageEncoder.build

    def build_and_count(self, modality):
        module = build(self, modality)
        module.trunk.register_forward_hook(lambda trunk, inputs, output: seen.append(len(inputs[0])))
        return module

    monkeypatch.setattr(ImageEncoder, "build", build_and_count)
    encoder.fit(X, y)
    assert sum(seen) == n_there
    model = MultiModalClassifier([("image", encoder)], validation_fraction=0.2, max_epochs=3, random_state=0)
    seen.clear()
    model.fit(X, y)
    assert sum(seen) == n_there
    seen.clear()
    model.set_params(augment=[("image", ImageAugmentation(rotation=10))]).fit(X, y)
    assert sum(seen) == 3 * n_there
    seen.clear()
    model.set_params(augment=[("all", MixUp(0.2))]).fit(X, y)
    assert sum(seen) >= 3 * n_there


@pytest.mark.parametrize("backbone", [SMALL, "small"])
def test_features_that_are_kept_train_bit_for_bit_like_those_computed_each_epoch(backbone, monkeypatch):
    X, y = make_rows(32)
    encoder = ImageEncoder(backbone, widths=(4, 8), output_dim=6, trainable="head")
    model = MultiModalClassifier([("image", encoder)], max_epochs=3, batch_size=16, random_state=0)
    kept = model.fit(X, y).predict_proba(X)
    build = ImageEncoder.build

    def build_that_computes_always(self, modality):
        module = build(self, modality)
        module.is_frozen = False  # nothing else: it still stands still
        return module

    monkeypatch.setattr(ImageEncoder, "build", build_that_computes_always)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict_proba(X), kept)


def test_frozen_parts_keep_their_batch_statistics_unless_told_otherwise():
    X, y = photos(60)
    fresh = ImageEncoder(SMALL, **{**FEW, "max_epochs": 1, "lr": 1e-30}, weight_decay=0.0)

    def run(**options):
        return weights_of(clone(fresh).set_params(**options).fit(X, y))

    still, moving = run(trainable="head"), run(trainable="head", freeze_batchnorm=False)
    name = "trunk.features.0.1.running_mean"
    assert not still[name].any()
    assert moving[name].any()
    part = run(trainable=2)
    assert not part[name].any()
    assert part["trunk.features.12.1.running_mean"].any()


def test_partial_fit_and_warm_start_keep_features_once_a_call():
    X, y = photos()
    model = MultiModalClassifier(
        [("image", ImageEncoder(widths=(4,), output_dim=4, trainable="head"))], random_state=0, max_epochs=1
    )
    model.fit(X, y)
    before = model.net_.module_.encoders[0].trunk.state_dict()["stem.0.weight"].clone()
    model.partial_fit(X, y).set_params(warm_start=True).fit(X, y)
    assert torch.equal(model.net_.module_.encoders[0].trunk.state_dict()["stem.0.weight"], before)
    assert not model.net_.module_.encoders[0].takes_features


@pytest.mark.gpu
def test_features_are_kept_on_a_gpu_too():
    X, y = make_rows(40)
    encoder = ImageEncoder(SMALL, output_dim=6, trainable="head")
    model = MultiModalClassifier([("image", encoder)], device="cuda", precision="float32", **FEW).fit(X, y)
    trunk = model.net_.module_.encoders[0].trunk
    assert next(trunk.parameters()).is_cuda
    assert not trunk.features[0][1].running_mean.any()
    assert np.isfinite(model.predict_proba(X)).all()


# --- learning rates
def test_the_backbone_learns_at_its_own_rate():
    X, y = make_rows(40)
    encoder = ImageEncoder(widths=(4,), output_dim=4, lr_scale=0.1)
    model = MultiModalClassifier([("image", encoder)], lr=1e-2, max_epochs=2, warm_start=True, random_state=0).fit(X, y)

    def rates():
        return sorted(group["lr"] for group in model.net_.optimizer_.param_groups)

    slow, fast = model.net_.optimizer_.param_groups
    trunk = set(map(id, model.net_.module_.encoders[0].trunk.parameters()))
    assert set(map(id, slow["params"])) == trunk
    assert not trunk & set(map(id, fast["params"]))
    assert rates() == pytest.approx([1e-3, 1e-2])
    model.set_params(lr=1e-3).partial_fit(X, y)
    assert rates() == pytest.approx([1e-4, 1e-3])


def test_a_rate_of_almost_nothing_leaves_the_backbone_as_it_is():
    X, y = photos()
    encoder = ImageEncoder(widths=(4,), output_dim=4, lr_scale=1e-30, **FEW)
    fitted = weights_of(encoder.fit(X, y))
    longer = weights_of(clone(encoder).set_params(max_epochs=4).fit(X, y))
    assert torch.equal(fitted["trunk.stem.0.weight"], longer["trunk.stem.0.weight"])
    assert not torch.equal(fitted["projection.linear.weight"], longer["projection.linear.weight"])


def test_the_scale_of_large_numbers_is_carried_over_whole(tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"time": 1.7e9 + 100 * rng.normal(size=200), "size": rng.normal(size=200)})
    X["image__photo"] = make_column(rng.integers(0, 255, (200, 3, 8, 8)).astype(np.uint8))
    y = (X["time"] > 1.7e9).astype(int)
    first = MultiModalClassifier(max_epochs=30, random_state=0).fit(X, y)
    dict(first.encoders_)["table"].save_weights(tmp_path / "times.safetensors")
    table = TabularEncoder(weights=tmp_path / "times.safetensors")
    second = MultiModalClassifier([("table", table)], max_epochs=30, random_state=0).fit(X, y)
    scales = [dict(model.encoders_)["table"]._module.standardize for model in (first, second)]
    assert scales[1].mean.dtype == torch.float64
    assert torch.equal(scales[0].mean, scales[1].mean)
    assert second.score(X, y) > 0.95


@pytest.mark.parametrize("backbone", ["small", "resnet18"])
def test_features_of_an_encoder_that_was_trained_with_an_embedding(backbone, tmp_path):
    X, y = photos(16)
    first = ImageEncoder(backbone, widths=(4, 8), output_dim=5, max_epochs=1, random_state=0).fit(X, y)
    first.save_weights(tmp_path / "first.safetensors")
    options = {"output_dim": None, "weights": tmp_path / "first.safetensors", "max_epochs": 0}
    second = clone(first).set_params(**options).fit(X, y)
    features = second.transform(X)
    projection = first.net_.module_.encoders[0].projection.eval()
    with torch.no_grad():
        expected = projection(torch.from_numpy(np.float32(features)))
    np.testing.assert_allclose(expected, first.transform(X), rtol=1e-4, atol=1e-5)
    with pytest.raises(BadInputError, match=r"'projection\..*in shape.*cells of the shape"):
        clone(second).set_params(output_dim=7).fit(X, y)


def test_a_backbone_of_grey_photos_takes_its_weights_back(tmp_path):
    photos = np.random.default_rng(0).integers(0, 255, (8, 1, 32, 32)).astype(np.uint8)
    first = ImageEncoder("resnet18", max_epochs=1, random_state=0).fit(photos, [0, 1] * 4)
    first.save_weights(tmp_path / "grey.safetensors")
    second = ImageEncoder("resnet18", weights=tmp_path / "grey.safetensors", max_epochs=0).fit(photos, [0, 1] * 4)
    np.testing.assert_allclose(second.transform(photos), first.transform(photos), atol=1e-5)
