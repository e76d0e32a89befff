"""From described modalities and their cells to a trained net."""

from dataclasses import dataclass

import numpy as np
import torch
from skorch.helper import predefined_split
from torch import nn

from mmsk.augmentation import WaveformAugmentation
from mmsk.exceptions import BadInputError
from mmsk.net._augmenter import Augmenter
from mmsk.net._batches import Batches, Rows, RowSubset
from mmsk.net._callbacks import make_callbacks
from mmsk.net._random import RandomFrom, give_generator, make_generators
from mmsk.net._skorch import FusedNet
from mmsk.nn import FusedNetwork, guard_narrow
from mmsk.nn._layers import evaluating


@dataclass(frozen=True)
class Plan:
    """All that a network is built from, in plain Python types, so that a pickle can rebuild it.

    Attributes
    ----------
    modalities : tuple of Modality
        What the encoders read.
    task : {"classification", "regression"}
        What the head answers.
    n_outputs : int
        Classes or targets.
    dtype : {"float32", "float64"}
        Dtype of the weights.
    network : dict
        Further arguments of `FusedNetwork`.
    """

    modalities: tuple
    task: str
    n_outputs: int
    dtype: str
    network: dict


class _SquaredError(nn.Module):
    """Squared error of each row, averaged over its targets."""

    def forward(self, outputs, target):
        return (outputs - target).square().mean(1)


def build_network(plan, encoders, generator):
    """Build the module that a plan describes, with fresh weights.

    Parameters
    ----------
    plan : Plan
        The plan.
    encoders : list of encoder estimators
        One a modality.
    generator : torch.Generator
        Where initial weights come from.

    Returns
    -------
    FusedNetwork
        On the CPU.
    """
    with RandomFrom(generator):
        modules = {
            modality.key: encoder.build(modality) for modality, encoder in zip(plan.modalities, encoders, strict=True)
        }
        dims = [module.output_dim for module in modules.values()]
        network = FusedNetwork(modules, dims, plan.n_outputs, task=plan.task, **plan.network)
    return network.to(getattr(torch, plan.dtype)).to(memory_format=torch.channels_last)


def learn_statistics(network, plan, cells, weight):
    """Let every encoder see the scale of its training cells.

    Parameters
    ----------
    network : FusedNetwork
        The network.
    plan : Plan
        Its plan.
    cells : list of Cells
        Training cells.
    weight : ndarray of shape (n_rows,)
        Sample weights.
    """
    for encoder, modality, part in zip(network.encoders, plan.modalities, cells, strict=True):
        standardize = getattr(encoder, "standardize", None)
        if standardize is not None and not standardize.is_known:
            standardize.learn(
                (_to_channels(encoder, modality, seen), share) for seen, share in part.weighted_parts(weight)
            )


def _to_channels(encoder, modality, cells):
    """Bring cells into the form that a network standardises, its channels on the second axis."""
    if getattr(encoder, "frontend", None) is not None:
        return encoder.frontend(cells)
    return cells[:, None] if modality.kind == "waveform" else cells


def make_optimizer(optimizer, lr, weight_decay):
    """Resolve the parameter `optimizer` to a class and its arguments.

    Parameters
    ----------
    optimizer : {"adamw", "adam", "sgd"} or type
        A name, or a `torch.optim.Optimizer` subclass.
    lr, weight_decay : float
        Its learning rate and decay.

    Returns
    -------
    optimizer : type
        The class.
    params : dict
        Parameters of the skorch net.
    """
    named = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    params = {"lr": lr, "optimizer__weight_decay": weight_decay}
    if optimizer in named:
        # One call for all weights: a step of a small network is mostly calls.
        params["optimizer__fused"] = True
    if optimizer == "sgd":
        params["optimizer__momentum"] = 0.9
    return named.get(optimizer, optimizer), params


def _trunk_groups(network, lr):
    """Give trunks that learn at another rate than the rest parameter groups of their own."""
    scales = {i: getattr(encoder, "lr_scale", 1.0) for i, encoder in enumerate(network.encoders)}
    own = {i: scale for i, scale in scales.items() if scale != 1.0}
    return [(f"encoders.{i}.trunk.*", {"lr": lr * scale, "lr_scale": scale}) for i, scale in own.items()]


# What may differ from one training of a net to the next.
_CHANGEABLE = ("auxiliary_loss", "accumulate", "max_grad_norm", "ema_decay", "gradient_modulation", "gradient_blending")


def change_settings(net, settings, callbacks):
    """Let a net train on with other settings.

    Parameters
    ----------
    net : FusedNet
        Initialised.
    settings : dict
        Training parameters of the estimator, see `NeuralEstimator`.
    callbacks : bool
        Whether callbacks begin anew.
    """
    net.set_params(batch_size=settings["batch_size"], lr=settings["lr"])
    if callbacks:  # not by set_params, which would begin with those that are there
        net.callbacks = make_callbacks(settings)
        net.initialize_callbacks()
    for name in _CHANGEABLE:
        setattr(net, name, settings[name])
    for group in net.optimizer_.param_groups:
        group["weight_decay"] = settings["weight_decay"]
        group["lr"] = settings["lr"] * group.get("lr_scale", 1.0)


def build_net(network, plan, settings, device):
    """Wrap a network into a skorch net.

    Parameters
    ----------
    network : FusedNetwork
        The network.
    plan : Plan
        Its plan.
    settings : dict
        Training parameters of the estimator, see `NeuralEstimator`.
    device : torch.device
        Where it runs.

    Returns
    -------
    FusedNet
        Initialised.
    """
    optimizer, optimizer_params = make_optimizer(settings["optimizer"], settings["lr"], settings["weight_decay"])
    optimizer_params["optimizer__param_groups"] = _trunk_groups(network, settings["lr"])
    if settings["mixed"] and device.type == "cpu":
        guard_narrow(network)
    if settings["compile"]:
        for encoder in network.encoders:
            encoder.compile()
    return FusedNet(
        network,
        nn.CrossEntropyLoss(reduction="none") if plan.task == "classification" else _SquaredError(),
        auxiliary_loss=settings["auxiliary_loss"],
        schedule=settings["schedule"],
        mixed=settings["mixed"],
        accumulate=settings["accumulate"],
        max_grad_norm=settings["max_grad_norm"],
        ema_decay=settings["ema_decay"],
        gradient_modulation=settings["gradient_modulation"],
        gradient_blending=settings["gradient_blending"],
        optimizer=optimizer,
        **optimizer_params,
        max_epochs=settings["max_epochs"],
        batch_size=settings["batch_size"],
        iterator_train=Batches,
        iterator_valid=Batches,
        train_split=None,
        callbacks=make_callbacks(settings),
        verbose=0,
        device=str(device),
    ).initialize()


def train(net, plan, cells, target, weight, valid_rows, seed, epochs, augment=(), balanced=False, memory_share=0.5):
    """Train a net in place.

    Parameters
    ----------
    net : FusedNet
        Initialised.
    plan : Plan
        Its plan.
    cells : list of Cells
        One a modality.
    target : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Class numbers or standardised targets.
    weight : ndarray of shape (n_rows,)
        Sample weights.
    valid_rows : ndarray of int or None
        Rows held out to validate on.
    seed : int or sequence of int
        Entropy of everything drawn.
    epochs : int
        How many.
    augment : sequence of (str, augmentation), default=()
        What changes the cells of a modality, or with the key "all" mixes rows.
    balanced : bool, default=False
        Whether every class comes equally often.
    memory_share : float, default=0.5
        Share of a GPU's free memory that cells may fill.
    """
    device = torch.device(net.device)
    generators = make_generators(seed, device, ("order", "dropout", "foreign", "augmentation", "modulation"))
    dtype = getattr(torch, plan.dtype)
    target = torch.from_numpy(target)
    chosen = np.arange(len(target)) if valid_rows is None else np.setdiff1d(np.arange(len(target)), valid_rows)
    rows = Rows(
        cells,
        target if plan.task == "classification" else target.to(dtype),
        torch.from_numpy(_mean_one(weight, chosen, valid_rows)).to(dtype),
        device,
        memory_share,
    )
    net.iterator_train__generator = generators["order"]
    net.iterator_train__balanced = balanced
    net.iterator_train__augment = Augmenter(augment, plan.modalities, generators["augmentation"]) if augment else None
    _check_crops(net.module_, plan.modalities, augment)
    net.train_split = None
    if valid_rows is not None:
        net.train_split = predefined_split(RowSubset(rows, torch.from_numpy(valid_rows)))
    net.max_epochs = epochs
    drawing = (*net.module_.encoders, net.module_.fusion)
    foreign = any(getattr(part, "draws_globally", False) for part in drawing)
    net.foreign_random = generators["foreign"] if foreign else None
    net.noise = generators["modulation"]
    give_generator(net.module_, generators["dropout"])
    net.interrupted = True  # until it has ended of itself, or a callback ended it
    try:
        net.partial_fit(RowSubset(rows, torch.from_numpy(chosen)))
    finally:
        give_generator(net.module_, None)
        if net.history and "train_loss" not in net.history[-1]:
            del net.history[-1]  # begun, but not trained
        # What only training needed would otherwise keep all cells in memory for as long as the model lives.
        net.train_split = None
        net.iterator_train__generator = net.iterator_train__augment = net.foreign_random = net.noise = None
    if net.interrupted:
        raise KeyboardInterrupt
    if not is_finite(net.module_):
        raise BadInputError("training ended with weights that are not finite", fix="Lower lr, or scale the columns.")


def _check_crops(network, modalities, augment):
    """Refuse to cut sounds for a network that was built for longer ones; torch would speak of shapes of matrices."""
    augmentations = dict(augment)
    for modality, encoder in zip(modalities, network.encoders, strict=True):
        augmentation = augmentations.get(modality.key)
        crop = augmentation.crop if isinstance(augmentation, WaveformAugmentation) else None
        if crop is None or crop >= modality.shape[-1]:
            continue
        cells = network.like.new_zeros(2, *modality.shape[:-1], crop, dtype=getattr(torch, modality.dtype))
        try:
            if network.takes == "inputs":
                raise RuntimeError("inputs are joined in one network")
            with evaluating(encoder), torch.no_grad():
                encoder.forward(cells)  # not the compiled one, which would be compiled for this
        except RuntimeError as error:
            raise BadInputError(
                f"modality {modality.key!r} is read by a network built for {modality.shape[-1]} samples, which cannot "
                f"take the {crop} that are left: {error}",
                step="augment",
                fix="Leave crop out, let it keep more, or choose a network that takes sounds of any length.",
            ) from error


def is_finite(network):
    """Tell whether a network can still compute.

    Parameters
    ----------
    network : nn.Module
        The network.

    Returns
    -------
    bool
        Whether all its weights are finite.
    """
    return all(bool(torch.isfinite(p).all()) for p in network.parameters())


def _mean_one(weight, *parts):
    """Scale the weights of each part of the rows to a mean of one."""
    scaled = np.ones_like(weight)
    if (weight != weight[0]).any():
        for rows in parts:
            if rows is not None:
                scaled[rows] = weight[rows] / weight[rows].mean()
    return scaled


@torch.no_grad()
def outputs(net, cells, embed=False):
    """Run a trained net on rows.

    Parameters
    ----------
    net : FusedNet
        Trained.
    cells : list of Cells
        One a modality.
    embed : bool, default=False
        Whether to return the fused embedding instead of the answer.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs) or (n_rows, dim)
        In the dtype of the weights.
    """
    device = torch.device(net.device)
    n_rows = len(cells[0].slots)
    rows = Rows(cells, torch.zeros(n_rows), torch.zeros(n_rows), device)
    network = net.module_.eval()
    inputs, _ = next(iter(rows.batches(torch.arange(n_rows), 1)))
    result = network.fuse(*network.encode(**inputs)) if embed else network(**inputs)[0]
    return result.cpu().numpy()
