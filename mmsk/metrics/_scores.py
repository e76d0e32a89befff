"""Scores of classes, one row an example, checked."""

import numpy as np

from mmsk.exceptions import BadInputError


def check_scores(y_score, step):
    """Check a table of scores.

    Parameters
    ----------
    y_score : array-like of shape (n_rows, n_classes)
        Probabilities or other scores that are higher for likelier classes.
    step : str
        Who asks, for error messages.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), dtype float64
        The scores.
    """
    try:
        scores = np.asarray(y_score, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadInputError(f"y_score holds what is no number: {error}", step=step) from error
    if scores.ndim != 2 or scores.size == 0:
        raise BadInputError(
            f"y_score has shape {scores.shape} where (n_rows, n_classes) was expected, with a row at least",
            step=step,
            fix="Give one row an example and one column a class, as predict_proba does.",
        )
    bad = np.argwhere(np.isnan(scores))
    if len(bad):
        row, column = bad[0].tolist()
        raise BadInputError(
            "a score is NaN, which has no rank",
            step=step,
            row=row,
            column=column,
            fix="Look for rows that the model could not answer.",
        )
    return scores
