"""A convolution or linear layer that adds int8 weights where a spike arrived, in whole numbers."""

from __future__ import annotations

import functools
from typing import Any

import torch
from jaxtyping import Float, Int32
from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.costs.operations import ProductLayer

_EXACT = 2**24
"""float32 holds every whole number up to here, so smaller sums are handed over exactly."""
_KERNELS = torch.ops.onednn


class IntegerLayer(ProductLayer):
    """`scale acc + bias`, `acc` the sum of the int8 weights of the inputs that spiked.

    Formula:
        Symmetric per output channel: `scale = max |w| / 127`, `q = round(w / scale)`;
        `acc = sum q s` over the inputs `s` in {0, 1}, in whole numbers (int32), then one gain and
        one offset per channel in float32. Jacob et al., CVPR 2018, section 2.2, with inputs that
        need no scale.

    Shapes:
        Those of the `nn.Conv2d` or `nn.Linear` that it replaces; the inputs are 0 or 1.

    On a CPU with oneDNN the sum is that library's int8 product (with binary inputs it is exact on
    CPUs without VNNI too: two products never exceed 16 bits); elsewhere a float64 convolution of
    the same whole numbers, exact and slow.
    """

    scale: Tensor
    bias: Tensor

    def __init__(self, layer: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        weight = layer.weight.detach().float()
        weight = weight[..., None, None] if weight.dim() == 2 else weight
        highest = weight.abs().amax((1, 2, 3))
        scale = torch.where(highest > 0, highest / 127, 1.0)
        bias = torch.zeros_like(scale) if layer.bias is None else layer.bias.detach().float()
        quantised = (weight / scale.view(-1, 1, 1, 1)).round().to(torch.int8)
        self.register_buffer("weight", quantised.contiguous())
        self.register_buffer("scale", scale)
        self.register_buffer("bias", bias)
        self.is_linear = isinstance(layer, nn.Linear)
        self.stride, self.padding, self.dilation, self.groups = [1, 1], [0, 0], [1, 1], 1
        if isinstance(layer, nn.Conv2d):
            pads = [0, 0] if layer.padding == "valid" else layer.padding
            assert not isinstance(pads, str)
            self.stride, self.padding = [*layer.stride], [*pads]
            self.dilation, self.groups = [*layer.dilation], layer.groups
        self._packed: tuple[tuple[int, int], Tensor] | None = None

    def forward(self, spikes: Float[Tensor, "N ..."]) -> Float[Tensor, "N ..."]:
        """The current of spikes, 0 or 1."""
        return self._shaped(self._product(self._images(spikes), self.scale, self.bias), spikes)

    def accumulate(self, spikes: Float[Tensor, "N ..."]) -> Int32[Tensor, "N ..."]:
        """The sums of weights before scale and bias, by the same product."""
        ones = torch.ones_like(self.scale)
        sums = self._product(self._images(spikes), ones, torch.zeros_like(ones))
        return self._shaped(sums, spikes).to(torch.int32)

    def _images(self, spikes: Tensor) -> Tensor:
        whole = spikes.to(torch.uint8)
        if self.is_linear:
            return whole.reshape(-1, whole.shape[-1], 1, 1)
        return whole.contiguous(memory_format=torch.channels_last)

    def _shaped(self, result: Tensor, spikes: Tensor) -> Tensor:
        return result.view(*spikes.shape[:-1], -1) if self.is_linear else result

    def _product(self, whole: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
        if whole.device.type != "cpu" or not kernels_work():
            sums = nn.functional.conv2d(
                whole.double(), self.weight.double(), None, self.stride, self.padding,
                self.dilation, self.groups,
            )  # fmt: skip
            return sums.float() * scale.view(-1, 1, 1) + bias.view(-1, 1, 1)
        return _product(
            whole, self._pack(), scale, bias, self.stride, self.padding, self.dilation, self.groups
        )

    def _pack(self) -> Tensor:
        """The weights in the order that the kernel reads; made anew when they have changed."""
        now = (id(self.weight), self.weight._version)
        if self._packed is None or self._packed[0] != now:
            packed = _pack(self.weight, self.stride, self.padding, self.dilation, self.groups)
            self._packed = (now, packed)
        return self._packed[1]

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along: not the packed weights, which cannot be copied."""
        return {**vars(self), "_packed": None}

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{tuple(self.weight.shape)}, stride={self.stride}, padding={self.padding}"


def cannot(layer: nn.Module) -> str:
    """Why a layer has no integer form, or nothing.

    Raises:
        SpikedistillError: if a weight is not finite.
    """
    if not isinstance(layer, nn.Conv2d | nn.Linear):
        return f"only nn.Conv2d and nn.Linear have an integer form, not {type(layer).__name__}"
    if type(layer).forward not in (nn.Conv2d.forward, nn.Linear.forward):
        return f"{type(layer).__name__} has a forward of its own"
    if not bool(torch.isfinite(layer.weight).all()):
        raise SpikedistillError(
            "a network with weights that are not finite cannot have int8 weights; its training "
            "diverged"
        )
    if isinstance(layer, nn.Conv2d) and (layer.padding_mode != "zeros" or layer.padding == "same"):
        return "its padding is not a number of zeros"
    inputs = layer.weight[0].numel()
    if 127 * inputs >= _EXACT:
        return f"each output sums {inputs:,} inputs, and only {_EXACT // 127:,} sum exactly"
    return ""


@functools.cache
def kernels_work() -> bool:
    """Whether this torch has oneDNN's int8 convolution and it counts right on this CPU."""
    try:
        weight = torch.arange(-127, 128, 2).to(torch.int8).view(1, 128, 1, 1)
        packed = _pack(weight, [1, 1], [0, 0], [1, 1], 1)
        spikes, one = torch.ones(1, 128, 1, 1, dtype=torch.uint8), torch.ones(1)
        got = _product(spikes, packed, one, one - 1, [1, 1], [0, 0], [1, 1], 1)
    except (AttributeError, RuntimeError):  # no such operation in this build
        return False
    return float(got) == float(weight.sum())


def _pack(
    weight: Tensor, stride: list[int], padding: list[int], dilation: list[int], groups: int
) -> Tensor:
    ones = torch.ones(len(weight))
    return _KERNELS.qconv_prepack(weight, ones, 1.0, 0, stride, padding, dilation, groups, None)


def _product(
    spikes: Tensor,
    packed: Tensor,
    scale: Tensor,
    bias: Tensor,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
) -> Tensor:
    zeros = torch.zeros(len(scale), dtype=torch.int64)
    return _KERNELS.qconv_pointwise(
        spikes, 1.0, 0, packed, scale, zeros, bias, stride, padding, dilation, groups,
        1.0, 0, torch.float32, "none", [], "",
    )  # fmt: skip
