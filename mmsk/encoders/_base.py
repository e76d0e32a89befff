"""What every encoder shares: one modality, trained alone or inside a fused network."""

from numbers import Integral
from pathlib import Path

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import Interval

from mmsk import nn
from mmsk.exceptions import BadInputError
from mmsk.net import NeuralEstimator
from mmsk.net._constraints import TRAINING_CONSTRAINTS
from mmsk.net._held_out import training_weight
from mmsk.net._target import is_regression, read_classes, read_values, target_statistics


class BaseEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, NeuralEstimator):
    """Base of the encoders.

    A subclass names the kinds of cells it reads in `_kinds` and builds its torch module in :meth:`build`.
    """

    _parameter_constraints: dict = {
        **TRAINING_CONSTRAINTS,
        "weights": [str, Path, None],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],  # 0: as `weights` have it
    }
    _kinds: tuple = ()

    def build(self, modality):
        """Build the torch module for cells of a modality.

        Parameters
        ----------
        modality : mmsk.net.Modality
            What the cells look like.

        Returns
        -------
        torch.nn.Module
            Maps a tensor of cells to embeddings of shape (n_cells, output_dim), and has an attribute `output_dim`.
        """
        raise TypeError(f"{type(self).__name__} builds no network")

    def save_weights(self, path):
        """Write the trained weights, and the scale of the cells they were trained on, for ``weights=path``.

        Parameters
        ----------
        path : str or Path
            A safetensors file. Those of a fused model are written by its `encoders_`:
            ``dict(model.encoders_)["image"].save_weights("image.safetensors")``.

        Returns
        -------
        self
            The encoder.
        """
        module = self.net_.module_.encoders[0] if hasattr(self, "net_") else getattr(self, "_module", None)
        if module is None:
            raise NotFittedError(f"This {type(self).__name__} has no weights yet: fit it, or the model it is part of.")
        nn.write_weights(nn.weights_to_numpy(module), path, type(self).__name__)
        return self

    def load_into(self, module):
        """Put the weights that the parameter `weights` names into a module that :meth:`build` made.

        Parameters
        ----------
        module : torch.nn.Module
            The module.
        """
        if self.weights is not None:
            self._load_state(module, self._fit_state(module, nn.read_weights(self.weights, type(self).__name__)))

    def _fit_state(self, module, state):
        return state

    def _load_state(self, module, state):
        nn.load_state(module, state, repr(str(self.weights)), type(self).__name__)
        if getattr(module, "standardize", None) is not None:
            module.standardize.is_known = True

    def _check_kind(self, modality):
        if self._kinds and modality.kind not in self._kinds:
            raise BadInputError(
                f"{type(self).__name__} reads {' or '.join(self._kinds)} cells, modality {modality.key!r} holds "
                f"{modality.kind} cells of shape {modality.shape}",
                step=type(self).__name__,
                column=modality.names[0],
                fix="Choose the encoder that fits, or another loader.",
            )

    def _group(self, names, columns):
        """Take all columns for one modality."""
        return {"cells": list(range(len(columns)))}

    def _encoder_for(self, modality):
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the encoder to tell `y` through a linear head, which is then set aside.

        Parameters
        ----------
        X : DataFrame, ndarray or Series of shape (n_rows, n_columns)
            Tensor columns of one modality, or plain numbers; several columns share the encoder.
        y : array-like of shape (n_rows,) or (n_rows, n_targets)
            Classes; or numbers for a regression, which is what several targets and numbers that are not all whole are
            taken for. Inside a `MultiModalRegressor` whole numbers are targets, too.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.

        Returns
        -------
        self
            The trained encoder.
        """
        if y is None:
            raise BadInputError(
                f"{type(self).__name__} requires y to be passed, but the target y is None",
                fix="Encoders learn from a target.",
            )
        table = self._read_fit(X)
        step = type(self).__name__
        if is_regression(y, step):
            y, _ = read_values(y, step)
            rows, weight, _ = self._check_rows(X, y, sample_weight)
            read = self._collect(table, rows)
            vars(self).pop("classes_", None)
            y, weight = y[rows], weight[rows]
            held_out = self._begin(y, read)
            mean, scale = target_statistics(y, training_weight(weight, held_out), step)
            target, task, n_outputs = (y - mean) / scale, "regression", y.shape[1]
        else:
            classes, target = read_classes(y, step)
            rows, weight, _ = self._check_rows(X, target, sample_weight)
            read = self._collect(table, rows)
            self.classes_ = classes
            target, weight, task, n_outputs = target[rows], weight[rows], "classification", len(classes)
            held_out = self._begin(target, read)
        self._train(read, target, weight, task, n_outputs, held_out=held_out)
        self._n_features_out = self.net_.module_.dims[0]
        return self

    def transform(self, X):
        """Embed rows.

        Parameters
        ----------
        X : DataFrame, ndarray or Series of shape (n_rows, n_columns)
            The columns that fit saw.

        Returns
        -------
        ndarray of shape (n_rows, output_dim)
            The embeddings, averaged over the columns present; NaN in rows that lack all of them.
        """
        embedding, present = self._answer(self._read_predict(X), embed=True)
        embedding[~present] = np.nan
        return embedding

    def __getstate__(self):
        state = super().__getstate__()
        state.pop("_module", None)  # belongs to the model that this is part of, which gives it back
        return state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
