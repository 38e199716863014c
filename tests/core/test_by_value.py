"""What functions are, judged by what they return."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from spikedistill.core.by_value import judge, judge_module


@pytest.mark.parametrize(
    ("function", "verdict"),
    [
        (lambda x: x.clamp(min=0), "rectifier"),
        (lambda x: (x + x.abs()) / 2, "rectifier"),
        (lambda x: x.clamp(0, 0.5), "rectifier"),
        (lambda x: x.clamp_(0, 6), "rectifier"),  # overwrites what it is given
        (lambda x: (x / 8 * 4 + 0.5).floor().div(4).clamp(0, 1) * 8, "quantiser"),
        (lambda x: (x.clamp(0, 1) * 255).round() / 255, "quantiser"),  # 8 bits
        (lambda x: (x > 0.5).float(), "quantiser"),
        (lambda x: x.floor(), "steps"),
        (lambda x: x.sign(), "steps"),
        (lambda x: x, "other"),
        (lambda x: 0.5 * x.clamp(min=0), "other"),
        (lambda x: torch.where(x > 0, x, 0.1 * x), "other"),
        (lambda x: x * (x > 0.5), "other"),
        (lambda x: x.clamp(min=0).tanh(), "other"),
        (lambda x: x.sigmoid(), "other"),
        (lambda x: torch.nn.functional.gelu(x), "other"),
        (lambda x: x.clamp(-1, 1), "other"),
        (lambda x: x.clamp(min=0).log(), "other"),  # not finite
        (lambda x: x * 0, "other"),
        (lambda x: x.clamp(min=0).double(), "other"),
        (lambda x: x.clamp(min=0).flatten(1)[:, :1], "other"),  # another shape
        (lambda x: x.clamp(min=0) - x.mean() + x.flip(0).mean(), "rectifier"),
        (lambda x: x.clamp(min=0) * (x.flatten(1).amax(1).view(-1, *[1] * (x.ndim - 1)) > 0),
         "rectifier"),  # the largest of a sample is above 0 where any is
        (lambda x: (x - x.mean(0)).clamp(min=0), "other"),  # looks at the batch
        (lambda x: x.softmax(1), "other"),
        (lambda x: x.clamp(min=0) if x.ndim == 4 else x, "other"),  # depends on the shape
    ],
)  # fmt: skip
def test_verdicts(function: Callable[[Tensor], Tensor], verdict: str) -> None:
    assert judge(function) == verdict


class PerChannel(nn.Module):
    """A clip with a ceiling for each of five channels."""

    def __init__(self) -> None:
        super().__init__()
        self.ceiling = nn.Parameter(torch.rand(5, 1, 1) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return torch.minimum(x.clamp(min=0), self.ceiling)


class Trained(nn.Module):
    """Clips in evaluation only, and changes itself when it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = torch.nn.Buffer(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * 2 if self.training else x.clamp(min=0)


def test_modules_are_tried_with_their_own_parameters_in_any_precision() -> None:
    assert judge_module(PerChannel()) == "rectifier"
    assert judge_module(PerChannel().half()) == "rectifier"
    with torch.device("meta"):
        assert judge_module(PerChannel()) == "other"  # no values, no verdict


def test_a_module_is_left_as_it_is() -> None:
    module, state = Trained(), torch.get_rng_state()
    seen: list[object] = []
    module.register_forward_hook(lambda *_: seen.append(1))
    assert judge_module(module) == "rectifier"
    assert module.calls == 0 and module.training and seen == []
    assert torch.equal(torch.get_rng_state(), state)


def test_tensors_without_values_do_not_disturb() -> None:
    with FakeTensorMode():
        assert judge(lambda x: x.clamp(min=0)) == "rectifier"
    with torch.device("meta"):
        assert judge(lambda x: torch.maximum(x, torch.tensor(0.0))) == "rectifier"
