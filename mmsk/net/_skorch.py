"""The skorch net behind the estimators: skorch's parts and events around a short inner loop."""

import contextlib
import dis
import math

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback

from mmsk.exceptions import BadInputError
from mmsk.net._averaging import WeightAverage
from mmsk.net._balance import GradientBlending, GradientModulation
from mmsk.net._random import RandomFrom
from mmsk.net._schedule import Course, cosine
from mmsk.net._weighted import total_weight, weighted_mean, weights_where


class FusedNet(NeuralNet):
    """`skorch.NeuralNet` that trains a `FusedNetwork` on batches of present cells.

    Losses stay on the device until an epoch ends, and batch events are announced only to callbacks that listen.

    Parameters
    ----------
    module : nn.Module
        The network.
    criterion : nn.Module
        Returns one loss a row.
    auxiliary_loss : float
        Weight of the modalities' own heads.
    schedule : {"constant", "cosine"}
        Course of the learning rate over the steps of one fit.
    mixed : bool
        Whether to multiply in bfloat16 while training.
    foreign_random : torch.Generator or None
        Where random draws of modules that are not ours come from; None if there are none.
    accumulate : int
        Batches whose gradients are averaged before a step.
    max_grad_norm : float or None
        Gradients whose norm exceeds this are scaled down to it.
    ema_decay : float or None
        Decay of the moving average of the weights that validates and predicts; None takes the weights as they are.
    gradient_modulation : float or None
        Strength of `GradientModulation`.
    gradient_blending : int or None
        Epochs between the new weights of `GradientBlending`.
    noise : torch.Generator or None
        Where the noise of `GradientModulation` comes from.
    **kwargs : dict
        Further arguments of `skorch.NeuralNet`.
    """

    def __init__(
        self,
        module,
        criterion,
        *,
        auxiliary_loss=0.0,
        schedule="constant",
        mixed=False,
        foreign_random=None,
        accumulate=1,
        max_grad_norm=None,
        ema_decay=None,
        gradient_modulation=None,
        gradient_blending=None,
        noise=None,
        **kwargs,
    ):
        super().__init__(module, criterion, **kwargs)
        self.auxiliary_loss = auxiliary_loss
        self.schedule = schedule
        self.mixed = mixed
        self.foreign_random = foreign_random
        self.accumulate = accumulate
        self.max_grad_norm = max_grad_norm
        self.ema_decay = ema_decay
        self.gradient_modulation = gradient_modulation
        self.gradient_blending = gradient_blending
        self.noise = noise
        self._average = self._modulation = self._blending = None

    @property
    def _default_callbacks(self):
        # Losses are recorded an epoch at a time below; skorch's PassthroughScoring would look for them in batches.
        return [item for item in super()._default_callbacks if item[0] == "epoch_timer"]

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Average the rows' losses with their weights, the modalities' own heads included.

        Parameters
        ----------
        y_pred : tuple
            Outputs and auxiliary outputs of the network.
        y_true : tuple
            Targets, weights and mixture, as :class:`Batches` gives them.
        X : dict
            The batch, not used.
        training : bool
            Whether the modalities' own heads count.

        Returns
        -------
        Tensor of shape ()
            The loss.
        """
        outputs, auxiliary = y_pred
        target, weight, mixture = y_true
        losses = self._row_losses(outputs, target, mixture)
        loss = weighted_mean(losses, weight)
        if not auxiliary or not (training or self._blending is not None):
            return loss
        own = [self._row_losses(answer, target, mixture) for answer, _ in auxiliary]
        presence = [there for _, there in auxiliary]
        means = [
            weighted_mean(part, weights_where(there, weight, part)) for part, there in zip(own, presence, strict=True)
        ]
        if training and self._modulation is not None:
            self._modulation.listen(own, presence)
        if self._blending is not None:
            sizes = [total_weight(weights_where(there, weight, losses), losses) for there in (None, *presence)]
            blended = self._blending.blend(torch.stack([loss, *means]), torch.stack(sizes), training)
            return blended if training else loss
        return loss + self.auxiliary_loss * sum(means) / len(means) if self.auxiliary_loss else loss

    def _row_losses(self, outputs, target, mixture):
        losses = self.criterion_(outputs, target)
        if mixture is None:
            return losses
        others = self.criterion_(outputs, target.index_select(0, mixture.partner))
        return torch.lerp(others, losses, mixture.share.to(losses.dtype))

    def infer(self, x, **fit_params):
        """Run the network on a batch, which is on its device already.

        Parameters
        ----------
        x : dict
            What `FusedNetwork.forward` takes.
        **fit_params : dict
            Further arguments of the network.

        Returns
        -------
        tuple
            Outputs and auxiliary outputs.
        """
        return self.module_(**x, **fit_params)

    def predict(self, X):
        """Predict class numbers or standardised targets, for callbacks that score.

        Parameters
        ----------
        X : RowSubset
            Rows.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_targets)
            Predictions.
        """
        answers = self.predict_proba(X)
        return answers.argmax(1) if self._classifies else answers

    @property
    def classes_(self):
        """Class numbers, for scores that need probabilities."""
        if not self._classifies:
            raise AttributeError("a regression has no classes")
        return np.arange(self.module_.n_outputs)

    @property
    def _classifies(self):
        return isinstance(self.criterion, torch.nn.CrossEntropyLoss)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier" if self._classifies else "regressor"
        return tags

    def fit_loop(self, X, y=None, epochs=None, **kwargs):
        """Run the epochs.

        Parameters
        ----------
        X : RowSubset
            Training rows.
        y : None
            Targets are part of `X`.
        epochs : int, default=None
            How many; None takes `max_epochs`.
        **kwargs : dict
            As skorch passes them.

        Returns
        -------
        self
            The net.
        """
        epochs = self.max_epochs if epochs is None else epochs
        n_batches = len(self.get_iterator(X, training=True))
        self._course = Course(n_batches, epochs * -(-n_batches // self.accumulate))
        self._average = self._go_on_averaging() if self.ema_decay else None
        if self.module_.auxiliary and self.gradient_modulation:
            self._modulation = GradientModulation(self.gradient_modulation, self.noise)
        self._blending = self._go_on_blending() if self.gradient_blending else None
        self._base_rates = [group["lr"] for group in self.optimizer_.param_groups]
        self._stopped_by_callback = False
        # Asked once a fit, not once a step.
        self._announce_batches = any(_listens(callback) for _, callback in self.callbacks_)
        self._announce_gradients = any(_overrides(callback, "on_grad_computed") for _, callback in self.callbacks_)
        try:
            super().fit_loop(X, y, epochs=epochs, **kwargs)
        except KeyboardInterrupt:
            if not self._stopped_by_callback:
                raise
        finally:
            self._modulation = None
            if self.schedule != "constant":
                self._set_rates(1.0)
            if self._average is not None:
                self._average.lend()  # also where training ended within an epoch
        self.interrupted = False
        return self

    def _go_on_averaging(self):
        """Go on from the weights that the average of the last fit stands in for, unless others were put there since."""
        average = self._average
        if average is None or not average.is_lent():
            return WeightAverage(self.module_, self.ema_decay)
        average.decay = self.ema_decay
        return average

    def _go_on_blending(self):
        if not self.module_.auxiliary or self.train_split is None:
            return None
        if self._blending is not None and self._blending.n_epochs == self.gradient_blending:
            return self._blending
        return GradientBlending(self.gradient_blending, 1 + len(self.module_.encoders), self.module_.like)

    def notify(self, method_name, **cb_kwargs):
        """Announce an event, and remember if a callback answers by ending the training.

        Callbacks end a training by raising `KeyboardInterrupt`, and what was learned is kept. skorch does the same when
        a user interrupts; inside a search over many fits that would only start the next one, so the two are told apart,
        also while a callback is at work.

        Parameters
        ----------
        method_name : str
            The event.
        **cb_kwargs : dict
            What callbacks get.
        """
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt as error:
            self._stopped_by_callback = _was_raised(error)
            raise

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Train or validate for one epoch; see `skorch.NeuralNet.run_single_epoch`."""
        if iterator is None:
            return
        self._set_training(training)
        if training and self._average is not None:
            self._average.give_back()
        losses, weights = [], []
        for batch in iterator:
            if self._announce_batches:
                self.notify("on_batch_begin", batch=_heard(batch), training=training)
            step = self.train_step(batch, **fit_params) if training else self.validation_step(batch, **fit_params)
            losses.append(step["loss"].detach())
            weights.append(_total_weight(batch))
            if self._announce_batches:
                self.history.record_batch(prefix + "_loss", float(losses[-1]))
                self.history.record_batch(prefix + "_batch_size", batch[0]["n_rows"])
                self.notify("on_batch_end", batch=_heard(batch), training=training, **step)
        if training and self._average is not None:
            self._average.lend()  # to validation, callbacks that keep weights, and whoever predicts
        if training and not self._announce_batches:
            self.history.new_batch()  # skorch's Checkpoint looks at the last one
        losses = torch.stack(losses)
        weights = torch.stack(weights) if torch.is_tensor(weights[0]) else losses.new_tensor(weights)
        mean = float((losses * weights).sum() / weights.sum())
        self._record(prefix, mean, len(losses))
        if not training and self._blending is not None:
            self.history.record("blending_weights", self._blending.weights.tolist())
            self._blending.end_epoch()
        if not math.isfinite(mean):
            epoch = len(self.history)
            raise BadInputError(
                f"the {prefix} loss became {mean} in epoch {epoch}",
                fix="Lower lr, set max_grad_norm, or scale the numeric columns.",
            )

    def _record(self, prefix, mean, n_batches):
        best = min((row[prefix + "_loss"] for row in self.history[:-1] if prefix + "_loss" in row), default=math.inf)
        self.history.record(prefix + "_loss", mean)
        self.history.record(prefix + "_loss_best", mean < best)
        self.history.record(prefix + "_batch_count", n_batches)

    def train_step(self, batch, **fit_params):
        """Learn from one batch; the optimiser steps with the last batch of those that `accumulate` joins.

        Parameters
        ----------
        batch : tuple
            Inputs, and targets with weights.
        **fit_params : dict
            Further arguments of the network.

        Returns
        -------
        dict
            Loss and outputs, as skorch's callbacks expect them.
        """
        course = self._course
        place = course.batch % course.n_batches
        first, last = self._group_of(place)
        course.batch += 1
        if place == first:
            self.optimizer_.zero_grad(set_to_none=True)
        with self._foreign_draws(), self._autocast():
            y_pred = self.infer(batch[0], **fit_params)
            loss = self.get_loss(y_pred, batch[1], X=batch[0], training=True)
        self._part_of_step(loss, batch, last - first + 1).backward()
        if place == last:
            self._take_step(batch)
        return {"loss": loss, "y_pred": y_pred[0].to(self.module_.like.dtype)}  # numpy has no bfloat16 to score

    def _part_of_step(self, loss, batch, n_batches):
        """Let a batch of heavy rows count more than one of light rows, so that a row does as much in any batch."""
        weight = batch[1][1]
        if weight is not None:
            loss = loss * (weight.sum() / len(weight))
        return loss if n_batches == 1 else loss / n_batches

    def _group_of(self, place):
        """Give the first and the last batch of an epoch whose gradients are averaged with those of this one."""
        first = place - place % self.accumulate
        return first, min(first + self.accumulate, self._course.n_batches) - 1

    def _take_step(self, batch):
        if self._modulation is not None:
            self._modulation.apply(self.module_.encoders)
        if self._announce_gradients:
            self.notify(
                "on_grad_computed",
                named_parameters=list(self.get_all_learnable_params()),
                batch=_heard(batch),
                training=True,
            )
        if self.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.module_.parameters(), self.max_grad_norm)
        if self.schedule == "cosine":
            self._set_rates(cosine(self._course.step, self._course.n_steps))
        self._course.step += 1
        self.optimizer_.step()
        if self._average is not None:
            self._average.follow()

    def validation_step(self, batch, **fit_params):
        """Compute the loss of one batch without learning.

        Parameters
        ----------
        batch : tuple
            Inputs, and targets with weights.
        **fit_params : dict
            Further arguments of the network.

        Returns
        -------
        dict
            Loss and outputs.
        """
        with torch.no_grad():
            y_pred = self.infer(batch[0], **fit_params)
            loss = self.get_loss(y_pred, batch[1], X=batch[0], training=False)
        return {"loss": loss, "y_pred": y_pred[0]}

    def _set_rates(self, factor):
        for group, rate in zip(self.optimizer_.param_groups, self._base_rates, strict=True):
            group["lr"] = rate * factor

    def _foreign_draws(self):
        return contextlib.nullcontext() if self.foreign_random is None else RandomFrom(self.foreign_random)

    def _autocast(self):
        if not self.mixed:
            return contextlib.nullcontext()
        return torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16)


def _was_raised(error):
    """Tell an exception that a line of code raised from one that came over it, as a key press comes over any line."""
    place = error.__traceback__
    while place.tb_next is not None:
        place = place.tb_next
    return place.tb_frame.f_code.co_code[place.tb_lasti] == dis.opmap["RAISE_VARARGS"]


def _total_weight(batch):
    weight = batch[1][1]
    return batch[0]["n_rows"] if weight is None else weight.sum()


def _heard(batch):
    """Give callbacks inputs and targets; those of skorch that score know neither weights nor mixtures."""
    inputs, (target, _, _) = batch
    return inputs, target


def _listens(callback):
    return any(_overrides(callback, event) for event in ("on_batch_begin", "on_batch_end"))


def _overrides(callback, event):
    return getattr(type(callback), event, None) is not getattr(Callback, event)
