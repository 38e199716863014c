"""Run by test_trainer.py: a small training, on as many processes as the launcher started."""

import os
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from spikedistill.core.loss import Loss, Needs
from spikedistill.core.objective import Objective, Role, Term
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace
from spikedistill.data import Loader, Split
from spikedistill.methods.cross_entropy import CrossEntropy
from spikedistill.neurons.lif import LIF
from spikedistill.training.distiller import Distiller, describe
from spikedistill.training.run_folder import RunFolder
from spikedistill.training.settings import Settings
from spikedistill.training.trainer import fit


class Mapped(Loss):
    """A learned linear map from spikes to the guide's outputs: a method with parameters."""

    def __init__(self, learner: Spec, guide: Spec | None = None) -> None:
        super().__init__(learner, guide)
        self.needs = Needs(learner=("spikes1",))
        self.map = nn.Linear(learner.shape("spikes1")[-1], guide.classes)

    def forward(self, learner: Trace, guide: Trace | None, batch: Batch) -> Tensor:
        return (self.map(learner["spikes1"]) - guide.outputs).square().mean()


def train(folder: Path, batch_size: int) -> None:
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    torch.manual_seed(0)
    images = torch.randint(0, 256, (32, 1, 4, 4), dtype=torch.uint8)
    split = Split(images, torch.arange(32) % 3)
    student = nn.Sequential(nn.Flatten(), nn.Linear(16, 12), LIF(v_threshold=0.3), nn.Linear(12, 3))
    teacher = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    roles = {"student": Role(student, 2, trainable=True), "teacher": Role(teacher)}
    specs = {n: describe(n, role, torch.rand(batch_size, 1, 4, 4)) for n, role in roles.items()}
    torch.manual_seed(1)
    ce = CrossEntropy(specs["student"])
    mapped = Mapped(specs["student"], specs["teacher"])
    objective = Objective([Term("ce", ce, guide=None), Term("mapped", mapped)])
    distiller = Distiller(roles, objective)
    loader = Loader(split, batch_size, shuffle=True, drop_last=True, rank=rank, world=world)
    settings = Settings(epochs=2, batch_size=batch_size, lr=0.05, precision="fp32", compile="off")
    fit(distiller, loader, None, settings, RunFolder(folder / "run"), seed=0)
    torch.save(distiller.state_dict(), folder / f"rank{rank}.pt")


if __name__ == "__main__":
    train(Path(sys.argv[1]), int(sys.argv[2]))
