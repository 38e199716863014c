"""Threshold-dependent batch normalisation. Zheng et al., AAAI 2021 (arXiv 2011.05280)."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.reference import Reference


class TDBN(nn.BatchNorm2d):
    """Batch norm whose output has the scale of the threshold.

    Formula:
        `y = w (alpha v_threshold (x - mean) / sqrt(var + eps)) + b`, mean and variance per channel
        over (T, B, H, W), w = 1 and b = 0 at the start (section 3, eq. 7 to 9).

    Shapes:
        `[T * B, C, H, W]` to the same.

    Options:
        v_threshold: the threshold of the neurons that follow.
        residual: whether the output meets that of another norm at a residual addition.
        alpha: default 1, and 1/sqrt(2) for a residual one.

    Relations:
        With `alpha v_threshold = 1` it is `nn.BatchNorm2d`. SpikingJelly puts `alpha v_threshold`
        into the first value of w: the same function, another effective learning rate.

    Example:
        >>> round(TDBN(8, v_threshold=0.5, residual=True).scale, 4)
        0.3536
    """

    reference: ClassVar[Reference] = Reference(
        key="zheng2021tdbn",
        title="Going Deeper With Directly-Trained Larger Spiking Neural Networks",
        authors=("Hanle Zheng", "Yujie Wu", "Lei Deng", "Yifan Hu", "Guoqi Li"),
        venue="AAAI",
        year=2021,
        link="https://arxiv.org/abs/2011.05280",
        kind="conference",
    )
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def __init__(
        self,
        channels: int,
        v_threshold: float = 1.0,
        residual: bool = False,
        *,
        alpha: float | None = None,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        if alpha is None:
            alpha = 1 / math.sqrt(2) if residual else 1.0
        if not (v_threshold > 0 and alpha > 0):
            raise SpikedistillError(
                f"TDBN scales its output by alpha * v_threshold = {alpha} * {v_threshold}; "
                "both must be positive"
            )
        super().__init__(channels, eps=eps, momentum=momentum)
        self.v_threshold = v_threshold
        self.alpha = alpha

    @property
    def scale(self) -> float:
        """`alpha v_threshold`."""
        return self.alpha * self.v_threshold

    def forward(self, input: Tensor) -> Tensor:
        """Normalise `[T * B, C, H, W]`."""
        self._check_input_dim(input)
        if self.training:
            self.num_batches_tracked.add_(1)
        return nn.functional.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight * self.scale,  # (scale w) xhat + b: scale C numbers, not the tensor
            self.bias,
            self.training,
            self.momentum,
            self.eps,
        )

    def folded(self) -> tuple[Tensor, Tensor]:
        """Gain and offset `[C]` in evaluation: `y = gain x + offset`, to fold into a weight."""
        gain = self.weight * self.scale / (self.running_var + self.eps).sqrt()
        return gain, self.bias - gain * self.running_mean

    def extra_repr(self) -> str:
        """The options."""
        return f"{super().extra_repr()}, v_threshold={self.v_threshold}, alpha={self.alpha:.4g}"
