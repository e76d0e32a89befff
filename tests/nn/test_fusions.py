import itertools

import numpy as np
import pytest
import torch

from mmsk import nn
from mmsk.fusions import (
    AttentionFusion,
    BottleneckFusion,
    CrossAttentionFusion,
    EarlyFusion,
    GatedFusion,
    LateFusion,
    LowRankFusion,
    TensorFusion,
)
from mmsk.fusions._by_name import NAMED, resolve_fusion
from mmsk.nn.fusions import CharacterCounts, LowRankProduct, positions

# Every fusion by name, and the variants that take another way through the code.
FUSIONS = [
    *(name for name in NAMED if name != "early"),
    GatedFusion(output_dim=5),
    TensorFusion(dim=2),
    LowRankFusion(rank=3, output_dim=7),
    LateFusion("mean", weights="learned"),
    LateFusion("geometric", weights="learned"),
    LateFusion(weights=[1, 2, 3]),
    AttentionFusion(dim=8, n_layers=2, n_heads=2, dropout=0.3),
    CrossAttentionFusion(dim=8, n_layers=2, n_heads=2),
    BottleneckFusion(dim=8, n_layers=3, n_heads=1, n_shared=1),
]
PATTERNS = torch.tensor(list(itertools.product([False, True], repeat=3)))  # the first row has nothing


def build(fusion, dims=(4, 6, 3)):
    fusion = resolve_fusion(fusion)
    if fusion.takes == "answers":
        dims = [5] * len(dims)
        if len(dims) == 1 and not isinstance(fusion.weights, str):
            fusion = LateFusion(fusion.average)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return fusion.build(list(dims)), list(dims)


def embeddings_of(dims, n_rows=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n_rows, dim, generator=generator) for dim in dims]


def fuse(module, *args):
    for part in module.modules():
        if hasattr(part, "generator"):
            part.generator = torch.Generator().manual_seed(0)
    return module(*args)


@pytest.mark.parametrize("fusion", FUSIONS, ids=str)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("spoilt", [1e6, torch.nan, torch.inf])
def test_what_stands_where_a_modality_is_absent_changes_nothing(fusion, training, spoilt):
    module, dims = build(fusion)
    module.train(training)
    parts = embeddings_of(dims)
    expected = fuse(module, [part.clone() for part in parts], PATTERNS)
    assert expected.shape == (8, module.output_dim)
    assert torch.isfinite(expected).all()
    for part, there in zip(parts, PATTERNS.unbind(1), strict=True):
        part[~there] = spoilt
        part.requires_grad_()
    fused = fuse(module, parts, PATTERNS)
    assert torch.equal(fused, expected)
    fused.square().sum().backward()
    for part, there in zip(parts, PATTERNS.unbind(1), strict=True):
        assert not part.grad[~there].any()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())


@pytest.mark.parametrize("fusion", FUSIONS, ids=str)
@pytest.mark.parametrize("presence", [PATTERNS, None], ids=["some", "all"])
@pytest.mark.parametrize("dims", [(4, 6, 3), (4, 6), (5, 5, 5), (4,)], ids=str)
def test_a_gradient_reaches_every_weight_and_every_modality(fusion, presence, dims):
    if getattr(fusion, "weights", None) == [1, 2, 3] and len(dims) == 2:
        fusion = LateFusion(weights=[1, 2])
    module, dims = build(fusion, dims)
    parts = [part.requires_grad_() for part in embeddings_of(dims)]
    mask = None if presence is None else presence[:, -len(dims) :]
    fused = fuse(module, parts, mask)
    (fused * torch.randn(fused.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    for name, weight in module.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 1e-7, name
    for i, part in enumerate(parts):
        there = torch.ones(8, dtype=torch.bool) if mask is None else mask[:, i]
        assert part.grad[there].abs().sum() > 1e-7


@pytest.mark.parametrize("fusion", FUSIONS, ids=str)
def test_no_mask_means_all_are_present(fusion):
    module, dims = build(fusion)
    parts = embeddings_of(dims)
    for mode in (True, False):
        module.train(mode)
        without = fuse(module, parts, None)
        torch.testing.assert_close(without, fuse(module, parts, torch.ones(8, 3, dtype=torch.bool)))


@pytest.mark.parametrize("fusion", FUSIONS, ids=str)
def test_a_row_is_fused_alike_whoever_stands_beside_it(fusion):
    module, dims = build(fusion)
    module.eval()
    parts = embeddings_of(dims)
    with torch.no_grad():
        together = module(parts, PATTERNS)
        alone = torch.cat([module([p[[i]] for p in parts], PATTERNS[[i]]) for i in range(8)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("fusion", FUSIONS, ids=str)
def test_every_modality_that_is_present_counts(fusion):
    module, dims = build(fusion)
    module.eval()
    parts = embeddings_of(dims)
    for i in range(3):
        others = [part + (2.0 * torch.arange(part.shape[1]) if j == i else 0.0) for j, part in enumerate(parts)]
        with torch.no_grad():
            change = (module(others, PATTERNS) - module(parts, PATTERNS)).abs().sum(1)
        assert (change[PATTERNS[:, i]] > 1e-6).all()
        assert not change[~PATTERNS[:, i]].any()


@pytest.mark.parametrize("fusion", FUSIONS, ids=str)
def test_state_is_all_there_is(fusion):
    module, dims = build(fusion)
    other = resolve_fusion(fusion).build(dims)
    other.load_state_dict(module.state_dict())
    parts = embeddings_of(dims)
    with torch.no_grad():
        assert torch.equal(other.eval()(parts, PATTERNS), module.eval()(parts, PATTERNS))


@pytest.mark.parametrize("fusion", FUSIONS, ids=str)
def test_double_precision(fusion):
    module, dims = build(fusion)
    fused = fuse(module.double(), [part.double() for part in embeddings_of(dims)], PATTERNS)
    assert fused.dtype == torch.float64


@pytest.mark.parametrize("fusion", FUSIONS, ids=str)
def test_products_in_bfloat16(fusion):
    module, dims = build(fusion)
    parts = embeddings_of(dims)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = fuse(module, [part.requires_grad_() for part in parts], PATTERNS)
    torch.testing.assert_close(rough.float(), fuse(module, parts, PATTERNS), atol=0.1, rtol=0.1)
    rough.float().square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())


@pytest.mark.gpu
@pytest.mark.parametrize("fusion", FUSIONS, ids=str)
def test_a_gpu_fuses_alike(fusion):
    module, dims = build(fusion)
    parts = embeddings_of(dims)
    expected = module.eval()(parts, PATTERNS)
    fused = module.cuda()([part.cuda() for part in parts], PATTERNS.cuda())
    torch.testing.assert_close(fused.cpu(), expected, atol=1e-3, rtol=1e-3)


def test_pooled_fusions_are_what_they_say():
    a, b = embeddings_of([3, 3], 4)
    presence = torch.tensor([[True, True], [True, False], [False, True], [False, False]])
    for name, both in {"sum": a + b, "mean": (a + b) / 2, "max": torch.maximum(a, b)}.items():
        fused = resolve_fusion(name).build([3, 3])([a, b], presence)
        torch.testing.assert_close(fused, torch.stack([both[0], a[1], b[2], torch.zeros(3)]))


def test_unequal_embeddings_are_mapped_to_the_largest():
    for name in ("sum", "mean", "max", "gated", "film", "embrace"):
        module = resolve_fusion(name).build([2, 5])
        assert module.output_dim == 5
        assert module([torch.ones(1, 2), torch.ones(1, 5)], torch.ones(1, 2, dtype=torch.bool)).shape == (1, 5)


def test_gated_units_by_their_formula():
    module, dims = build("gated")
    parts = embeddings_of(dims)
    there = PATTERNS[5].tolist()  # the first and the third
    joined = torch.cat(
        [part[5] if is_there else torch.zeros_like(part[5]) for part, is_there in zip(parts, there, strict=True)]
    )
    expected = sum(
        torch.sigmoid(gate(joined)) * torch.tanh(fit(part[5]))
        for part, is_there, gate, fit in zip(parts, there, module.gates, module.maps, strict=True)
        if is_there
    )
    torch.testing.assert_close(module(parts, PATTERNS)[5], expected)


def test_film_by_its_formula():
    module, dims = build("film", (4, 6))
    a, b = embeddings_of(dims)
    expected = 0.0
    for fit, modulator, own, other in zip(module.maps, module.modulators, (a, b), (b, a), strict=True):
        scale, shift = modulator(other).chunk(2, 1)
        expected = expected + ((1 + scale) * fit(own) + shift) / 2
    torch.testing.assert_close(module([a, b], None), expected)


def test_embraced_numbers_come_from_present_modalities_equally_often():
    module = resolve_fusion("embrace").build([1, 1, 1]).train()
    module.output_dim = 30_000
    docks = torch.nn.ModuleList(torch.nn.Linear(1, 30_000) for _ in range(3))
    for value, dock in enumerate(docks, 1):
        torch.nn.init.zeros_(dock.weight)
        torch.nn.init.constant_(dock.bias, float(value))
    module.docks = docks
    parts = [torch.zeros(8, 1)] * 3
    drawn = fuse(module, parts, PATTERNS)
    for row, there in zip(drawn, PATTERNS, strict=True):
        share = torch.stack([(row == value).float().mean() for value in (1, 2, 3)])
        torch.testing.assert_close(share, there / there.sum().clamp_min(1), atol=0.02, rtol=0)
    torch.testing.assert_close(module.eval()(parts, PATTERNS).mean(1), drawn.mean(1), atol=0.05, rtol=0)


def test_tensor_product_holds_every_product():
    module, dims = build(TensorFusion(dim=2))
    parts = embeddings_of(dims)
    mapped = [torch.cat([torch.ones(8, 1), fit(part)], 1) for fit, part in zip(module.maps, parts, strict=True)]
    expected = torch.einsum("na,nb,nc->nabc", *mapped).flatten(1)
    torch.testing.assert_close(module(parts, None), expected)
    lacking = module(parts, torch.tensor([[True, False, True]]).repeat(8, 1)).reshape(8, 3, 3, 3)
    torch.testing.assert_close(lacking[:, :, 0], torch.einsum("na,nc->nac", mapped[0], mapped[2]))
    assert not lacking[:, :, 1:].any()


@pytest.mark.parametrize("n_modalities", [1, 2, 3, 6, 12])
def test_tensor_product_stays_tractable(n_modalities):
    assert TensorFusion().build([16] * n_modalities).output_dim <= 4096


def test_low_rank_equals_the_full_product():
    dims, rank, n_out = [4, 6, 3], 3, 7
    module = LowRankProduct(dims, rank, n_out).double()
    parts = [part.double() for part in embeddings_of(dims)]
    # The weights of the full product, (d_1 + 1, d_2 + 1, d_3 + 1, n_out), are what the factors multiply out to.
    factors = [factor.unflatten(1, (rank, n_out)) for factor in module.factors]
    weight = torch.einsum("arh,brh,crh->abch", *factors) / rank**0.5
    for presence in (None, PATTERNS):
        there = torch.ones(8, 3, dtype=torch.bool) if presence is None else presence
        ones = [
            torch.cat([torch.ones(8, 1, dtype=torch.float64), part * p[:, None]], 1)
            for part, p in zip(parts, there.unbind(1), strict=True)
        ]
        full = torch.einsum("na,nb,nc->nabc", *ones)
        expected = torch.einsum("nabc,abch->nh", full, weight) + module.bias
        torch.testing.assert_close(module(parts, presence), expected)


def test_late_averages_are_those_of_probabilities():
    logits = embeddings_of([5, 5, 5])
    proba = torch.stack([part.softmax(1) for part in logits], 1)
    weights = torch.tensor([1.0, 2.0, 3.0])
    for average in ("mean", "geometric"):
        fused = LateFusion(average, weights=[1, 2, 3]).build([5, 5, 5])(logits, PATTERNS).softmax(1)
        for row in range(1, 8):
            w = weights[PATTERNS[row]] / weights[PATTERNS[row]].sum()
            seen = proba[row, PATTERNS[row]]
            expected = w @ seen if average == "mean" else (w @ seen.log()).softmax(0)
            torch.testing.assert_close(fused[row], expected)
    values = LateFusion("mean").build([5, 5, 5], "regression")(logits, None)
    torch.testing.assert_close(values, torch.stack(logits, 1).mean(1))


def test_attention_leaves_out_absent_tokens():
    """Fusing what is present gives the same as a network that never heard of the rest."""
    module, dims = build(AttentionFusion(dim=8, n_layers=2, n_heads=2))
    parts = embeddings_of(dims)
    smaller = AttentionFusion(dim=8, n_layers=2, n_heads=2).build([dims[0], dims[2]])
    state = {
        name.replace("maps.maps.2", "maps.maps.1"): value
        for name, value in module.state_dict().items()
        if "maps.maps.1" not in name
    }
    smaller.load_state_dict(state)
    presence = torch.tensor([[True, False, True]]).repeat(8, 1)
    torch.testing.assert_close(module.eval()(parts, presence), smaller.eval()([parts[0], parts[2]], None))


def test_bottleneck_is_the_only_way_from_one_modality_to_another():
    module, dims = build(BottleneckFusion(dim=8, n_layers=3, n_heads=2))
    parts = embeddings_of(dims)
    seen = []
    module.norm.register_forward_hook(lambda _, args, out: seen.append(out))
    with torch.no_grad():
        module.eval()(parts, None)
        first = seen[0]
        module([parts[0], parts[1] + 1.0, parts[2]], None)
        assert not torch.allclose(seen[3], first)
        # Without an exchange, what another modality says does not arrive.
        one = BottleneckFusion(dim=8, n_layers=1, n_heads=2).build(dims).eval()
        seen.clear()
        one.norm.register_forward_hook(lambda _, args, out: seen.append(out))
        one(parts, None)
        one([parts[0], parts[1] + 1.0, parts[2]], None)
    assert torch.equal(seen[3], seen[0])


@pytest.mark.parametrize("cls", [AttentionFusion, CrossAttentionFusion, BottleneckFusion])
def test_sequences_of_unequal_length(cls):
    module = cls("tokens", dim=8, n_heads=2).build([4, 6, 3]).eval()
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(8, 5, 4, generator=generator), torch.randn(8, 6, generator=generator)]
    parts.append(torch.randn(8, 2, 3, generator=generator))
    expected = module(parts, PATTERNS)
    for part, there in zip(parts, PATTERNS.unbind(1), strict=True):
        part[~there] = torch.nan
    assert torch.equal(module(parts, PATTERNS), expected)
    flipped = module([parts[0].flip(1), *parts[1:]], PATTERNS)
    assert (flipped - expected)[PATTERNS[:, 0]].abs().amax(1).gt(1e-6).all()  # the order of a sequence matters
    fused = module(parts, PATTERNS)
    fused.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())


def test_positions_are_sines_and_cosines():
    table = positions(torch.zeros(1, 7, 6))
    for place in range(7):
        for k in range(3):
            rate = 10_000 ** (-2 * k / 6)
            assert table[place, 2 * k].item() == pytest.approx(np.sin(place * rate), abs=1e-5)
            assert table[place, 2 * k + 1].item() == pytest.approx(np.cos(place * rate), abs=1e-5)
    assert positions(torch.zeros(1, 3, 5)).shape == (3, 5)


def test_early_joins_vectors_and_flags_absent_ones():
    module = EarlyFusion().build([(3,), (2, 2)])
    seen = []
    module.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    module([torch.ones(2, 3), torch.full((2, 2, 2), 2.0)], torch.tensor([[True, True], [False, True]]))
    np.testing.assert_array_equal(seen[0], [[1, 1, 1, 2, 2, 2, 2], [np.nan] * 3 + [2] * 4])


def test_early_joins_spectrograms_on_a_common_frame_axis():
    module = EarlyFusion().build([(20, 30), (12, 15)])
    seen = []
    module.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    ramp = torch.linspace(0, 14, 15).expand(2, 12, 15)
    module([torch.ones(2, 20, 30), ramp], torch.tensor([[True, True], [False, True]]))
    (joined,) = seen
    assert joined.shape == (2, 20 + 12 + 2, 30)
    assert (joined[0, :20] == 1).all() and not joined[1, :20].any()
    torch.testing.assert_close(joined[0, 20, 1:-1], torch.arange(0.25, 14, 0.5)[:28], atol=1e-5, rtol=0)
    assert (joined[:, 32] == torch.tensor([[1.0], [0.0]])).all() and (joined[:, 33] == 1).all()


def test_characters_are_counted():
    counts = CharacterCounts(np.array([3, 5]))(torch.tensor([[3, 3, 5, 9, 0], [0, 0, 0, 0, 0]]))
    torch.testing.assert_close(counts, torch.tensor([[0.25, 0.5, 0.25], [0.0, 0.0, 0.0]]))


@pytest.mark.parametrize("name", ["image", "spectrogram", "waveform", "series"])
def test_a_network_is_the_pooling_of_its_sequence(name):
    from tests.nn.test_networks import NETWORKS, cells_of

    network = NETWORKS[name][0]().eval()
    cells = cells_of(name)
    with torch.no_grad():
        sequence = network.sequence(cells)
        assert sequence.shape[::2] == (6, network.token_dim)
        assert torch.equal(network.pool(sequence), network(cells))


def test_several_cells_of_a_row_have_their_sequences_averaged():
    class Steps(torch.nn.Module):
        output_dim, token_dim = 2, 1

        def sequence(self, x):
            return x[:, :, None]

        def pool(self, sequence):
            return sequence[:, :2, 0]

        def forward(self, x):
            return self.pool(self.sequence(x))

    network = nn.FusedNetwork({"a": Steps()}, [2], 3, fusion=AttentionFusion("tokens", dim=4), auxiliary=True)
    cells = torch.tensor([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0], [5.0, 5.0, 5.0]])
    parts, presence = network.encode([cells], [torch.tensor([0, 0, 2])], 3)
    assert parts[0][:, :, 0].tolist() == [[2.0, 3.0, 4.0], [0.0, 0.0, 0.0], [5.0, 5.0, 5.0]]
    assert presence[:, 0].tolist() == [True, False, True]
    outputs, auxiliary = network([cells], [torch.tensor([0, 0, 2])], 3)
    assert outputs.shape == auxiliary[0][0].shape == (3, 3)
    nothing, _ = network([cells[:0]], [torch.tensor([], dtype=torch.int64)], 3)
    assert torch.isfinite(nothing).all()
