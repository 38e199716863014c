"""Stages run again in the backward pass: the same numbers, less memory, and what is refused."""

from contextlib import nullcontext
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile, record_function

from spikedistill.conversion.twin import spiking_twin
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.normalized import Normalized
from spikedistill.core.objective import Objective, Role, Term
from spikedistill.core.over_time import first_layers, run_folded
from spikedistill.core.trace import Batch
from spikedistill.layers.tdbn import TDBN
from spikedistill.methods.cross_entropy import CrossEntropy
from spikedistill.methods.sastc import SASTC
from spikedistill.models.digits import digits
from spikedistill.models.resnet import resnet18
from spikedistill.models.vgg import vgg11
from spikedistill.models.wide_resnet import wrn
from spikedistill.neurons.lif import LIF
from spikedistill.neurons.plif import PLIF
from spikedistill.taps import Tapped
from spikedistill.training.distiller import Distiller, describe
from spikedistill.training.recompute import Recomputed, stage_units

NEURON = LIF(v_threshold=0.5)


def small_resnet(neuron=NEURON):
    torch.manual_seed(0)
    return resnet18(neuron, width=0.125, norm=partial(TDBN, v_threshold=0.5))


def small_vgg(neuron=NEURON):
    torch.manual_seed(0)
    return vgg11(neuron, width=0.125)


def small_wide(neuron=NEURON):
    torch.manual_seed(0)
    network = wrn(neuron, depth=10, width=0.25)
    return Normalized(network, (0.4, 0.5, 0.6), (0.2, 0.2, 0.2))


class Dropping(nn.Module):
    """A foreign network of two stages that drops out, drawn and not."""

    def __init__(self, neuron=NEURON) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.taps = {"stage1": "one", "stage2": "two"}
        self.one = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), neuron, nn.Dropout(0.3))
        self.two = nn.Sequential(
            nn.Conv2d(6, 6, 3, stride=2), PLIF(v_threshold=0.2), nn.Dropout2d(0.3)
        )
        self.head = nn.LazyLinear(4)
        self(torch.zeros(1, 3, 16, 16))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.two(self.one(x)).flatten(1))


def run(make, again: bool, timesteps: int = 3, dtype=torch.float32):
    """Outputs, gradients and buffers after a training pass."""
    network = make()
    images = torch.rand(1, 4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    first = first_layers(network)
    torch.manual_seed(5)
    with (
        Recomputed(network, "student").during() if again else nullcontext(),
        torch.autocast("cpu", torch.bfloat16, enabled=dtype is not torch.float32),
    ):
        outputs = run_folded(network, images, timesteps, first)
    torch.manual_seed(6)  # a second run must not go on drawing where the first stopped
    outputs.float().square().sum().backward()
    after = torch.rand(())
    gradients = {name: p.grad for name, p in network.named_parameters()}
    return outputs.detach(), gradients, dict(network.named_buffers()), after


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("make", [small_resnet, small_vgg, small_wide, Dropping])
def test_values_gradients_and_statistics_are_the_same_bit_for_bit(make, dtype):
    plain, again = run(make, False, dtype=dtype), run(make, True, dtype=dtype)
    assert torch.equal(plain[0], again[0])
    assert torch.equal(plain[3], again[3])
    for one, two in zip(plain[1:3], again[1:3], strict=True):
        assert one.keys() == two.keys()
        for name, value in one.items():
            assert torch.equal(value, two[name]), name
    assert all(float(gradient.abs().sum()) > 0 for gradient in again[1].values())


@pytest.mark.compiled
def test_compiled_neurons_give_the_same_too():
    plain, again = run(small_resnet, False), run(small_resnet, True)
    assert torch.equal(plain[0], again[0])
    for name, value in plain[1].items():
        assert torch.equal(value, again[1][name]), name


def test_statistics_see_a_batch_once():
    counts = {name: int(value) for name, value in run(small_resnet, True)[2].items()
              if name.endswith("num_batches_tracked")}  # fmt: skip
    assert counts and set(counts.values()) == {1}


def memory(again: bool, timesteps: int, make=resnet18) -> tuple[int, int]:
    """Bytes kept at the end of a forward pass, and the most alive in forward and backward."""
    torch.manual_seed(0)
    network = make(NEURON, width=0.125)
    first = first_layers(network)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    images = torch.rand(1, 4, 3, 32, 32)
    during = Recomputed(network, "student").during() if again else nullcontext()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        with during:
            outputs = run_folded(network, images, timesteps, first)
        with record_function("forward is over"):
            loss = outputs.square().sum()
        loss.backward()
        del outputs, loss
    now = kept = most = 0
    for event in sorted(seen.profiler.kineto_results.events(), key=lambda e: e.start_ns()):
        if event.name() == "forward is over":
            kept = now
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return kept, most


@pytest.mark.parametrize("make", [resnet18, vgg11])
def test_eight_steps_need_little_more_than_two_without(make):
    kept_2, most_2 = memory(False, 2, make)
    kept_8, most_8 = memory(False, 8, make)
    again_8, top_8 = memory(True, 8, make)
    assert kept_8 > 3.5 * kept_2  # the first stem is run once, the rest grows with T
    assert again_8 < 0.6 * kept_2
    assert top_8 <= 2.5 * most_2
    assert top_8 < 0.55 * most_8


def test_spikes_wait_as_bytes_and_other_values_as_they_are():
    seen: list[torch.dtype] = []

    class Seeing(Recomputed):
        def _pack(self, unit, tensor):
            packed = super()._pack(unit, tensor)
            seen.append(packed[0].dtype)
            return packed

    unit = nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU())
    network = nn.Sequential(unit)
    network.taps = {"stage1": "0"}
    recomputed = Seeing(network, "student")
    spikes = torch.tensor([0.0, 1.0, 1.0, 7.0, 255.0, 0.0, 0.0, 1.0]).view(1, 2, 2, 2)
    for inputs in (spikes, spikes + 0.5, spikes):  # after the second no unit asks any more
        inputs = inputs.requires_grad_()
        with recomputed.during():
            outputs = network(inputs)
        gradient = torch.autograd.grad(outputs.square().sum(), inputs)[0]
        assert torch.equal(gradient, torch.autograd.grad(network(inputs).square().sum(), inputs)[0])
    whole = [dtype for dtype in seen if dtype == torch.uint8]
    assert len(whole) == 1 and torch.float32 in seen


def pair(again: bool):
    """A step of SASTC, whose taps lie at the ends of the stages, and inside one."""
    torch.manual_seed(0)
    student, teacher = digits(NEURON, width=0.25), digits(width=0.5)
    roles = {"student": Role(student, 2, trainable=True), "teacher": Role(teacher)}
    images = torch.rand(8, 1, 8, 8)
    specs = {name: describe(name, role, images) for name, role in roles.items()}
    sastc = SASTC(specs["student"], specs["teacher"], learner_taps=("stage[0-9]", "spikes2"))
    terms = [Term("ce", CrossEntropy(specs["student"])), Term("sastc", sastc, weight=10.0)]
    distiller = Distiller(roles, Objective(terms))
    if again:
        distiller.recompute_stages()
    return distiller, Batch(images, torch.arange(8) % 4)


def test_taps_record_once_and_carry_their_gradient():
    found = []
    for again in (False, True):
        distiller, batch = pair(again)
        loss, _ = distiller(batch)
        loss.backward()
        found.append(
            (loss, {n: p.grad for n, p in distiller.named_parameters() if p.requires_grad})
        )
    assert torch.equal(found[0][0], found[1][0])
    for name, gradient in found[0][1].items():
        assert torch.equal(gradient, found[1][1][name]), name


def test_without_gradient_nothing_is_kept_or_run_again():
    network = digits(NEURON, width=0.25)
    runs: list[int] = []
    network.layer2.register_forward_hook(lambda *_: runs.append(1))
    inner: list[int] = []
    network.layer2[0].register_forward_hook(lambda *_: inner.append(1))
    with torch.no_grad(), Recomputed(network, "student").during():
        network(torch.rand(2, 1, 8, 8))
    assert (len(runs), len(inner)) == (1, 1)


def test_the_network_is_its_own_again_afterwards():
    network = small_resnet()
    recomputed = Recomputed(network, "student")
    with pytest.raises(RuntimeError, match="on purpose"), recomputed.during():
        assert all("forward" in vars(unit) for unit in recomputed.units)
        raise RuntimeError("on purpose")
    assert not any("forward" in vars(unit) for unit in network.modules())
    assert first_layers(network)


def test_units_are_blocks_and_what_stands_between_stages():
    network = small_resnet()
    assert stage_units(network, "student") == tuple(
        block for k in range(1, 5) for block in network.get_submodule(f"layer{k}")
    )
    vgg = small_vgg()
    names = [name for name, child in vgg.named_children() if child in stage_units(vgg, "s")]
    assert names[:4] == ["layer1", "pool1", "layer2", "pool2"] and names[-1] == "layer5"
    wide = small_wide()
    assert wide.network.layer1[0] in stage_units(wide, "student")


def test_a_foreign_stage_that_is_part_of_a_module_means_the_module():
    network = small_resnet(nn.ReLU)
    network.taps = {f"stage{k}": f"layer{k}.1.activation2" for k in range(1, 5)}
    twin = spiking_twin(network, NEURON)
    assert len(stage_units(twin, "student")) == 8


def test_networks_without_stages_are_refused_with_a_sentence():
    with pytest.raises(SpikedistillError, match=r"needs the stages of the student.*declares none"):
        Recomputed(nn.Sequential(nn.Linear(2, 2), LIF()), "student")
    flat = nn.Sequential(nn.Conv2d(1, 2, 1), LIF(), nn.MaxPool2d(2), nn.Conv2d(2, 2, 1), LIF())
    flat.taps = {"stage1": "1", "stage2": "4"}
    with pytest.raises(SpikedistillError, match="a stage that ends with '1' inside a module"):
        Recomputed(flat, "student")


def test_a_tapped_network_can_be_closed_and_run_again():
    network = digits(NEURON, width=0.25)
    tapped = Tapped(network, ["stage1", "membrane2"])
    with Recomputed(network, "student").during():
        outputs, taps = tapped(torch.rand(1, 2, 1, 8, 8), 2)
    assert set(taps) == {"stage1", "membrane2"}
    (outputs.sum() + taps["membrane2"].sum()).backward()
    assert network.layer1[0].weight.grad.abs().sum() > 0
