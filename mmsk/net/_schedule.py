"""The course of the learning rate over the steps of a fit."""

import math
from dataclasses import dataclass


@dataclass
class Course:
    """How far a fit has come; not attributes of the net, which takes its time to set them.

    Attributes
    ----------
    n_batches : int
        Batches of an epoch.
    n_steps : int
        Steps of the whole fit.
    batch, step : int
        How many of each were taken.
    """

    n_batches: int
    n_steps: int
    batch: int = 0
    step: int = 0


def cosine(step, n_steps, warmup=0.1):
    """Rise over the first share of the steps, then fall to zero along half a cosine (Loshchilov & Hutter, 2017).

    Parameters
    ----------
    step, n_steps : int
        Which step, of how many.
    warmup : float, default=0.1
        Share of the steps during which the rate rises.

    Returns
    -------
    float
        What the learning rate is multiplied by.
    """
    n_warmup = warmup * n_steps
    if step < n_warmup:
        return (step + 1) / (n_warmup + 1)
    return 0.5 * (1.0 + math.cos(math.pi * (step - n_warmup) / max(1.0, n_steps - n_warmup)))
