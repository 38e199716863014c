"""A look at a small network against plain counting."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from spikedistill.analysis.examine_network import examine_network, examples
from spikedistill.analysis.subject import Subject
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.over_time import OverTime
from spikedistill.costs.synops import SynopsMeter
from spikedistill.data import Split, collate_sequences
from spikedistill.explain.spike_activation_map import shown_maps, spike_activation_map
from spikedistill.neurons.lif import LIF
from spikedistill.pages.frames import painted
from spikedistill.taps import Tapped

T, K = 3, 4
OF_IMAGES = ("confusion", "mistakes")


def network(spiking: bool = True, channels: int = 1) -> nn.Module:
    def fire() -> nn.Module:
        return LIF(v_threshold=0.5) if spiking else nn.ReLU()

    return nn.Sequential(
        nn.Conv2d(channels, 6, 3, padding=1), fire(), nn.MaxPool2d(2),
        nn.Conv2d(6, 5, 3, padding=1), fire(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(20, 7), fire(), nn.Linear(7, K),
    )  # fmt: skip


def split(count: int = 25) -> Split:
    images = torch.randint(0, 256, (count, 1, 8, 8), dtype=torch.uint8)
    return Split(images, torch.arange(count) % K)


def test_a_spiking_network() -> None:
    net, images = network().eval(), split()
    seen = examine_network(Subject(net, T, "direct", images, batch_size=10), OF_IMAGES)
    with torch.no_grad():
        outputs = OverTime(net).over_time((images.images.float() / 255).unsqueeze(0), T).double()
    chosen = [int(row.argmax()) for row in outputs.mean(0)]
    facts = seen.facts
    counts = np.zeros((K, K), int)
    for true, answer in zip(images.labels.tolist(), chosen, strict=True):
        counts[true, answer] += 1
    told = np.zeros((K, K), int)
    for true, answer, count in facts["confusion"]:
        told[true, answer] = count
    assert np.array_equal(told, counts) and facts["images"] == 25 and facts["spiking"]
    assert told.sum() == 25 and told.trace() == sum(
        answer == true for answer, true in zip(chosen, images.labels.tolist(), strict=True)
    )
    judged = zip(outputs.mean(0), chosen, images.labels.tolist(), strict=True)
    wrong = [float(row.softmax(-1).max()) for row, answer, true in judged if answer != true]
    confidences = [one["confidence"] for one in facts["mistakes"]]
    assert confidences == pytest.approx(sorted(wrong, reverse=True)[:12])
    so_far = outputs.cumsum(0).argmax(-1)  # the answers after 1, 2, ..., T steps
    steps = {tuple(column) for column in so_far.T.tolist()}
    assert all(len(one["steps"]) == T and tuple(one["steps"]) in steps for one in facts["mistakes"])
    assert all(one["steps"][-1] == one["answered"] != one["true"] for one in facts["mistakes"])
    assert seen.arrays["mistakes"].shape == (len(confidences), 1, 8, 8)


def test_its_layers() -> None:
    net, images = network().eval(), split()
    seen = examine_network(Subject(net, T, "direct", images, batch_size=10))
    tapped = Tapped(net, ["spikes1", "spikes2", "spikes3", "membrane2"])
    with torch.no_grad():
        _, taps = tapped((images.images.float() / 255).unsqueeze(0), T)
    for layer, shape in zip(seen.facts["layers"], ([6, 8, 8], [5, 4, 4], [7]), strict=True):
        spikes = taps[layer["tap"]]
        assert layer["shape"] == shape and layer["threshold"] == 0.5
        assert layer["over_time"] == pytest.approx(spikes.flatten(1).mean(1).tolist(), abs=1e-6)
        assert layer["never"] == pytest.approx(float((spikes.sum((0, 1)) == 0).double().mean()))
    places = seen.arrays["places spikes2"]
    assert np.allclose(places, taps["spikes2"].mean((1, 2)), atol=1e-3)
    shares = seen.arrays["membrane spikes2"]  # 40 bins of 1/20, from -1 to 1
    above = (taps["membrane2"] >= 0.5).flatten(1).double().mean(1)
    assert np.allclose(shares[:, 30:].sum(1), above, atol=1e-6)
    assert seen.facts["maps"]["tap"] == "spikes2"  # the last that has places


def test_where_it_looks_and_what_it_costs() -> None:
    net, images = network().eval(), split()
    seen = examine_network(Subject(net, T, "direct", images, batch_size=10))
    chosen = examples(images.labels)
    inputs = images.images[chosen].float() / 255
    assert np.array_equal(seen.arrays["examples"], images.images[chosen])
    with torch.no_grad():
        _, taps = Tapped(net, ["spikes2"])(inputs.unsqueeze(0), T)
    maps = shown_maps(spike_activation_map(taps["spikes2"]))
    assert np.allclose(seen.arrays["maps"], maps, atol=1e-3) and len(maps) == T + 1
    costs = []
    for steps in range(1, T + 1):
        with torch.no_grad(), SynopsMeter(net) as meter:
            OverTime(net).over_time((images.images.float() / 255).unsqueeze(0), steps)
        costs.append(4.6 * meter.multiplications + 0.9 * meter.accumulations)
    assert dict(seen.facts["energy_at"]) == pytest.approx(dict(enumerate(costs, 1)))


def test_an_ordinary_network() -> None:
    seen = examine_network(Subject(network(spiking=False), 1, "direct", split()))
    assert seen.facts["layers"] == [] and not seen.facts["spiking"]
    assert seen.facts["maps"]["kind"] == "Grad-CAM" and seen.arrays["maps"].shape == (1, 8, 4, 4)
    assert len(seen.facts["energy_at"]) == 1
    assert [row["spiking"] for row in seen.facts["operations"]] == [False] * 4


def test_networks_without_maps_and_runs_of_one_step() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64, 9), LIF(), nn.Linear(9, K))
    assert examine_network(Subject(flat, T, "direct", split())).facts["maps"] is None
    assert (
        examine_network(Subject(network(), 1, "direct", split())).facts["maps"] is None
    )  # always blank
    with pytest.raises(SpikedistillError, match="no samples"):
        examine_network(Subject(flat, T, "direct", split(0)))


class Recordings(Dataset[tuple[torch.Tensor, int]]):
    """Frames of events `[T, 2, 8, 8]`, with counts far above 1."""

    def __init__(self, count: int = 25) -> None:
        self.frames = torch.randint(0, 9, (count, T, 2, 8, 8)).float()
        self.targets = [n % K for n in range(count)]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.frames[index], self.targets[index]


@pytest.mark.parametrize(("spiking", "steps"), [(True, T), (False, 1), (False, T)])
def test_frames_of_events(spiking: bool, steps: int) -> None:
    net, data = network(spiking, channels=2).eval(), Recordings()
    seen = examine_network(Subject(net, steps, "frames", data, batch_size=10), OF_IMAGES)
    chosen = examples(torch.tensor(data.targets))
    frames = data.frames if steps == T else data.frames.mean(1, keepdim=True)
    with torch.no_grad():
        outputs = OverTime(net).over_time(frames[chosen].transpose(0, 1), steps)
    assert seen.facts["maps"]["answers"] == outputs.mean(0).argmax(-1).tolist()
    pictures = seen.arrays["examples"]
    assert pictures.shape == (8, T + 1, 3, 8, 8)  # every frame in colours, and their mean
    assert np.array_equal(
        pictures[0], (painted(data.frames[0]) * 255).round().to(torch.uint8).numpy()
    )
    assert seen.arrays["mistakes"].shape[1:] == (3, 8, 8)
    assert len(seen.arrays["maps"]) == (T + 1 if steps == T else 1)
    assert len(seen.facts["energy_at"]) == steps


def test_rate_coded_inputs_have_time() -> None:
    net = network().eval()
    seen = examine_network(Subject(net, T, "rate", split(), batch_size=10), OF_IMAGES)
    assert len(seen.facts["energy_at"]) == T and seen.facts["mistakes"]
    assert {len(one["steps"]) for one in seen.facts["mistakes"]} == {T}


def test_what_belongs_to_a_task_is_kept_where_it_is_asked_for() -> None:
    subject = Subject(network().eval(), T, "direct", split(), batch_size=10)
    plain, whole = examine_network(subject), examine_network(subject, OF_IMAGES)
    assert set(whole.facts) - set(plain.facts) == set(OF_IMAGES)
    assert set(whole.arrays) - set(plain.arrays) == {"mistakes"}
    assert {name: whole.facts[name] for name in plain.facts} == plain.facts
    alone = examine_network(
        subject, ["confusion", "energy_by_layer"]
    )  # that of every task keeps nothing
    assert set(alone.facts) - set(plain.facts) == {"confusion"}
    with pytest.raises(SpikedistillError, match=r"no section 'confusoin'.*confusion"):
        examine_network(subject, ["confusoin"])


class Sentences(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Sequences `[L, 6]` of 1 to 5 positions, and a class for each position."""

    def __init__(self, count: int = 25) -> None:
        lengths = [n % 5 + 1 for n in range(count)]
        self.inputs = [3 * torch.rand(length, 6) for length in lengths]
        self.targets = [torch.arange(length) % K for length in lengths]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.inputs[index], self.targets[index]


def test_of_sequences_only_positions_that_are_there_count() -> None:
    net = nn.Sequential(nn.Linear(6, 9), LIF(v_threshold=0.5), nn.Linear(9, K)).eval()
    data = Sentences()
    subject = Subject(net, T, "direct", data, batch_size=10, collate=collate_sequences)
    seen = examine_network(subject, OF_IMAGES)
    told, counts = np.zeros((K, K), int), np.zeros((K, K), int)
    for true, answer, count in seen.facts["confusion"]:
        told[true, answer] = count
    rates = []
    for inputs, targets in data:  # one by one, without padding
        with torch.no_grad():
            outputs, taps = Tapped(net, ["spikes1"])(inputs[None, None], T)
        rates.append(taps["spikes1"].flatten(1, 2))
        np.add.at(counts, (targets.numpy(), outputs.mean(0)[0].argmax(-1).numpy()), 1)
    assert np.array_equal(told, counts) and told.sum() == sum(map(len, data.targets))
    assert seen.facts["mistakes"] == [] and seen.facts["maps"] is None
    (layer,) = seen.facts["layers"]
    expected = torch.cat(rates, 1).mean((1, 2))
    assert layer["over_time"] == pytest.approx(expected.tolist(), abs=1e-6)
    accumulated = 9 * K * T * sum(map(len, data.targets)) / 25 * float(expected.mean())
    multiplied = 6 * 9 * sum(map(len, data.targets)) / 25
    pj = 4.6 * multiplied + 0.9 * accumulated
    assert seen.facts["totals"]["45nm"]["snn_pj"] == pytest.approx(pj, rel=1e-5)
