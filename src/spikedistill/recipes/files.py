"""Recipes on disk: found by name or path, read safely, laid over a base, then overridden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.recipes.faults import Fault
from spikedistill.recipes.overrides import override
from spikedistill.recipes.plain_yaml import read_yaml
from spikedistill.recipes.schema import Recipe, parse

LIBRARY = Path(__file__).parent / "library"


def names() -> tuple[str, ...]:
    """The recipes of the library."""
    return tuple(sorted(path.stem for path in LIBRARY.glob("*.yaml")))


def find(name: str, near: Path | None = None) -> Path:
    """The file of a recipe: a path, or a name of the library.

    Args:
        name: as the user says it.
        near: a folder in which relative paths are looked up too.

    Raises:
        SpikedistillError: if there is neither; the message names the closest recipe.
    """
    tried = [Path(name).expanduser()] + ([near / name] if near else [])
    for path in tried:
        if path.is_file():
            return path
    inside = LIBRARY / f"{name}.yaml"
    if name in names():
        return inside
    if "/" in name or name.endswith((".yaml", ".yml")):
        raise SpikedistillError(f"there is no recipe file {name}; `spikedistill list recipes` "
                                "shows those of the library")  # fmt: skip
    raise SpikedistillError(f"there is no recipe {name!r}; {suggest(name, names())}")


def read(name: str) -> dict[str, Any]:
    """The mapping of a recipe with its base below it.

    Raises:
        SpikedistillError: if a file is missing, is not YAML, or bases are stacked.
    """
    path = find(name)
    mapping = _read_file(path)
    if path.parent != LIBRARY:
        mapping.setdefault("beside", str(path.parent.resolve()))
    if "base" not in mapping:
        return mapping
    base_path = find(str(mapping.pop("base")), near=path.parent)
    base = _read_file(base_path)
    if "base" in base:
        raise SpikedistillError(
            f"{path.name} stands on {base_path.name}, which itself stands on {base['base']!r}; "
            "a recipe has one level of base only, so write the settings of one into the other"
        )
    return merged(base, mapping)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpikedistillError(
            f"{path} is not UTF-8 text (its byte {error.start:,} cannot be); save it as UTF-8"
        ) from error
    mapping = read_yaml(text, str(path))
    if not isinstance(mapping, Mapping):
        raise SpikedistillError(f"{path} is no recipe: it holds no mapping of names to values")
    return dict(mapping)


def merged(below: Any, above: Any) -> Any:
    """`above` laid over `below`: mappings are joined key by key, everything else is replaced."""
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        new = {key: merged(below[key], value) if key in below else value
               for key, value in above.items()}  # fmt: skip
        return {**below, **new}
    return above


def load(name: str, overrides: Sequence[str] = (), seed: int | None = None) -> Recipe:
    """A recipe by name or path, with `key.path=value` overrides and a seed laid over it."""
    mapping, faults = read(name), []
    for text in overrides:
        try:
            mapping = override(mapping, text)
        except SpikedistillError as error:
            faults.append(Fault((), str(error)))
    if seed is not None:
        mapping["seed"] = seed
    return parse(mapping, name, faults)
