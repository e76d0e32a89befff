"""What the cells of a modality look like."""

from dataclasses import dataclass, field
from warnings import warn

import numpy as np

from mmsk.columns import is_missing, presence_of
from mmsk.exceptions import BadInputError
from mmsk.lazy import LazyCell

# Kinds whose last axis may differ in length between cells.
RAGGED = ("spectrogram", "waveform", "series", "codes")
_MOST_SENSORS = 12
# What CharEncoder makes.
_DTYPES_OF_CODES = ("uint8", "int32")


@dataclass(frozen=True)
class Modality:
    """One modality as training saw it.

    Attributes
    ----------
    key : str
        Its name.
    columns : tuple of int
        Positions of its columns.
    names : tuple
        Their names, or positions where they have none.
    kind : str
        "image", "video", "spectrogram", "waveform", "series", "codes", "table" or, for other shapes, "array".
    shape : tuple of int
        Shape of a cell, or ``(n_columns,)`` of a table.
    dtype : str
        Dtype of the block.
    codes : ndarray or None
        Sorted distinct codes of the training cells, without padding.
    is_sound : bool
        Whether a frontend makes spectrograms of the cells, which are waveforms then.
    """

    key: str
    columns: tuple
    names: tuple
    kind: str
    shape: tuple
    dtype: str
    codes: np.ndarray | None = field(default=None, repr=False, compare=False)
    is_sound: bool = False


def describe(key, positions, names, columns, step, readers=()):
    """Find out what the cells of a modality are.

    Parameters
    ----------
    key : str
        Name of the modality.
    positions : sequence of int
        Positions of its columns.
    names : list of str or None
        Names of all columns of the table.
    columns : list of ndarray of shape (n_rows,)
        All columns of the table.
    step : str
        Who asks, for error messages.
    readers : sequence of encoder and augmentation, default=()
        What a user named for it, which may tell what shape and dtype leave open.

    Returns
    -------
    Modality
        Its description.
    """
    labels = tuple(names[i] if names is not None else i for i in positions)
    place = {"key": key, "columns": tuple(positions), "names": labels}
    cells = [cell for i in positions if columns[i].dtype == object for cell in columns[i] if not is_missing(cell)]
    arrays = [cell for cell in cells if isinstance(cell, (np.ndarray, LazyCell)) and cell.ndim > 0]
    if not arrays:
        single = all(columns[i].dtype == np.float32 for i in positions)
        return Modality(**place, kind="table", shape=(len(positions),), dtype="float32" if single else "float64")
    plain = [
        label
        for i, label in zip(positions, labels, strict=True)
        if columns[i].dtype != object and presence_of(columns[i]).any()
    ]
    if plain:
        raise BadInputError(
            f"modality {key!r} mixes columns of arrays and columns of numbers",
            step=step,
            column=plain[0],
            fix="Give the numbers a ColumnTransformer step, and so a modality, of their own.",
        )
    first = arrays[0]
    kind = _kind(first, readers)
    _check_arrays(key, kind, positions, labels, columns, step)
    shape = first.shape
    if kind in RAGGED:
        shape = (*shape[:-1], max(1, *(cell.shape[-1] for cell in arrays if cell.ndim == first.ndim), 1))
    codes = distinct_codes(map(np.unique, arrays)) if kind == "codes" else None
    if kind == "codes" and not readers and first.dtype.name not in _DTYPES_OF_CODES:
        _warn_of_guess(first, key, step)
    is_sound = any(getattr(reader, "frontend", None) is not None for reader in readers)
    return Modality(
        **place, kind=kind, shape=shape, dtype=block_dtype(first.dtype, kind), codes=codes, is_sound=is_sound
    )


def _warn_of_guess(cell, key, step):
    warn(
        f"{step}: cells of {cell.dtype} in modality {key!r} are taken for codes of texts. Say what they are by naming "
        f"their encoder: encoders=[({key!r}, TextEncoder())], or WaveformEncoder() for recordings.",
        UserWarning,
        stacklevel=5,
    )


def _check_arrays(key, kind, positions, labels, columns, step):
    """Refuse arrays of words, objects and times, and such as have no room for a number."""
    for position, label in zip(positions, labels, strict=True):
        for row, cell in enumerate(columns[position]):
            if not isinstance(cell, (np.ndarray, LazyCell)) or cell.ndim == 0:
                continue
            if cell.dtype.kind not in "iufb":
                problem = f"an array of {cell.dtype} came in modality {key!r} where one of numbers was expected"
                fix = (
                    "Join words to one text and put CharEncoder before the estimator; make one array of nested ones "
                    "with numpy.stack, and numbers of anything else."
                )
            elif 0 in cell.shape[:-1] or (cell.shape[-1] == 0 and kind not in RAGGED):
                problem, fix = f"an array of shape {cell.shape} came in modality {key!r}", "Blank the cell (None)."
            else:
                continue
            raise BadInputError(problem, step=step, row=row, column=label, fix=fix)


def distinct_codes(cells):
    """List the codes of texts.

    Parameters
    ----------
    cells : iterable of ndarray of int
        Codes.

    Returns
    -------
    ndarray of shape (n_codes,)
        The distinct ones, ascending, without those of padding and of unknown characters; one where there are no others.
    """
    codes = np.unique(np.concatenate([*cells, [0]]))
    return codes[codes > 1] if (codes > 1).any() else np.array([2])


def _kind(cell, readers):
    """Say what a cell is: the likeliest of what it can be and the readers read."""
    kinds = _possible_kinds(cell)
    for reader in readers:
        read = getattr(reader, "_kinds", getattr(reader, "kinds", ()))
        kinds = [kind for kind in kinds if kind in read] or kinds
    return kinds[0]


def _possible_kinds(cell):
    """List what a cell can be by its shape and dtype, the likeliest first."""
    signed_samples = cell.dtype.kind == "f" or block_dtype(cell.dtype, "waveform") == "int16"
    if cell.ndim == 4:
        return ("video",)
    if cell.ndim == 3 and cell.shape[0] in (1, 3, 4):
        return ("image",)
    if cell.ndim == 2:
        two_axes = ("series", "spectrogram") if cell.shape[0] <= _MOST_SENSORS else ("spectrogram", "series")
        return two_axes if signed_samples else ("array", *two_axes)
    if cell.ndim == 1 and cell.dtype.kind != "f":
        return ("waveform", "codes") if signed_samples else ("codes", "waveform")
    return ("waveform",) if cell.ndim == 1 else ("array",)


def block_dtype(dtype, kind):
    """Say in which dtype cells are kept until they are on the device: compact ones stay as they are.

    Parameters
    ----------
    dtype : dtype
        Of the cells.
    kind : str
        What they are.

    Returns
    -------
    str
        Name of a dtype.
    """
    if kind == "codes":
        return "int32"
    return dtype.name if dtype.newbyteorder("=") in (np.uint8, np.int16) else "float32"
