"""MixUp and CutMix."""

import pytest
import torch
from sklearn.base import clone

from mmsk.augmentation import CutMix, MixUp
from tests.augmentation.cells import BATCHES, generator, photos, sentences, spell

KINDS = {**BATCHES, "numbers": ("table", photos(dtype=torch.float64, shape=(5,))), "cubes": ("array", photos())}
mixes = pytest.mark.parametrize("mix", [MixUp(alpha=1.0), CutMix()])


@mixes
def test_a_draw_is_a_partner_a_share_and_a_place_a_row(mix):
    partner, share, place = mix.draw(500, generator(), "cpu")
    assert sorted(partner.tolist()) == list(range(500))
    assert (partner != torch.arange(500)).all()
    assert partner.dtype == torch.int64
    assert 0.45 < share.mean() < 0.55
    assert share.std() == pytest.approx(0.289, abs=0.03)  # Beta(1, 1) is uniform
    assert place.shape == (500, 2)
    assert 0 <= place.min() <= place.max() < 1
    for first, second in zip(mix.draw(500, generator(), "cpu"), (partner, share, place), strict=True):
        assert torch.equal(first, second)
    assert not torch.equal(mix.draw(500, generator(1), "cpu").share, share)


def test_alpha_and_probability():
    near = MixUp(alpha=0.1).draw(1000, generator(), "cpu").share
    assert ((near < 0.05) | (near > 0.95)).float().mean() > 0.6
    even = MixUp(alpha=20.0).draw(1000, generator(), "cpu").share
    assert even.std() == pytest.approx((1 / (4 * 41)) ** 0.5, abs=0.01)
    assert even.mean() == pytest.approx(0.5, abs=0.01)
    assert (MixUp(alpha=0).draw(9, generator(), "cpu").share == 1).all()
    some = CutMix(probability=0.3).draw(1000, generator(), "cpu").share
    assert 0.25 < (some < 1).float().mean() < 0.35
    tiny = MixUp(alpha=1e-3).draw(1000, generator(), "cpu").share
    assert tiny.isfinite().all()


@mixes
@pytest.mark.parametrize("n_rows", [0, 1])
def test_few_rows(mix, n_rows):
    partner, share, place = mix.draw(n_rows, generator(), "cpu")
    assert partner.tolist() == list(range(n_rows))
    for kind, cells in KINDS.values():
        few = cells[:n_rows]
        assert torch.equal(mix.mix(kind, few, few, share, place), few)


@mixes
@pytest.mark.parametrize("name", KINDS)
def test_mixed_cells_keep_dtype_range_and_input(mix, name):
    kind, cells = KINDS[name]
    n = len(cells)
    partner, share, place = mix.draw(n, generator(), "cpu")
    others = cells.long()[partner].to(cells.dtype) if not cells.dtype.is_floating_point else cells[partner]
    before, others_before = cells.clone(), others.clone()
    state = torch.get_rng_state()
    mixed = mix.mix(kind, cells, others, share, place)
    assert torch.equal(torch.get_rng_state(), state)
    assert mixed.shape == cells.shape
    assert mixed.dtype == cells.dtype
    assert torch.equal(cells, before)
    assert torch.equal(others, others_before)
    assert mixed.double().min() >= cells.double().min()
    assert mixed.double().max() <= cells.double().max()
    assert not torch.equal(mixed, cells)
    assert torch.equal(mix.mix(kind, cells, others, torch.ones(n), place), cells)
    assert torch.equal(mix.mix(kind, cells, others, torch.zeros(n), place), others)


@mixes
@pytest.mark.parametrize("name", KINDS)
def test_a_cell_mixed_with_itself_stays(mix, name):
    kind, cells = KINDS[name]
    for seed in range(10):
        _, share, place = mix.draw(len(cells), generator(seed), "cpu")
        assert torch.equal(mix.mix(kind, cells, cells, share, place), cells)


def test_mixup_is_a_weighted_mean():
    cells, others = photos(), photos().flip(0)
    share = torch.tensor([0.0, 0.1, 0.3, 0.5, 0.9, 1.0])
    mixed = MixUp().mix("image", cells, others, share, torch.zeros(6, 2))
    weight = share.double().reshape(-1, 1, 1, 1)
    expected = weight * cells.double() + (1 - weight) * others.double()
    torch.testing.assert_close(mixed.double(), expected, atol=0.51, rtol=0)


@mixes
def test_numbers_that_a_row_lacks_stay_lacking(mix):
    nan = float("nan")
    own = torch.tensor([[1.0, nan, 3.0], [nan, nan, 1.0]])
    other = torch.tensor([[3.0, 5.0, nan], [1.0, nan, 2.0]])
    mixed = mix.mix("table", own, other, torch.tensor([0.5, 0.25]), torch.zeros(2, 2))
    expected = torch.tensor([[2.0, nan, 3.0], [nan, nan, 1.75]])
    torch.testing.assert_close(mixed, expected, equal_nan=True)


@pytest.mark.parametrize(("kind", "shape"), [("image", (3, 50, 80)), ("video", (4, 3, 50, 80))])
def test_cutmix_puts_a_box_of_the_share_into_pictures(kind, shape):
    n = 100
    own, other = torch.zeros(n, *shape, dtype=torch.uint8), torch.ones(n, *shape, dtype=torch.uint8)
    _, share, place = CutMix().draw(n, generator(), "cpu")
    boxes = CutMix().mix(kind, own, other, share, place).flatten(1, -3)
    assert (boxes == boxes[:, :1]).all()  # all channels and frames alike
    boxes = boxes[:, 0].bool()
    area = boxes.double().mean((1, 2))
    torch.testing.assert_close(area, 1 - share.double(), atol=0.02, rtol=0)
    rows, columns = boxes.any(2), boxes.any(1)
    assert torch.equal(boxes, rows[:, :, None] & columns[:, None, :])
    for line in (rows, columns):
        assert ((line[:, 1:] & ~line[:, :-1]).sum(1) + line[:, 0] <= 1).all()
    small = area < 0.2
    assert rows[small].float().argmax(1).double().std() > 8  # they lie anywhere


@pytest.mark.parametrize(
    ("kind", "shape"), [("waveform", (200,)), ("waveform", (2, 200)), ("spectrogram", (8, 200)), ("series", (3, 200))]
)
def test_cutmix_puts_a_span_of_the_share_into_sounds(kind, shape):
    n = 100
    _, share, place = CutMix().draw(n, generator(), "cpu")
    mixed = CutMix().mix(kind, torch.zeros(n, *shape), torch.ones(n, *shape), share, place).reshape(n, -1, 200)
    assert (mixed == mixed[:, :1]).all()
    spans = mixed[:, 0].bool()
    torch.testing.assert_close(spans.float().mean(1), 1 - share, atol=0.003, rtol=0)
    assert ((spans[:, 1:] & ~spans[:, :-1]).sum(1) + spans[:, 0] <= 1).all()


def test_texts_are_spliced_by_their_shares():
    own, other = sentences(["abcdefghij"] * 3, 12), sentences(["0123456789"] * 3, 12)
    share = torch.tensor([0.7, 0.5, 0.0])
    blended = MixUp().mix("codes", own, other, share, torch.zeros(3, 2))
    assert spell(blended) == ["abcdefg789..", "abcde56789..", "0123456789.."]
    place = torch.tensor([[0.0, 0.0], [0.0, 0.4], [0.0, 0.5]])
    cut = CutMix().mix("codes", own, other, share, place)
    assert spell(cut) == ["012defghij..", "ab23456hij..", "0123456789.."]


@mixes
def test_texts_of_unequal_length_stay_texts(mix):
    own, other = sentences(["abcdefghijkl", "a", "abc", ""], 12), sentences(["0", "0123456789ab", "", "012"], 12)
    for seed in range(20):
        _, share, place = mix.draw(4, generator(seed), "cpu")
        mixed = spell(mix.mix("codes", own, other, share, place))
        for text in mixed:
            assert "." not in text.rstrip(".")
        assert all(mixed[row].rstrip(".") for row in range(3))
        assert set(mixed[2]) <= set("abc.")


def test_parameters():
    assert clone(CutMix(probability=0.5)).get_params() == {"alpha": 1.0, "probability": 0.5}
    with pytest.raises(ValueError, match="'alpha' parameter of MixUp"):
        MixUp(alpha=-1).draw(3, generator(), "cpu")
    with pytest.raises(ValueError, match="'probability' parameter of CutMix"):
        CutMix(probability=2).validate()
