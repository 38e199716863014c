import torch
from torch import nn

from spikedistill.layers.batch_norm import batch_norm


def test_it_is_batch_norm_over_time_and_batch() -> None:
    """Statistics of `[T * B]` are those over (T, B, H, W)."""
    norm, x = batch_norm(3, residual=True), torch.randn(4, 2, 3, 5, 5, dtype=torch.float64)
    mean = x.mean((0, 1, 3, 4), keepdim=True)
    variance = x.var((0, 1, 3, 4), correction=0, keepdim=True)
    expected = (x - mean) / (variance + 1e-5).sqrt()
    assert type(norm) is nn.BatchNorm2d
    torch.testing.assert_close(norm.double()(x.flatten(0, 1)), expected.flatten(0, 1))
