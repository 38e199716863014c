"""A user's network in a recipe, and the foreign CIFAR-10 ResNets that prove it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from spikedistill.conversion.twin import spiking_twin
from spikedistill.core.clock import temporal_layers
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.normalized import Normalized
from spikedistill.functional.compiled import compiling
from spikedistill.neurons.lif import LIF
from spikedistill.taps import Tapped, default_stages
from spikedistill.teachers import own_network

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TAPS = {"stage1": "layer1", "stage2": "layer2", "stage3": "layer3"}


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """A few steps of small layers are not worth compiling."""
    with compiling(False):
        yield


@pytest.fixture(autouse=True)
def beside_the_users_file(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(__file__).parent
    monkeypatch.chdir(here)
    monkeypatch.syspath_prepend(str(here))


def test_face_of_an_own_network() -> None:
    images = torch.rand(2, 3, 32, 32)
    network = own_network("foreign_resnet:resnet", depth=8, mean=MEAN, std=STD, taps=TAPS)
    assert isinstance(network, Normalized)
    assert network.taps == {name: f"network.{path}" for name, path in TAPS.items()}
    network.eval()
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (MEAN, STD))
    torch.testing.assert_close(network(images), network.network((images - mean) / std))


def test_without_statistics_the_network_itself() -> None:
    network = own_network("foreign_resnet:resnet", depth=8, num_classes=7)
    assert type(network).__name__ == "ForeignResNet" and network.linear.out_features == 7


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"call": "foreign_resnet:resnett"}, "did you mean 'resnet'"),
        ({"call": "foreign_resnets:resnet"}, "did you mean 'foreign_resnet'"),
        ({"call": "foreign_resnet:ForeignResNet"}, "needs depth, num_classes"),
        ({"call": "foreign_resnet:nothing"}, "returned a str"),
        ({"mean": MEAN}, "has a mean and no std"),
        ({"mean": (123.7, 116.3, 103.5), "std": STD}, "divide it by 255"),
        ({"taps": {"stage1": "layr1"}}, "did you mean 'layer1'"),
        ({"weights": "nowhere.npz"}, "no weight file nowhere.npz"),
        ({"dept": 8}, "no option 'dept'; did you mean 'depth'"),
    ],
)
def test_sentences(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        own_network(**{"call": "foreign_resnet:resnet", **options})  # type: ignore[arg-type]


def test_twin_of_an_own_network_spikes_at_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    # torch.fx cannot follow a forward that checks the types of what comes in
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    network = own_network("foreign_resnet:resnet", depth=20, mean=MEAN, std=STD, taps=TAPS)
    twin = spiking_twin(network, LIF())
    assert len(temporal_layers(twin)) == 19
    assert twin.untraced == () and twin.real_valued == ()
    names = ("stage1", "stage3", "spikes1", "spikes19")
    outputs, taps = Tapped(twin, names)(torch.rand(1, 2, 3, 32, 32), 2)
    assert outputs.shape == (2, 2, 10)
    assert taps["stage1"].shape == (2, 2, 16, 32, 32)
    assert taps["spikes1"].shape == (2, 2, 16, 32, 32)  # the stem comes first
    assert torch.equal(taps["stage3"], taps["spikes19"])
    tapped = Tapped(twin)
    assert tapped.first  # rewritten forwards can still be followed
    images = torch.rand(1, 2, 3, 32, 32)
    assert default_stages(twin, images[0], 2) == default_stages(network, images[0])


def cifar10_test() -> tuple[Tensor, Tensor]:
    """All test images of the official binary form, `[10000, 3, 32, 32]` bytes, and labels."""
    path = Path(os.environ["SPIKEDISTILL_DATA"]) / "cifar-10-batches-bin" / "test_batch.bin"
    rows = torch.from_numpy(np.fromfile(path, np.uint8)).view(10_000, 3073)
    return rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0].long()


@torch.inference_mode()
def right_answers(network: nn.Module, count: int) -> int:
    images, labels = cifar10_test()
    network.eval().to(memory_format=torch.channels_last)
    right = 0
    for x, y in zip(images[:count].split(250), labels[:count].split(250), strict=True):
        x = (x.float() / 255).contiguous(memory_format=torch.channels_last)
        right += int((network(x).argmax(-1) == y).sum())
    return right


def foreign(depth: int) -> nn.Module:
    root = Path(os.environ["SPIKEDISTILL_DATA"]) / "weights-cifar10-resnet"
    return own_network(
        "foreign_resnet:resnet",
        weights=root / f"resnet{depth}.npz",
        mean=MEAN,
        std=STD,
        depth=depth,
    )


@pytest.mark.data
@pytest.mark.parametrize(("depth", "count", "right"), [(20, 10_000, 9173), (56, 2_000, 1859)])
def test_foreign_resnets_measure_what_their_author_measured(
    depth: int, count: int, right: int
) -> None:
    """All test images for ResNet-20; for ResNet-56 (9,339 of all 10,000, 40 s) the first 2,000."""
    assert right_answers(foreign(depth), count) == right


@pytest.mark.data
def test_wrong_depth_is_refused() -> None:
    root = Path(os.environ["SPIKEDISTILL_DATA"]) / "weights-cifar10-resnet"
    with pytest.raises(SpikedistillError, match=re.escape("entries of the file are not in")):
        own_network("foreign_resnet:resnet", depth=20, weights=root / "resnet56.npz")
