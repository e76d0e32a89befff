import torch
from sklearn.base import clone

from mmsk import CharEncoder
from tests.augmentation.cells import FULL, STILL, generator, sentences, spell


def only(**parameters):
    """An augmentation with nothing but these changes."""
    return clone(STILL["codes"]).set_params(**parameters)


ALPHABET = "abcdefghijklmnopqrst"


def alphabets(n=50):
    return sentences([ALPHABET] * n)


def test_padding_stays_behind_the_text():
    for augmentation in (only(deletion=0.5), only(swap=1.0), only(replacement=1.0), FULL["codes"]):
        for seed in range(20):
            for text in spell(augmentation(sentences(), generator(seed))):
                assert "." not in text.rstrip(".")


def only_pairs(text):
    places = [ALPHABET.index(c) for c in text.rstrip(".")]
    return [(i, place) for i, place in enumerate(places) if i != place]


def test_swaps_are_of_neighbours():
    swapped = 0
    for text in spell(only(swap=0.2)(alphabets(), generator())):
        assert sorted(text.rstrip(".")) == sorted(ALPHABET)
        moved = only_pairs(text)
        assert all(abs(i - place) == 1 for i, place in moved)
        swapped += len(moved) // 2
    # A draw counts unless the one before does: p = 0.2 (1 - p), a sixth.
    assert 0.12 < swapped / (50 * 19) < 0.21
    assert spell(only(swap=1.0)(sentences(["abcde"]), generator()))[0].startswith("badce")


def test_deletion_closes_the_gap():
    lengths = []
    for text in spell(only(deletion=0.3)(alphabets(), generator())):
        letters = text.rstrip(".")
        assert "".join(sorted(letters)) == letters  # in order, none twice
        assert set(letters) <= set(ALPHABET)
        lengths.append(len(letters))
    assert 0.64 < sum(lengths) / (50 * 20) < 0.76
    assert len(set(lengths)) > 4


def test_a_text_never_vanishes():
    changed = only(deletion=1.0)(sentences(), generator())
    assert [len(text.rstrip(".")) for text in spell(changed)] == [1, 1, 1, 0, 1, 1]


def test_replacements_are_drawn_from_the_batch():
    codes = sentences(["aaaaaaaaaabbbbb", "ccccc", ""])
    changed = only(replacement=1.0)(codes.repeat(40, 1), generator())
    letters = "".join(text.rstrip(".") for text in spell(changed))
    share = {c: letters.count(c) / len(letters) for c in "abc"}
    assert sum(share.values()) == 1.0
    assert 0.45 < share["a"] < 0.55
    assert 0.2 < share["b"] < 0.3
    assert 0.2 < share["c"] < 0.3
    some = spell(only(replacement=0.2)(alphabets(), generator()))
    same = sum(a == b for text in some for a, b in zip(text, ALPHABET, strict=False)) / (50 * 20)
    assert 0.77 < same < 0.86


def test_only_padding():
    empty = torch.zeros(3, 5, dtype=torch.int64)
    assert torch.equal(only(swap=1.0, replacement=1.0, deletion=1.0)(empty, generator()), empty)
    no_room = torch.zeros(3, 0, dtype=torch.int64)
    assert only(deletion=1.0)(no_room, generator()).shape == (3, 0)


def test_encoded_sentences():
    cells = CharEncoder(max_length=30).fit_transform(["Grüße aus Köln", "snow ☃ and 🙂"])
    codes = torch.stack([torch.from_numpy(cell.astype("int64")) for cell in cells[:, 0]])
    changed = only(deletion=0.2, swap=0.2, replacement=0.2)(codes, generator())
    assert set(changed.unique().tolist()) <= set(codes.unique().tolist())
