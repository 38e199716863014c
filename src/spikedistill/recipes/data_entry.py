"""The `data:` block of a recipe, and its neighbours `augment:` and `encoder:`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.data import DATA, augmentation, check_label_noise, encoder
from spikedistill.recipes.block_reader import COUNT, NUMBER, SHARE, TEXT, BlockReader, given_only
from spikedistill.recipes.faults import Fault, say, throw
from spikedistill.recipes.options import checked, parameters

SPLIT_KEYS = ("valid", "train_limit", "label_noise")


@dataclass(frozen=True)
class DataEntry:
    """Which data, and how much of it: a name, or a mapping."""

    kind: Literal["name", "call", "given"]
    name: Annotated[
        str,
        Field(
            description="one of `spikedistill list data`; or `file:function` of your own (`call:` "
            "is the same), which returns a torch `Dataset` of (image, label), two or three of them "
            "(train, valid, test), a mapping with these keys and, if it likes, `classes`, `mean` "
            "and `std`, or a `DataSet`. Other keys go to it"
        ),
    ]
    valid: Annotated[
        int | float | None,
        Field(
            description="held out of the training samples for validation, a count (5000) or a "
            "share (0.1); stratified, by seed; a tenth where nothing is said, 0 for none"
        ),
    ] = None
    train_limit: Annotated[
        int | None,
        Field(description="train on this many samples only, stratified by class, by seed"),
    ] = None
    label_noise: Annotated[
        float | None,
        Field(
            description="share of the training labels that is replaced by another class, in [0, 1)"
        ),
    ] = None
    options: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As a recipe writes it."""
        own = {name: getattr(self, name) for name in SPLIT_KEYS}
        return {self.kind: self.name, **given_only(own), **self.options}


def read_data(given: Any) -> DataEntry:
    """The `data:` block."""
    if isinstance(given, DataEntry):
        return given
    block = BlockReader({"name": given} if isinstance(given, str) else given, "data")
    kind: Any = block.one_of(("name", "call", "given"), "data")
    name = block.take(kind, TEXT, "")
    block.end()
    kind = "call" if ":" in name and kind == "name" else kind
    valid = block.take("valid", SHARE)
    limit = block.take("train_limit", COUNT)
    noise = _take_label_noise(block, kind)
    options = block.rest
    if kind == "name" and name not in DATA.names():
        text = f"there is no data set {name!r}; {suggest(name, DATA.names())}"
        block.add("name", [Fault((), text)])
    elif kind == "name":
        load = DATA.find(name)
        first = next(iter(parameters(load)))
        options, faults = checked(load, options, skip=(first,), also=SPLIT_KEYS)
        block.faults += faults
    block.end()
    return DataEntry(kind, name, valid, limit, noise, options)


def _take_label_noise(block: BlockReader, kind: str) -> float | None:
    share = block.take("label_noise", NUMBER)
    if share is None:
        return None
    try:
        check_label_noise(share)
    except SpikedistillError as error:
        block.add("label_noise", [Fault((), str(error))])
    if kind == "given" and share:
        text = "data from Python is taken as it is; make it with data_set(..., label_noise=...)"
        block.add("label_noise", [Fault((), text)])
    return share


def read_augment(given: Any) -> dict[str, Any]:
    """The `augment:` block, each entry tried alone so that all faults are found."""
    block = BlockReader(given or {}, "augment")
    for name, value in block.rest.items():
        try:
            augmentation({name: value})
        except SpikedistillError as error:
            block.add(name, [Fault((), str(error))])
    block.end()
    return block.rest


def read_encoder(given: Any) -> str:
    """The `encoder:` name."""
    if not isinstance(given, str):
        throw([Fault((), f"should be the name of an encoder, not {say(given)}")])
    try:
        encoder(given)
    except SpikedistillError as error:
        throw([Fault((), str(error))])
    return given
