"""One entry of `networks:`: where a network comes from, and what stands in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from spikedistill.conversion import CONVERSIONS
from spikedistill.core.errors import SpikedistillError
from spikedistill.layers import LAYERS
from spikedistill.models import MODELS
from spikedistill.neurons import NEURONS
from spikedistill.recipes import parts
from spikedistill.recipes.block_reader import NUMBERS, TEXT, TEXTS, BlockReader, given_only
from spikedistill.recipes.faults import Fault, say, throw
from spikedistill.recipes.options import Choice, checked, parameters, split_choice
from spikedistill.recipes.weights_entry import WeightsEntry, take_weights

Normalisation = tuple[float, ...] | None

_MADE = ("model", "call", "given")
_LEGACY = ("neuron", "weights", "thresholds", "percentile")
"""What stood beside `twin_of`, which runs of earlier versions still say."""


@dataclass(frozen=True)
class NetworkEntry:
    """A network: of the zoo, of your own, or made from another network of the recipe."""

    model: Annotated[
        str | None,
        Field(
            description="one of `spikedistill list models`, or `file:function` of your own that "
            "takes an `activation`; its options (`width`, `depth`) stand beside it"
        ),
    ] = None
    call: Annotated[
        str | None,
        Field(
            description="`file:function` of your own that returns a finished `torch.nn.Module`; "
            "other keys go to it"
        ),
    ] = None
    source: Annotated[
        str | None,
        Field(
            alias="from",
            description="another network of the recipe from which this one is made, when its first "
            "phase begins, with the weights that the other one has then",
        ),
    ] = None
    by: Annotated[
        Choice | None,
        Field(
            description="how it is made: one of `spikedistill list conversions`, as `{twin: "
            "{neuron: lif}}`; `copy` and `slice` put weights into the `model` beside them"
        ),
    ] = None
    activation: Annotated[
        Choice | None,
        Field(
            description="of a model: `relu`, or a neuron, as `lif` or `{lif: {tau: 2.0, preset: "
            "tet}}` (`spikedistill show lif` has options and presets)"
        ),
    ] = None
    norm: Annotated[
        Choice | None,
        Field(description="of a model: a layer, as `batch_norm` or `{tdbn: {v_threshold: 1.0}}`"),
    ] = None
    modules: Annotated[
        tuple[Choice, ...],
        Field(
            description="layers that stand beside every layer of neurons, a list, as "
            "`[{my_shift: {folds: 8}}]`"
        ),
    ] = ()
    weights: Annotated[
        str | WeightsEntry | None,
        Field(
            description="of a model or a call: a safetensors, npz or torch file (nothing in it is "
            "run), or a run folder; below the working folder or the data folder. Of several sets "
            "in one file the one that fits is taken; `{file: epoch90.pth, key: model_ema}` "
            "chooses"
        ),
    ] = None
    mean: Annotated[
        Normalisation,
        Field(
            description="of the inputs in [0, 1] that the network was trained with, per channel; a "
            "model takes that of the data, a call takes inputs in [0, 1]"
        ),
    ] = None
    std: Annotated[Normalisation, Field(description="likewise the standard deviation")] = None
    taps: Annotated[
        dict[str, str] | None,
        Field(
            description="of a call: tap -> path of a module, `{stage1: layer1}`; else found and "
            "told"
        ),
    ] = None
    given: str | None = None
    """What came from Python, in words."""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def sources(self) -> tuple[str, ...]:
        """The networks that must be there before it can be made."""
        return () if self.source is None else (self.source,)

    @property
    def says(self) -> str:
        """What it is, in a word for messages."""
        return self.model or self.call or self.given or f"made from {self.source}"

    def plain(self) -> dict[str, Any]:
        """As a recipe writes it."""
        weights = self.weights
        own = {
            "model": self.model,
            "call": self.call,
            "given": self.given,
            "from": self.source,
            "by": self.by and self.by.plain(),
            "activation": self.activation and self.activation.plain(),
            "norm": self.norm and self.norm.plain(),
            "modules": [one.plain() for one in self.modules] or None,
            "weights": weights.plain() if isinstance(weights, WeightsEntry) else weights,
            "mean": self.mean and list(self.mean),
            "std": self.std and list(self.std),
            "taps": self.taps,
        }
        return {**given_only(own), **self.options}


KEYS = ("model", "call", "from", "by", "activation", "norm", "modules", "weights", "mean", "std",
        "taps")  # fmt: skip


def read_network(given: Any) -> NetworkEntry:
    """One entry of `networks:`."""
    if isinstance(given, NetworkEntry):
        return given
    block = BlockReader({"model": given} if isinstance(given, str) else given, "a network")
    if "twin_of" in block.rest:
        block.rest = _as_conversion(block.rest)
    made_from = "from" in block.rest or "by" in block.rest
    found: dict[str, Any] = _read_conversion(block) if made_from else {}
    if not made_from or any(word in block.rest for word in _MADE):
        words = _MADE if made_from else (*_MADE, "from")
        kind = block.one_of(words, "a network")
        name = found[kind] = block.take(kind, TEXT, "")
        block.end()
        found |= _read_model(block, name) if kind == "model" else _read_own(block)
    found["modules"] = block.take_choices("modules", LAYERS.find)
    if "options" not in found:
        found["options"] = block.rest
        if not any(word in found for word in _MADE):
            _refuse_rest(block)
    block.end()
    return NetworkEntry(**found)


def _as_conversion(rest: Mapping[str, Any]) -> dict[str, Any]:
    """`{twin_of: teacher, neuron: lif}` of earlier versions, as it is written now."""
    twin = {key: rest[key] for key in _LEGACY if rest.get(key) is not None}
    other = {key: value for key, value in rest.items() if key not in (*_LEGACY, "twin_of")}
    return {"from": rest["twin_of"], "by": {"twin": twin or None}, **other}


def _refuse_rest(block: BlockReader) -> None:
    """A network that is made from another has no options of its own beside how it is made."""
    for name in block.rest:
        text = "unknown option; the options of a conversion stand inside `by`"
        block.add(name, [Fault((), text)])


def _read_conversion(block: BlockReader) -> dict[str, Any]:
    source = block.take("from", TEXT)
    raw = block.rest.pop("by", None)
    if source is None or raw is None:
        text = "a network made from another needs both `from: NETWORK` and `by: CONVERSION`"
        throw([Fault((), text)])
    split = split_choice(raw)
    if split is None:
        text = f"should be a conversion, or {{name: options}}, not {say(raw)}"
        throw([Fault(("by",), text)])
    name, options = split
    try:
        made = CONVERSIONS.find(name)
    except SpikedistillError as error:
        throw([Fault(("by",), str(error))])
    inner = BlockReader(options, "the options of a conversion")
    chosen = {}
    if "neuron" in parameters(made):
        chosen["neuron"] = inner.take_choice("neuron", NEURONS.find, "lif")
    good, faults = checked(made, inner.rest, skip=("self", "neuron"), also=tuple(chosen))
    for fault in (*inner.faults, *faults):
        block.add("by", [Fault((name, *fault.path), fault.sentence)])
    if made.takes_target != any(word in block.rest for word in _MADE):
        what = (
            "puts weights into a network of its own" if made.takes_target else "makes its network"
        )
        how = "name one beside it, as `model: ...`" if made.takes_target else "leave model: out"
        block.add("by", [Fault((name,), f"{what}; {how}")])
    return {"source": source, "by": Choice(name, {**good, **chosen})}


def _read_own(block: BlockReader) -> dict[str, Any]:
    found = {"weights": take_weights(block)} | _read_normalisation(block)
    return found | {"taps": block.take("taps", TEXTS)}


def _read_model(block: BlockReader, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "activation": block.take_choice("activation", parts.activation, parts.RELU),
        "norm": block.take_choice("norm", LAYERS.find, None),
        "weights": take_weights(block),
        **_read_normalisation(block),
    }
    modules = block.rest.pop("modules", None)
    try:
        made = MODELS.find(name)
    except SpikedistillError as error:
        block.add("model", [Fault((), str(error))])
        return found
    found["options"], faults = checked(made, block.rest, skip=("activation", "norm"), also=KEYS)
    block.faults += faults
    block.rest = {} if modules is None else {"modules": modules}
    return found


def _read_normalisation(block: BlockReader) -> dict[str, Any]:
    return {"mean": block.take("mean", NUMBERS), "std": block.take("std", NUMBERS)}
