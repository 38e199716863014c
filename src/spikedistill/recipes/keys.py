"""What a block of a recipe may hold, read from the fields that define it.

A key is written once: as a field with its type, its default and `Field(description=...)`, of a
pydantic model or of a dataclass. Validation reads the type, `spikedistill show` reads all three.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from spikedistill.recipes.options import words


@dataclass(frozen=True)
class Key:
    """One key."""

    name: str
    default: str
    takes: str
    text: str


def keys(block: type) -> tuple[Key, ...]:
    """The documented keys of a block, in their order; a field without description is none."""
    if issubclass(block, BaseModel):
        return tuple(
            Key(name, _default(one), words(one.annotation), one.description)
            for name, one in block.model_fields.items()
            if one.description
        )
    assert is_dataclass(block)
    hints = get_type_hints(block, include_extras=True)
    found = []
    for one in fields(block):
        info = _info(hints[one.name])
        if info is not None and info.description:
            default = "required" if one.default is MISSING else _said(one.default)
            kind = get_args(hints[one.name])[0]
            found.append(Key(info.alias or one.name, default, words(kind), info.description))
    return tuple(found)


def _info(hint: Any) -> FieldInfo | None:
    if get_origin(hint) is not Annotated:
        return None
    return next((one for one in get_args(hint)[1:] if isinstance(one, FieldInfo)), None)


def _default(one: FieldInfo) -> str:
    return "required" if one.is_required() else _said(one.get_default(call_default_factory=True))


def _said(value: Any) -> str:
    return "" if value in (None, (), {}, "") else repr(value)
