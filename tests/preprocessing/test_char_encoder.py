import unicodedata
from pathlib import Path

import numpy as np
import pytest

from mmsk.exceptions import BadInputError
from mmsk.preprocessing import CharEncoder


def codes(texts, **parameters):
    return [None if cell is None else cell.tolist() for cell in CharEncoder(**parameters).fit_transform(texts)[:, 0]]


def test_learned_codes_follow_the_code_points():
    encoder = CharEncoder(max_length=4).fit(["ba", "cab"])
    assert encoder.vocabulary_ == "abc" and encoder.vocabulary_size_ == 5
    cells = encoder.transform(["abc", "za", "a", "abcabc"])[:, 0]
    assert [cell.tolist() for cell in cells] == [[2, 3, 4, 0], [1, 2, 0, 0], [2, 0, 0, 0], [2, 3, 4, 2]]
    assert all(cell.dtype == np.uint8 for cell in cells)


@pytest.mark.parametrize("first", [32, 0x400])
@pytest.mark.parametrize(("n_letters", "dtype"), [(254, np.uint8), (255, np.int32)])
def test_codes_are_bytes_as_long_as_the_vocabulary_allows(first, n_letters, dtype):
    letters = "".join(map(chr, range(first, first + n_letters)))
    encoder = CharEncoder(max_length=300, normalization=None).fit([letters])
    cells = encoder.transform([letters, "~" + letters[:5], "\N{SNOWMAN}"])[:, 0]
    assert all(cell.dtype == dtype for cell in cells)
    assert cells[0].tolist() == [*range(2, n_letters + 2), *[0] * (300 - n_letters)]
    assert cells[1][1:6].tolist() == [2, 3, 4, 5, 6] and cells[2][0] == 1


def test_a_path_is_no_text_even_beside_the_same_text():
    for cells in (["a.txt", Path("a.txt")], [Path("a.txt"), "a.txt"]):
        with pytest.raises(BadInputError, match="Path came where a text was expected"):
            CharEncoder(vocabulary="unicode").fit_transform(cells)


def test_vocabulary_does_not_depend_on_order():
    assert CharEncoder().fit(["xyz", "abc"]).vocabulary_ == CharEncoder().fit(["cba", "zyx"]).vocabulary_


def test_only_what_is_kept_is_learned():
    assert CharEncoder(max_length=2).fit(["abcd"]).vocabulary_ == "ab"


def test_unicode_codes_are_code_points():
    encoder = CharEncoder(max_length=5, vocabulary="unicode").fit(["x"])
    assert encoder.vocabulary_size_ == 0x110000 + 2 and not hasattr(encoder, "vocabulary_")
    text = "a\N{GRINNING FACE}\U0010ffff\N{SNOWMAN}"
    assert encoder.transform([text])[0, 0].tolist() == [*(ord(c) + 2 for c in text), 0]


@pytest.mark.parametrize("vocabulary", ["learned", "unicode"])
def test_every_code_point_has_its_own_code(vocabulary):
    surrogates = range(0xD800, 0xE000)
    text = "".join(chr(point) for point in range(0x110000) if point not in surrogates)
    cell = CharEncoder(max_length=len(text), vocabulary=vocabulary, normalization=None).fit_transform([text])[0, 0]
    assert cell.min() == 2 and len(np.unique(cell)) == len(text)


def test_lone_surrogates_are_read():
    assert codes(["a\ud800"], max_length=3, vocabulary="unicode") == [[ord("a") + 2, 0xD800 + 2, 0]]


def test_zero_characters_are_text_and_not_padding():
    assert codes(["a\0\0", "\0"], max_length=4) == [[3, 2, 2, 0], [2, 0, 0, 0]]
    assert codes(["a\0"], max_length=4, vocabulary="unicode") == [[99, 2, 0, 0]]


@pytest.mark.parametrize("rare", ["~", "\0", "\N{SNOWMAN}"])
def test_a_character_that_comes_once_and_late_is_learned(rare):
    texts = [f"{i:06d}" for i in range(30_000)]
    texts[20_000] = f"{rare}23"
    encoder = CharEncoder(max_length=20).fit(texts)
    assert encoder.vocabulary_ == "".join(sorted("0123456789" + rare))
    code = encoder.vocabulary_.index(rare) + 2
    cells = encoder.transform(texts)[:, 0]
    assert cells[20_000].tolist() == [code, *(encoder.vocabulary_.index(c) + 2 for c in "23"), *[0] * 17]
    assert sum(code in cell for cell in cells[19_000:21_000]) == 1


@pytest.mark.parametrize("vocabulary", ["learned", "unicode"])
def test_ascii_texts_have_the_codes_they_have_beside_others(vocabulary):
    generator = np.random.default_rng(0)
    texts = ["".join(map(chr, generator.integers(0, 128, size=length))) for length in range(1, 40)]
    encoder = CharEncoder(max_length=30, vocabulary=vocabulary).fit([*texts[:5], "\xe9\xff\N{SNOWMAN}"])
    alone = encoder.transform(texts)[:, 0]
    beside = encoder.transform([*texts, "\xe9\xff\N{SNOWMAN}"])[:, 0]
    for text, cell, other in zip(texts, alone, beside[:-1], strict=True):
        np.testing.assert_array_equal(cell, other)
        assert (cell[: len(text)] > 0).all() and not cell[len(text) :].any()


def test_a_vocabulary_of_many_characters_leaves_ascii_its_codes():
    encoder = CharEncoder(max_length=3).fit([chr(point) for point in range(1, 600)])
    assert encoder.transform(["\x7fa"])[0, 0].tolist() == [128, 98, 0]
    assert encoder.transform(["\xff\u0100a"])[0, 0].tolist() == [256, 257, 98]


def test_codes_are_those_of_a_plain_loop():
    generator = np.random.default_rng(0)
    alphabet = np.array(list("abcdefgh äöü€\N{SNOWMAN}\N{GRINNING FACE}"))
    texts = ["".join(generator.choice(alphabet, size=generator.integers(1, 30))) for _ in range(5_000)]
    encoder = CharEncoder(max_length=16).fit(texts[:40])
    number = {character: i + 2 for i, character in enumerate(encoder.vocabulary_)}
    cells = encoder.transform(texts)[:, 0]
    for text, cell in zip(texts, cells, strict=True):
        expected = [number.get(character, 1) for character in text[:16]]
        assert cell.tolist() == expected + [0] * (16 - len(expected))
    assert cells[0].base is cells[-1].base and len(cells[0].base) == len(set(texts))


def test_normalization_makes_one_letter_of_two_spellings():
    composed, decomposed = "é", unicodedata.normalize("NFD", "é")
    assert len(decomposed) == 2
    assert codes([composed], max_length=2, vocabulary="unicode") == codes(
        [decomposed], max_length=2, vocabulary="unicode"
    )
    plain = codes([decomposed], max_length=2, vocabulary="unicode", normalization=None)
    assert plain == [[ord(character) + 2 for character in decomposed]]
    assert codes(["\N{LATIN SMALL LIGATURE FI}"], max_length=2, vocabulary="unicode", normalization="NFKC") == [
        [ord("f") + 2, ord("i") + 2]
    ]


def test_lowercase():
    encoder = CharEncoder(max_length=3, lowercase=True).fit(["ÄbC"])
    assert encoder.vocabulary_ == "bcä"
    assert encoder.transform(["äBc"])[0, 0].tolist() == encoder.transform(["ÄBC"])[0, 0].tolist()


def test_missing_and_blank_texts_differ():
    assert codes([None, "", float("nan"), " "], max_length=2) == [None, None, None, [2, 0]]


def test_columns_share_one_vocabulary():
    encoder = CharEncoder(max_length=2).fit([["a", "b"], ["c", None]])
    assert encoder.vocabulary_ == "abc"


def test_nothing_to_learn_leaves_every_character_unknown():
    encoder = CharEncoder(max_length=2).fit([None, ""])
    assert encoder.vocabulary_ == "" and encoder.transform(["ab"])[0, 0].tolist() == [1, 1]


@pytest.mark.parametrize("cell", [3, 2.5, b"bytes", ["list"], np.zeros(3), True])
@pytest.mark.parametrize("vocabulary", ["learned", "unicode"])
def test_cells_that_are_no_text_are_refused(cell, vocabulary):
    pandas = pytest.importorskip("pandas")
    column = np.empty(2, dtype=object)
    column[:] = ["text", None]
    column[1] = cell
    frame = pandas.DataFrame({"caption": pandas.Series(column, dtype=object)})
    with pytest.raises(BadInputError, match="text was expected") as caught:
        CharEncoder(vocabulary=vocabulary).fit_transform(frame)
    assert caught.value.row == 1 and caught.value.column == "caption" and caught.value.step == "CharEncoder"


def test_pandas_texts_keep_missing_ones_missing():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"caption": ["nan", None, "x"]})
    cells = CharEncoder(max_length=3, vocabulary="unicode").fit_transform(frame)[:, 0]
    assert cells[0].tolist() == [ord(c) + 2 for c in "nan"] and cells[1] is None
