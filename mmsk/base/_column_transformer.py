"""What all transformers of columns share: they take a table and give one back."""

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils.validation import check_is_fitted, validate_data

from mmsk.columns import check_container, frame_columns, join_columns
from mmsk.exceptions import BadInputError


class BaseColumnTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Base class of transformers that turn every column of a table into one column.

    Accepted tables are pandas and polars frames and series, lists, and arrays of one or two dimensions; a
    one-dimensional input is one column. A subclass gives ``_transform_columns`` and, where it learns, ``_fit_columns``;
    both get the columns and their names (positions where the table has none), which errors about cells mention.

    Examples
    --------
    >>> from mmsk.base import BaseColumnTransformer
    >>> from mmsk.columns import make_column
    >>> class Shape(BaseColumnTransformer):
    ...     def _transform_columns(self, columns, names):
    ...         return [make_column([np.array(cell.shape) for cell in column]) for column in columns]
    >>> column = make_column([np.zeros((2, 3))])
    >>> Shape().fit(column).transform(column)[0, 0]
    array([2, 3])
    """

    _parameter_constraints: dict = {}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the names of the columns, and whatever the transformer learns from their cells.

        Parameters
        ----------
        X : DataFrame, Series, list or ndarray of shape (n_rows, n_columns) or (n_rows,)
            The table.
        y : None
            Ignored; present for API consistency.

        Returns
        -------
        object
            The fitted transformer.

        Raises
        ------
        BadInputError
            If the table has no rows or no columns, or cells that cannot be learned from.
        """
        columns, names = self._check_columns(X, reset=True)
        if len(columns[0]) == 0:
            raise BadInputError(
                "0 rows came where at least one is needed to fit",
                step=type(self).__name__,
                fix="Give a table with rows.",
            )
        self._fit_columns(columns, names)
        return self

    def transform(self, X):
        """Turn the cells of every column.

        Parameters
        ----------
        X : DataFrame, Series, list or ndarray of shape (n_rows, n_columns) or (n_rows,)
            The table; None, NaN, ``pd.NA`` and empty strings are missing cells.

        Returns
        -------
        ndarray of shape (n_rows, n_columns) or DataFrame
            The turned columns, None where a cell is missing; a frame where ``set_output`` asks for one.

        Raises
        ------
        BadInputError
            If a cell cannot be turned; it names row, column and value.
        """
        if self.__sklearn_tags__().requires_fit:
            check_is_fitted(self)
        else:
            self._validate_params()
        columns, names = self._check_columns(X, reset=False)
        return self._join_columns(self._transform_columns(columns, names))

    def _fit_columns(self, columns, names):
        """Learn from the columns; a transformer without state learns nothing."""

    def _join_columns(self, columns):
        return join_columns(columns)

    def _check_columns(self, X, *, reset):
        """Give the columns of a table and their names, which fit remembers and transform compares."""
        self._check_container(X)
        try:
            names, columns = frame_columns(X)
        except BadInputError as error:
            raise BadInputError(
                error.problem, step=type(self).__name__, row=error.row, fix="Give every row the same number of cells."
            ) from None
        if not columns:
            raise BadInputError(
                "the table has no columns", step=type(self).__name__, fix="Give at least one column of cells."
            )
        if names is not None and len(set(names)) < len(names):
            name = next(name for i, name in enumerate(names) if name in names[:i])
            raise BadInputError(
                "two columns have this name", step=type(self).__name__, column=name, fix="Rename one of them."
            )
        if reset or hasattr(self, "n_features_in_"):
            validate_data(self, _two_dimensional(X, names, columns), reset=reset, skip_check_array=True)
        return columns, names or list(range(len(columns)))

    def _check_container(self, X):
        step = type(self).__name__
        fix = (
            "Give a frame, a series, a list, or an array of shape (n_rows,) or (n_rows, n_columns); "
            "mmsk.columns.make_column turns a block into a column of cells."
        )
        check_container(X, step, fix)
        if issparse(X):
            raise BadInputError("a sparse matrix came where a table of cells was expected", step=step, fix=fix)
        if getattr(X, "ndim", 1) not in (1, 2):
            problem = f"an array of {X.ndim} dimensions came where one or two were expected"
            raise BadInputError(problem, step=step, fix=fix)

    def _bad_cell(self, error, row, column, value):
        """Give an error about one cell the place where the cell stands."""
        step = type(self).__name__
        return BadInputError(error.problem, step=step, row=int(row), column=column, value=value, fix=error.fix)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _two_dimensional(X, names, columns):
    """Give scikit-learn a table whose names and width it can check, without copying cells."""
    if hasattr(X, "shape") and len(X.shape) == 2:
        return X
    if names is not None:
        return X.to_frame()
    return np.empty((len(columns[0]), len(columns)), dtype=bool)
