"""A gain and an offset for each channel: what a norm is once it no longer learns."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.modules.batchnorm import SyncBatchNorm, _BatchNorm

from spikedistill.core.errors import SpikedistillError
from spikedistill.layers.tdbn import TDBN

_FOLLOWED = (_BatchNorm.forward, SyncBatchNorm.forward, TDBN.forward)


class PerChannel(nn.Module):
    """`gain x + offset`, each one number per channel, or one for all.

    Shapes:
        `[N, C, ...]` to the same; `gain` and `offset` `[C]` or `[1]`, None for 1 and 0.
    """

    gain: Tensor | None
    offset: Tensor | None

    def __init__(self, gain: Tensor | None, offset: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("gain", gain)
        self.register_buffer("offset", offset)
        known = gain if gain is not None else offset
        self.channels = 1 if known is None else len(known)

    def forward(self, x: Tensor) -> Tensor:
        """Scale and shift `[N, C, ...]`.

        Raises:
            SpikedistillError: if the input has another number of channels.
        """
        if self.channels not in (1, x.shape[1]):  # one channel would be copied without a word
            raise SpikedistillError(
                f"the input has {x.shape[1]} channels and its normalisation {self.channels}; "
                "use inputs with as many channels as the network was trained on"
            )
        shape = (-1, *[1] * (x.dim() - 2))
        if self.gain is not None:
            x = x * self.gain.view(shape)
        return x if self.offset is None else x + self.offset.view(shape)


def per_channel(module: nn.Module) -> tuple[Tensor, Tensor] | None:
    """Gain and offset `[C]` in float64 of a norm in evaluation, or of a `PerChannel`; else None.

    None too for a batch norm without running statistics, which looks at its batch in evaluation as
    well, and for one whose class has a forward of its own.
    """
    if isinstance(module, PerChannel):
        like = module.gain if module.gain is not None else module.offset
        assert like is not None
        gain = like.new_ones(len(like)) if module.gain is None else module.gain
        offset = gain.new_zeros(len(gain)) if module.offset is None else module.offset
        return gain.double(), offset.double()
    if not isinstance(module, _BatchNorm) or type(module).forward not in _FOLLOWED:
        return None
    mean, var = module.running_mean, module.running_var
    if mean is None or var is None:
        return None
    gain = (var.double() + module.eps).rsqrt()
    if module.affine:
        gain = gain * module.weight.detach().double()
    if isinstance(module, TDBN):
        gain = gain * module.scale
    bias = module.bias.detach().double() if module.affine else 0.0
    return gain, bias - gain * mean.double()
