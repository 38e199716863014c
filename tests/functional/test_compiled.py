"""The compiled loop against the eager one. Runs in the pass without run-time type checks."""

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch.utils.checkpoint import checkpoint

from spikedistill.functional import compiled
from spikedistill.functional.compiled import Tensors
from spikedistill.functional.emit import Program, emit
from spikedistill.functional.neuron import at_rest
from spikedistill.functional.surrogate import Triangle, spike
from spikedistill.neurons._base import Neuron
from spikedistill.neurons.lif import LIF
from spikedistill.neurons.plif import PLIF

FP32, BF16 = torch.float32, torch.bfloat16


@pytest.fixture
def on() -> Iterator[None]:
    with compiled.compiling(True):
        compiled.calls.clear()
        yield


def graphs() -> int:
    """Compilations so far in this process."""
    return counters["stats"]["unique_graphs"]


def run(
    neuron: Neuron, current: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Spikes, gradient of the current, gradients of the parameters."""
    current = current.detach().requires_grad_()
    neuron.zero_grad()
    spikes = neuron.over(current)
    spikes.backward(weights)
    gradients = {
        name: p.grad.clone() for name, p in neuron.named_parameters() if p.grad is not None
    }
    assert current.grad is not None
    return spikes.detach(), current.grad, gradients


def assert_same(neuron: Neuron, current: Tensor) -> None:
    """Compiled and eager agree: the same spikes, gradients to float tolerance."""
    weights = torch.randn_like(current)
    fast = run(neuron, current, weights)
    with compiled.compiling(False):
        plain = run(neuron, current, weights)
    assert torch.equal(fast[0], plain[0])
    tolerance = (
        {"atol": 2e-2, "rtol": 2e-2} if current.dtype == BF16 else {"atol": 1e-5, "rtol": 1e-5}
    )
    torch.testing.assert_close(fast[1], plain[1], **tolerance)
    torch.testing.assert_close(fast[2], plain[2], atol=1e-3, rtol=1e-3)


@pytest.mark.compiled
@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("dtype", [FP32, BF16], ids=["fp32", "bf16"])
def test_every_t_and_size_is_compiled_and_none_falls_back(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T = 1..16 in training and evaluation: one compilation per T and direction for all sizes.

    What would fall back, and when something is compiled anew, is decided by dynamo, before the
    C++ compiler comes in: it is left out here, as it takes seconds for each of the 32 functions.
    """
    monkeypatch.setattr(compiled, "backend", "eager")
    neuron, before = LIF(tau=2.5), graphs()
    lengths = range(1, 17)
    for length in lengths:
        for shape in [(2, 3), (3, 4, 5, 5), (1, 130)]:
            current = torch.randn(length, *shape).to(dtype).requires_grad_()
            neuron.train().over(current).sum().backward()
            with torch.no_grad():
                neuron.eval().over(current.detach())
    assert compiled.calls == {"compiled": 3 * 3 * len(lengths)}
    assert graphs() - before == 2 * len(lengths)


@pytest.mark.compiled
@pytest.mark.usefixtures("on")
def test_our_own_loops_are_written_once_per_t(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changing sizes, training and evaluation: two programs per T, whatever else changes."""
    written: list[int] = []

    def counting(function: Callable[..., Tensors], inputs: Sequence[Tensor]) -> Program:
        written.append(len(inputs[0]))
        return emit(function, inputs)

    monkeypatch.setattr(compiled, "emit", counting)
    neuron = LIF(tau=3.75)
    for length in (1, 2, 5, 2, 1):
        for shape in [(2, 3), (3, 4, 5, 5), (1, 130)]:
            current = torch.randn(length, *shape).requires_grad_()
            neuron.train().over(current).sum().backward()
            with torch.inference_mode():
                neuron.eval().over(current.detach())
    assert written == [1, 1, 2, 2, 5, 5]
    assert compiled.calls == {"compiled": 5 * 3 * 3}


@pytest.mark.compiled
@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    ("name", "dtype"),
    [("sastc", FP32), ("sastc", BF16), ("tdd", BF16), ("mpbn", FP32), ("bntt", BF16)],
)
def test_compiled_and_eager_agree(name: str, dtype: torch.dtype) -> None:
    """In full, with the C++ compiler, at two sizes: our own loops, dynamo sees nothing."""
    before = graphs()
    for size in (9, 4):
        current = (0.6 * torch.randn(4, 8, 16, size, size) + 0.3).to(dtype)
        assert_same(LIF.preset(name), current)
    assert compiled.calls["compiled"] == 4
    assert graphs() == before


@pytest.mark.compiled
@pytest.mark.usefixtures("on")
def test_a_learned_membrane_constant_gets_its_gradient() -> None:
    """Its gradient is a sum over all places."""
    before = graphs()
    assert_same(PLIF(tau=3.0), torch.randn(4, 8, 16, 9, 9).to(BF16) + 0.5)
    assert compiled.calls["compiled"] == 2
    assert graphs() == before


@pytest.mark.compiled
@pytest.mark.usefixtures("on")
def test_torchs_compiler_agrees_with_our_own_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    current, results = torch.randn(3, 4, 50).to(BF16), []
    for backend in ("auto", "inductor"):
        monkeypatch.setattr(compiled, "backend", backend)
        compiled._forward_of.cache_clear()
        compiled._backward_of.cache_clear()
        results.append(run(LIF(tau=2.25), current, torch.ones_like(current)))
    assert torch.equal(results[0][0], results[1][0])
    torch.testing.assert_close(results[0][1], results[1][1])


@pytest.mark.compiled
@pytest.mark.usefixtures("on")
def test_our_own_loops_keep_what_is_not_a_number() -> None:
    """A network that has diverged shows it, and only where it has."""
    current = torch.full((3, 4), 0.6)
    current[1, 2] = float("nan")
    spikes = LIF().over(current)
    assert spikes[:, 0].tolist() == [0, 0, 1] == spikes[:, 3].tolist()
    assert spikes[:, 2].isnan().tolist() == [False, True, True]


class _PerChannelState(NamedTuple):
    v: Tensor
    charged: Tensor
    decay: Tensor


class PerChannel(Neuron):
    """A small neuron with a decay per channel, as a later catalogue entry would write it."""

    view = "whole"

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.decay = nn.Parameter(torch.linspace(0.2, 0.9, channels))

    def initial(self, current: Tensor) -> _PerChannelState:
        rest = at_rest(current)
        return _PerChannelState(rest, rest, self.decay[:, None, None])

    def step(self, current: Tensor, state: _PerChannelState) -> tuple[Tensor, _PerChannelState]:
        charged = state.decay * state.v + current
        return spike(charged, Triangle()), state._replace(v=charged, charged=charged)


@pytest.mark.compiled
@pytest.mark.usefixtures("on")
def test_a_neuron_that_sees_its_channels_compiles_in_either_order_of_memory() -> None:
    for order in (torch.contiguous_format, torch.channels_last):
        for size in (5, 7):
            folded = torch.randn(6, 3, size, size).to(memory_format=order)
            assert_same(PerChannel(3), folded.unflatten(0, (3, 2)))
            out = PerChannel(3).over(folded.unflatten(0, (3, 2))).flatten(0, 1)
            assert out.is_contiguous(memory_format=order)
    assert compiled.calls["eager"] == 4  # the runs to compare with, and no other


@pytest.mark.compiled
@pytest.mark.usefixtures("on")
def test_a_current_that_expands_and_a_watched_membrane() -> None:
    neuron = LIF()
    seen: list[Tensor] = []
    neuron.membrane.register_forward_hook(lambda _m, _i, value: seen.append(value))
    neuron.timesteps, neuron.expands = 3, True
    once = torch.randn(2, 4, 5, 5, requires_grad=True)
    results = []
    for switch in (True, False):
        with compiled.compiling(switch):
            once.grad = None
            spikes = neuron(once)
            (spikes.square().sum() + seen[-1].square().sum()).backward()
            assert once.grad is not None
            results.append((spikes.detach(), seen[-1].detach(), once.grad.clone()))
    assert results[0][0].shape == (6, 4, 5, 5)
    for fast, plain in zip(*results, strict=True):
        torch.testing.assert_close(fast, plain)
    assert compiled.calls["compiled"] == 2


@pytest.mark.compiled
@pytest.mark.usefixtures("on")
def test_evaluation_inference_and_autocast_share_one_compilation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiled, "backend", "aot_eager")
    neuron, before = LIF(tau=7.0), graphs()
    network = nn.Sequential(nn.Linear(6, 6), neuron)
    x = torch.randn(4, 6)
    with torch.autocast("cpu", torch.bfloat16):
        network(x).sum().backward()  # also the backward pass inside
    assert graphs() - before == 2
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert network(x).dtype == BF16
    with torch.no_grad():
        neuron(network[0](x).bfloat16())  # outside
    assert graphs() - before == 2
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        network(x)
    assert graphs() - before <= 3  # tensors of inference mode are another kind to dynamo
    assert "eager" not in compiled.calls


@pytest.mark.compiled
@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("dynamic", [None, True])
def test_part_of_a_network_that_is_compiled_as_a_whole(
    dynamic: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "backend", "aot_eager")
    tails = [LIF(tau=4 / 3), nn.Flatten(), PLIF(), nn.Linear(45, 2)]
    network = nn.Sequential(nn.Conv2d(2, 5, 3), LIF(surrogate="atan"), *tails)
    x = torch.randn(4, 2, 5, 5).to(memory_format=torch.channels_last)
    whole = torch.compile(network, fullgraph=True, backend="aot_eager", dynamic=dynamic)
    results = []
    for run_it in (whole, network):
        network.zero_grad()
        run_it(x).sum().backward()
        results.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    torch.testing.assert_close(results[0], results[1])
    torch.testing.assert_close(whole(x[:2]), network(x[:2]))


@pytest.mark.compiled
@pytest.mark.usefixtures("on")
def test_activation_checkpointing_recomputes_the_spikes() -> None:
    neuron, x = LIF(), torch.randn(4, 6, requires_grad=True)
    (expected,) = torch.autograd.grad(neuron.over(x).sum(), x)
    saved = checkpoint(neuron.over, x, use_reentrant=False)
    torch.testing.assert_close(torch.autograd.grad(saved.sum(), x)[0], expected)
    assert "eager" not in compiled.calls


@pytest.mark.compiled
@pytest.mark.usefixtures("on")
def test_second_derivatives_and_function_transforms_run_eagerly() -> None:
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(LIF().over(x).sum(), x, create_graph=True)
    assert slope.requires_grad
    (curvature,) = torch.autograd.grad(slope.square().sum(), x)
    with compiled.compiling(False):
        (plain,) = torch.autograd.grad(LIF().over(x).sum(), x, create_graph=True)
        (expected,) = torch.autograd.grad(plain.square().sum(), x)
    torch.testing.assert_close(curvature, expected)
    transformed = torch.func.grad(lambda x: LIF().over(x).sum())(x.detach())
    torch.testing.assert_close(transformed, slope.detach())


class Unlucky(LIF):
    def step(self, current, state):  # the compiler cannot take this, eager mode can
        assert current.sum().item() < 1e9  # a number that depends on data
        return super().step(current, state)


@pytest.mark.compiled
@pytest.mark.usefixtures("on")
def test_what_cannot_be_compiled_runs_eagerly_with_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    x = torch.randn(3, 4)
    with caplog.at_level(logging.WARNING, "spikedistill"):
        for _ in range(3):
            assert torch.equal(Unlucky().over(x), LIF().over(x))
    (line,) = [record.getMessage() for record in caplog.records if record.name == "spikedistill"]
    assert line.startswith("the loop over time of Unlucky runs several times slower")
    assert "SPIKEDISTILL_COMPILE=0" in line
    assert compiled.calls == {"eager": 3, "compiled": 3}


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    ("problem", "remedy"),
    [
        (RuntimeError("Cannot find a working triton installation"), "pip install triton"),
        (RuntimeError("CppCompileError: C++ compile error"), "apt install g++ python3-dev"),
        (ValueError("too\nmuch"), "could not be compiled (ValueError: too)"),
    ],
)
def test_the_line_says_what_to_do(
    problem: Exception,
    remedy: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> None:
        raise problem

    monkeypatch.setattr(compiled, "_refused", set())
    monkeypatch.setattr(compiled, "_forward_of", fails)
    with caplog.at_level(logging.WARNING, "spikedistill"):
        assert LIF(tau=5.0).over(torch.ones(2, 3)).tolist() == [[0.0] * 3, [1.0] * 3]
    (line,) = [record.getMessage() for record in caplog.records]
    assert remedy in line


@pytest.mark.compiled
def test_without_a_c_compiler_one_line_says_what_to_install() -> None:
    script = (
        "import torch; from spikedistill.neurons.lif import LIF\n"
        "from spikedistill.neurons.plif import PLIF\n"
        "x = torch.randn(4, 8, requires_grad=True)\n"
        "for neuron in (LIF(), PLIF(), LIF(tau=3.0)): neuron.over(x).sum().backward()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"CXX": "no-such-compiler", "PATH": "/nowhere", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stderr.splitlines() if "loop over time" in line]
    assert len(lines) == 1, done.stderr
    assert "install g++" in lines[0]


def test_the_environment_switches_it_off() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from spikedistill.functional import compiled as c; print(c.compile_is_on())",
        ],
        env={"SPIKEDISTILL_COMPILE": "0", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


def test_the_switch_is_put_back() -> None:
    before = compiled.compile_is_on()
    with compiled.compiling(not before):
        assert compiled.compile_is_on() is not before
    assert compiled.compile_is_on() is before
