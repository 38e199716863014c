"""Networks as other people write them: each distilled into its twin, or the sentence that fits.

The networks of strangers/ are written in the dialects of public code. Each is teacher, and its twin
the student of two steps of training with nothing chosen but their number. The table says for each
how many layers of neurons its twin has, what of it must be named as not spiking, and where it
cannot be distilled, the sentence that says why.
"""

from __future__ import annotations

import importlib.util
import json
import math
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import spikedistill
from spikedistill.core.answers import answer_of
from spikedistill.core.clock import firing_layers
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.expose import expose
from spikedistill.core.tree import first
from spikedistill.core.unwrapped import unwrapped
from spikedistill.functional.compiled import compiling
from spikedistill.taps import default_stages

FILES = Path(__file__).parent / "strangers"
SHAPES = {"images": (3, 16, 16), "vectors": (10,), "signals": (2, 32)}
SAMPLES, BATCH = 20, 8  # two samples each are held out to validate and to test: two steps


@dataclass(frozen=True)
class Case:
    """What a network must come to."""

    neurons: int
    """Layers of neurons of its twin."""
    named: str = ""
    """What must be named, in `real_valued` or `untraced`; empty: nothing is."""
    data: str = "images"
    idle: str = ""
    """Parameters that learn nothing, as a regular expression."""
    refused: str = ""
    """The sentence that the user gets, as a regular expression; empty: it trains."""


NO_NEURON = r"has no activation that neurons could replace: .*give it nn.ReLU modules"
UNCLEAR = r"returns {}, of which it is not clear what the logits are; let it return them alone"
MAPS = r"answers \[2, {}\] questions, and the targets are \[2\].*let its forward return the scores"
GONE_ON = "not followed"

CASES: dict[str, Case] = {
    "plain.in_a_row": Case(2),
    "plain.FeaturesAndClassifier": Case(5),
    "plain.OnlyFunctions": Case(3),
    "plain.OneActivation": Case(3),
    "plain.OverwritesItsInput": Case(2),
    "plain.InALoop": Case(3),
    "plain.ByName": Case(2),
    "plain.FullyConvolutional": Case(2),
    "plain.Squeezed": Case(8),
    "plain.many_activations": Case(6),
    "plain.SmoothAtFirst": Case(1, named="stem.2: Hardswish"),
    "residual.basic": Case(9),
    "residual.bottleneck": Case(13),
    "residual.grouped": Case(13),
    "residual.PreActivation": Case(5),
    "residual.Flexible": Case(5),
    "residual.stochastic_depth": Case(5),
    "residual.Dense": Case(10),
    "residual.Checkpointed": Case(5),
    "residual.Reparametrisable": Case(3),
    "mobile.Inverted": Case(7),
    "mobile.Shuffled": Case(6),
    "mobile.SqueezeExcite": Case(3, named="se.fc.3: Sigmoid"),
    "mobile.HandWrittenGates": Case(1, named="hs1: relu6"),
    "mobile.ChannelAttention": Case(2, named="the network itself: bmm"),
    "mobile.LocalChannelAttention": Case(1, named="the network itself: sigmoid"),
    "branches.AuxiliaryHead": Case(9, idle=r"aux\..*"),
    "branches.DownAndUp": Case(6),
    "branches.BySize": Case(2, named=GONE_ON),
    "branches.BySizeAndFunctions": Case(2, named=GONE_ON),
    "branches.ByMode": Case(2),
    "branches.OptionalArguments": Case(0, refused=NO_NEURON),
    "branches.AnyArguments": Case(2, named=GONE_ON),
    "branches.SecondInput": Case(
        1, named="truediv", refused=r"SecondInput does not take the data.*argument: 'lengths'"
    ),
    "answers.Pair": Case(2),
    "answers.Mapped": Case(2),
    "answers.Ordered": Case(2),
    "answers.Object": Case(2),
    "answers.Tuple": Case(2),
    "answers.TupleOfOtherOrder": Case(2),
    "answers.LogProbabilities": Case(2, named="log_softmax"),
    "answers.Nested": Case(2, refused=UNCLEAR.format("a list of dict, dict")),
    "answers.TwoAnswers": Case(2),
    "answers.Bits": Case(2, named=GONE_ON, refused=UNCLEAR.format("a generator")),
    "answers.Words": Case(2, named=GONE_ON, refused=UNCLEAR.format("a list of str, str.*")),
    "answers.Decided": Case(
        2, named="argmax", refused=r"Decided answers with torch.int64.*as they are before argmax"
    ),
    "answers.Generator": Case(1, named="main.3: Tanh", refused=MAPS.format("3, 32")),
    "answers.Summed": Case(
        2, named="logsumexp", refused=r"Summed returns \[\] for 4 samples.*one for each sample"
    ),
    "wrapped.data_parallel": Case(2),
    "wrapped.compiled": Case(2),
    "wrapped.normalised": Case(2),
    "wrapped.Lightning": Case(2),
    "wrapped.averaged": Case(2, named=GONE_ON),
    "wrapped.CallsItself": Case(2, refused=r"CallsItself has a __call__ of its own.*leave __call_"),
    "wrapped.FrozenBackbone": Case(2),
    "wrapped.half": Case(2),
    "wrapped.Constants": Case(2),
    "wrapped.lazy": Case(1),
    "wrapped.still_lazy": Case(1, refused=r"4 parameters without a size.*call it once on a batch"),
    "wrapped.parametrised": Case(2),
    "wrapped.OldWeightNorm": Case(2),
    "wrapped.OwnGradient": Case(2),
    "wrapped.OwnWeights": Case(2),
    "wrapped.PlainList": Case(
        1, named=GONE_ON, refused=r"2 modules that torch does not know of.*keep them in an nn.Modul"
    ),
    "wrapped.KnownInAList": Case(2),
    "wrapped.FunctionInAnAttribute": Case(2),
    "wrapped.scripted": Case(0, refused=NO_NEURON),
    "sequences.Perceptron": Case(2, data="vectors"),
    "sequences.Signals": Case(2, data="signals"),
    "sequences.signal_resnet": Case(4, data="signals"),
    "sequences.Causal": Case(4, data="signals"),
    "sequences.LSTMHead": Case(2, named="lstm: LSTM"),
    "sequences.GRUHead": Case(1, named="gru: GRU", data="signals"),
    "sequences.OnlyMemory": Case(0, data="signals", refused=NO_NEURON),
    "attention.Mixer": Case(4, named="norm: LayerNorm"),
    "attention.VisionTransformer": Case(2, named="blocks.0.attn: softmax"),
    "attention.only_gelu": Case(0, refused=NO_NEURON),
    "attention.ConvTransformer": Case(3, named="block.attn: matmul", idle=r"attention_pool\.bias"),
    "attention.TorchEncoder": Case(2, named="self_attn: MultiheadAttention", data="signals"),
    "attention.ConvMixer": Case(1, named="norm: sqrt"),
}
"""File and name of each network -> what it must come to."""


@pytest.fixture(scope="module", autouse=True)
def files() -> Iterator[Mapping[str, ModuleType]]:
    """The strangers' files as modules."""
    made: dict[str, ModuleType] = {}
    for path in sorted(FILES.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"strangers_{path.stem}", path)
        assert spec is not None and spec.loader is not None
        made[path.stem] = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made[path.stem])
    with compiling(False):
        yield made
    for module in made.values():
        del sys.modules[module.__name__]


@pytest.fixture(autouse=True)
def _without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the time of a short run goes into its two pictures, which know no network."""
    for name in ("plot_result", "plot_curves"):
        monkeypatch.setattr(f"spikedistill.runs.cell_by_cell.{name}", lambda _, path: path.touch())


def factory(files: Mapping[str, ModuleType], name: str) -> Callable[[], nn.Module]:
    file, _, what = name.partition(".")

    def make() -> nn.Module:
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the older weight norm, and scripts
            return getattr(files[file], what)()

    return make


def samples(kind: str) -> TensorDataset:
    return TensorDataset(torch.rand(SAMPLES, *SHAPES[kind]), torch.arange(SAMPLES) % 4)


def twin_of(network: nn.Module) -> nn.Module:
    return spikedistill.spiking_twin(network, spikedistill.LIF())


def distilled(network: nn.Module, twin: nn.Module, data: TensorDataset, out: Path) -> Any:
    return spikedistill.distill(
        network, twin, data, timesteps=2, epochs=1, batch_size=BATCH, quiet=True, out=out,
        precision="fp32", compile="off",
    )  # fmt: skip


def looks(network: nn.Module) -> list[Any]:
    """Everything about a network that nobody may change."""
    state = [(key, value.clone(), value.dtype) for key, value in network.state_dict().items()]
    learning = [(name, one.requires_grad) for name, one in network.named_parameters()]
    modules = [
        (path, type(one), one.training, sorted(vars(one)), len(one._forward_hooks))
        for path, one in network.named_modules()
    ]
    return [state, learning, modules]


def same(one: list[Any], other: list[Any]) -> bool:
    tensors = all(
        a[0] == b[0] and a[2] == b[2] and torch.equal(a[1], b[1])
        for a, b in zip(one[0], other[0], strict=True)
    )
    return tensors and one[1:] == other[1:]


def check_twin(twin: nn.Module, case: Case) -> None:
    assert len(firing_layers(twin)) == case.neurons
    sentences = (*twin.real_valued, *twin.untraced)
    assert any(case.named in one for one in sentences) if case.named else not sentences


def check_training(result: Any, twin: nn.Module, idle: str) -> None:
    """It took its steps, its losses were numbers, and what learns has moved."""
    (line,) = (result.run / "cells/student/metrics.jsonl").read_text().splitlines()
    losses = json.loads(line)["losses"]
    assert {"cross_entropy", "logit_kd"} <= set(losses), line
    assert all(math.isfinite(value) for value in losses.values()), line
    before = dict(twin.named_parameters())
    for name, after in result.network.network.named_parameters():
        moved = not torch.equal(after, before[name].float())
        if not after.requires_grad:
            assert not moved, name
        elif after.ndim > 1 and not re.fullmatch(idle, name):
            assert moved, name


def check_rows(result: Any) -> None:
    teacher, student = result.rows
    assert teacher.firing_rate is None and 0 <= student.firing_rate <= 1
    assert student.timesteps == len(student.scores["accuracy"]) == 2
    assert teacher.macs and student.synops is not None and student.parameters


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.refused])
def test_it_is_distilled_into_its_twin(
    files: Mapping[str, ModuleType], name: str, tmp_path: Path
) -> None:
    case, make = CASES[name], factory(files, name)
    network = make()
    twin = twin_of(network)
    check_twin(twin, case)
    data, before = samples(case.data), (looks(network), looks(twin))
    result = distilled(network, twin, data, tmp_path / "run")
    assert all(map(same, before, (looks(network), looks(twin)))), "what was handed over has changed"
    check_training(result, twin, case.idle)
    check_rows(result)
    inputs = data.tensors[0][:5]
    again = spikedistill.load(result.run, network=twin_of(make()))
    assert torch.equal(first(again(inputs)), first(result.network(inputs)))
    stages = default_stages(unwrapped(network).float(), inputs)
    assert stages == default_stages(twin.float(), inputs)
    assert bool(stages) == ("sastc" in result.rows[-1].losses)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.refused])
def test_it_gets_the_sentence_that_fits(
    files: Mapping[str, ModuleType], name: str, tmp_path: Path
) -> None:
    case, network = CASES[name], factory(files, name)()
    with pytest.raises(SpikedistillError, match=f"(?s){case.refused}"):
        twin = twin_of(network)
        check_twin(twin, case)
        distilled(network, twin, samples(case.data), tmp_path / "run")


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.refused])
def test_a_forward_that_is_rewritten_computes_what_it_computed(
    files: Mapping[str, ModuleType], name: str
) -> None:
    make, inputs = factory(files, name), samples(CASES[name].data).tensors[0][:6]
    network, exposed = make().float(), make().float()
    assert len(expose(exposed).sites) == CASES[name].neurons
    for training in (True, False):
        answers: list[Tensor] = []
        for one in (network, exposed):
            torch.manual_seed(1)
            answers.append(first(answer_of(one.train(training)(inputs))[0]))
        assert torch.allclose(*answers, atol=1e-6), training


def test_every_network_of_the_files_is_in_the_table(files: Mapping[str, ModuleType]) -> None:
    parts = {"Body"}  # and what others are built of
    for file, module in files.items():
        text = Path(str(module.__file__)).read_text("utf-8")
        for name in re.findall(r"^(?:class|def) (\w+)|^(\w+) = partial", text, re.MULTILINE):
            own = "".join(name)
            used = len(re.findall(rf"\b{own}\b", text)) > 1
            assert f"{file}.{own}" in CASES or used or own in parts, f"{file}.{own}"


def test_the_readme_says_how_many_they_are() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    trained = sum(not case.refused for case in CASES.values())
    assert f"{len(CASES)} small networks" in readme and f"\n{trained} are distilled" in readme
    assert f"{len(CASES) - trained} get a sentence" in readme
