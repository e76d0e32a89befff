"""Which columns of a table make which modality."""

import numbers

import numpy as np

from mmsk.columns._cells import is_blank_column, is_missing, is_tensor_column, make_column, presence_of

TABLE = "table"
# What stands for a column of raw cells where columns of arrays are looked for.
_ONE_CELL = make_column([np.zeros(1)])


def group_columns(names, columns, keys=()):
    """Map the columns of a table to modalities.

    A name such as ``image__photo``, as `ColumnTransformer` writes it, belongs to ``image``. Without a prefix a tensor
    column is keyed by its own name and all plain numeric columns together are ``table``. Where columns have no
    names, the groups (each tensor column, and the numeric columns together) take `keys` in order, then ``x<i>``.

    Parameters
    ----------
    names : list of str or None
        Column names, as :func:`frame_columns` gives them.
    columns : list of ndarray of shape (n_rows,)
        The columns.
    keys : sequence of str, default=()
        Modality names for columns without names.

    Returns
    -------
    dict of str to list of int
        Positions of the columns of each modality, in order of first appearance.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.columns import group_columns, make_column
    >>> photo = make_column(np.zeros((2, 1, 4, 4), dtype="uint8"))
    >>> group_columns(["image__photo", "age", "image__back", "weight"], [photo, np.ones(2), photo, np.ones(2)])
    {'image': [0, 2], 'table': [1, 3]}
    """
    groups: dict[str, list[int]] = {}
    if names is None:
        remaining = iter(keys)
        table_key = None
        for i, column in enumerate(columns):
            if _is_modality(column):
                groups[next(remaining, f"x{i}")] = [i]
            elif table_key is None:
                table_key = next(remaining, TABLE)
                groups[table_key] = [i]
            else:
                groups[table_key].append(i)
        return groups
    for i, (name, column) in enumerate(zip(names, columns, strict=True)):
        prefix, separator, _ = name.partition("__")
        if separator and prefix:
            key = prefix
        else:
            key = name if _is_modality(column) else TABLE
        groups.setdefault(key, []).append(i)
    return groups


def _is_modality(column):
    return is_tensor_column(column) or is_blank_column(column)


def group_raw_columns(names, columns, keys=()):
    """Map the columns of a table to modalities before any loader has read it.

    As :func:`group_columns`, but a column of paths, texts, pictures or other raw cells is a modality of its own, too.

    Parameters
    ----------
    names : list of str or None
        Column names, as :func:`frame_columns` gives them.
    columns : list of ndarray of shape (n_rows,)
        The columns.
    keys : sequence of str, default=()
        Modality names for columns without names.

    Returns
    -------
    dict of str to list of int
        Positions of the columns of each modality, in order of first appearance.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.columns import group_raw_columns
    >>> path = np.array(["a.jpg", None], dtype=object)
    >>> group_raw_columns(["photo", "age", "image__front", "image__back"], [path, np.ones(2), path, path])
    {'photo': [0], 'table': [1], 'image': [2, 3]}
    """
    shown = [column if is_number_column(column) or is_tensor_column(column) else _ONE_CELL for column in columns]
    return group_columns(names, shown, keys)


def is_number_column(column):
    """Tell a column of plain numbers.

    Parameters
    ----------
    column : ndarray of shape (n_rows,)
        One column, as :func:`frame_columns` gives it.

    Returns
    -------
    bool
        True if every cell that is there is a number, and there is one.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.columns import is_number_column
    >>> is_number_column(np.array([1, None], dtype=object)), is_number_column(np.array(["1", None], dtype=object))
    (True, False)
    """
    if column.dtype != object:
        return True
    return bool(presence_of(column).any()) and all(
        isinstance(cell, numbers.Real) for cell in column if not is_missing(cell)
    )
