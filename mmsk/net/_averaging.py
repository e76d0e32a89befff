"""Exponential moving average of weights."""

import torch


class WeightAverage:
    """Follow the weights of a network while it trains, and lend them to it when it is asked.

    Batch statistics are followed as well. The first steps count more than `decay` says, as in TensorFlow's
    ``ExponentialMovingAverage``: ``min(decay, (1 + step) / (10 + step))``, so that the initial weights are soon
    forgotten.

    Parameters
    ----------
    module : nn.Module
        The network.
    decay : float
        What stays of the average at each step.
    """

    def __init__(self, module, decay):
        self.decay = decay
        self.n_steps = 0
        kept = module.state_dict().values()  # with what modules keep by get_extra_state
        self.weights = [value for value in kept if torch.is_tensor(value) and value.is_floating_point()]
        self.average = [value.clone() for value in self.weights]
        self.aside = None

    @torch.no_grad()
    def follow(self):
        """Take the weights after one more step into the average."""
        self.n_steps += 1
        decay = min(self.decay, (1 + self.n_steps) / (10 + self.n_steps))
        torch._foreach_lerp_(self.average, self.weights, 1.0 - decay)

    @torch.no_grad()
    def lend(self):
        """Let the network compute with the average."""
        if self.aside is None:
            self.aside = [value.clone() for value in self.weights]
            torch._foreach_copy_(self.weights, self.average)

    def is_lent(self):
        """Tell whether the network computes with the average, and with nothing that was loaded since.

        Returns
        -------
        bool
            Whether it does.
        """
        return self.aside is not None and all(map(torch.equal, self.weights, self.average))

    @torch.no_grad()
    def give_back(self):
        """Let the network train on from the weights it had before they were lent."""
        if self.aside is not None:
            torch._foreach_copy_(self.weights, self.aside)
            self.aside = None
