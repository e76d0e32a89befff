"""What the neural estimators share: reading tables, training, predicting, and pickling without torch."""

from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted

from mmsk import net, nn
from mmsk.exceptions import BadInputError
from mmsk.net._cells import collect, warn_cut
from mmsk.net._constraints import check_encoder, check_sizes
from mmsk.net._held_out import copied_rows, held_out_rows, training_weight, without_held_out
from mmsk.net._modality import describe
from mmsk.net._reading import read_columns

# Rows whose cells are brought into a block at a time when predicting: bounds memory, changes no result.
_PREDICT_ROWS = 256


class Reading(NamedTuple):
    """What training reads of a table.

    Attributes
    ----------
    modalities : tuple of Modality
        What there is.
    cells : list of Cells
        Of each modality, in the rows that count.
    rows : ndarray of int
        The numbers of these rows in the caller's table.
    numeric_dtype : {"float32", "float64"} or None
        Dtype of plain numeric input.
    """

    modalities: tuple
    cells: list
    rows: np.ndarray
    numeric_dtype: str | None


class NeuralEstimator(BaseEstimator):
    """Base of every estimator that trains a network.

    A subclass says which columns make which modality, which encoder reads it, and what is learned; this class reads,
    trains, predicts and pickles.
    """

    # What holds where a subclass does not offer the parameter.
    _default_settings = {
        "optimizer": "adamw",
        "lr": 3e-3,
        "weight_decay": 1e-2,
        "schedule": "cosine",
        "batch_size": 64,
        "max_epochs": 40,
        "accumulate": 1,
        "max_grad_norm": None,
        "ema_decay": None,
        "sampler": None,
        "augment": None,
        "auxiliary_loss": 0.0,
        "gradient_modulation": None,
        "gradient_blending": None,
        "validation_fraction": None,
        "early_stopping": False,
        "n_iter_no_change": 10,
        "callbacks": None,
        "device": "auto",
        "device_memory": 0.5,
        "precision": "auto",
        "compile": False,
        "n_jobs": None,
        "random_state": None,
        "verbose": 0,
    }

    def _validate_params(self):
        super()._validate_params()
        check_sizes(self)

    def _settings(self):
        settings = {name: getattr(self, name, default) for name, default in self._default_settings.items()}
        callbacks = settings["callbacks"] or ()
        settings["early_stopping"] |= "early_stopping" in callbacks
        if any(map(net.changes_rates, callbacks)):
            settings["schedule"] = "constant"
        return settings

    # ------------------------------------------------------------------------------------------------ subclasses
    def _group(self, names, columns):
        """Map columns to modalities; dict of str to list of int."""
        raise TypeError(f"{type(self).__name__} does not say which columns make a modality")

    def _encoder_for(self, modality):
        """Choose the encoder of a modality; an unfitted estimator."""
        raise TypeError(f"{type(self).__name__} does not say which encoder reads a modality")

    def _readers(self, key):
        """List what a user named to read the cells of a modality."""
        return [self]

    def _network_arguments(self):
        """Further arguments of `FusedNetwork`."""
        return {}

    # --------------------------------------------------------------------------------------------------- fitting
    def _read_fit(self, X, keep=False):
        """Read a table to train on; with `keep` one like that of the first fit; returns (names, columns, dtype)."""
        if keep:
            return None, self._read_predict(X), None
        vars(self).pop("net_", None)  # should this fit fail: an old network does not go with new columns or labels
        table = read_columns(self, X, reset=True)
        self._plain_numbers = table[2] is not None
        return table

    def _collect(self, table, rows, keep=False):
        """Find the modalities of some rows, or with `keep` those there are, and their cells."""
        names, columns, numeric_dtype = table
        step, n_jobs = type(self).__name__, self._settings()["n_jobs"]
        # Rows of weight zero have no say in what a modality looks like.
        columns = [_blank_others(column, rows) for column in columns]
        if keep:
            modalities = self._plan.modalities
        else:
            groups = self._group(names, columns)
            modalities = tuple(
                describe(key, positions, names, columns, step, self._readers(key)) for key, positions in groups.items()
            )
        cells = [collect(modality, columns, step, n_jobs=n_jobs).take(rows) for modality in modalities]
        warn_cut(modalities, [part.n_cut for part in cells], step)
        return Reading(modalities, cells, rows, numeric_dtype)

    def _check_present(self, modalities, cells):
        for modality, part in zip(modalities, cells, strict=True):
            if not part.presence.any():
                raise BadInputError(
                    f"modality {modality.key!r} is missing from every training row",
                    step=type(self).__name__,
                    column=modality.names[0],
                    fix="Drop its columns, or give at least one row that has it, of a weight above zero.",
                )

    def _read_predict(self, X):
        check_is_fitted(self)
        _, columns, _ = read_columns(self, X, reset=False)
        return columns

    def _check_rows(self, X, y, sample_weight, class_weight=None):
        """Check weights and drop rows of weight zero; returns (kept rows, weights, base-2 logarithm of their unit)."""
        try:
            check_consistent_length(X, y)
            weight = _check_sample_weight(sample_weight, y, dtype=np.float64, ensure_non_negative=True, copy=True)
        except (ValueError, OverflowError) as error:
            raise BadInputError(str(error), step=type(self).__name__) from error
        if class_weight is not None:
            weight *= class_weight(weight)
        rows = np.flatnonzero(weight > 0)
        if len(rows) == 0:
            given = "sample_weight" if class_weight is None else "sample_weight times class_weight"
            raise BadInputError(f"every {given} is zero", step=type(self).__name__)
        # Only their proportions count, and float32 cannot hold all that float64 can; a power of two changes no bit.
        exponent = int(np.frexp(weight.max())[1]) - 1
        return rows, np.ldexp(weight, -exponent), exponent

    def _begin(self, target, read, groups=None, keep=False):
        """Begin a fit; returns which of the rows that count are held out to validate on, or None."""
        settings = self._settings()
        if not keep:
            self._seed = int(check_random_state(settings["random_state"]).randint(2**31 - 1))
        fraction = settings["validation_fraction"]
        if fraction is None:
            if not settings["early_stopping"]:
                return None
            fraction = 0.1
        classes = self.classes_ if target.ndim == 1 else None
        copies = copied_rows(read.modalities, read.cells) if groups is None else None
        return held_out_rows(target, groups, fraction, classes, self._seed, type(self).__name__, read.rows, copies)

    def _train(self, read, target, weight, task, n_outputs, *, held_out=None, keep=False, epochs=None):
        """Train on the rows of positive weight; with `keep`, go on from the weights there are."""
        modalities, cells, rows, numeric_dtype = read
        if not keep:
            self._check_present(modalities, cells)
        settings = self._settings()
        device = net.resolve_device(settings["device"])
        dtype, mixed = net.resolve_precision(settings["precision"], device, numeric_dtype == "float64")
        self._check_range(modalities, cells, self._plan.dtype if keep else dtype, rows)
        with net.cpu_threads(settings["n_jobs"]):
            if not keep:
                self.n_iter_ = 0
                if held_out is not None:
                    modalities = [without_held_out(*pair, held_out) for pair in zip(modalities, cells, strict=True)]
                own_heads = settings["auxiliary_loss"] > 0 or settings["gradient_blending"] is not None
                arguments = self._network_arguments() | {"auxiliary": own_heads and len(modalities) > 1}
                self._plan = net.Plan(modalities, task, n_outputs, dtype, arguments)
                self._encoders = [check_encoder(clone(self._encoder_for(modality))) for modality in modalities]
                generator = net.make_generators(self._seed, device, ("weights",))["weights"]
                network = net.build_network(self._plan, self._encoders, generator)
                for encoder, module in zip(self._encoders, network.encoders, strict=True):
                    if hasattr(encoder, "load_into"):
                        encoder.load_into(module)
                net.learn_statistics(network, self._plan, cells, training_weight(weight, held_out))
                self._build_net(network, mixed)
            else:
                net.change_settings(self.net_, settings | {"step": type(self).__name__}, callbacks=epochs is None)
            # Single epochs have no course of the learning rate to follow.
            self.net_.schedule = settings["schedule"] if epochs is None else "constant"
            try:
                with net.features_for_cells(self.net_, self._plan, cells, settings["augment"]) as given:
                    net.train(
                        self.net_,
                        self._plan,
                        given,
                        target,
                        weight,
                        held_out,
                        [self._seed, self.n_iter_],
                        settings["max_epochs"] if epochs is None else epochs,
                        augment=settings["augment"] or (),
                        balanced=settings["sampler"] == "balanced",
                        memory_share=settings["device_memory"],
                    )
            except BaseException as error:
                self.n_iter_ = len(self.net_.history)
                if not keep or not net.is_finite(self.net_.module_):
                    del self.net_  # half a training is no fit, and ruined weights are none either
                if isinstance(error, BadInputError) and error.step is None:
                    raise BadInputError(
                        error.problem, step=type(self).__name__, row=error.row, column=error.column, fix=error.fix
                    ) from error
                raise
        self.history_ = self.net_.history
        self.n_iter_ = len(self.history_)
        return self

    def _build_net(self, network, mixed):
        settings = self._settings() | {"mixed": mixed, "step": type(self).__name__}
        device = net.resolve_device(settings["device"])
        self.net_ = net.build_net(network, self._plan, settings, device)
        for encoder, module in zip(self._encoders, network.encoders, strict=True):
            if hasattr(encoder, "save_weights"):
                encoder._module = module

    def _check_range(self, modalities, cells, dtype, rows):
        """Refuse numbers too large for a dtype; `rows` are the numbers of the rows in the caller's table."""
        # A float64 must leave room for its square, of which the scale of a column is made.
        largest = np.finfo(np.float32).max if dtype == "float32" else np.sqrt(np.finfo(np.float64).max)
        for modality, part in zip(modalities, cells, strict=True):
            if modality.kind != "table":
                continue
            there = np.flatnonzero(part.presence)
            values = part.source.array[part.slots[there, 0]]
            bad = np.argwhere(np.abs(values) > largest)
            if len(bad):
                row, column = bad[0]
                raise BadInputError(
                    f"the number is too large for {dtype}, in which this network computes",
                    step=type(self).__name__,
                    row=int(rows[there[row]]),
                    column=modality.names[column],
                    value=float(values[row, column]),
                    fix="Rescale the column, for instance with StandardScaler.",
                )

    # ------------------------------------------------------------------------------------------------ predicting
    def _answer(self, columns, embed=False):
        """Run the net on all rows; returns (outputs, rows that have at least one modality)."""
        step = type(self).__name__
        n_rows = len(columns[0])
        size = max(1, min(_PREDICT_ROWS, n_rows))
        results, presence, n_cut = [], [], np.zeros(len(self._plan.modalities), dtype=int)
        n_jobs = self._settings()["n_jobs"]
        with net.cpu_threads(n_jobs):
            for start in range(0, n_rows, size):
                part = [column[start : start + size] for column in columns]
                cells = [collect(modality, part, step, start, n_jobs) for modality in self._plan.modalities]
                self._check_range(self._plan.modalities, cells, self._plan.dtype, range(start, n_rows))
                results.append(net.outputs(self.net_, cells, embed))
                presence.append(np.any([c.presence for c in cells], axis=0))
                n_cut += [c.n_cut for c in cells]
        warn_cut(self._plan.modalities, n_cut, step)
        return np.concatenate(results), np.concatenate(presence)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "net_")

    # ------------------------------------------------------------------------------------------------- pickling
    def __getstate__(self):
        state = dict(super().__getstate__())
        trained = state.pop("net_", None)
        if trained is not None:
            state["_weights"] = nn.weights_to_numpy(trained.module_)
            state["_mixed"] = trained.mixed
            state["history_"] = [dict(row) for row in self.history_]
        return state

    def __setstate__(self, state):
        state = dict(state)
        weights = state.pop("_weights", None)
        mixed = state.pop("_mixed", False)
        super().__setstate__(state)
        if weights is None:
            return
        # The net is rebuilt on whatever device there is; the parameter keeps what the user set.
        # What is drawn and not part of the state of a user's module comes out as it did in fit.
        generator = net.make_generators(self._seed, "cpu", ("weights",))["weights"]
        network = net.build_network(self._plan, self._encoders, generator)
        nn.weights_from_numpy(network, weights)
        self._build_net(network, mixed)
        self.net_.history.extend(self.history_)
        self.history_ = self.net_.history


def _blank_others(column, rows):
    """Leave the cells of some rows of a column, which keeps its length, as errors name rows."""
    if column.dtype != object or len(rows) == len(column):
        return column
    blanked = np.full_like(column, None)
    blanked[rows] = column[rows]
    return blanked
