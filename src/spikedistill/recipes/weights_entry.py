"""The `weights:` of a network: a file, or a file and which of its sets of weights is meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spikedistill.core.errors import suggest
from spikedistill.recipes.block_reader import TEXT, BlockReader
from spikedistill.recipes.faults import Fault


@dataclass(frozen=True)
class WeightsEntry:
    """A weight file of which one set is meant: `{file: epoch90.pth, key: model_ema}`."""

    file: str
    key: str

    def plain(self) -> dict[str, str]:
        """As a recipe writes it."""
        return {"file": self.file, "key": self.key}


def file_and_key(weights: str | WeightsEntry) -> tuple[str, str | None]:
    """The file, and the key where one is said."""
    return (weights, None) if isinstance(weights, str) else (weights.file, weights.key)


def take_weights(block: BlockReader) -> str | WeightsEntry | None:
    """What a network says of its weights, as text or as a mapping."""
    if not isinstance(block.rest.get("weights"), Mapping):
        return block.take("weights", TEXT)
    inner = BlockReader(block.rest.pop("weights"), "weights")
    file, key = inner.take("file", TEXT), inner.take("key", TEXT)
    if file is None and not inner.faults:
        inner.add("file", [Fault((), "is required and missing")])
    for name in inner.rest:
        inner.add(name, [Fault((), f"unknown option; {suggest(name, ('file', 'key'))}")])
    for fault in inner.faults:
        block.add("weights", [fault])
    return file if file is None or key is None else WeightsEntry(file, key)
