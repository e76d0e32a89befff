"""The plain numbers that a table's cells are interpolated in."""

from dataclasses import dataclass

import numpy as np

from mmsk.columns import is_missing, is_number_column, is_tensor_column, make_column, stack_column
from mmsk.exceptions import BadInputError


def can_interpolate(column):
    """Tell whether what lies between two cells of a column means anything.

    Parameters
    ----------
    column : ndarray of shape (n_rows,)
        One column.

    Returns
    -------
    bool
        True for numbers and for array cells other than codes (whole numbers in one dimension, samples of sound apart).
    """
    first = next((cell for cell in column if not is_missing(cell)), None)
    if first is None or isinstance(first, (bool, np.bool_)):
        return False
    if not is_tensor_column(column):
        return is_number_column(column)
    return first.dtype.kind in "iuf" and (first.ndim > 1 or first.dtype.kind == "f" or first.dtype == np.int16)


@dataclass
class FlatSpace:
    """Some columns of some rows as one table of numbers, every modality weighing alike.

    Attributes
    ----------
    columns : list of int
        Positions of the columns.
    shapes : list of tuple
        Shapes of their cells, () for numbers.
    dtypes : list of dtype
        Dtypes of their cells.
    scales : list of float
        What each was divided by.
    """

    columns: list
    shapes: list
    dtypes: list
    scales: list

    @classmethod
    def of(cls, columns, positions, rows, names, step):
        """Flatten rows that have all of these columns.

        Parameters
        ----------
        columns : list of ndarray of shape (n_rows,)
            All columns of the table.
        positions : list of int
            The columns to flatten.
        rows : ndarray of int
            The rows.
        names : list
            Names of all columns, for error messages.
        step : str
            Who asks.

        Returns
        -------
        space : FlatSpace
            How to get back.
        values : ndarray of shape (len(rows), n_values)
            The numbers.
        """
        blocks = []
        for j in positions:
            try:
                tensor = is_tensor_column(columns[j])
                block = stack_column(columns[j][rows])[0] if tensor else np.asarray(columns[j][rows].tolist())
            except BadInputError as error:
                row = None if error.row is None else int(rows[error.row])
                raise BadInputError(error.problem, step=step, row=row, column=names[j], fix=error.fix) from error
            if tensor and block.dtype.kind == "f":
                _check_finite(block, rows, step, names[j])
            blocks.append(block)
        dtypes = [
            block.dtype if columns[j].dtype == object else columns[j].dtype
            for j, block in zip(positions, blocks, strict=True)
        ]
        dtype = np.result_type(np.float32, *dtypes)
        flat = [block.reshape(len(rows), -1).astype(dtype) for block in blocks]
        # Numbers of a table are one modality: only their sum is weighed against photos and sounds.
        keys = [-1 if block.ndim == 1 else j for j, block in zip(positions, blocks, strict=True)]
        spread = dict.fromkeys(keys, 0.0)
        for key, block in zip(keys, flat, strict=True):
            spread[key] += float(block.var(axis=0, dtype=np.float64).sum())
        scales = [spread[key] ** 0.5 or 1.0 if len(spread) > 1 else 1.0 for key in keys]
        space = cls(list(positions), [block.shape[1:] for block in blocks], dtypes, scales)
        return space, np.concatenate(
            [block / dtype.type(scale) for block, scale in zip(flat, scales, strict=True)], axis=1
        )

    def cells(self, values):
        """Give rows of numbers the shapes and dtypes of cells.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_values)
            Numbers as a sampler made them.

        Yields
        ------
        column : int
            Position of the column.
        cells : ndarray of shape (n_rows,)
            Its cells; tensor cells are views into one block.
        """
        start = 0
        for j, shape, dtype, scale in zip(self.columns, self.shapes, self.dtypes, self.scales, strict=True):
            stop = start + int(np.prod(shape, dtype=int))
            block = (values[:, start:stop] * values.dtype.type(scale)).reshape(-1, *shape)
            if dtype.kind in "iu":
                limits = np.iinfo(dtype)
                block = np.rint(block).clip(limits.min, limits.max)
            block = block.astype(dtype)
            yield j, make_column(block) if shape else block
            start = stop


def _check_finite(block, rows, step, name):
    bad = np.flatnonzero(~np.isfinite(block.reshape(len(block), -1)).all(axis=1))
    if len(bad):
        raise BadInputError(
            "a cell contains NaN or infinity",
            step=step,
            row=int(rows[bad[0]]),
            column=name,
            fix="Blank the cell (None) if the row lacks this modality.",
        )
