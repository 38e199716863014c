"""Finished cells as small JSON files: a grid goes on from them, on any machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikedistill.core.atomic import put
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.row import Row


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
    given = (found["row"], *found["others"])
    if not all(isinstance(row, dict) and row.keys() >= _NEEDED for row in given):
        return f"a row is no mapping, or lacks one of {', '.join(sorted(_NEEDED))}"
    try:
        rows = [Row.from_plain(row) for row in given]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return f"a row cannot be read ({error!r})"
    if rows[0].score is None:
        return "its row has no score in numbers"
    return ""


_NEEDED = {"role", "losses", "timesteps", "parameters"}
"""What every row has to say beside its scores."""
_REMEDY = "put the file back from where it came, or delete it and its training is done again"
