import copy
import gc
import pickle
import pickletools
import subprocess
import sys
import weakref

import numpy as np
import pytest
import torch
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict

from mmsk import ImageEncoder, ModuleEncoder, MultiModalClassifier, SpectrogramEncoder
from tests.rows import make_rows

X, Y = make_rows(48)


def model_of(**params):
    encoders = [
        ("image", ImageEncoder(widths=(8, 16), output_dim=16, dropout=0.3)),
        ("sound", ModuleEncoder(torch.nn.Flatten, output_dim=8)),
    ]
    defaults = {"max_epochs": 3, "batch_size": 16, "modality_dropout": 0.2, "missing": "token", "random_state": 3}
    return MultiModalClassifier(encoders, **{**defaults, **params})


def test_one_seed_twice():
    first, second, other = model_of().fit(X, Y), model_of().fit(X, Y), model_of(random_state=4).fit(X, Y)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert first.history_[:, "train_loss"] == second.history_[:, "train_loss"]
    assert not np.allclose(first.predict_proba(X), other.predict_proba(X))


# A loky worker is given fewer threads than two, so there only one thread, the default, is the same number.
@pytest.mark.parametrize(("backend", "threads"), [("loky", None), ("threading", None), ("threading", 2)])
def test_bit_equal_wherever_folds_run(backend, threads):
    model = model_of(n_jobs=threads)
    alone = cross_val_predict(model, X, Y, cv=3, method="predict_proba")
    with parallel_config(backend=backend):
        together = cross_val_predict(model, X, Y, cv=3, method="predict_proba", n_jobs=2)
    np.testing.assert_array_equal(alone, together)


def test_the_callers_random_state_is_untouched():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    threads = torch.get_num_threads()
    model = model_of(random_state=0).fit(X, Y)
    model.predict(X)
    pickle.loads(pickle.dumps(model))
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("again", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy], ids=["pickle", "deepcopy"])
def test_copies_answer_alike_and_go_on(again):
    model = model_of().fit(X, Y)
    other = again(model)
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(other.transform(X), model.transform(X))
    assert other.history_ == model.history_
    assert other.n_iter_ == 3
    other.partial_fit(X, Y)
    assert other.n_iter_ == len(other.history_) == 4
    assert model.n_iter_ == 3
    assert not np.array_equal(other.predict_proba(X), model.predict_proba(X))


def test_a_clone_is_not_fitted():
    assert not hasattr(clone(model_of().fit(X, Y)), "net_")


def test_the_pickle_names_no_torch_class_nor_skorch():
    encoders = [("image", ImageEncoder(widths=(8,))), ("sound", SpectrogramEncoder(widths=(8,)))]
    data = pickle.dumps(MultiModalClassifier(encoders, max_epochs=1).fit(X, Y))
    named = {argument.split(" ")[0] for _, argument, _ in pickletools.genops(data) if isinstance(argument, str)}
    roots = {name.split(".")[0] for name in named}
    assert "mmsk" in roots
    assert not roots & {"torch", "skorch"}


def test_a_model_opens_in_another_process(tmp_path):
    model = MultiModalClassifier([("image", ImageEncoder(widths=(8,)))], max_epochs=2, random_state=0).fit(X, Y)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    X.to_pickle(tmp_path / "rows.pkl")
    code = (
        "import pickle, pandas, numpy, pathlib\n"
        "here = pathlib.Path('.')\n"
        "model = pickle.loads((here / 'model.pkl').read_bytes())\n"
        "numpy.save('proba.npy', model.predict_proba(pandas.read_pickle('rows.pkl')))\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "proba.npy"), model.predict_proba(X))


@pytest.mark.skipif(torch.cuda.is_available(), reason="shows what happens without a GPU")
def test_a_model_marked_for_a_gpu_opens_on_a_cpu():
    model = model_of(device="cuda").fit(X, Y)  # there is none: it trains on the CPU and keeps the parameter
    again = pickle.loads(pickle.dumps(model))
    assert again.device == "cuda"
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.gpu
def test_a_model_trained_on_a_gpu_answers_on_a_cpu():
    model = model_of(device="cuda", max_epochs=10).fit(X, Y)
    assert model.score(X, Y) > 0.8
    again = pickle.loads(pickle.dumps(model.set_params(device="cpu")))
    np.testing.assert_allclose(again.predict_proba(X), model.predict_proba(X), atol=1e-2)


def test_weights_are_freed_without_the_garbage_collector():
    model = model_of().fit(X, Y)
    weight = weakref.ref(next(model.net_.module_.parameters()))
    gc.disable()
    try:
        del model
        assert weight() is None
    finally:
        gc.enable()
