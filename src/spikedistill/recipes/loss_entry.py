"""One entry of `losses:`: a method with its options, its seats and its weight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Annotated, Any

from pydantic import Field, ValidationError

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.loss import Loss
from spikedistill.core.schedule import Pieces, Schedule, Weight
from spikedistill.core.speech import remedy
from spikedistill.methods import METHODS
from spikedistill.recipes import parts
from spikedistill.recipes.block_reader import NUMBER, SWITCH, TEXT, BlockReader
from spikedistill.recipes.faults import Fault, from_pydantic, say, throw
from spikedistill.recipes.options import checked, split_choice

TERM_KEYS = ("name", "weight", "learner", "guide", "detach")


@dataclass(frozen=True)
class LossEntry:
    """One term of what is minimised: a method's name, or one with its options."""

    method: str
    name: Annotated[str, Field(description="of the term, where a method stands twice")]
    weight: Annotated[
        Weight,
        Field(
            description="a number, or one that changes over the phase: `{start: 0.0, end: 100.0, "
            "begin: 0.0, until: 0.1, shape: linear}` (or `cosine`), `begin` and `until` as shares "
            "of the phase; or a list of such pieces, one after the other"
        ),
    ] = 1.0
    learner: Annotated[str, Field(description="the role that learns")] = "student"
    guide: Annotated[str | None, Field(description="the role it learns from")] = "teacher"
    detach: Annotated[bool, Field(description="false lets the gradient through the guide")] = True
    options: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As a recipe writes it."""
        own: dict[str, Any] = {} if self.name == self.method else {"name": self.name}
        own |= {"weight": _plain(self.weight), "learner": self.learner}
        if self.guide != "teacher" and parts.loss(self.method).uses_guide:
            own["guide"] = self.guide
        own |= {} if self.detach else {"detach": False}
        return {self.method: own | {name: _plain(one) for name, one in self.options.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, Pieces):
        return [asdict(piece) for piece in value.pieces]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def read_losses(given: Any) -> tuple[LossEntry, ...]:
    """The `losses:` list; a method that is only named stands for all terms of its paper.

    A file of a method may offer `terms()`, the paper's whole objective as a list of such entries;
    `tser` then means all of them and `tser: {weight: 1.0}` the method alone.
    """
    if not isinstance(given, list | tuple):
        throw([Fault((), f"should be a list, not {say(given)}")])
    found: list[LossEntry] = []
    faults: list[Fault] = []
    for number, one in enumerate(given):
        try:
            found += map(read_loss, expanded(one))
        except ValidationError as error:
            faults += [Fault((number, *f.path), f.sentence) for f in from_pydantic(error)]
    if faults:
        throw(faults)
    return tuple(found)


def expanded(given: Any) -> list[Any]:
    """An entry of `losses:`, or all terms that it stands for."""
    if not isinstance(given, str):
        return [given]
    try:
        terms = getattr(METHODS.module(given), "terms", None)
    except SpikedistillError:
        return [given]  # its fault is told where it is read
    return [given] if terms is None else list(terms())


def read_loss(given: Any) -> LossEntry:
    """One entry of `losses:`: `cross_entropy`, or `sastc: {weight: 100.0}`."""
    if isinstance(given, LossEntry):
        return given
    split = split_choice(given)
    if split is None:
        text = "a loss is a method's name, or one with its options, as in `sastc: {weight: 100}`"
        throw([Fault((), f"{text}, not {say(given)}")])
    method, raw = split
    try:
        kind = parts.loss(method)
    except SpikedistillError as error:
        throw([Fault((), str(error))])
    try:
        return _read_term(method, kind, raw)
    except ValidationError as error:
        throw(_inside(method, from_pydantic(error)))


def _inside(method: str, faults: Iterable[Fault]) -> Iterable[Fault]:
    return (Fault((method, *fault.path), fault.sentence) for fault in faults)


def _read_term(method: str, kind: type[Loss], raw: Any) -> LossEntry:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        text = f"its options are a mapping, and the number {raw} was given; for a weight say "
        throw([Fault((), text + remedy(f"{{weight: {raw}}}", f'{{"weight": {raw}}}'))])
    block = BlockReader({} if raw is None else raw, "the options of a method")
    guide = block.rest.get("guide", "teacher")
    own = {
        "name": block.take("name", TEXT, parts.term_name(method)),
        "weight": _take_weight(block),
        "learner": block.take("learner", TEXT, "student"),
        "guide": block.take("guide", TEXT, "teacher") if guide and kind.uses_guide else None,
        "detach": block.take("detach", SWITCH, True),
    }
    block.rest.pop("guide", None)
    options, faults = checked(kind, block.rest, skip=("learner", "guide"), also=TERM_KEYS)
    block.faults += faults
    block.end()
    return LossEntry(method, options=options, **own)


def _take_weight(block: BlockReader) -> Weight:
    given = block.rest.get("weight", 1.0)
    if isinstance(given, Mapping):
        return _schedule(block, ("weight",), block.rest.pop("weight")) or 1.0
    if not isinstance(given, list | tuple):
        return block.take("weight", NUMBER, 1.0)
    block.rest.pop("weight")
    pieces = [_schedule(block, ("weight", number), one) for number, one in enumerate(given)]
    whole = tuple(one for one in pieces if one is not None)
    if len(whole) < len(pieces):
        return 1.0
    try:
        return Pieces(whole)
    except ValueError as error:
        block.add("weight", [Fault((), str(error))])
        return 1.0


def _schedule(block: BlockReader, path: tuple[str | int, ...], given: Any) -> Schedule | None:
    """One piece of a weight; None where it is wrong, which the block remembers."""
    options, faults = checked(Schedule, given)
    if not faults:
        try:
            return Schedule(**options)
        except ValueError as error:
            faults = [Fault((), str(error))]
    block.faults += [Fault((*path, *fault.path), fault.sentence) for fault in faults]
    return None
