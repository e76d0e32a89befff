"""Networks of which a part may stand still."""

import torch
from torch import nn

from mmsk.exceptions import BadInputError


class TransferNetwork(nn.Module):
    """A trunk that may come trained and stand still, and a projection that always learns.

    A subclass sets `trunk` and gives :meth:`features`, which is all that happens before the projection, :meth:`project`
    and :meth:`stages`.

    Attributes
    ----------
    is_frozen : bool
        Whether features of a cell never change, so that they need to be computed only once.
    takes_features : bool
        Whether what comes are features rather than cells; whoever computed them says so.
    """

    trunk: nn.Module

    def __init__(self):
        super().__init__()
        self.is_frozen = self.takes_features = False
        self._still = ()

    def features(self, x):
        """Compute what the projection reads.

        Parameters
        ----------
        x : Tensor of shape (n_cells, ...)
            The cells.

        Returns
        -------
        Tensor of shape (n_cells, n_features)
            The features.
        """
        raise TypeError(f"{type(self).__name__} does not say what its features are")

    def project(self, features):
        """Make embeddings of features.

        Parameters
        ----------
        features : Tensor of shape (n_cells, n_features)
            What :meth:`features` gives.

        Returns
        -------
        Tensor of shape (n_cells, output_dim)
            The embeddings.
        """
        raise TypeError(f"{type(self).__name__} does not say how features become embeddings")

    def stages(self):
        """List the parts of the trunk in order.

        Returns
        -------
        list of list of nn.Module
            Parts that learn or stand still together.
        """
        return [[self.trunk]]

    def forward(self, x):
        return self.project(self._given(x))

    def _given(self, x):
        return x if self.takes_features else self.features(x)

    def freeze(self, trainable, freeze_batchnorm):
        """Let only some of the trunk learn.

        Parameters
        ----------
        trainable : "all", "head" or int
            All of it, nothing of it, or its last stages.
        freeze_batchnorm : bool
            Whether parts that do not learn keep their batch statistics, and their dropout off, while the rest trains.

        Returns
        -------
        self
            The network.

        Raises
        ------
        BadInputError
            If there are fewer stages.
        """
        if trainable == "all":
            return self
        n_learning, stages = 0 if trainable == "head" else trainable, self.stages()
        if n_learning > len(stages):
            raise BadInputError(
                f"trainable={n_learning} stages were asked of a network that has {len(stages)}",
                step="ImageEncoder",
                fix="Ask for fewer, or for 'all'.",
            )
        first = len(stages) - n_learning
        self.trunk.requires_grad_(False)
        for part in (part for stage in stages[first:] for part in stage):
            part.requires_grad_(True)
        if freeze_batchnorm:
            self._still = tuple(part for stage in stages[:first] for part in stage) if n_learning else (self.trunk,)
            self.is_frozen = n_learning == 0
            if self.is_frozen:
                self.draws_globally = False  # what is off draws nothing
            self.train(self.training)
        return self

    def train(self, mode=True):
        """Set the mode of all but what stands still; see `torch.nn.Module.train`."""
        super().train(mode)
        for part in self._still:
            part.eval()
        return self


def find_stages(trunk):
    """Find the stages of a network that is not ours.

    Containers are opened. A part with parts of its own is a stage; single layers form one up to the next pooling layer,
    such as the blocks of VGG; normalisation belongs to the stage before it.

    Parameters
    ----------
    trunk : nn.Module
        The network without its last layer.

    Returns
    -------
    list of list of nn.Module
        The stages in order.
    """
    stages, is_open = [], False
    for part in _opened(trunk):
        if "Pool" in type(part).__name__:
            is_open = False
        weights = list(part.parameters())
        if not weights:
            continue
        is_single = next(part.children(), None) is None
        if stages and (all(weight.ndim == 1 for weight in weights) or (is_single and is_open)):
            stages[-1].append(part)
        else:
            stages.append([part])
            is_open = is_single
    return stages


# Names that torchvision and timm give to what only holds the stages.
_CONTAINERS = {"features", "encoder", "layers", "trunk_output", "blocks", "stages"}


def _opened(module):
    for name, part in module.named_children():
        if name in _CONTAINERS:
            yield from _opened(part)
        else:
            yield part


def frozen_features(network, cells, device):
    """Compute features of cells as a network does that stands still.

    Parameters
    ----------
    network : TransferNetwork
        One that is frozen.
    cells : iterable of Tensor of shape (n_part, ...)
        Some cells at a time.
    device : torch.device
        Where the network is.

    Returns
    -------
    Tensor of shape (n_cells, n_features)
        On the CPU.
    """
    network.eval()
    with torch.no_grad():
        return torch.cat([network.features(part.to(device)).cpu() for part in cells])
