"""Convolutions in bfloat16 that oneDNN gets wrong."""

import torch
from torch import nn


class _InFloat32:
    """Makes a convolution compute in float32 where its output is one wide."""

    def forward(self, x):
        if x.is_cuda or not torch.is_autocast_enabled("cpu") or _width_after(self, x.shape[-1]) > 1:
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


class _NarrowConv1d(_InFloat32, nn.Conv1d):
    pass


class _NarrowConv2d(_InFloat32, nn.Conv2d):
    pass


_CAREFUL = {nn.Conv1d: _NarrowConv1d, nn.Conv2d: _NarrowConv2d}


def guard_narrow(network):
    """Let the convolutions of a network compute in float32 where bfloat16 goes wrong.

    On a CPU that multiplies in bfloat16, strided and padded convolutions whose output is one wide read memory that is
    not theirs: outputs and gradients are random, or NaN. Seen with torch 2.14 for kernels of 3, 5 and 7, whatever the
    height; all outputs that are wider were right. So narrow a layer is that float32 costs nothing.

    Parameters
    ----------
    network : nn.Module
        Its convolutions, those of other libraries included, are changed in place; names and weights stay.
    """
    for module in network.modules():
        # The class rather than a hook or a method of the instance: nothing holds on to the module, which is freed as
        # soon as nobody needs it.
        module.__class__ = _CAREFUL.get(type(module), type(module))


def _width_after(convolution, width):
    kernel, stride, dilation = convolution.kernel_size[-1], convolution.stride[-1], convolution.dilation[-1]
    padding = convolution.padding
    added = {"same": dilation * (kernel - 1), "valid": 0}[padding] if isinstance(padding, str) else 2 * padding[-1]
    return (width + added - dilation * (kernel - 1) - 1) // stride + 1
