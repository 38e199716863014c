from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
import torch
from torch import nn

from spikedistill.core.clock import Temporal
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.over_time import OverTime
from spikedistill.export.deploy import deploy
from spikedistill.export.stepwise import Stepwise
from spikedistill.neurons.lif import LIF


def test_step_by_step_it_is_the_run_over_all_steps(network: OverTime, images: torch.Tensor) -> None:
    deployed = deploy(network, images)
    expected = deployed.over_time(images.unsqueeze(0))
    assert not torch.equal(expected[0], expected[1])
    with torch.no_grad():
        running = Stepwise(deployed.graph, deployed._kinds, images)
        found = torch.stack([running.step() for _ in range(3)])
    torch.testing.assert_close(found, expected)


def test_who_leaves_does_not_disturb_who_stays(network: OverTime, images: torch.Tensor) -> None:
    deployed = deploy(network, images)
    staying = torch.tensor([True, False, True, True, False, False])
    expected = deployed.over_time(images.unsqueeze(0))
    with torch.no_grad():
        running = Stepwise(deployed.graph, deployed._kinds, images)
        running.step()
        running.keep(staying)
        second = running.step()
        running.keep(torch.tensor([False, True, False]))
        third = running.step()
    torch.testing.assert_close(second, expected[1, staying])
    torch.testing.assert_close(third, expected[2, 2:3])


def test_a_threshold_that_never_fires_gives_all_steps(
    network: OverTime, images: torch.Tensor
) -> None:
    for weights in ("float", "int8"):
        deployed = deploy(network, images, weights=weights)
        found = deployed.early_exit(images, 1.0)
        assert found.steps.tolist() == [3] * 6
        torch.testing.assert_close(found.logits, deployed(images))


def test_a_higher_threshold_takes_more_steps(resnet: OverTime, images: torch.Tensor) -> None:
    deployed = deploy(resnet, images)
    outputs = deployed.over_time(images.unsqueeze(0))
    means = outputs.cumsum(0) / torch.arange(1, 4).view(3, 1, 1)
    sure = means.softmax(-1).amax(-1)  # [T, B]
    taken = []
    levels = [0.05, *sure.flatten().sort().values[[2, 5, 8, 11, 14]].tolist(), 1.0]
    for level in levels:
        found = deployed.early_exit(images, level)
        # written again as a loop over images
        for image, steps in enumerate(found.steps.tolist()):
            wanted = next((t for t in range(3) if sure[t, image] > level + 1e-6), 2)
            early = next((t for t in range(3) if sure[t, image] > level - 1e-6), 2)
            assert early + 1 <= steps <= wanted + 1
            torch.testing.assert_close(found.logits[image], means[steps - 1, image])
        taken.append(found.steps)
    assert all(bool((a <= b).all()) for a, b in pairwise(taken))
    assert int(taken[0].sum()) == 6 and int(taken[-1].sum()) == 18
    assert any(6 < int(steps.sum()) < 18 for steps in taken)


def test_later_steps_compute_fewer_images_and_the_stem_once(
    resnet: OverTime, images: torch.Tensor
) -> None:
    deployed = deploy(resnet, images)
    sure = deployed.over_time(images.unsqueeze(0))[0].softmax(-1).amax(-1)
    level = float(sure.sort().values[2:4].mean())  # three images are sure after one step
    rows: dict[str, list[int]] = {"network.conv1": [], "network.layer1.0.conv1": []}
    for path, seen in rows.items():
        deployed.graph.get_submodule(path).register_forward_hook(
            lambda _m, inputs, _o, seen=seen: seen.append(len(inputs[0]))
        )
    found = deployed.early_exit(images, level)
    counted = Counter(found.steps.tolist())
    assert counted[1] == 3
    assert rows["network.conv1"] == [6]
    wanted = [sum(n for taken, n in counted.items() if taken >= t) for t in (1, 2, 3)]
    assert rows["network.layer1.0.conv1"] == [n for n in wanted if n]


@pytest.mark.parametrize("threshold", [0.0, -0.5, 1.5, float("nan")])
def test_thresholds_that_are_none(resnet: OverTime, images: torch.Tensor, threshold: float) -> None:
    with pytest.raises(SpikedistillError, match="is a probability in"):
        deploy(resnet).early_exit(images, threshold)


class Hides(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.neuron = LIF()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.neuron(x) if float(x.sum()) >= 0 else x


class Sees(Temporal):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.unfold(x).cumsum(0).flatten(0, 1)


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (Hides(), "1 hides some"),
        (Sees(), r"1 \(Sees\) looks at all steps together"),
        (nn.BatchNorm1d(2, track_running_stats=False), r"1 \(BatchNorm1d\) has no running"),
    ],
)
def test_networks_that_cannot_go_step_by_step(layer: nn.Module, sentence: str) -> None:
    net = OverTime(nn.Sequential(nn.Linear(2, 2), layer, LIF(), nn.Linear(2, 2)), 2).eval()
    deployed = deploy(net)
    x = torch.rand(3, 2)
    torch.testing.assert_close(deployed(x), net(x).detach())
    with pytest.raises(SpikedistillError, match=sentence):
        deployed.early_exit(x, 0.5)
