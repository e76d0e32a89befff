"""What all column transformers share: they take a table, walk its cells, and give a table back."""

from mmsk.base._cell_transformer import BaseCellTransformer
from mmsk.base._column_transformer import BaseColumnTransformer
from mmsk.base._distinct import distinct_cells, first_place, spread_cells

__all__ = ["BaseCellTransformer", "BaseColumnTransformer", "distinct_cells", "first_place", "spread_cells"]
