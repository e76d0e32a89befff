"""Errors and warnings that users of mmsk can catch."""

_ABSENT = object()


class BadInputError(ValueError):
    """Input that cannot be learned from, with the place where it stands.

    Parameters
    ----------
    problem : str
        What came and what was expected.
    step : str, default=None
        The step, estimator or parameter that found it.
    row : int, default=None
        Position of the row, counted from 0.
    column : str or int, default=None
        The column.
    value : object, default=None
        The offending value; long ones are shortened in the message.
    fix : str, default=None
        What the user can do about it.

    Examples
    --------
    >>> from mmsk.exceptions import BadInputError
    >>> print(BadInputError("the file is empty", step="ImageLoader", row=3, column="photo",
    ...                     value="cat.jpg", fix="Remove the row or blank the cell."))
    ImageLoader: the file is empty (row 3, column 'photo', value 'cat.jpg'). Remove the row or blank the cell.
    """

    def __init__(self, problem, *, step=None, row=None, column=None, value=_ABSENT, fix=None):
        self.problem = problem
        self.step = step
        self.row = row
        self.column = column
        self.value = None if value is _ABSENT else value
        self.fix = fix
        place = []
        if row is not None:
            place.append(f"row {row}")
        if column is not None:
            place.append(f"column {column!r}")
        if value is not _ABSENT:
            place.append(f"value {_shorten(value)}")
        message = f"{step}: {problem}" if step else problem
        if place:
            message += f" ({', '.join(place)})"
        if fix:
            message += f". {fix}"
        self._shown = value is not _ABSENT
        super().__init__(message)

    def __reduce__(self):
        # joblib sends exceptions between processes; keyword arguments need a hand.
        return _rebuild, (
            type(self),
            self.problem,
            self.step,
            self.row,
            self.column,
            self._shown,
            self.value,
            self.fix,
        )


def _rebuild(cls, problem, step, row, column, shown, value, fix):
    shown_value = {"value": value} if shown else {}
    return cls(problem, step=step, row=row, column=column, fix=fix, **shown_value)


def _shorten(value, width=120):
    text = repr(value)
    return text if len(text) <= width else text[: width - 4] + " ..."


class MissingModalityWarning(UserWarning):
    """Rows without any modality were answered with what training knew of all rows."""


class UnreadableCellWarning(UserWarning):
    """Cells that could not be read were left out, as ``on_error="missing"`` asks."""


class CacheWarning(UserWarning):
    """Decoded cells could not be kept on disk, as ``memory=`` asks; they were decoded into memory."""
