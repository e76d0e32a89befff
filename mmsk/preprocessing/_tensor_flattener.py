"""Tensor columns to plain numeric columns."""

import math
from collections import Counter

import numpy as np
from sklearn.utils.validation import check_is_fitted

from mmsk.base import BaseColumnTransformer
from mmsk.columns import is_missing
from mmsk.exceptions import BadInputError
from mmsk.lazy import LazyCell

_STATISTICS = {"mean": np.mean, "std": np.std, "min": np.min, "max": np.max, "median": np.median}


class TensorFlattener(BaseColumnTransformer):
    """Turn tensor columns into plain numeric columns, for classic estimators and for over-sampling.

    Parameters
    ----------
    statistics : sequence of {"mean", "std", "min", "max", "median"}, default=None
        None gives every number of a cell as a column. Otherwise cells are pooled by these statistics: over all axes
        but the first (the channels of a picture, the bins of a spectrogram), or over the only axis of a waveform. Only
        then may cells differ in length.

    Attributes
    ----------
    dtype_ : dtype
        float32 where it holds what the cells seen in `fit` hold, such as bytes, else float64.
    widths_ : list of int
        Number of values a cell of each column gives, for each statistic.
    shapes_ : list of tuple of int
        Shape of the first cell of each column, which all have unless `statistics` are given.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Names of the columns seen in `fit`, where all of them are strings.

    See Also
    --------
    MFCC : Pools the coefficients of a sound itself.

    Notes
    -----
    Rows without a cell get NaN in all of its columns, and NaN within a cell stays where it is. Plain numbers pass
    through under their own name. The standard deviation is that of the population (``ddof=0``).

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk.columns import make_column
    >>> from mmsk.preprocessing import TensorFlattener
    >>> column = make_column([np.array([[1, 3], [2, 6]], dtype="uint8"), None])
    >>> TensorFlattener().fit_transform(column)
    array([[ 1.,  3.,  2.,  6.],
           [nan, nan, nan, nan]], dtype=float32)
    >>> pooled = TensorFlattener(statistics=("mean", "max")).fit(column)
    >>> pooled.transform(column)[0].tolist()
    [2.0, 4.0, 3.0, 6.0]
    >>> pooled.get_feature_names_out(["clip"]).tolist()
    ['clip_mean0', 'clip_mean1', 'clip_max0', 'clip_max1']
    """

    _parameter_constraints: dict = {"statistics": [tuple, list, None]}

    def __init__(self, statistics=None):
        self.statistics = statistics

    def get_feature_names_out(self, input_features=None):
        """Give the names of the output columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the input columns, where `fit` saw none.

        Returns
        -------
        ndarray of str
            Such as ``photo_0`` or ``clip_mean3``; numbers keep their name.
        """
        check_is_fitted(self)
        return np.asarray(self._names_of_parts(super().get_feature_names_out(input_features)), dtype=object)

    def _names_of_parts(self, names):
        made = []
        for name, width in zip(names, self.widths_, strict=True):
            if width == 0:
                made.append(name)
            else:
                made += [f"{name}_{part}{i}" for part in self.statistics or [""] for i in range(width)]
        return made

    def _fit_columns(self, columns, names):
        unknown = set(self.statistics or ()) - _STATISTICS.keys()
        if unknown or (self.statistics is not None and len(self.statistics) == 0):
            raise BadInputError(
                "statistics must be None or some of " + ", ".join(_STATISTICS),
                step=type(self).__name__,
                value=self.statistics,
                fix="Leave out what is not among them.",
            )
        self.widths_ = []
        self.shapes_ = []
        dtypes = {np.dtype(np.float32)}
        for column, name in zip(columns, names, strict=True):
            # A lazy cell knows its shape and dtype; fit decodes none.
            cells = [
                cell if isinstance(cell, LazyCell) else self._check_cell(cell, row, name)
                for row, cell in enumerate(column)
                if not is_missing(cell)
            ]
            if not cells:
                raise BadInputError(
                    "every cell of the column is missing, so its width is unknown",
                    step=type(self).__name__,
                    column=name,
                    fix="Leave the column out.",
                )
            self.widths_.append(self._width(cells[0].shape))
            self.shapes_.append(tuple(cells[0].shape))
            dtypes.update(cell.dtype for cell in cells)
        self.dtype_ = np.result_type(*dtypes)
        made = Counter(self._names_of_parts(names))
        if made and max(made.values()) > 1:
            raise BadInputError(
                f"two columns would be called {max(made, key=made.get)!r}",
                step=type(self).__name__,
                fix="Rename a column.",
            )

    def _transform_columns(self, columns, names):
        parts = []
        n_parts = len(self.statistics or [""])
        for column, name, width, shape in zip(columns, names, self.widths_, self.shapes_, strict=True):
            values = np.full((len(column), max(1, width * n_parts)), np.nan, dtype=self.dtype_)
            for row, cell in enumerate(column):
                if is_missing(cell):
                    continue
                array = self._check_cell(cell, row, name)
                if self._width(array.shape) != width or (self.statistics is None and array.shape != shape):
                    expected = f"an array that gives {width} values" if width else "a plain number"
                    expected = f"an array of shape {shape}" if width and self.statistics is None else expected
                    error = BadInputError(
                        f"a cell of shape {array.shape} came where, as in fit, {expected} was expected",
                        fix="Load the column with a fixed size or duration, or pool it with statistics.",
                    )
                    raise self._bad_cell(error, row, name, cell)
                pooled = self._pool(array)
                with np.errstate(over="ignore"):
                    values[row] = pooled
                if np.isinf(values[row]).any() and not np.isinf(pooled).any():
                    error = BadInputError(
                        f"a cell of {array.dtype} holds numbers too large for {self.dtype_}, which held those of fit",
                        fix="Fit on cells of the same type.",
                    )
                    raise self._bad_cell(error, row, name, cell)
            parts.append(values)
        return parts

    def _join_columns(self, columns):
        return np.concatenate(columns, axis=1)

    def _check_cell(self, cell, row, name):
        try:
            array = np.asarray(cell)
        except BadInputError as gone:  # a lazy cell whose file changed
            raise self._bad_cell(gone, row, name, cell.raw) from gone.__cause__
        if array.dtype.kind not in "iufb":
            problem = f"a cell of type {type(cell).__name__} came where an array of numbers was expected"
        elif array.size == 0:
            problem = f"a cell of shape {array.shape} holds no number"
        else:
            return array
        error = BadInputError(problem, fix="Load raw cells first, such as with ImageLoader or CharEncoder.")
        raise self._bad_cell(error, row, name, cell)

    def _width(self, shape):
        """Count the values a cell gives for each statistic; 0 stands for a plain number."""
        if len(shape) == 0:
            return 0
        if self.statistics is None:
            return math.prod(shape)
        return 1 if len(shape) == 1 else shape[0]

    def _pool(self, array):
        if array.ndim == 0 or self.statistics is None:
            return array.reshape(-1)
        rows = array.reshape(1 if array.ndim == 1 else len(array), -1).astype(np.float64)
        return np.concatenate([_STATISTICS[name](rows, axis=1) for name in self.statistics])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = False
        return tags
