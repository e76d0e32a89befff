"""Randomness without torch's global state.

torch draws initial weights and dropout masks from one generator a process. Seeding that generator disturbs the caller
and is not safe between threads, so every draw of mmsk comes from generators of its own.
"""

from functools import cache

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten

# Random operators that have no argument for a generator; another overload does.
_WITH_GENERATOR = {
    aten.rand.default: aten.rand.generator,
    aten.randn.default: aten.randn.generator,
    aten.randint.default: aten.randint.generator,
    aten.randint.low: aten.randint.low_generator,
    aten.randperm.default: aten.randperm.generator,
    aten.randint_like.default: aten.randint_like.generator,
    aten.randint_like.low_dtype: aten.randint_like.low_generator_dtype,
}


@cache
def _takes_generator(func):
    return any(argument.name == "generator" for argument in func._schema.arguments)


class RandomFrom(TorchDispatchMode):
    """Within this context every random draw of the thread comes from one generator.

    It sees each operator below autograd, so code that knows nothing of generators, such as a torchvision backbone's
    initialisation, needs no change. It costs some microseconds an operator: own networks use
    `mmsk.nn.Dropout` in the training loop instead.

    Parameters
    ----------
    generator : torch.Generator
        Where draws come from.
    """

    def __init__(self, generator):
        super().__init__()
        self.generator = generator

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if _takes_generator(func):
            if kwargs.get("generator") is None:
                kwargs = {**kwargs, "generator": self.generator}
        elif func in _WITH_GENERATOR:
            return _WITH_GENERATOR[func](*args, generator=self.generator, **kwargs)
        elif func is aten.native_dropout.default:
            x, p, training = args
            if not training:
                return x, torch.ones_like(x, dtype=torch.bool)
            keep = torch.rand(x.shape, device=x.device, generator=self.generator) >= p
            return x * keep / (1.0 - p) if p < 1.0 else torch.zeros_like(x), keep
        elif func in (aten.rand_like.default, aten.randn_like.default):
            fill = aten.uniform_.default if func is aten.rand_like.default else aten.normal_.default
            return fill(aten.empty_like.default(*args, **kwargs), generator=self.generator)
        return func(*args, **kwargs)


def make_generators(seed, device, purposes):
    """Make one generator a purpose, so that drawing for one does not shift another.

    Parameters
    ----------
    seed : int or sequence of int
        Entropy.
    device : torch.device
        Device that masks and noise are drawn on; purposes named ``"order"`` and ``"weights"`` stay on the CPU.
    purposes : sequence of str
        What they are for.

    Returns
    -------
    dict of str to torch.Generator
        The generators.
    """
    seeds = np.random.SeedSequence(seed).generate_state(len(purposes), dtype=np.uint64)
    return {
        purpose: torch.Generator("cpu" if purpose in ("order", "weights") else device).manual_seed(int(s) >> 1)
        for purpose, s in zip(purposes, seeds, strict=True)
    }


def give_generator(module, generator):
    """Hand a generator to every part of a network that draws while it trains.

    Parameters
    ----------
    module : nn.Module
        The network.
    generator : torch.Generator or None
        Goes to each submodule with an attribute `generator`.
    """
    for part in module.modules():
        if hasattr(part, "generator"):
            part.generator = generator
