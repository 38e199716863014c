"""Finished cells as small JSON files: a grid goes on from them, on any machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikedistill.build.cells import faster, settled
from spikedistill.core.atomic import put
from spikedistill.core.errors import SpikedistillError
from spikedistill.recipes.schema import Recipe


class Store:
    """One file for each cell, named by its key.

    Args:
        folder: where they lie; made when the first is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> dict[str, Any] | None:
        """A finished cell; None where there is none.

        Raises:
            SpikedistillError: if its file is damaged.
        """
        path = self.folder / f"{key}.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise SpikedistillError(f"{path} cannot be read ({error}); {_REMEDY}") from error
        fault = _fault(found, key)
        if fault:
            raise SpikedistillError(f"{path} is no cell {key}: {fault}; {_REMEDY}")
        return found

    def settled(self, recipe: Recipe) -> Recipe:
        """The recipe with `precision: auto` decided: once for all cells that are kept here.

        Raises:
            SpikedistillError: if what was decided cannot be read.
        """
        if all(recipe.settings(phase).precision != "auto" for phase in recipe.phases):
            return recipe
        path = self.folder / "precision.txt"
        if not path.exists():
            chosen = faster()
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with path.open("x", encoding="utf-8") as file:
                    file.write(f"{chosen}\n")
            except FileExistsError:  # another process was sooner
                pass
            except OSError:  # a folder that is only read
                return settled(recipe, chosen)
        text = path.read_text(encoding="utf-8").strip()
        if text not in ("fp32", "bf16"):
            raise SpikedistillError(
                f"{path} says {text!r} and should say fp32 or bf16, in which all cells beside it "
                "are trained; correct it, or delete it where there are no cells yet"
            )
        return settled(recipe, text)

    def keep(self, cell: Mapping[str, Any]) -> Path:
        """Write one cell."""
        text = json.dumps(cell, indent=1, sort_keys=True) + "\n"
        return put(
            self.folder / f"{cell['key']}.json",
            lambda partial: partial.write_text(text, encoding="utf-8"),
        )


def _fault(found: Any, key: str) -> str:
    """What keeps a file from being a cell, or nothing."""
    if not isinstance(found, dict):
        return "it holds no mapping"
    missing = {"key", "row", "others", "history", "looks"} - found.keys()
    if missing:
        return f"it lacks {', '.join(sorted(missing))}"
    if found["key"] != key:
        return f"it is of {found['key']}"
    if not isinstance(found["looks"], dict) or not isinstance(found["others"], list):
        return "what was looked at is no mapping, or the other networks are no list"
    if not all(map(_is_row, (found["row"], *found["others"]))) or not found["row"]["accuracy"]:
        return "a row has no accuracy in numbers, no time steps or no parameters"
    return ""


def _is_row(row: Any) -> bool:
    if not isinstance(row, dict) or not {"role", "losses", "timesteps", "parameters"} <= row.keys():
        return False
    accuracy = row.get("accuracy")
    return isinstance(accuracy, list) and all(isinstance(value, int | float) for value in accuracy)


_REMEDY = "put the file back from where it came, or delete it and its training is done again"
