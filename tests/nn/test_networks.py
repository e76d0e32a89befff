import numpy as np
import pytest
import torch

from mmsk import BadInputError, nn

NETWORKS = {
    "image": (lambda: nn.ImageNetwork(3, (8, 16), 12, 0.5), (3, 20, 24)),
    "tiny image": (lambda: nn.ImageNetwork(1, (8, 16, 16), 12, 0.5), (1, 4, 4)),
    "spectrogram": (lambda: nn.SpectrogramNetwork(20, (8, 16), 12, 0.5), (20, 31)),
    "four branches": (lambda: nn.FourBranchNetwork(20, 12, 0.5), (20, 31)),
    "waveform": (lambda: nn.WaveformNetwork(1, 4000, (8, 8, 16), 65, 12, 0.5), (4000,)),
    "series": (lambda: nn.WaveformNetwork(6, 50, (8, 16), 65, 12, 0.5), (6, 50)),
    "table": (lambda: nn.TabularNetwork(5, (16,), 12, 0.5), (5,)),
    "tagging 1d": (lambda: nn.TaggingNetwork1d(1, 2000, 0.5, 12), (2000,)),
    "tagging 2d": (lambda: nn.TaggingNetwork2d(20, 31, 0.5, 12), (20, 31)),
    "selu codes": (lambda: nn.SeluCharacterNetwork(np.arange(2, 9), 8, (2, 3, 4, 5), 6, 12, 0.5), (15,)),
    "codes": (lambda: nn.CharacterNetwork(np.arange(2, 9), 8, (2, 3), 6, 12, 0.5), (15,)),
}


def cells_of(name, n=6):
    shape = NETWORKS[name][1]
    generator = torch.Generator().manual_seed(0)
    if name.endswith("codes"):
        return torch.randint(0, 9, (n, *shape), generator=generator, dtype=torch.int32)
    return torch.randn(n, *shape, generator=generator)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_embeds_and_every_weight_gets_a_gradient(name):
    network = NETWORKS[name][0]()
    out = network(cells_of(name))
    assert out.shape == (6, 12)
    assert network.output_dim == 12
    (out * torch.randn(out.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    for weight_name, weight in network.named_parameters():
        assert weight.grad is not None, weight_name
        assert weight.grad.abs().sum() > 0, weight_name


@pytest.mark.parametrize("name", NETWORKS)
def test_answers_do_not_depend_on_the_batch(name):
    network = NETWORKS[name][0]().eval()
    cells = cells_of(name)
    with torch.no_grad():
        alone = torch.cat([network(cell[None]) for cell in cells])
        torch.testing.assert_close(network(cells), alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_one_graph_to_the_compiler(name):
    network = NETWORKS[name][0]().eval()
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    with torch.no_grad():
        compiled = torch.compile(network, backend=backend)(cells_of(name))
        torch.testing.assert_close(compiled, network(cells_of(name)), atol=1e-5, rtol=0)
    assert len(graphs) == 1


@pytest.mark.parametrize("name", ["codes", "selu codes"])
def test_padding_changes_no_sentence(name):
    network = NETWORKS[name][0]().eval()
    codes = torch.tensor([[3, 4, 5, 0, 0, 0, 0]])
    longer = torch.tensor([[3, 4, 5, 0, 0, 0, 0], [3, 4, 5, 6, 7, 8, 3]])
    with torch.no_grad():
        torch.testing.assert_close(network(codes), network(longer)[:1])
        torch.testing.assert_close(network(codes), network(codes[:, :4]))


def test_unknown_characters_share_one_vector_and_differ_from_known_ones():
    network = NETWORKS["codes"][0]().eval()
    with torch.no_grad():
        unknown, other, known = network(torch.tensor([[3, 1, 5], [3, 9000, 5], [3, 4, 5]]))
    torch.testing.assert_close(unknown, other)
    assert not torch.allclose(unknown, known)


def test_standardize_learns_weighted_statistics_without_nan():
    cells = torch.tensor([[1.0, 1e9], [3.0, 1e9 + 1], [torch.nan, 1e9 + 2], [100.0, 0.0]], dtype=torch.float64)
    layer = nn.Standardize(2)
    weight = torch.tensor([1.0, 1.0, 1.0, 0.0])
    layer.learn(zip(cells.split(2), weight.split(2), strict=True))
    torch.testing.assert_close(layer.mean, torch.tensor([2.0, 1e9 + 1], dtype=torch.float64))
    torch.testing.assert_close(layer.scale[1], torch.tensor((2 / 3) ** 0.5, dtype=torch.float64), rtol=1e-6, atol=0)
    assert layer(cells)[2, 0].isnan()
    torch.testing.assert_close(layer(cells)[:3, 1].float(), torch.tensor([-1.2247, 0.0, 1.2247]), atol=1e-3, rtol=0)


def test_weights_count_as_repetitions():
    cells = torch.randn(5, 3, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight = torch.tensor([1.0, 2.0, 0.0, 3.0, 1.0])
    weighted, repeated = nn.Standardize(3), nn.Standardize(3)
    weighted.learn([(cells, weight)])
    repeated.learn([(cells.repeat_interleave(weight.long(), 0), torch.ones(7))])
    torch.testing.assert_close(weighted.mean, repeated.mean)
    torch.testing.assert_close(weighted.scale, repeated.scale)


@pytest.mark.parametrize("unit", [1e-30, 1e-16, 1.0, 1e30])
def test_the_unit_of_a_channel_does_not_matter(unit):
    cells = torch.tensor([[1.0], [2.0], [4.0]], dtype=torch.float64)
    layer = nn.Standardize(1)
    layer.learn([(cells * unit, torch.ones(3))])
    torch.testing.assert_close(layer(cells * unit).std(correction=0), torch.tensor(1.0, dtype=torch.float64))


def test_constant_channels_are_not_blown_up():
    layer = nn.Standardize(1)
    layer.learn([(torch.full((4, 1), 0.1, dtype=torch.float64), torch.ones(4))])
    assert layer.scale.item() == 1.0


@pytest.mark.parametrize("layer", [nn.Dropout(0.4), nn.ChannelDropout(0.4)])
def test_dropout_keeps_the_mean_and_draws_from_its_generator(layer):
    x = torch.ones(200, 50, 2)
    layer.generator = torch.Generator().manual_seed(0)
    first = layer(x)
    assert abs(first.mean().item() - 1.0) < 0.05
    assert first.unique().tolist() == pytest.approx([0.0, 1 / 0.6])
    layer.generator.manual_seed(0)
    torch.testing.assert_close(layer(x), first)
    assert layer.eval()(x) is x
    if isinstance(layer, nn.ChannelDropout):
        assert (first[:, :, 0] == first[:, :, 1]).all()


def test_modality_dropout_never_hides_all():
    network = nn.FusedNetwork({"a": torch.nn.Identity(), "b": torch.nn.Identity()}, [2, 2], 2, modality_dropout=0.9)
    presence = torch.tensor([[True, True], [True, False], [False, False]]).repeat(200, 1)
    shown = network._hide(presence)
    assert (shown.any(1) == presence.any(1)).all()
    assert not (shown & ~presence).any()
    assert (shown[::3].sum(1) == 1).float().mean() > 0.6


def test_tokens_stand_in_for_absent_modalities():
    network = nn.FusedNetwork({"a": torch.nn.Identity(), "b": torch.nn.Identity()}, [2, 2], 2, missing="token")
    zeros = [torch.zeros(1, 2), torch.zeros(1, 2)]
    fused = network.fuse(zeros, torch.tensor([[True, False]]))
    torch.testing.assert_close(fused[0, 2:], network.tokens[1])
    assert not fused[0, :2].any()


def test_several_cells_of_a_row_are_averaged():
    network = nn.FusedNetwork({"a": torch.nn.Identity()}, [2], 2)
    cells = [torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 5.0]])]
    embedded, presence = network.encode(cells, [torch.tensor([0, 0, 2])], 3)
    assert embedded[0].tolist() == [[2.0, 3.0], [0.0, 0.0], [5.0, 5.0]]
    assert presence[:, 0].tolist() == [True, False, True]


def test_one_cell_in_a_training_batch():
    network = nn.FusedNetwork({"a": nn.ImageNetwork(1, (4, 4), 3, 0.0)}, [3], 2).train()
    outputs, _ = network([torch.zeros(1, 1, 4, 4)], [torch.tensor([1])], 2)
    assert torch.isfinite(outputs).all()
    assert network.encoders[0].training


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "mobilenet_v3_small"])
def test_backbones(name):
    network = nn.make_backbone(name, (1, 64, 64), 10, 0.1).eval()
    assert network(torch.zeros(2, 1, 64, 64, dtype=torch.uint8)).shape == (2, 10)


def test_vision_transformer_takes_its_image_size():
    network = nn.make_backbone("vit_b_16", (3, 32, 32), 10, 0.0).eval()
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    with pytest.raises(BadInputError, match="square"):
        nn.make_backbone("vit_b_16", (3, 32, 48), 10, 0.0)


def test_backbones_that_cannot_be():
    with pytest.raises(BadInputError, match="neither 'small' nor"):
        nn.make_backbone("resnet19", (3, 32, 32), 10, 0.0)
    with pytest.raises(BadInputError, match="16 x 16 pixels"):
        nn.make_backbone("squeezenet1_1", (3, 16, 16), 10, 0.0)
    with pytest.raises(BadInputError, match="1 or 3 channels"):
        nn.make_backbone("resnet18", (4, 32, 32), 10, 0.0)
