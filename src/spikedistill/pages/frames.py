"""Pictures of event frames: what a network sees of a recording at every step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

ON = (0.0, 0.447, 0.698)
OFF = (0.902, 0.624, 0.0)
"""Blue and orange of Okabe and Ito, which people with any colour vision tell apart."""


def coloured(frame: Float[Tensor, "2 H W"], most: float) -> Float[Tensor, "H W 3"]:
    """A frame on white: OFF events (channel 0) orange, ON events (channel 1) blue.

    Args:
        frame: counts of events.
        most: the count that gets the full colour.
    """
    shares = (frame / max(most, 1e-9)).clamp(0, 1)
    paint = 1 - torch.tensor([OFF, ON])
    return (1 - torch.einsum("phw,pc->hwc", shares, paint)).clamp(0, 1)


def painted(frames: Float[Tensor, "T 2 H W"]) -> Float[Tensor, "T+1 3 H W"]:
    """The pictures of a recording and, last, of its mean frame.

    The colours are full at the count that one pixel in 200 exceeds.
    """
    most = float(frames.flatten().quantile(0.995))
    pictures = [coloured(frame, most) for frame in (*frames, frames.mean(0))]
    return torch.stack(pictures).permute(0, 3, 1, 2)


def plot_frames(rows: Mapping[str, Float[Tensor, "T 2 H W"]], path: Path | str) -> None:
    """One row of frames for each recording, and their mean frame in the last column, as a PNG.

    Args:
        rows: title -> frames; all of the same T.
        path: where to write.
    """
    columns = max(len(frames) for frames in rows.values()) + 1
    figure = Figure(figsize=(1.1 * columns + 0.6, 1.15 * len(rows) + 0.3), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for row, (title, frames) in enumerate(rows.items()):
        for number, (axis, picture) in enumerate(zip(axes[row], painted(frames), strict=True)):
            axis.imshow(picture.permute(1, 2, 0).numpy(), interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            if row == 0:
                axis.set_title("mean" if number == len(frames) else f"t = {number + 1}", fontsize=8)
        axes[row, 0].set_ylabel(title, fontsize=8)
    figure.savefig(path, format="png", dpi=80)
