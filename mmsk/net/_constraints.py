"""What values the training parameters may take; shared by all neural estimators."""

from numbers import Integral, Real

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, InvalidParameterError, Options, StrOptions

TRAINING_CONSTRAINTS = {
    "optimizer": [StrOptions({"adamw", "adam", "sgd"}), type],
    "lr": [Interval(Real, 0, None, closed="neither")],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "schedule": [StrOptions({"constant", "cosine"})],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "max_epochs": [Interval(Integral, 1, None, closed="left")],
    "accumulate": [Interval(Integral, 1, None, closed="left")],
    "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
    "ema_decay": [Interval(Real, 0, 1, closed="neither"), None],
    "augment": [list, None],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
    "early_stopping": ["boolean"],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "callbacks": [list, tuple, None],
    "device": [str],
    "device_memory": [Interval(Real, 0, 1, closed="both")],
    "compile": ["boolean"],
    "precision": [StrOptions({"auto", "float32", "float64", "bfloat16"})],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}

PROBABILITY = [Interval(Real, 0, 1, closed="left")]
SIZE = [Interval(Integral, 1, None, closed="left")]
SIZES = ["array-like"]
# How many sizes there are at least.
_LEAST = {"hidden_layer_sizes": 0, "widths": 1, "kernel_sizes": 1}


def one_of(*values):
    """Constrain a parameter to some strings.

    Parameters
    ----------
    *values : str
        The strings.

    Returns
    -------
    list
        Constraints as `_parameter_constraints` holds them.
    """
    return [Options(str, set(values))]


def check_sizes(estimator):
    """Check parameters that are sequences of sizes, whose members scikit-learn's constraints do not look at.

    Parameters
    ----------
    estimator : estimator
        Whose they are.
    """
    for name, least in _LEAST.items():
        sizes = getattr(estimator, name, None)
        if sizes is None:
            continue
        if len(sizes) < least or not all(isinstance(n, Integral) and not isinstance(n, bool) and n >= 1 for n in sizes):
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(estimator).__name__} must be a sequence of {least} or more ints from "
                f"1. Got {sizes!r} instead."
            )


def check_encoder(encoder):
    """Check the parameters of an encoder that is part of another estimator, whose fit checks only its own.

    Parameters
    ----------
    encoder : estimator
        The encoder; one of a user's that states no constraints is taken as it is.

    Returns
    -------
    estimator
        The same.
    """
    if isinstance(encoder, BaseEstimator) and hasattr(encoder, "_parameter_constraints"):
        encoder._validate_params()
    return encoder
