"""A run folder read for a report: finished, unfinished or damaged, with a sentence for each gap."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.row import Row, main_score


@dataclass(frozen=True)
class Run:
    """What a run folder holds."""

    path: Path
    config: dict[str, Any]
    rows: list[Row]
    """One for each network that was judged, as in `result.json`."""
    manifest: dict[str, Any] = field(default_factory=dict)
    histories: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Name of a training -> its epochs."""
    planned: tuple[str, ...] = ()
    """The trainings in their order."""
    finished: bool = True
    word: str = "image"
    """What a sample of its data is called."""
    missing: tuple[str, ...] = ()
    """What could not be read or is not there yet."""

    @property
    def name(self) -> str:
        """The recipe, its seed where it is not 0, and the folder where that is called otherwise."""
        recipe, seed = str(self.config.get("name", "run")), self.config.get("seed") or 0
        folder = self.path.absolute().name
        usual = recipe if not seed else f"{recipe}-seed{seed}"
        return (
            recipe
            + (f", seed {seed}" if seed else "")
            + (f" ({folder})" if folder != usual else "")
        )

    @property
    def main(self) -> Row | None:
        """The row of the last training, which the run is about; None until it is judged."""
        last = self.planned[-1] if self.planned else None
        return next((row for row in reversed(self.rows) if row.cell == last), None)

    @property
    def sample(self) -> str:
        """What a sample of its data is called, as "image"."""
        return self.word

    @property
    def teacher(self) -> Row | None:
        """The row of the network that the last phase's student learned from, if it has one."""
        phases = self.config.get("phases")
        last = phases[-1] if isinstance(phases, list) and phases else {}
        roles = _mapping(_mapping(last).get("roles"))
        fixed = [r.get("network") for r in map(_mapping, roles.values()) if not r.get("trainable")]
        rows = [row for row in self.rows if row.network in fixed]
        return rows[-1] if rows else None


def read_run(path: Path | str) -> Run:
    """Read a run folder; what is damaged or not there yet becomes a sentence.

    Raises:
        SpikedistillError: if this is no run folder, or its recipe cannot be read.
    """
    path = Path(path)
    config = _config(path)
    missing: list[str] = []
    planned = tuple(_planned(config))
    result = _json(path / "result.json", missing)
    rows = _rows(result, path / "result.json", missing)
    if not rows:
        rows = _rows({"rows": _json(path / "teachers.json", missing)}, path, missing)
        for name in planned:
            where = path / "cells" / name / "result.json"
            cell = _json(where, missing)
            rows += _rows({"rows": [*_mapping(cell).get("others", ()), cell]}, where, missing)
    done = {row.cell for row in rows}
    waiting = [name for name in planned if name not in done]
    if waiting:
        missing.append(
            f"The run is not finished: {', '.join(waiting)} "
            f"{'has' if len(waiting) == 1 else 'have'} no result yet. Go on with it by "
            f"`spikedistill resume {path}`."
        )
    return Run(
        path=path,
        config=config,
        rows=rows,
        manifest=_manifest(path / "manifest.json", missing),
        histories={
            name: _history(path / "cells" / name, name in done, missing) for name in planned
        },
        planned=planned,
        finished=not waiting,
        missing=tuple(missing),
    )


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _config(path: Path) -> dict[str, Any]:
    file = path / "config.yaml"
    if not file.is_file():
        what = "is not a run folder: it has no config.yaml" if path.exists() else "does not exist"
        raise SpikedistillError(f"{path} {what}; a run is made by `spikedistill run RECIPE`")
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise SpikedistillError(f"{file} is damaged, so the run cannot be told: {error}") from error
    if not isinstance(config, Mapping):
        raise SpikedistillError(f"{file} is damaged, so the run cannot be told: it holds no recipe")
    return dict(config)


def _planned(config: Mapping[str, Any]) -> list[str]:
    """Names of the trainings: variants before the phase itself."""
    found: list[str] = []
    phases = config.get("phases")
    for phase in map(_mapping, phases if isinstance(phases, list) else []):
        found += [str(name) for name in _mapping(phase.get("compare"))]
        found.append(str(phase.get("name", "student")))
    return [name for name in found if name == Path(name).name and name not in (".", "..")]


def _json(path: Path, missing: list[str]) -> Any:
    """What a JSON file holds; None where it is not there, or damaged (which is told)."""
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        missing.append(f"{path} is damaged ({error}) and was left out.")
        return None


def _rows(result: Any, path: Path, missing: list[str]) -> list[Row]:
    """The rows that can be read."""
    found: list[Row] = []
    given = _mapping(result).get("rows")
    for plain in given if isinstance(given, list) else []:
        if plain is None:
            continue
        try:
            found.append(Row.from_plain(plain))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            missing.append(f"A row of {path} is damaged ({error!r}) and was left out.")
    return found


def _manifest(path: Path, missing: list[str]) -> dict[str, Any]:
    if not path.exists():
        missing.append(f"{path} is not there: when and where the run was made cannot be told.")
    return _mapping(_json(path, missing))


def _history(cell: Path, done: bool, missing: list[str]) -> list[dict[str, Any]]:
    """The epochs of a training; a line that cannot be read ends them."""
    path = cell / "metrics.jsonl"
    if not path.exists():
        if done:
            missing.append(f"{path} is not there: the curves of {cell.name} are missing.")
        return []
    rows = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            losses = {str(k): float(v) for k, v in row["losses"].items()}
            valid = main_score(row.get("valid"))
            rows.append({"epoch": int(row["epoch"]), "losses": losses, "valid": valid})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        missing.append(f"{path} is damaged after epoch {len(rows)} ({error!r}).")
    return rows
