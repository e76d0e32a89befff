import pytest
import torch
from torchvision import models

from mmsk import BadInputError, nn


def build(name, size=64, **options):
    return nn.make_backbone(name, (3, size, size), None, 0.0, **options)


# Stages, and weights without the layer that answers: the sums that the authors state, less that layer.
SIZES = {
    "resnet18": (5, 11_689_512 - 513_000),
    "vgg16": (5, 14_714_688),  # Keras' VGG16 with include_top=False
    "xception": (15, 22_855_952 - 2_049_000),  # Keras counts 54 528 moving statistics more
    "efficientnet_b0": (9, 5_288_548 - 1_281_000),
    "mobilenet_v3_small": (14, 2_542_856 - 1_025_000),
    "squeezenet1_1": (9, 1_235_496 - 513_000),
    "shufflenet_v2_x0_5": (5, 1_366_792 - 1_025_000),
}


@pytest.mark.parametrize("name", SIZES)
def test_weights_and_stages_are_those_of_the_papers(name):
    if name == "xception":
        pytest.importorskip("timm")
    backbone = build(name)
    n_stages, n_weights = SIZES[name]
    assert sum(weight.numel() for weight in backbone.parameters()) == n_weights
    stages = backbone.stages()
    assert len(stages) == n_stages
    inside = {id(weight) for stage in stages for part in stage for weight in part.parameters()}
    assert inside == {id(weight) for weight in backbone.parameters()}
    assert backbone(torch.zeros(2, 1, 64, 64, dtype=torch.uint8)).shape == (2, backbone.output_dim)


def test_blocks_of_vgg_end_where_it_pools():
    stages = build("vgg16").stages()
    assert [len(stage) for stage in stages] == [2, 2, 3, 3, 3]
    assert [stage[0].out_channels for stage in stages] == [64, 128, 256, 512, 512]


def test_features_are_those_of_the_whole_network():
    whole = models.resnet18().eval()
    backbone = build("resnet18", pretrained=True).eval()
    nn.load_state(backbone.trunk, backbone.fit_state(whole.state_dict()), "the network", "test")
    photos = torch.randint(0, 256, (3, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    scaled = (photos / 255 - mean[:, None, None]) / std[:, None, None]
    with torch.no_grad():
        torch.testing.assert_close(whole.fc(backbone(photos)), whole(scaled), atol=1e-4, rtol=1e-4)
        grey = photos[:, :1]
        torch.testing.assert_close(backbone(grey), backbone(grey.expand(-1, 3, -1, -1)), atol=1e-4, rtol=1e-4)


def test_inception_keeps_the_scale_it_was_trained_on():
    whole = models.googlenet(init_weights=False, aux_logits=True, transform_input=True).eval()
    backbone = build("googlenet", pretrained=True).eval()
    nn.load_state(backbone.trunk, backbone.fit_state(whole.state_dict()), "the network", "test")
    photos = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = whole((photos / 255 - mean[:, None, None]) / std[:, None, None])
        torch.testing.assert_close(whole.fc(backbone(photos)), expected, atol=1e-4, rtol=1e-4)


def test_weights_of_timm():
    timm = pytest.importorskip("timm")
    whole = timm.create_model("mobilenetv3_small_050").eval()
    backbone = build("mobilenetv3_small_050", pretrained=True).eval()
    nn.load_state(backbone.trunk, backbone.fit_state(whole.state_dict()), "the network", "test")
    photos = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    with torch.no_grad():
        scaled = backbone.standardize(photos)
        torch.testing.assert_close(whole.classifier(backbone(photos)), whole(scaled), atol=1e-4, rtol=1e-4)


def test_positions_of_a_vision_transformer_fit_other_sizes():
    state = models.vit_b_16(image_size=32).state_dict()
    backbone = build("vit_b_16", 48, pretrained=True)
    nn.load_state(backbone.trunk, backbone.fit_state(state), "the network", "test")
    assert backbone.trunk.encoder.pos_embedding.shape[1] == 1 + 9
    torch.testing.assert_close(backbone.trunk.encoder.pos_embedding[0, 0], state["encoder.pos_embedding"][0, 0])


@pytest.mark.parametrize("trainable", ["head", 1, 3])
def test_only_the_last_stages_learn(trainable):
    backbone = build("mobilenet_v3_small").freeze(trainable, True).train()
    stages = backbone.stages()
    n_learning = 0 if trainable == "head" else trainable
    for i, stage in enumerate(stages):
        learns = i >= len(stages) - n_learning
        for part in stage:
            assert all(weight.requires_grad == learns for weight in part.parameters())
            assert part.training == learns
    assert backbone.is_frozen == (trainable == "head")


def test_more_stages_than_there_are():
    with pytest.raises(BadInputError, match=r"trainable=9 stages .* has 5"):
        build("resnet18").freeze(9, True)


def test_transformers_of_timm_take_their_image_size():
    pytest.importorskip("timm")
    assert build("deit_tiny_patch16_224", 32).output_dim == 192
