"""Texts to tensor columns of character codes."""

import unicodedata
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from mmsk.base import BaseColumnTransformer, distinct_cells, first_place, spread_cells
from mmsk.exceptions import BadInputError

PADDING = 0
UNKNOWN = 1
_FIRST = 2
_N_CODE_POINTS = 0x110000
# Texts at a time: bounds what is held beside the codes themselves.
_CHUNK = 4096


class CharEncoder(BaseColumnTransformer):
    """Turn texts into cells of character codes of shape (max_length,), int32.

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
    [[array([3, 2, 1, 0], dtype=int32)], [None]]
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
        texts = self._read_texts(*distinct_cells(columns), names)
        for start in range(0, len(texts), _CHUNK):
            points, is_text = self._code_points(texts[start : start + _CHUNK])
            seen[points[is_text]] = True
        self.vocabulary_ = "".join(map(chr, np.flatnonzero(seen)))
        self.vocabulary_size_ = len(self.vocabulary_) + _FIRST

    def _transform_columns(self, columns, names):
        raw, slots = distinct_cells(columns)
        texts = self._read_texts(raw, slots, names)
        codes = np.empty((len(texts), self.max_length), dtype=np.int32)
        table = self._code_table()
        for start in range(0, len(texts), _CHUNK):
            points, is_text = self._code_points(texts[start : start + _CHUNK])
            codes[start : start + _CHUNK] = np.where(is_text, table[points], PADDING)
        return spread_cells(codes, slots)

    def _read_texts(self, raw, slots, names):
        texts = []
        for i, text in enumerate(raw):
            if not isinstance(text, str):
                error = BadInputError(
                    f"a cell of type {type(text).__name__} came where a text was expected",
                    fix="Convert the column to str, or give it to a transformer of numbers.",
                )
                row, j = first_place(i, slots)
                raise self._bad_cell(error, row, names[j], text)
            text = text.lower() if self.lowercase else text
            # ASCII is in every normal form already, and most texts are ASCII.
            needs_no_form = self.normalization is None or text.isascii()
            texts.append(text if needs_no_form else unicodedata.normalize(self.normalization, text))
        return texts

    def _code_points(self, texts):
        """Give the code points of texts cut to ``max_length``, and where they are text rather than padding."""
        points = np.array(texts, dtype=f"<U{self.max_length}").view("<u4").reshape(len(texts), self.max_length)
        # A text may hold zero characters, which look like numpy's own padding.
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        return points, np.arange(self.max_length) < lengths[:, np.newaxis]

    def _code_table(self):
        if self.vocabulary == "unicode":
            return np.arange(_FIRST, _N_CODE_POINTS + _FIRST, dtype=np.int32)
        table = np.full(_N_CODE_POINTS, UNKNOWN, dtype=np.int32)
        known = np.fromiter(map(ord, self.vocabulary_), dtype=np.int64, count=len(self.vocabulary_))
        table[known] = np.arange(_FIRST, len(known) + _FIRST)
        return table

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = self.vocabulary == "learned"
        return tags
