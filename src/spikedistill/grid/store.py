"""Finished cells as small JSON files: a grid goes on from them, on any machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.files import put


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
        missing = {"key", "row", "history"} - set(found if isinstance(found, dict) else ())
        if missing or found["key"] != key:
            what = f"lacks {', '.join(sorted(missing))}" if missing else f"is of {found['key']}"
            raise SpikedistillError(f"{path} is no cell {key}: it {what}; {_REMEDY}")
        return found

    def keep(self, cell: Mapping[str, Any]) -> Path:
        """Write one cell."""
        text = json.dumps(cell, indent=1, sort_keys=True) + "\n"
        return put(
            self.folder / f"{cell['key']}.json",
            lambda partial: partial.write_text(text, encoding="utf-8"),
        )


_REMEDY = "put the file back from where it came, or delete it and its training is done again"
