"""Which precision this machine computes convolutions fastest in."""

from __future__ import annotations

import functools
import time
from collections.abc import Generator
from contextlib import contextmanager

import torch


@contextmanager
def full_float32() -> Generator[None]:
    """No TF32 in the convolutions of a GPU: float32 is float32 for the duration of a block."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def resolve(precision: str, device: torch.device) -> torch.dtype:
    """The dtype of autocast: `auto` takes bf16 where the device computes it faster."""
    if precision == "auto":
        return torch.bfloat16 if bf16_is_fast(device.type) else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]


@functools.cache
def bf16_is_fast(device_type: str) -> bool:
    """Whether a convolution runs clearly faster in bf16: measured on a CPU, known on a GPU."""
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device_type == "cpu" and bf16_speed() > 1.2


@functools.cache
def bf16_speed() -> float:
    """How many times faster a convolution is in bf16 than in float32 on this CPU (takes 0.1 s)."""
    x = torch.ones(16, 64, 16, 16).contiguous(memory_format=torch.channels_last)
    w = torch.ones(64, 64, 3, 3).contiguous(memory_format=torch.channels_last)
    pairs = {dtype: (x.to(dtype), w.to(dtype)) for dtype in (torch.float32, torch.bfloat16)}
    times: dict[torch.dtype, list[float]] = {dtype: [] for dtype in pairs}
    with torch.no_grad():
        for _ in range(6):
            for dtype, (image, weight) in pairs.items():
                start = time.perf_counter()
                torch.nn.functional.conv2d(image, weight, padding=1)
                times[dtype].append(time.perf_counter() - start)
    full, half = (min(times[dtype]) for dtype in pairs)  # what a busy machine delays least
    return full / half
