import pytest
import torch
from torch import nn

from mmsk.nn import guard_narrow


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("shape", [(16, 2), (4, 1), (1, 1), (8, 4)])
def test_convolutions_in_bfloat16_are_near_those_in_float32(kernel, shape):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(32, 64, kernel, 2, kernel // 2, bias=False))
    x = torch.randn(14, 32, *shape)
    exact = network(x)
    exact.square().sum().backward()
    expected = network[0].weight.grad.clone()
    guard_narrow(network)
    assert list(network.state_dict()) == ["0.weight"] and isinstance(network[0], nn.Conv2d)
    for _ in range(4):
        network.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = network(x)
        y.float().square().sum().backward()
        assert (y - exact).abs().max() < 0.05 * exact.abs().max()
        assert (network[0].weight.grad - expected).abs().max() < 0.05 * expected.abs().max()


@pytest.mark.parametrize("padding", ["same", "valid", 2])
def test_only_outputs_of_one_are_computed_in_float32(padding):
    network = nn.Sequential(nn.Conv1d(4, 4, 3, padding=padding, dilation=2))
    guard_narrow(network)
    for length in (1, 2, 5, 6, 9):
        if length + (0 if padding == "valid" else 4) < 5:
            continue
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = network(torch.randn(2, 4, length))
        assert y.dtype == (torch.float32 if y.shape[-1] == 1 else torch.bfloat16)
