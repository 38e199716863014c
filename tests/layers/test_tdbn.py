from functools import partial

import pytest
import torch
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.layers.tdbn import TDBN


def test_numbers_worked_by_hand() -> None:
    values = torch.tensor([1.0, 2.0, 3.0, 6.0], dtype=torch.float64).view(2, 1, 1, 2)
    normed = TDBN(1, v_threshold=0.5, eps=1e-12).double()(values)
    assert normed.flatten().tolist() == pytest.approx([-0.534522, -0.267261, 0, 0.801783], abs=1e-6)


def test_running_statistics_are_those_of_batch_norm() -> None:
    """Momentum 0.1, running variance unbiased; the scale touches the output only."""
    ours, plain = TDBN(3, v_threshold=0.5), nn.BatchNorm2d(3)
    for _ in range(3):
        x = torch.randn(8, 3, 4, 4) + 1
        torch.testing.assert_close(ours(x), 0.5 * plain(x))
    torch.testing.assert_close(ours.state_dict(), plain.state_dict())
    torch.testing.assert_close(ours.eval()(x), 0.5 * plain.eval()(x))


def test_it_starts_at_weight_one_and_scales_the_gradient() -> None:
    norm, x = TDBN(2, v_threshold=0.5), torch.randn(4, 2, 3, 3)
    assert norm.weight.tolist() == [1, 1]
    y = norm(x)
    (gradient,) = torch.autograd.grad((y * y.detach()).sum(), norm.weight)
    torch.testing.assert_close(gradient, y.detach().square().sum((0, 2, 3)))


def test_two_branches_meet_with_the_variance_of_the_threshold() -> None:
    make = partial(TDBN, v_threshold=0.5)
    x, y = torch.randn(2, 64, 3, 16, 16, dtype=torch.float64)
    met = make(3, residual=True).double()(x) + make(3, residual=True).double()(y)
    assert met.var().item() == pytest.approx(0.25, rel=0.02)
    assert make(3)(x.float()).var().item() == pytest.approx(0.25, rel=1e-3)


def test_it_folds_into_the_convolution_before_it() -> None:
    conv, norm = nn.Conv2d(3, 5, 3, bias=False).double(), TDBN(5, 0.5, residual=True).double()
    for _ in range(3):
        norm(conv(torch.randn(4, 3, 8, 8, dtype=torch.float64)))
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    norm.eval()
    gain, offset = norm.folded()
    folded = nn.Conv2d(3, 5, 3).double()
    folded.weight.data = conv.weight * gain[:, None, None, None]
    folded.bias.data = offset  # type: ignore[union-attr]
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(folded(x), norm(conv(x)))


@pytest.mark.parametrize("options", [{"v_threshold": 0.0}, {"alpha": -1.0}])
def test_a_scale_that_is_not_positive_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(SpikedistillError, match=r"both must be positive"):
        TDBN(3, **options)
