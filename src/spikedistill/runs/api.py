"""Distillation in one call from Python: the same run as a recipe's, with networks of one's own."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn
from torch.utils.data import Dataset

from spikedistill.build.cells import settled
from spikedistill.build.experiment import Experiment
from spikedistill.build.facts import Facts
from spikedistill.build.handed_over import data_of
from spikedistill.build.meet import check_neurons, meet
from spikedistill.build.saved import rebuild
from spikedistill.core.copied import copied
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.over_time import OverTime
from spikedistill.core.received import received
from spikedistill.core.row import Row
from spikedistill.core.speech import speaking_python
from spikedistill.core.tree import mapped
from spikedistill.core.unwrapped import unwrapped
from spikedistill.data import DataSet, Samples
from spikedistill.recipes.schema import parse
from spikedistill.runs.start import start
from spikedistill.runs.twin import EPOCHS, LOSSES, TRAINING, twin_entry, twin_phases, within
from spikedistill.taps import check_taps, default_stages
from spikedistill.training.progress import Live, Silent
from spikedistill.training.track import OnEpoch

log = logging.getLogger("spikedistill")
WARNING = "warning: "
CLIP = 5.0
"""The largest norm of the gradient, where SASTC is there by default."""

Data = Samples | DataSet | str | Sequence[Samples] | Mapping[str, Any]
Source = nn.Module | Mapping[str, Any] | str
"""A network, or what a recipe would say of it: `{"model": "resnet19", "activation": "lif"}`."""
Losses = Mapping[str, Mapping[str, Any] | None] | Sequence[Any] | str | None
"""Methods by name with their options, or as a recipe lists them."""


class _Quiet(Silent):
    """Shows no progress, and warns as libraries do."""

    def say(self, text: str) -> None:
        """Log a warning; pass over all else."""
        if text.startswith(WARNING):
            log.warning(text.removeprefix(WARNING))


@dataclass(frozen=True)
class Result:
    """What a distillation left behind."""

    run: Path
    """The run folder; `spikedistill.load` takes it, or the result itself."""
    network: OverTime
    """The student: images `[B, C, H, W]` in [0, 1], or frames, to logits `[B, K]`."""
    score: float
    """The main metric of the task on the test split after all T steps: percent of right answers
    for a classification."""
    rows: list[Row]
    """One row for each network, as in `result.json`; the student's is the last."""

    def __fspath__(self) -> str:
        """The run folder: a result stands where one is asked for."""
        return str(self.run)

    def __repr__(self) -> str:
        """The score and where the rest lies; `result.network` prints the network."""
        row = self.rows[-1]
        score = f"{row.metric} {self.score:.2f} {row.unit}".strip()
        return f"Result({score} after T = {row.steps} steps, run={str(self.run)!r})"

    @property
    def accuracy(self) -> float:
        """Percent of right answers on the test split after all T steps; NaN where none judges."""
        value = self.rows[-1].last("accuracy")
        return float("nan") if value is None else value


def distill(
    teacher: Source,
    student: Source | Data | None = None,
    train: Data | None = None,
    valid: Samples | None = None,
    test: Samples | None = None,
    *,
    timesteps: int = 2,
    epochs: int | None = None,
    minutes: float | None = None,
    losses: Losses = None,
    out: Path | str = "runs/distilled",
    seed: int = 0,
    teacher_taps: Mapping[str, str] | None = None,
    student_taps: Mapping[str, str] | None = None,
    augment: Mapping[str, Any] | None = None,
    encoder: str = "direct",
    exist: Literal["resume", "replace"] = "resume",
    quiet: bool = False,
    on_epoch: OnEpoch | None = None,
    **training: Any,
) -> Result:
    """Train a spiking student to answer, and to represent, as a trained teacher does.

    Without a student, `distill(ann, data)`, it is the teacher's own spiking twin: converted with
    thresholds set from data, judged as it is, then trained with integers up to `timesteps` in one
    step (`ILIF`), which run as that many binary steps.

    Args:
        teacher: a trained network for images `[B, C, H, W]` in [0, 1]; it is not changed.
        student: the spiking network that learns; it is not changed, its trained copy is returned.
            Leave it out, with the data in its place, for the twin of the teacher.
        train: a torch `Dataset` of (image, label), a `Split`, several of them as (train, test),
            (train, valid, test) or a mapping with these keys (and, if it likes, `classes`, `mean`,
            `std`, `task`, `collate`), a ready `DataSet`, or the `data:` block of a recipe (a name,
            or a mapping with `name` or `call`).
        valid: what is looked at after every epoch; default a tenth of `train`.
        test: what the result is measured on; default another tenth of `train`.
        timesteps: T of the student; of a twin its binary steps.
        epochs: how often all of `train` is seen; default 30, of a twin 10.
        minutes: train for about so long instead: the epochs follow from a few measured steps, and
            stay when the run is resumed.
        losses: method -> its options, `weight` among them, or a list as in a recipe; default
            for a twin those of `runs.twin`, else cross-entropy, logit KD and, where both networks
            make maps of features, SASTC, with the
            weights of its paper (1, 1 and 100). SASTC's gradient can be large where a network is
            fresh, so by default `clip` is 5.0 with it, as in the library's CIFAR recipes.
        out: the run folder.
        seed: of initial weights, splits, data order and augmentation.
        teacher_taps: tap name -> module path, as `{"stage1": "layer1"}`; without it, and where the
            network declares none, stages are found by their resolution.
        student_taps: the same for the student.
        augment: as in a recipe, `{"crop": 4, "flip": True}`.
        encoder: how samples become steps; `"frames"` for event data `[T, C, H, W]`, of which the
            teacher sees the mean frame and the student, run for the same T, every frame.
        exist: what to do with a run that is in `out`: go on with it where it is unfinished and
            has the same settings ("resume"), or throw it away ("replace").
        quiet: show no progress; warnings go to the logger `spikedistill`.
        on_epoch: called after every epoch, when its state is kept, with its line of
            `metrics.jsonl` as a dict. What it raises ends the call; the same call goes on.
        training: any further setting of `training.settings.Settings` (`lr=0.05`, ...).

    Raises:
        SpikedistillError: for anything that can be put right; the message says how.
    """
    with speaking_python():
        student, train = _seats(student, train)
        twin = student is None
        sources: dict[str, Any] = {
            "teacher": teacher,
            "student": twin_entry(timesteps) if twin else student,
        }
        taps = {"teacher": teacher_taps, "student": student_taps}
        networks = _networks(sources, taps)
        ready, data = _data(train, valid, test, seed)
        chosen = _losses(list(LOSSES) if twin and losses is None else losses, networks, ready)
        if losses is None and any("sastc" in loss for loss in chosen):
            training = {"clip": CLIP, **training}
        usual = {"epochs": EPOCHS, **TRAINING} if twin else {"epochs": 30}
        asked = {} if epochs is None else {"epochs": epochs}
        phases = [{"roles": _roles(timesteps), "losses": chosen}]
        recipe = parse(
            {
                "name": Path(out).name or "distilled",
                "seed": seed,
                "data": data,
                "augment": dict(augment or {}),
                "encoder": encoder,
                "networks": {name: _entry(source, taps[name]) for name, source in sources.items()},
                "training": {**usual, **asked, **training},
                "phases": twin_phases(chosen) if twin else phases,
            },
            "of this call",
        )
        recipe = within(
            recipe, minutes, Path(out),
            lambda one: Experiment(settled(one), networks=networks, data=ready),
        )  # fmt: skip
        with _Quiet() if quiet else Live() as progress:
            result = start(recipe, out, None, exist, progress, networks, ready, on_epoch=on_epoch)
        saved = rebuild(out, networks)
    rows = [Row.from_plain(row) for row in result["rows"]]
    score = float("nan") if rows[-1].score is None else rows[-1].score
    return Result(Path(out), OverTime(saved.network, saved.timesteps).eval(), score, rows)


def _seats(student: Any, train: Any) -> tuple[Any, Any]:
    """The student, None for the twin of the teacher, and the data, from the places of a call."""
    if train is not None:
        return student, train
    if student is None or isinstance(student, nn.Module):
        raise SpikedistillError(
            "no data were given; call distill(teacher, data), or distill(teacher, student, data)"
        )
    return None, student


def _networks(
    sources: Mapping[str, Any], taps: Mapping[str, Mapping[str, str] | None]
) -> dict[str, nn.Module]:
    """Copies of the networks that came from Python; the student among them must spike."""
    for name, source in sources.items():
        _check_source(name, source)
    found = {
        name: _tapped(name, source, taps[name])
        for name, source in sources.items()
        if isinstance(source, nn.Module)
    }
    if "student" in found:
        check_neurons("student", found["student"])
    return found


def _roles(timesteps: int) -> dict[str, Any]:
    return {
        "student": {"network": "student", "timesteps": timesteps, "trainable": True},
        "teacher": {"network": "teacher"},
    }


def _check_source(name: str, source: Any) -> None:
    """Refuse what is neither a network nor words for one."""
    state = isinstance(source, Mapping) and any(isinstance(v, Tensor) for v in source.values())
    if isinstance(source, nn.Module | Mapping | str) and not state:
        return
    hint = ""
    if state:
        hint = "; load the state dict into its network first (load_state_dict)"
    elif source is None and name == "teacher":
        hint = "; to train without a teacher, run a recipe whose phase has a student alone"
    what = "a state dict" if state else "nothing" if source is None else type(source).__name__
    raise SpikedistillError(
        f"the {name} is a torch.nn.Module, or what a recipe says of one, as {{'model': 'digits'}}, "
        f"and {what} was given{hint}"
    )


def _losses(losses: Losses, networks: Mapping[str, nn.Module], data: DataSet | None) -> Any:
    """The losses as a recipe lists them; by default those that fit the networks."""
    if losses is None:
        losses = {"cross_entropy": {}, "logit_kd": {}}
        if data is None or all(_has_maps(one, data) for one in networks.values()):
            losses["sastc"] = {"weight": 100.0}
    if isinstance(losses, Mapping):
        return [{name: options} for name, options in losses.items()]
    return [losses] if isinstance(losses, str) else losses


def _has_maps(network: nn.Module, data: DataSet) -> bool:
    """Whether a network makes maps of features that can be compared; else the run says why not."""
    if any(name.startswith("stage") for name in getattr(network, "taps", {})):
        return True
    facts = Facts.of(data)
    few = mapped(lambda value: value[:2], facts.one_step)
    network = copied(network)
    try:
        meet("", network, few, trained=False, wanted=facts.wanted)
    except SpikedistillError:  # it does not take these data, which the run will tell
        return True
    return bool(default_stages(network, few))


def _entry(source: Source, taps: Mapping[str, str] | None) -> Any:
    if isinstance(source, nn.Module):
        kind = type(unwrapped(source))
        given = {"given": f"{kind.__module__}.{kind.__qualname__}"}
        return {**given, "taps": dict(taps)} if taps else given
    return source


def _data(
    train: Any, valid: Samples | None, test: Samples | None, seed: int
) -> tuple[DataSet | None, Any]:
    """The data set (None: to be made from the entry), and what the recipe says of it."""
    block = isinstance(train, Mapping) and not {"name", "call"}.isdisjoint(train)
    several = isinstance(train, Mapping | list | tuple) and not isinstance(train, Dataset)
    if several or isinstance(train, str | DataSet):
        if valid is not None or test is not None:
            raise SpikedistillError(
                f"the data are given as {type(train).__name__}, which brings its own splits, and "
                "valid= or test= beside it; say it in one way"
            )
    if isinstance(train, str) or block:
        return None, train
    if isinstance(train, DataSet):
        return train, {"given": train.name}
    made = data_of(train if several else {"train": train, "valid": valid, "test": test}, seed)
    return made, {"given": made.name}


def _tapped(name: str, network: nn.Module, taps: Mapping[str, str] | None) -> nn.Module:
    """A copy that declares the taps: the user's network stays as it is."""
    network = received(network, name)
    if taps is not None:
        check_taps(network, taps)
        network.taps = {**getattr(network, "taps", {}), **taps}  # type: ignore[assignment]
    return network
