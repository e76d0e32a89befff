"""Callbacks by name, beside skorch's own."""

from copy import deepcopy
from datetime import datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

from skorch.callbacks import Callback, Checkpoint, EarlyStopping, LRScheduler, TensorBoard
from torch.optim.lr_scheduler import ReduceLROnPlateau

from mmsk.exceptions import BadInputError
from mmsk.net._progress import EpochBar
from mmsk.nn import load_state, read_weights, weights_to_numpy, write_weights


def make_callbacks(settings):
    """Make the callbacks of a net.

    Parameters
    ----------
    settings : dict
        Training parameters of the estimator, see `NeuralEstimator`.

    Returns
    -------
    list of Callback or (str, Callback)
        Those that were given, copied, those that were named, and those that other parameters ask for.

    Raises
    ------
    BadInputError
        If a name is not known.
    """
    if settings["max_epochs"] == 0:  # nothing happens that they could hear of
        return []
    wanted = list(settings["callbacks"] or [])
    wanted += ["early_stopping"] * bool(settings["early_stopping"]) + ["progress"] * bool(settings["verbose"])
    callbacks = {}
    for i, callback in enumerate(wanted):
        if isinstance(callback, str) and callback in _BY_NAME:
            callbacks[callback] = callback, _BY_NAME[callback](settings)
        elif hasattr(callback[-1] if isinstance(callback, tuple) and callback else callback, "on_train_begin"):
            callbacks[i] = deepcopy(callback)
        else:
            raise BadInputError(
                f"callbacks names {callback!r}",
                step=settings["step"],
                fix=f"Known are {', '.join(map(repr, _BY_NAME))}; anything else has to be a skorch callback.",
            )
    return list(callbacks.values())


def changes_rates(callback):
    """Tell whether a callback sets learning rates, which leaves none to the schedule.

    Parameters
    ----------
    callback : str, Callback or (str, Callback)
        As the parameter `callbacks` has it.

    Returns
    -------
    bool
        True for ``"reduce_lr"`` and skorch's `LRScheduler`.
    """
    callback = callback[1] if isinstance(callback, tuple) else callback
    return callback == "reduce_lr" or isinstance(callback, LRScheduler)


class BestWeights(Checkpoint):
    """Keep the weights of the best epoch in a directory of its own, and go back to them when training ends."""

    def __init__(self):
        super().__init__(
            f_params="weights.safetensors", f_optimizer=None, f_criterion=None, use_safetensors=True, load_best=True
        )

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Make the directory; not before, as a model that is opened is not trained."""
        self.monitor = partial(_is_best, _watched(net), len(net.history))
        self.dirname = str(Path("checkpoints") / f"{datetime.now():%Y%m%d-%H%M%S}-{uuid4().hex[:8]}")
        Path(self.dirname).mkdir(parents=True)
        super().on_train_begin(net, X, y, **kwargs)

    def on_train_end(self, net, **kwargs):
        """Go back to the best weights; the history stays that of all epochs."""
        path = Path(self.dirname) / self.f_params
        if path.is_file():  # not after an interrupt in the first epoch, nor where every loss is NaN
            load_state(net.module_, read_weights(path, "checkpoint"), repr(str(path)), "checkpoint")

    def _save_params(self, f, net, f_name, log_name):
        if f_name == "f_history":
            super()._save_params(f, net, f_name, log_name)
            return
        # skorch's keeps errors to itself, and safetensors refuses weights that do not lie in order.
        write_weights(weights_to_numpy(net.module_), f, "checkpoint")


class ReduceRate(LRScheduler):
    """Multiply the learning rate by a factor when the loss no longer falls.

    Parameters
    ----------
    factor : float
        The factor.
    patience : int
        Epochs to wait.
    """

    def __init__(self, factor, patience):
        super().__init__(ReduceLROnPlateau, factor=factor, patience=patience)

    def on_train_begin(self, net, **kwargs):
        """Find out which loss there is."""
        self.monitor = _watched(net)
        super().on_train_begin(net, **kwargs)


class Board(TensorBoard):
    """Write the history for TensorBoard, into a directory below ``runs``."""

    def __init__(self):
        super().__init__(writer=None)

    # skorch's only notes that there was a batch; without it batches need not be announced.
    on_batch_end = Callback.on_batch_end

    def on_train_begin(self, net, **kwargs):
        """Open the files; not before, as a model that is opened is not trained."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise BadInputError(
                "callbacks names 'tensorboard', which is not installed", fix="pip install 'mmsk[tensorboard]'."
            ) from error
        # Two folds may begin within a second.
        self.writer = SummaryWriter(f"runs/{datetime.now():%Y%m%d-%H%M%S}-{uuid4().hex[:8]}")


def _watched(net):
    return "train_loss" if net.train_split is None else "valid_loss"


def _is_best(loss, first, net):
    """Tell whether the last epoch is the best one of this training, which began with epoch `first`."""
    return net.history[-1, loss] == min(row[loss] for row in net.history[first:])


def _silent(text):
    """Take EarlyStopping's messages; the history and the progress bar already show when training ends."""


_BY_NAME = {
    "early_stopping": lambda settings: EarlyStopping(
        patience=settings["n_iter_no_change"], load_best=True, threshold=0.0, sink=_silent
    ),
    # A chance to go on at a lower rate comes before training would be stopped.
    "reduce_lr": lambda settings: ReduceRate(0.5, max(1, settings["n_iter_no_change"] // 2)),
    "checkpoint": lambda settings: BestWeights(),
    "tensorboard": lambda settings: Board(),
    "progress": lambda settings: EpochBar(settings["step"]),
}
