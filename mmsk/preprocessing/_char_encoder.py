"""Texts to tensor columns of character codes."""

import unicodedata
from functools import cache
from numbers import Integral
from types import NoneType

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from mmsk.base import BaseColumnTransformer, distinct_cells, spread_cells
from mmsk.columns import is_missing
from mmsk.exceptions import BadInputError

PADDING = 0
UNKNOWN = 1
_FIRST = 2
_N_CODE_POINTS = 0x110000
_N_BYTES = 256
# Characters at a time: bounds what is held beside the codes themselves.
_CHUNK = 2**18
_SAMPLE = 1000


class CharEncoder(BaseColumnTransformer):
    """Turn texts into cells of character codes of shape (max_length,), uint8 where 256 codes are enough, else int32.

    Code 0 is padding after the end of a text and code 1 a character that `fit` has not seen, so that the two stay
    apart; characters have codes from 2.

    Parameters
    ----------
    max_length : int, default=200
        Characters that are kept of a text, and codes of every cell.
    vocabulary : {"learned", "unicode"}, default="learned"
        Number the characters seen in `fit` in the order of their code points, or take the code point plus 2, which
        knows every character and learns nothing.
    normalization : {"NFC", "NFKC", "NFD", "NFKD"}, default="NFC"
        Unicode normalisation form, so that one accented letter is one character however it was typed. None changes
        nothing.
    lowercase : bool, default=False
        Convert to lower case before all else.

    Attributes
    ----------
    vocabulary_ : str
        The characters seen in `fit`, sorted; the one at position i has code i + 2. Only with
        ``vocabulary="learned"``.
    vocabulary_size_ : int
        Number of codes, padding and unknown included: the size of an embedding table.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Names of the columns seen in `fit`, where all of them are strings.

    See Also
    --------
    sklearn.feature_extraction.text.TfidfVectorizer : Counts of words or character groups, without their order.

    Notes
    -----
    An empty text is a missing cell; a text of blanks is not. All columns share one vocabulary.

    Examples
    --------
    >>> from mmsk.preprocessing import CharEncoder
    >>> encoder = CharEncoder(max_length=4).fit(["abba", "cab"])
    >>> encoder.vocabulary_, encoder.vocabulary_size_
    ('abc', 5)
    >>> encoder.transform(["bad", None]).tolist()
    [[array([3, 2, 1, 0], dtype=uint8)], [None]]
    """

    _parameter_constraints: dict = {
        "max_length": [Interval(Integral, 1, None, closed="left")],
        "vocabulary": [StrOptions({"learned", "unicode"})],
        "normalization": [StrOptions({"NFC", "NFKC", "NFD", "NFKD"}), None],
        "lowercase": ["boolean"],
    }

    def __init__(self, max_length=200, vocabulary="learned", normalization="NFC", lowercase=False):
        self.max_length = max_length
        self.vocabulary = vocabulary
        self.normalization = normalization
        self.lowercase = lowercase

    def _fit_columns(self, columns, names):
        if self.vocabulary == "unicode":
            self.vocabulary_size_ = _N_CODE_POINTS + _FIRST
            return
        seen = np.zeros(_N_CODE_POINTS, dtype=bool)
        self._check_texts(columns, names)
        texts = self._normalized(distinct_cells(columns)[0])
        holds_zero = False
        for chunk in self._chunks(texts):
            points, zeros = self._code_points(texts[chunk])
            seen[_distinct_bytes(points) if points.dtype == np.uint8 else points] = True
            holds_zero |= zeros is not None and bool(zeros.any())
        seen[0] = holds_zero
        self.vocabulary_ = "".join(map(chr, np.flatnonzero(seen)))
        self.vocabulary_size_ = len(self.vocabulary_) + _FIRST

    def _transform_columns(self, columns, names):
        self._check_texts(columns, names)
        raw, slots = distinct_cells(columns)
        texts = self._normalized(raw)
        codes = np.empty((len(texts), self.max_length), dtype=self._dtype)
        code_table = cache(self._code_table)
        for chunk in self._chunks(texts):
            self._write_codes(texts[chunk], codes[chunk], code_table)
        return spread_cells(codes, slots)

    @property
    def _dtype(self):
        # What `fit` has seen decides, so that all texts are of one dtype.
        fits_bytes = self.vocabulary == "learned" and self.vocabulary_size_ <= _N_BYTES
        return np.uint8 if fits_bytes else np.int32

    # Whole lists go through functions written in C, as a loop over the texts would take longer than their codes.
    def _normalized(self, raw):
        texts = list(map(str.lower, raw)) if self.lowercase else raw
        if self.normalization is None or all(map(str.isascii, texts)):  # which is in every normal form already
            return texts
        return [unicodedata.normalize(self.normalization, text) for text in texts]

    def _check_texts(self, columns, names):
        for column, name in zip(columns, names, strict=True):
            if set(map(type, column)) <= {str, NoneType}:
                continue
            for row, cell in enumerate(column):
                if not isinstance(cell, str) and not is_missing(cell):
                    error = BadInputError(
                        f"a cell of type {type(cell).__name__} came where a text was expected",
                        fix='Join words: " ".join(words).'
                        if isinstance(cell, (list, tuple))
                        else "Convert the column to str, or give it to a transformer of numbers.",
                    )
                    raise self._bad_cell(error, row, name, cell)

    def _chunks(self, texts):
        step = max(1, _CHUNK // self.max_length)
        return [slice(start, start + step) for start in range(0, len(texts), step)]

    def _write_codes(self, texts, codes, code_table):
        points, zeros = self._code_points(texts)
        table, zero = code_table(_N_BYTES if points.dtype == np.uint8 else _N_CODE_POINTS)
        if points.dtype != np.uint8:
            np.take(table, points, out=codes, mode="clip")  # clipping only spares a check
        elif self.vocabulary == "unicode":  # in a quarter of the time that a table takes
            is_text = (points != PADDING).view(np.uint8)
            for _ in range(_FIRST):
                points += is_text
            codes[:] = points
        else:
            letters = points.tobytes().translate(table.astype(np.uint8))
            codes.ravel()[:] = np.frombuffer(letters, dtype=np.uint8)
        if zeros is not None:
            codes[zeros] = zero

    def _code_points(self, texts):
        """Give the code points of texts cut to ``max_length`` and followed by zeros, and which zeros are text.

        Those of ASCII come as bytes, a quarter of the memory to go through; the codes of ASCII fit into bytes, too.
        """
        joined = "".join(texts)
        kind, dtype = ("S", np.uint8) if joined.isascii() else ("U", np.uint32)
        points = np.array(texts, dtype=f"{kind}{self.max_length}").view(dtype).reshape(len(texts), self.max_length)
        if "\0" not in joined:
            return points, None
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        return points, (points == 0) & (np.arange(self.max_length) < lengths[:, np.newaxis])

    def _code_table(self, n_points):
        """Give the codes of the first code points, that of a zero being padding, and the code of a zero character."""
        if self.vocabulary == "unicode":
            table = np.arange(_FIRST, n_points + _FIRST, dtype=np.int32)
        else:
            known = np.fromiter(map(ord, self.vocabulary_), dtype=np.int64, count=len(self.vocabulary_))
            known = known[known < n_points]
            table = np.full(n_points, UNKNOWN, dtype=self._dtype)
            table[known] = np.arange(_FIRST, len(known) + _FIRST)
        zero, table[0] = table[0], PADDING
        return table, zero

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = self.vocabulary == "learned"
        return tags


def _distinct_bytes(points):
    """Find the bytes that occur; those at the beginning are deleted from all, and so on with what is left."""
    left, found = points.tobytes(), b""
    while left:
        found += bytes(set(left[:_SAMPLE]))
        left = left.translate(None, found)
    return np.frombuffer(found, dtype=np.uint8)
