"""What values the training parameters may take; shared by all neural estimators."""

from numbers import Integral, Real

from sklearn.utils._param_validation import Interval, Options, StrOptions

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
