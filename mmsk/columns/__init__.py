"""Tensor columns: object columns whose cells are arrays, or None where a row lacks the modality.

A cell may also be a `mmsk.lazy.LazyCell`, an array that is decoded when it is asked for.
Everything that travels between the steps of a pipeline is one of these or an ordinary numeric column.
"""

from mmsk.columns._cells import (
    is_blank_column,
    is_missing,
    is_tensor_column,
    make_column,
    presence_of,
    stack_column,
    unmasked,
)
from mmsk.columns._frames import (
    blank_masked,
    check_container,
    frame_columns,
    frame_presence,
    is_frame,
    join_columns,
    rows_to_table,
)
from mmsk.columns._labels import check_groups, check_labels
from mmsk.columns._modalities import TABLE, group_columns, group_raw_columns, is_number_column

__all__ = [
    "TABLE",
    "blank_masked",
    "check_groups",
    "check_labels",
    "check_container",
    "frame_columns",
    "frame_presence",
    "group_columns",
    "group_raw_columns",
    "is_blank_column",
    "is_frame",
    "is_missing",
    "is_number_column",
    "is_tensor_column",
    "join_columns",
    "make_column",
    "presence_of",
    "rows_to_table",
    "stack_column",
    "unmasked",
]
