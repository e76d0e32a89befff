import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from mmsk.net import RandomFrom, give_generator, make_generators
from mmsk.nn import Dropout

DRAWS = {
    "rand": lambda: torch.rand(5),
    "randn": lambda: torch.randn(5),
    "randint": lambda: torch.randint(0, 1000, (5,)),
    "randint low": lambda: torch.randint(3, 1000, (5,)),
    "randperm": lambda: torch.randperm(50),
    "rand_like": lambda: torch.rand_like(torch.zeros(5)),
    "randn_like": lambda: torch.randn_like(torch.zeros(5)),
    "uniform_": lambda: torch.zeros(5).uniform_(),
    "bernoulli": lambda: torch.bernoulli(torch.full((50,), 0.5)),
    "multinomial": lambda: torch.multinomial(torch.ones(50), 20),
    "dropout": lambda: nn.functional.dropout(torch.ones(50), 0.5),
    "native dropout": lambda: torch.native_dropout(torch.ones(50), 0.5, True)[0],
    "randint_like": lambda: torch.randint_like(torch.zeros(5), 1000),
    "randint_like low": lambda: torch.randint_like(torch.zeros(5), 3, 1000),
    "bernoulli p": lambda: torch.bernoulli(torch.zeros(50), 0.5),
    "normal": lambda: torch.normal(torch.zeros(5), 1.0),
    "normal of scales": lambda: torch.normal(0.0, torch.ones(5)),
    "gamma": lambda: torch.distributions.Gamma(torch.ones(5), torch.ones(5)).sample(),
    "trunc_normal": lambda: nn.init.trunc_normal_(torch.zeros(5)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_draws_come_from_the_generator_and_leave_the_global_state(name):
    before = torch.get_rng_state()
    results = []
    for seed in (1, 1, 2):
        with RandomFrom(torch.Generator().manual_seed(seed)):
            results.append(DRAWS[name]())
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_that_does_not_train_is_the_identity():
    with RandomFrom(torch.Generator().manual_seed(0)):
        out, mask = torch.native_dropout(torch.ones(5), 0.5, False)
    assert torch.equal(out, torch.ones(5))
    assert mask.all()


def test_a_foreign_network_is_built_alike_and_apart_from_the_global_state():
    before = torch.get_rng_state()
    states = []
    for _ in range(2):
        with RandomFrom(torch.Generator().manual_seed(0)):
            states.append(resnet18(num_classes=3).state_dict())
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_purposes_have_streams_of_their_own():
    first = make_generators([3, 0], torch.device("cpu"), ("order", "dropout"))
    again = make_generators([3, 0], torch.device("cpu"), ("order", "dropout"))
    other = make_generators([3, 1], torch.device("cpu"), ("order", "dropout"))
    draw = {k: torch.rand(4, generator=g) for k, g in first.items()}
    assert not torch.equal(draw["order"], draw["dropout"])
    assert torch.equal(draw["order"], torch.rand(4, generator=again["order"]))
    assert not torch.equal(draw["order"], torch.rand(4, generator=other["order"]))


def test_generators_reach_every_layer():
    module = nn.Sequential(Dropout(0.5), nn.Sequential(Dropout(0.1)), nn.Linear(2, 2))
    generator = torch.Generator()
    give_generator(module, generator)
    assert module[0].generator is generator
    assert module[1][0].generator is generator


def test_numpy_state_is_untouched():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    make_generators(0, torch.device("cpu"), ("order",))
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
