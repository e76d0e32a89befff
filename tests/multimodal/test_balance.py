import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from mmsk import BadInputError, MultiModalClassifier, MultiModalRegressor, TabularEncoder
from mmsk.net._balance import GradientBlending, GradientModulation, blending_weights
from tests.multimodal.test_classifier import small
from tests.rows import make_rows


def two_tables(n_rows=240, seed=0):
    """One modality that tells the class at once, and one that tells it by a product."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 6)).astype(np.float32)
    y = (X[:, 3] * X[:, 4] > 0).astype(int)
    X[:, 0] = 4.0 * y - 2.0 + rng.normal(size=n_rows)
    return pd.DataFrame(X, columns=["easy__a", "easy__b", "easy__c", "hard__a", "hard__b", "hard__c"]), y


def model_of(**params):
    encoders = [(key, TabularEncoder((16,), output_dim=8)) for key in ("easy", "hard")]
    defaults = {"max_epochs": 4, "batch_size": 48, "lr": 1e-2, "random_state": 0}
    return MultiModalClassifier(encoders, **{**defaults, **params})


def test_modulation_factors_by_their_formula():
    modulation = GradientModulation(0.5, None)
    losses = [
        torch.tensor([0.1, 0.2, 5.0, 5.0]),
        torch.tensor([1.0, 2.0, 0.5, 1.5]),
        torch.tensor([9.0, 9.0, 9.0, 9.0]),
    ]
    presence = [torch.tensor([True, True, False, False]), None, torch.tensor([False] * 4)]
    modulation.listen(losses, presence)
    first, second = np.exp([-0.1, -0.2]).mean(), np.exp([-1.0, -2.0, -0.5, -1.5]).mean()
    factors = modulation.factors(*modulation.totals)
    # The first is ahead; the second is behind; of the third nothing is known, so that it compares with nobody.
    np.testing.assert_allclose(factors, [1 - np.tanh(0.5 * first / second), 1.0, 1.0], rtol=1e-5)
    # Four heads: each against the mean of the others. Two batches count as one.
    scores = torch.tensor([0.9, 0.6, 0.4, 0.2])
    modulation = GradientModulation(0.5, None)
    for _ in range(2):
        modulation.listen([-torch.log(s).expand(3) for s in scores], [None] * 4)
    others = (scores.sum() - scores) / 3
    expected = torch.where(scores > others, 1 - torch.tanh(0.5 * scores / others), 1.0)
    torch.testing.assert_close(modulation.factors(*modulation.totals), expected)


def test_modulation_of_a_weight_of_one_number():
    encoders = [torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)]
    for encoder in encoders:
        encoder.weight.grad = torch.ones(1, 1)
    modulation = GradientModulation(0.5, torch.Generator().manual_seed(0))
    modulation.listen([torch.tensor([0.1]), torch.tensor([2.0])], [None, None])
    modulation.apply(encoders)
    assert 0 < encoders[0].weight.grad.item() < encoders[1].weight.grad.item() == 1


def test_modulated_gradients_are_smaller_and_noisy():
    encoders = [torch.nn.Linear(50, 80), torch.nn.Linear(50, 80)]
    generator = torch.Generator().manual_seed(0)
    for encoder in encoders:
        for weight in encoder.parameters():
            weight.grad = torch.randn(weight.shape, generator=generator) + 3.0
    before = [[weight.grad.clone() for weight in encoder.parameters()] for encoder in encoders]
    modulation = GradientModulation(0.5, generator)
    modulation.listen([torch.tensor([0.1]), torch.tensor([1.1])], [None, None])
    factor = float(modulation.factors(*modulation.totals)[0])
    assert factor == pytest.approx(1 - np.tanh(0.5 * np.e), rel=1e-4)
    modulation.apply(encoders)
    for encoder, grads, k in zip(encoders, before, (factor, 1.0), strict=True):
        noise = encoder.weight.grad - k * grads[0]
        assert abs(noise.mean()) < 0.1
        assert noise.std().item() == pytest.approx(grads[0].std().item(), rel=0.05)
        torch.testing.assert_close(encoder.bias.grad, k * grads[1])


class FirstGradients(Callback):
    """Gradients of the offsets of both encoders in the first step; noise is added to those of matrices only."""

    def on_train_begin(self, net, **kwargs):
        self.gradients = None

    def on_grad_computed(self, net, **kwargs):
        if self.gradients is None:
            encoders = net.module_.encoders
            self.gradients = [torch.cat([p.grad for p in e.parameters() if p.ndim == 1]) for e in encoders]


def test_modulation_slows_the_modality_that_is_ahead():
    X, y = two_tables()
    gradients = {}
    for alpha in (None, 1.0):
        model = model_of(gradient_modulation=alpha, callbacks=[("first", FirstGradients())], max_epochs=1).fit(X, y)
        gradients[alpha] = dict(model.net_.callbacks_)["first"].gradients
    factors = [(new.norm() / old.norm()).item() for new, old in zip(gradients[1.0], gradients[None], strict=True)]
    assert sorted(factors)[0] < 1 - np.tanh(1.0)
    assert sorted(factors)[1] == pytest.approx(1.0)
    for factor, new, old in zip(factors, gradients[1.0], gradients[None], strict=True):
        torch.testing.assert_close(new, factor * old)
    same, other = model_of(gradient_modulation=1.0).fit(X, y), model_of(gradient_modulation=1.0).fit(X, y)
    np.testing.assert_array_equal(same.predict_proba(X), other.predict_proba(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(same)).predict_proba(X), same.predict_proba(X))
    assert same.score(X, y) > 0.8
    assert same.net_.noise is None and same.net_._modulation is None


def test_modulation_takes_missing_cells_accumulated_batches_and_numbers():
    X, y = make_rows(60)
    for fusion in ("concat", "late", "attention"):
        model = small(fusion=fusion, gradient_modulation=0.5, accumulate=2, max_epochs=2, missing="token").fit(X, y)
        assert np.isfinite(model.predict_proba(X)).all()
    age = X.pop("age").fillna(0.0)
    model = MultiModalRegressor(small().encoders, gradient_modulation=0.5, max_epochs=2, random_state=0).fit(X, age)
    assert np.isfinite(model.predict(X)).all()


def test_blending_weights_by_their_formula():
    start = torch.tensor([1.0, 1.0, 1.0]), torch.tensor([1.2, 1.1, 1.0])
    end = torch.tensor([0.5, 0.2, 0.9]), torch.tensor([0.9, 0.8, 1.1])
    gain, overfitting = np.array([0.3, 0.3, 0.0]), np.array([0.2, 0.5, 0.2])
    expected = gain / overfitting**2
    weights = blending_weights(start, end, torch.ones(3) / 3)
    np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-4)
    # Where nothing generalises, weights stay; where one head happens not to overfit at all, it is not alone.
    kept = torch.tensor([0.5, 0.3, 0.2])
    torch.testing.assert_close(blending_weights(start, (start[0], start[1] + 0.1), kept), kept)
    flat = torch.tensor([0.5, 0.5]), torch.tensor([0.5, 0.7])
    weights = blending_weights((torch.ones(2), torch.ones(2)), flat, torch.ones(2) / 2)
    np.testing.assert_allclose(
        weights, np.array([0.5 / 0.02**2, 0.3 / 0.2**2]) / (0.5 / 0.02**2 + 0.3 / 0.2**2), rtol=1e-4
    )


def test_blending_measures_super_epochs():
    blending = GradientBlending(2, 2, torch.zeros(0))
    equal = torch.tensor([0.5, 0.5])
    ones = torch.ones(2)
    course = [([1.0, 1.0], [1.0, 1.0]), ([0.9, 0.9], [0.9, 0.9]), ([0.6, 0.2], [0.7, 0.8]), ([0.5, 0.1], [0.7, 0.8])]
    expected = blending_weights(*[tuple(map(torch.tensor, course[i])) for i in (0, 2)], equal)
    seen = []
    for train, valid in course:
        # Means over rows: a batch of one row and one of three.
        for part, weight in ((0.0, 3.0), (4.0, 1.0)):
            for losses, training in ((train, True), (valid, False)):
                blending.blend(torch.tensor(losses) * part, ones * weight, training)
        seen.append(blending.weights)
        blending.end_epoch()
    assert all(torch.equal(w, equal) for w in seen[:3])
    torch.testing.assert_close(seen[3], expected)
    joined = blending.blend(torch.tensor([1.0, 3.0]), ones, True)
    torch.testing.assert_close(joined, (blending.weights * torch.tensor([1.0, 3.0])).sum())


def test_blending_turns_to_what_generalises():
    X, y = two_tables()
    X[["hard__a", "hard__b", "hard__c"]] = np.random.default_rng(1).normal(size=(len(X), 3))  # says nothing
    model = model_of(gradient_blending=2, validation_fraction=0.3, max_epochs=12, auxiliary_loss=0.0).fit(X, y)
    weights = np.array(model.history_[:, "blending_weights"])
    assert weights.shape == (12, 3)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(weights[:3], 1 / 3, rtol=1e-5)
    assert weights[3:, 2].mean() < 1 / 3  # joint, easy, hard
    assert model.score(X, y) > 0.8
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))


def test_blending_with_missing_cells_and_early_stopping():
    X, y = make_rows(90)
    weight = np.random.default_rng(0).random(90)
    model = small(gradient_blending=1, early_stopping=True, max_epochs=6, fusion="gated").fit(X, y, weight)
    assert np.isfinite(np.array(model.history_[:, "blending_weights"])).all()
    assert "valid_loss" in model.history_[-1]


@pytest.mark.parametrize("params", [{"fusion": "early"}, {}], ids=["early", "one modality"])
def test_where_there_is_nothing_to_balance_both_are_without_effect(params):
    X, y = two_tables(60)
    X = X if params else X[["easy__a"]]
    aids = {"gradient_modulation": 0.5, "gradient_blending": 1}
    fits = [
        MultiModalClassifier(max_epochs=3, validation_fraction=0.2, random_state=0, **params, **extra).fit(X, y)
        for extra in ({}, aids)
    ]
    np.testing.assert_array_equal(fits[0].predict_proba(X), fits[1].predict_proba(X))


def test_what_they_need_is_asked_for():
    X, y = make_rows(20)
    with pytest.raises(BadInputError, match="gradient_modulation compares .* Set auxiliary_loss above 0"):
        small(gradient_modulation=0.5, auxiliary_loss=0.0).fit(X, y)
    with pytest.raises(BadInputError, match="gradient_blending weighs .* Set validation_fraction"):
        small(gradient_blending=2).fit(X, y)
    with pytest.raises(ValueError, match="'gradient_blending' parameter"):
        small(gradient_blending=0).fit(X, y)


def test_both_can_be_searched():
    X, y = two_tables(60)
    grid = {"gradient_modulation": [None, 0.3], "gradient_blending": [None, 2], "validation_fraction": [0.3]}
    search = GridSearchCV(model_of(max_epochs=2), grid, cv=2, error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
