import difflib
from numbers import Integral, Real

from sklearn.utils._param_validation import Interval, validate_params

from mmsk.columns import is_missing
from mmsk.exceptions import BadInputError


@validate_params(
    {
        "a": ["array-like"],
        "b": ["array-like"],
        "cutoff": [Interval(Real, 0, 1, closed="both")],
        "n_matches": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def similar_labels(a, b, cutoff=0.6, *, n_matches=3):
    """Find classes of two data sets whose names are alike.

    Names are compared by :func:`difflib.get_close_matches`, in lower case and with ``_`` and ``-`` read as blanks.

    Parameters
    ----------
    a : array-like of str
        Labels of one data set; repetitions count once, missing ones not at all.
    b : array-like of str
        Labels of the other.
    cutoff : float, default=0.6
        Least similarity, from 0 (anything) to 1 (equal).
    n_matches : int, default=3
        Largest number of matches for one label.

    Returns
    -------
    dict of str to list of str
        For each label of `a` that has a match, in order of appearance: the matching labels of `b`, the closest first.

    Raises
    ------
    BadInputError
        If a label is no string.

    See Also
    --------
    pair_by_class : Draws rows from tables with the same classes.

    Examples
    --------
    >>> from mmsk.datasets import similar_labels
    >>> similar_labels(["Helicopter", "ketch", "dog_bark"], ["helicopter", "dog", "dog-barks", "rain"])
    {'Helicopter': ['helicopter'], 'dog_bark': ['dog-barks']}
    """
    names = _plain_names(b, "b")
    matches = {}
    for plain, labels in _plain_names(a, "a").items():
        close = difflib.get_close_matches(plain, names, n=n_matches, cutoff=cutoff)
        for label in labels:
            if close:
                matches[label] = [match for name in close for match in names[name]][:n_matches]
    return matches


def _plain_names(labels, parameter):
    """Map each name as it is compared to the labels that read so."""
    names: dict[str, list[str]] = {}
    for row, label in enumerate(labels):
        if is_missing(label):
            continue
        if not isinstance(label, str):
            raise BadInputError(
                "a label is no string", step="similar_labels", row=row, column=parameter, value=label, fix="Give names."
            )
        same = names.setdefault(label.lower().replace("_", " ").replace("-", " "), [])
        if str(label) not in same:
            same.append(str(label))
    return names
