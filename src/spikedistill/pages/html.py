"""One self-contained HTML page for runs, studies and comparisons.

Nothing is loaded from anywhere: style and script stand in the page, pictures are data, and a
content security policy forbids all else. All text passes through jinja2's escaping; no markup is
made outside the templates.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from spikedistill.pages import headline
from spikedistill.pages.chapter import Chapter
from spikedistill.pages.page import Shown, Table
from spikedistill.pages.sections import ALWAYS, SECTIONS

TEMPLATES = Path(__file__).parent / "templates"


def page(runs: Sequence[Chapter], missing: Sequence[str] = (), pages: Sequence[Shown] = ()) -> str:
    """The text of the page.

    Args:
        runs: several are compared first.
        missing: sentences about runs that could not be told at all.
        pages: studies and comparisons, which stand before the runs.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = ((TEMPLATES / name).read_text("utf-8") for name in ("page.css", "page.js"))
    names = [*(one.page.title for one in pages), *(chapter.run.name for chapter in runs)]
    together = None
    if len(runs) > 1:
        together = {
            "table": headline.table(runs),
            "pareto": headline.pareto(runs, "all-pareto"),
            "curves": headline.curves(runs, "all"),
        }
    return environment.get_template("page.html").render(
        title=" and ".join(names) if len(names) < 4 else f"{len(names)} runs",
        studies=[_study(one, f"study{number}") for number, one in enumerate(pages, 1)],
        missing=missing,
        together=together,
        runs=[_sections(chapter, f"run{number}") for number, chapter in enumerate(runs, 1)],
        policy=_policy(style, script),
        style=style,
        script=script,
    )


def _study(shown: Shown, key: str) -> dict[str, Any]:
    """A study or comparison for its template: parts with one key each."""
    parts = shown.page.plain()["parts"]
    words = [part.words() if isinstance(part, Table) else [] for part in shown.page.parts]
    return {
        "key": key,
        "title": shown.page.title,
        "parts": [
            part | {"words": which}
            for part, which in zip(parts, words, strict=True)
            if "table" not in part or part["table"]["rows"]
        ],
        "pictures": shown.pictures,
        "missing": shown.missing,
    }


def _policy(style: str, script: str) -> str:
    """Only this very style, this very script, and pictures that are part of the page."""
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    ]
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; "
        f"script-src 'sha256-{hashes[1]}'; base-uri 'none'; form-action 'none'"
    )


def _sections(chapter: Chapter, key: str) -> dict[str, Any]:
    run = chapter.run
    shown = [_section(name, chapter, key) for name in (*ALWAYS, *chapter.sections)]
    shown = [one for one in shown if one["data"]]
    return {
        "key": key,
        "name": run.name,
        "path": str(run.path),
        "description": str(run.config.get("description") or ""),
        "facts": _facts(chapter),
        "missing": (*run.missing, *chapter.missing),
        "tiles": headline.tiles(run),
        "table": headline.table([chapter]) if run.rows else None,
        "pareto": headline.pareto([chapter], f"{key}-pareto"),
        "pareto_title": f"{headline.metric_of([chapter]).capitalize()}, time and energy",
        "curves": headline.curves([chapter], key),
        "sample": run.sample,
        "sections": shown,
        "moving": any(one["name"] == "maps" and one["data"]["moving"] for one in shown),
        "config": yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True),
        "bibtex": chapter.bibtex,
    }


def _section(name: str, chapter: Chapter, key: str) -> dict[str, Any]:
    """One section for its template."""
    section = SECTIONS.find(name)
    file = f"sections/{name}.html"
    return {
        "name": name.replace(":", "-"),
        "title": section.title,
        "data": section.show(chapter, key),
        "template": file if (TEMPLATES / file).exists() else "sections/tables.html",
    }


def _facts(chapter: Chapter) -> list[tuple[str, str]]:
    """What was run, when and where."""
    manifest, data = chapter.run.manifest, chapter.run.config.get("data")
    found = (manifest.get(name) for name in ("versions", "machine"))
    versions, machine = (one if isinstance(one, dict) else {} for one in found)
    name = data.get("name") if isinstance(data, dict) else data
    notes = manifest.get("notes")
    facts = {
        "data": name,
        "seed": chapter.run.config.get("seed"),
        "started": manifest.get("started"),
        "machine": machine.get("cuda") or machine.get("processor"),
        "software": ", ".join(
            f"{package} {versions[package]}"
            for package in ("spikedistill", "torch", "python")
            if versions.get(package)
        ),
        "notes": " ".join(map(str, notes)) if isinstance(notes, list) else "",
    }
    return [(name, str(value)) for name, value in facts.items() if value not in (None, "")]
