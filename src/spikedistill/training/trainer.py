"""The one training loop, to be read from top to bottom."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.evaluation import evaluation
from spikedistill.core.memory import keep_freed_memory
from spikedistill.core.objective import Role
from spikedistill.core.speech import remedy
from spikedistill.core.trace import Batch
from spikedistill.data import Loader
from spikedistill.functional.compiled import compile_is_on, compiling
from spikedistill.functional.recall import fired_again
from spikedistill.metrics.accuracy import Accuracy
from spikedistill.training import checkpoint, meter
from spikedistill.training.average import Average
from spikedistill.training.checkpoint import State
from spikedistill.training.distiller import Distiller
from spikedistill.training.engine import lay_out, make_engine
from spikedistill.training.evaluate import Evaluation, Makes, NotFinite, evaluate
from spikedistill.training.groups import Place, place_of
from spikedistill.training.interrupt import Interrupted, Stop, stop_requests
from spikedistill.training.meter import Meter
from spikedistill.training.optim import build_optimizers, learning_rate
from spikedistill.training.precision import full_float32, resolve
from spikedistill.training.progress import Silent
from spikedistill.training.run_folder import RunFolder
from spikedistill.training.settings import Settings
from spikedistill.training.track import OnEpoch

Look = Callable[[Distiller, Loader], Any]
"""Measures something on the validation batches; what it returns must be such as JSON holds."""


class NonFiniteLoss(SpikedistillError):
    """A loss became NaN or infinite; the last good state is kept."""


@dataclass(frozen=True)
class Fitted:
    """What a training leaves in memory; the same lies in its run folder."""

    network: nn.Module
    history: list[dict[str, Any]]
    best: dict[str, Any]
    seconds: float


def fit(
    distiller: Distiller,
    train: Loader,
    valid: Loader | None,
    settings: Settings,
    folder: RunFolder,
    *,
    seed: int = 0,
    student: str = "student",
    title: str = "student",
    progress: Silent | None = None,
    look: Look | None = None,
    metrics: Sequence[Makes] = (Accuracy,),
    own: Mapping[str, Mapping[str, Any]] | None = None,
    on_epoch: OnEpoch | None = None,
) -> Fitted:
    """Train what learns in `distiller`; go on by itself from the checkpoint in `folder`.

    Args:
        distiller: roles and objective of the phase.
        train: batches to learn from.
        valid: batches that tell how it goes, looked at after every epoch.
        settings: budget, optimiser, schedule.
        folder: where metrics, checkpoints and models are kept.
        seed: with epoch and step it determines every random number.
        student: the role whose network is evaluated and saved.
        title: how the progress display calls this training.
        progress: the display.
        look: called after every epoch with the distiller in evaluation mode and without gradient;
            what it returns is kept as `looks` in the epoch's line.
        metrics: what judges on `valid`, the main one first.
        own: role -> settings of its optimiser that are not those of the phase.
        on_epoch: called after every epoch, when its state is kept, with a copy of its line of
            `metrics.jsonl`; by one process. What it raises ends the training.

    Raises:
        NonFiniteLoss: if a loss is NaN or infinite; the checkpoint before it is kept.
        Interrupted: on Ctrl-C; the state is saved first.
        SpikedistillError: if a checkpoint is damaged or belongs to other networks.
    """
    keep_freed_memory()
    training = _Training(
        distiller, train, valid, settings, folder, seed, student, progress or Silent(), look,
        metrics, own or {}, on_epoch,
    )  # fmt: skip
    compiled = compile_is_on() and settings.compile != "off"
    with stop_requests() as stop, compiling(compiled):
        return training.run(title, stop)


def _save_work(distiller: Distiller, train: Loader, settings: Settings) -> None:
    """Memory and work that settings and roles ask to be saved."""
    if settings.checkpoint == "stage":
        distiller.recompute_stages()
    if settings.compile == "model":
        distiller.compile_networks()
    if not any(role.record for role in distiller.roles.values()):
        return
    if train.augment is not None:
        raise SpikedistillError(
            "a role is to be recorded (record: true), and augmentation changes the samples each "
            "time; train without augmentation, or set record: false"
        )
    distiller.record(train.samples)


class _Training:
    """The variables of one training, so that no function needs a dozen arguments."""

    def __init__(
        self,
        distiller: Distiller,
        train: Loader,
        valid: Loader | None,
        settings: Settings,
        folder: RunFolder,
        seed: int,
        student: str,
        progress: Silent,
        look: Look | None,
        metrics: Sequence[Makes],
        own: Mapping[str, Mapping[str, Any]],
        on_epoch: OnEpoch | None,
    ) -> None:
        self.engine = make_engine(train)
        self.distiller = distiller.to(self.engine.device)
        lay_out(distiller, [loader for loader in (train, valid) if loader], self.engine.device)
        self.train, self.valid, self.settings, self.folder = train, valid, settings, folder
        self.seed, self.student, self.progress, self.look = seed, student, progress, look
        self.metrics, self.on_epoch = metrics, on_epoch
        self.role = distiller.roles[student]
        _save_work(distiller, train, settings)
        self.state = self._restored()
        self.dtype = resolve(self.state.precision or settings.precision, self.engine.device)
        networks = {name: role.network for name, role in distiller.roles.items()}
        built = build_optimizers(distiller, settings, own, networks)
        self._load_optimizers([optimizer for optimizer, _ in built])
        self.average = (
            Average(distiller, settings.ema, self.state.average) if settings.ema else None
        )
        self.module, *self.optimizers = self.engine.prepare(distiller, *(one for one, _ in built))
        self.own_settings = [one for _, one in built]
        self.meter = Meter(self.engine.device)
        self.saved = time.monotonic()

    def _restored(self) -> State:
        text = checkpoint.settings_text(self.settings)
        path = self.folder / checkpoint.NAME
        if not path.exists():
            return State(settings=text)
        state = checkpoint.load(path, self.distiller.state_dict())
        if checkpoint.with_defaults(state.settings, self.settings) != text:
            raise SpikedistillError(
                f"{path} was made with other training settings, so going on would mix two runs; "
                "resume with the settings it has, or start afresh in another folder"
            )
        self.distiller.load_state_dict(state.distiller, strict=False)
        return state

    @full_float32()
    def run(self, title: str, stop: Stop) -> Fitted:
        """Every epoch and every step."""
        state, steps = self.state, len(self.train)
        self.progress.begin(
            title, self.settings.epochs, steps, done=state.epoch * steps + state.step
        )
        while state.epoch < self.settings.epochs:
            start = time.perf_counter()
            for batch in self.train.epoch(state.epoch, start=state.step):
                place = self._place()
                self._step(batch, (state.epoch + place.share) / self.settings.epochs)
                state.step += 1
                if not place.last:  # a state is whole between two steps of the optimiser
                    continue
                if stop.requested:
                    state.seconds += time.perf_counter() - start
                    self._interrupt()
                if time.monotonic() - self.saved > self.settings.save_every:
                    state.seconds += time.perf_counter() - start
                    start = time.perf_counter()
                    self._save()
            state.seconds += time.perf_counter() - start
            self._close_epoch()
        self.progress.end()
        return self._finish()

    def _place(self) -> Place:
        """Where the next batch stands among those of one step of the optimiser."""
        train = self.train
        return place_of(self.state.step, len(train), self.settings.accumulate, train.global_batch,
                     train.used)  # fmt: skip

    def _step(self, batch: Batch, share: float) -> None:
        """The gradient of one batch, and a step of the optimiser where its group is whole."""
        state, settings, device = self.state, self.settings, self.engine.device
        place = self._place()
        number = state.epoch * len(self.train) + state.step
        # every random number of the step (dropout, spike encoding) is a function of where it is
        torch.manual_seed(hash((self.seed, number, self.engine.process_index)) % 2**63)
        self.distiller.generator = torch.Generator(device).manual_seed(torch.initial_seed())
        self.distiller.train()
        for optimizer, own in zip(self.optimizers, self.own_settings, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(own, share * settings.epochs)
        batch = replace(batch.to(device), progress=share)
        with (
            nullcontext() if place.last else self.engine.no_sync(self.module),
            torch.autocast(device.type, self.dtype, enabled=self.dtype is not torch.float32),
            fired_again() if settings.fires_again else nullcontext(),
        ):
            loss, parts = self.module(batch)
        outputs = self.distiller.outputs[self.student]
        self.meter.note((state.epoch, state.step), batch, loss, parts, outputs)
        if self.meter.due:
            self._read_meter()
        self.engine.backward(loss if place.weight == 1 else loss * place.weight)
        if place.last:
            self._update()
        self.progress.step(state.epoch, meter.losses(state.sums), self.train.batch_size)

    def _update(self) -> None:
        """One step of the optimiser."""
        if self.settings.clip is not None:
            self.engine.clip_grad_norm_(self.module.parameters(), self.settings.clip)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update()

    def _read_meter(self) -> None:
        """Always before something is kept, so that what is kept comes from finite losses."""
        fault = self.meter.read(self.state.sums)
        if fault is not None:
            raise NonFiniteLoss(self._trouble(fault.what, fault.epoch, fault.step))

    def _trouble(self, what: str, epoch: int, step: int) -> str:
        happened = (
            f"{what} in epoch {epoch + 1}, step {step + 1}; training stopped and the last good "
            f"state is kept in {self.folder.path}. "
        )
        changes = remedy(
            "training.lr or the term's weight, set training.clip, or use training.precision=fp32",
            "lr= or the term's weight, set clip=, or use precision='fp32'",
        )
        return f"{happened}Lower {changes}"

    def _interrupt(self) -> None:
        self._save()
        raise Interrupted(
            f"stopped after epoch {self.state.epoch}, step {self.state.step}; the state is kept in "
            f"{self.folder.path}"
        )

    def _save(self) -> None:
        """Write the checkpoint (one process does)."""
        self._read_meter()
        state = self.state
        state.precision = {torch.float32: "fp32", torch.bfloat16: "bf16"}[self.dtype]
        state.distiller = self._finite_weights()
        states = [optimizer.state_dict() for optimizer in self.optimizers]
        state.optimizer = states[0] if len(states) == 1 else {"several": states}
        state.average = self.average.state if self.average else {}
        if self.engine.is_main_process:
            checkpoint.save(self.folder, state)
        self.saved = time.monotonic()

    def _finite_weights(self) -> dict[str, Any]:
        """All that is learned, unless the last step broke it: then the state before is kept.

        Raises:
            NonFiniteLoss: naming the weights.
        """
        found = self.distiller.state_dict()
        for name, value in found.items():
            if not value.isfinite().all():
                what = f"the weights {name!r} are no longer finite"
                raise NonFiniteLoss(self._trouble(what, self.state.epoch, self.state.step))
        return found

    def _close_epoch(self) -> None:
        """Validate, log, keep the best model apart, save."""
        self._read_meter()
        self._finite_weights()  # what does not compute cannot be validated
        state = self.state
        share = (state.epoch + 1) / self.settings.epochs
        samples = state.sums["samples"] * self.engine.num_processes
        before = state.history[-1]["seconds"] if state.history else 0.0
        row: dict[str, Any] = {
            "epoch": state.epoch + 1,
            "losses": meter.losses(state.sums),
            "train_accuracy": meter.accuracy(state.sums),
            "lr": learning_rate(self.settings, share * self.settings.epochs),
            "seconds": state.seconds,
            "samples_per_second": samples / max(state.seconds - before, 1e-9),
        }
        if self.valid is not None:
            row["valid"] = self._validate(self.valid)
            others = self._validate_others(self.valid)
            row |= {"others": others} if others else {}
            if self.look is not None:
                with torch.no_grad(), evaluation(self.distiller):
                    row["looks"] = self.look(self.distiller, self.valid)
        state.history.append(row)
        state.epoch, state.step, state.sums = state.epoch + 1, 0, {}
        if self.engine.is_main_process:
            self.folder.write_metrics(state.history)
        self._save()
        self.progress.epoch(row)
        if self.on_epoch is not None and self.engine.is_main_process:
            self.on_epoch(copy.deepcopy(row))

    def _validate(self, valid: Loader) -> dict[str, Any]:
        network, state = self.role.network, self.state
        with self.average.applied() if self.average else nullcontext():
            seen = self._judged(self.role, valid)
            if seen.better(state.best.get("score", state.best.get("accuracy"))):
                state.best = {"epoch": state.epoch + 1, "score": seen.score}
                if self.engine.is_main_process:
                    self.folder.save_model(network, "model-best")
        said = {warning for row in state.history for warning in row["valid"]["warnings"]}
        for warning in seen.warnings:
            if warning not in said:
                self.progress.say(f"warning: {warning}")
        return seen.row()

    def _validate_others(self, valid: Loader) -> dict[str, Any]:
        """What every other role whose network learns shows, by its name."""
        seen, mine = {}, self.role.network
        with self.average.applied() if self.average else nullcontext():
            for name, role in self.distiller.roles.items():
                if role.trainable and role.network is not mine:
                    seen[name] = self._judged(role, valid).row()
        return seen

    def _judged(self, role: Role, valid: Loader) -> Evaluation:
        encoder = self.distiller.encoder
        try:
            return evaluate(role.network, valid, role.timesteps, self.dtype, encoder, self.metrics)
        except NotFinite as error:
            what = "the outputs on the validation split are no longer finite"
            raise NonFiniteLoss(
                self._trouble(what, self.state.epoch, len(self.train) - 1)
            ) from error

    def _load_optimizers(self, optimizers: list[torch.optim.Optimizer]) -> None:
        state = self.state.optimizer
        if not state:
            return
        states = state["several"] if "several" in state else [state]
        if len(states) != len(optimizers):
            raise SpikedistillError(
                f"the checkpoint in {self.folder.path} has the state of {len(states)} optimisers "
                f"and this phase has {len(optimizers)}; resume with the recipe it was made by"
            )
        for optimizer, one in zip(optimizers, states, strict=True):
            optimizer.load_state_dict(one)

    def _finish(self) -> Fitted:
        """Keep the network as the last epoch left it."""
        if self.average is not None:
            self.distiller.load_state_dict(self.average.state, strict=False)
        network = self.role.network
        if self.engine.is_main_process:
            self.folder.save_model(network)
        self.engine.wait_for_everyone()
        return Fitted(network, self.state.history, self.state.best, self.state.seconds)
