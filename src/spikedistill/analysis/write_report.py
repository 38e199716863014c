"""Reports of runs: what their folders hold and a look at their networks, as one page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path

from spikedistill.analysis.examine_run import examine_run
from spikedistill.analysis.looks import Examinations
from spikedistill.build.handed_over import Data, Networks
from spikedistill.build.saved import Where, folder_of
from spikedistill.core.atomic import put
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.task import Task
from spikedistill.costs import energy
from spikedistill.explain import grad_cam, spike_activation_map
from spikedistill.pages.chapter import Chapter, key_of
from spikedistill.pages.html import page
from spikedistill.pages.page import FILE, read_page
from spikedistill.pages.read_run import Run, read_run
from spikedistill.recipes.cited import references
from spikedistill.tasks import TASKS
from spikedistill.training.progress import Silent


@dataclass(frozen=True)
class Written:
    """A report that was written."""

    path: Path
    lost: tuple[str, ...]
    """A sentence for each run that it could not tell of."""
    missing: tuple[str, ...]
    """What else it could not show."""


def write_report(
    paths: Where | Sequence[Where],
    out: Path | str | None = None,
    data_dir: Path | str | None = None,
    use_data: bool = True,
    progress: Silent | None = None,
    *,
    network: Networks = None,
    data: Data = None,
) -> Written:
    """Write one page about one or several runs.

    `spikedistill.report`; on the command line `spikedistill report`.

    Args:
        paths: a folder or several, of runs, studies and comparisons. Of several, those that cannot
            be told are named on the page.
        out: where to; default `report.html` in the one run's folder, else beside the first run.
        data_dir: where data sets lie; default as each run had it.
        use_data: whether networks that were not looked at before are run on their data.
        progress: gets a sentence for each network that is run.
        network: the networks that came from Python, so that the page shows their inside: that of
            the student (or the one whose twin it is), or `{"teacher": ..., "student": ...}`. They
            are not changed; runs of which nothing came from Python take none.
        data: the data that came from Python, as `spikedistill.evaluate` takes them.

    Raises:
        SpikedistillError: if none of the runs can be told, or the page cannot be written.
    """
    look = partial(examine_run, data_dir=data_dir, use_data=use_data, progress=progress,
                   network=network, data=data)  # fmt: skip
    chapters, pages, lost = [], [], []
    paths = list(map(folder_of, [paths] if isinstance(paths, str | PathLike) else paths))
    if not paths:
        raise SpikedistillError("a report is of at least one run, and none was given")
    for path in paths:
        try:
            if (path / FILE).exists():
                pages.append(read_page(path))
            else:
                chapters.append(_chapter(read_run(path), look))
        except SpikedistillError as error:
            lost.append(str(error))
    if not chapters and not pages:
        raise SpikedistillError("; ".join(lost))
    target = Path(out) if out is not None else _default(paths)
    text = page(chapters, lost, pages)
    try:
        put(target, lambda path: path.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise SpikedistillError(
            f"could not write {target}: {error}; choose another --out"
        ) from error
    missing = [sentence for shown in pages for sentence in shown.missing]
    missing += [sentence for one in chapters for sentence in (*one.run.missing, *one.missing)]
    return Written(target, tuple(lost), tuple(missing))


def _default(paths: Sequence[Path]) -> Path:
    return (paths[0] if len(paths) == 1 else paths[0].absolute().parent) / "report.html"


def _chapter(run: Run, look: Callable[[Path], Examinations]) -> Chapter:
    try:
        looks = look(run.path)
    except SpikedistillError as error:  # a recipe of another version, or changed by hand
        looks = Examinations(missing=[f"The networks could not be run: {error}"])
    own = looks.found.get(key_of(run.main)) if run.main else None
    seen = own or next(iter(looks.found.values()), None)
    found = _task(seen.facts.get("task") if seen else None)
    if found is not None:
        run = replace(run, word=found.sample)
    return Chapter(
        run,
        looks.found,
        tuple(looks.missing),
        _bibtex(run, bool(looks.found)),
        found.sections if found is not None else (),
    )


def _task(name: str | None) -> Task | None:
    """A task by its name; None where nothing says it, or it is not to be found any more."""
    try:
        return None if name is None else TASKS.find(name)
    except SpikedistillError:
        return None


def _bibtex(run: Run, shows_maps: bool) -> str:
    try:
        cited = references(run.config)
    except (ValueError, KeyError, TypeError):
        return ""
    cited += [energy.REFERENCE]
    if shows_maps:
        cited += [spike_activation_map.REFERENCE, grad_cam.REFERENCE]
    return "\n\n".join(reference.bibtex() for reference in cited)
