"""Batches that share a step of the optimiser: together they are one large batch."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from spikedistill.core.objective import Objective, Role, Term
from spikedistill.data import Loader, Split
from spikedistill.methods.cross_entropy import CrossEntropy
from spikedistill.neurons.lif import LIF
from spikedistill.training import trainer
from spikedistill.training.distiller import Distiller, describe
from spikedistill.training.groups import Place, place_of
from spikedistill.training.interrupt import Interrupted
from spikedistill.training.progress import Silent
from spikedistill.training.run_folder import RunFolder
from spikedistill.training.settings import Settings
from spikedistill.training.trainer import fit


def trained(folder: Path, samples: int = 80, progress: Silent | None = None, **options: Any) -> Any:
    """A network without norms and random layers, trained by SGD in another order each epoch."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (samples, 1, 6, 6), dtype=torch.uint8, generator=generator)
    split = Split(images, (images.float().mean((1, 2, 3)) > 127).long())
    torch.manual_seed(1)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), LIF(v_threshold=0.5), nn.Flatten(), nn.Linear(144, 2)
    )
    settings = Settings(
        **{"epochs": 2, "lr": 0.05, "precision": "fp32", "compile": "off", **options}
    )
    loader = Loader(split, settings.batch_size, shuffle=True)
    role = Role(network, 2, trainable=True)
    spec = describe("student", role, torch.rand(settings.batch_size, 1, 6, 6))
    distiller = Distiller({"student": role}, Objective([Term("ce", CrossEntropy(spec))]))
    return fit(distiller, loader, Loader(split, 8), settings, RunFolder(folder), progress=progress)


def parameters(fitted: Any) -> torch.Tensor:
    return torch.cat([value.flatten() for value in fitted.network.state_dict().values()])


# 80 samples fill batches of 32 but for one of 16; 76 leave batches of 16 one of 12 at the end
@pytest.mark.parametrize("samples", [80, 76])
def test_two_batches_of_16_are_one_of_32(tmp_path: Path, samples: int) -> None:
    whole = trained(tmp_path / "whole", samples, batch_size=32, clip=1.0, ema=0.5)
    halves = trained(tmp_path / "halves", samples, batch_size=16, accumulate=2, clip=1.0, ema=0.5)
    assert torch.allclose(parameters(whole), parameters(halves), atol=1e-6, rtol=0)
    alone = trained(tmp_path / "alone", samples, batch_size=16, clip=1.0, ema=0.5)
    assert not torch.allclose(parameters(whole), parameters(alone), atol=1e-3)
    losses = [one.history[-1]["losses"]["ce"] for one in (whole, halves)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


class StopAfter(Silent):
    """Presses Ctrl-C after so many batches."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def step(self, epoch: int, parts: dict[str, float], samples: int) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_training_stopped_within_a_group_takes_its_step_and_goes_on(tmp_path: Path) -> None:
    options: dict[str, Any] = {"batch_size": 8, "accumulate": 3, "momentum": 0.9}
    whole = trained(tmp_path / "whole", **options)
    with pytest.raises(Interrupted, match="epoch 0, step 6"):
        trained(tmp_path / "stopped", progress=StopAfter(4), **options)
    with pytest.raises(Interrupted, match="epoch 0, step 10"):  # the last group has one batch
        trained(tmp_path / "stopped", progress=StopAfter(4), **options)
    resumed = trained(tmp_path / "stopped", **options)
    assert torch.equal(parameters(whole), parameters(resumed))


def test_a_checkpoint_from_before_the_setting_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained(tmp_path / "whole", batch_size=16)

    def as_before(settings: Settings) -> str:
        known = json.loads(text(settings))
        return json.dumps({k: v for k, v in known.items() if k not in ("accumulate", "track")})

    text = trainer.checkpoint.settings_text
    with monkeypatch.context() as patch:
        patch.setattr(trainer.checkpoint, "settings_text", as_before)
        with pytest.raises(Interrupted):
            trained(tmp_path / "old", batch_size=16, progress=StopAfter(3))
    assert torch.equal(parameters(whole), parameters(trained(tmp_path / "old", batch_size=16)))


def test_the_places_of_a_group() -> None:
    assert [place_of(step, 2, 1, 8, 12) for step in range(2)] == [
        Place(0.0, 1.0, True),
        Place(0.5, 1.0, True),
    ]
    assert place_of(4, 6, 4, 2, 12) == Place(0.5, 0.5, False)
    assert place_of(5, 6, 4, 2, 12) == Place(0.5, 0.5, True)


def test_no_group_is_smaller_than_one_batch() -> None:
    with pytest.raises(ValueError, match="accumulate must be at least 1, not 0"):
        Settings(accumulate=0)
