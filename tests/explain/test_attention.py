from __future__ import annotations

import torch

from spikedistill.core.spec import Spec
from spikedistill.core.trace import Trace
from spikedistill.explain.attention import mean_pictures
from spikedistill.methods.logit_kd import LogitKD
from spikedistill.methods.sastc import SASTC


def traces(count: int) -> list[tuple[Trace, Trace]]:
    return [
        (
            Trace(torch.zeros(3, 8, 10), {"stage1": (torch.rand(3, 8, 4, 6, 6) < 0.3).float(),
                                          "stage2": (torch.rand(3, 8, 6, 3, 3) < 0.3).float()}),
            Trace(torch.zeros(1, 8, 10), {"stage1": torch.rand(1, 8, 5, 6, 6),
                                          "stage2": torch.rand(1, 8, 7, 3, 3)}),
        )
        for _ in range(count)
    ]  # fmt: skip


def specs() -> tuple[Spec, Spec]:
    learner, guide = traces(1)[0]
    shapes = [{name: tuple(value.shape) for name, value in one.taps.items()}
              for one in (learner, guide)]  # fmt: skip
    return Spec("student", 3, 8, 10, shapes[0]), Spec("teacher", 1, 8, 10, shapes[1])


def test_the_attention_is_the_mean_over_all_samples() -> None:
    loss, batches = SASTC(*specs()), traces(3)
    found = mean_pictures(loss, batches)["attention"]
    samples = torch.cat([loss.attention(*pair) for pair in batches], 1).double()
    assert found.shape == (3, 2, 2)
    assert torch.allclose(found, samples.mean(1), atol=1e-6)
    assert torch.allclose(found.sum(-1), torch.ones(3, 2, dtype=torch.float64), atol=1e-6)
    assert loss.training  # its own mode came back


def test_a_loss_without_pictures_is_shown_nothing() -> None:
    def never():
        raise AssertionError
        yield

    assert mean_pictures(LogitKD(*specs()), never()) == {}
    assert mean_pictures(SASTC(*specs()), []) == {}
