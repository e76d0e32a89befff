"""Decoded cells kept on disk between folds, searches and runs.

What one call had to decode is one *segment*: a directory that holds the cells one behind the other, an index of them,
and a mark of the last use. Segments lie where joblib keeps the results of functions and are named as these are, so that
``joblib.Memory(...).reduce_size()`` and ``clear()`` treat them alike. They are written under another name and renamed
when they are whole, and never changed afterwards.
"""

from mmsk.cache._cell_cache import CellCache, cache_location
from mmsk.cache._keys import cell_keys
from mmsk.cache._segment import is_mapped

__all__ = ["CellCache", "cache_location", "cell_keys", "is_mapped"]
