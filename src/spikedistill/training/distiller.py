"""Everything that runs in one phase as one module: batch in, loss out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn

from spikedistill.core.clock import spiking, temporal_layers
from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.core.evaluation import evaluation
from spikedistill.core.objective import Objective, Role
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace
from spikedistill.core.tree import Inputs, first, mapped
from spikedistill.core.trial import located
from spikedistill.costs.operations import multiplies
from spikedistill.data import Encoder, direct, encoder
from spikedistill.taps import Tapped, give_stages, usable_taps
from spikedistill.training.recompute import Recomputed
from spikedistill.training.record import Record, Values
from spikedistill.training.whole_model import WholeModel

log = logging.getLogger("spikedistill")
FEW = 5
"""Samples whose shapes tell those of a batch of any size; a number that other axes seldom have."""


def describe(
    name: str, role: Role, inputs: Inputs, encoder: Encoder = direct, stages: bool = True
) -> Spec:
    """What a role looks like on this task, from one dry run without gradient in evaluation mode.

    A network that declares no `taps` for its stages gets those that are found, in place
    (`core.stages.find_stages`): it computes what it computed before.

    Args:
        name: the role's name, as error messages will say it.
        role: the network and how it runs.
        inputs: one raw batch `[B, ...]`, of the size that training will use.
        encoder: how raw inputs become steps.
        stages: whether stages are found where the network declares none.

    Raises:
        SpikedistillError: if the network does not take these inputs.
    """
    _warn_without_time(name, role, encoder)
    size = len(first(inputs))
    if stages:
        encoded = encoder(mapped(lambda value: value[:FEW], inputs), role.timesteps,
                          torch.Generator().manual_seed(0))  # fmt: skip
        give_stages(role.network, mapped(lambda value: value[0], encoded), role.timesteps)
    few = mapped(lambda value: value[:FEW], inputs)
    seen = _described(name, role, few, encoder, size)
    shapes = (seen.outputs, *seen.shapes.values())
    if size <= FEW or all(len(shape) > 1 and shape[1] == FEW for shape in shapes):
        return replace(
            seen,
            outputs=_of_size(seen.outputs, size),
            shapes={tap: _of_size(shape, size) for tap, shape in seen.shapes.items()},
        )
    return _described(name, role, inputs, encoder, size)  # B stands elsewhere: look at all of it


def _warn_without_time(name: str, role: Role, encoder: Encoder) -> None:
    """Say that a network that learns gives the same answer at every step."""
    if role.trainable and role.timesteps > 1 and encoder is direct:
        if not temporal_layers(role.network):
            log.warning(
                "the %s (%s) learns in %d steps and has no neurons, so all its steps are alike; "
                "make its twin, as spikedistill.spiking_twin(network, spikedistill.LIF()), or run "
                "one step", name, type(role.network).__name__, role.timesteps,
            )  # fmt: skip


def _of_size(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    return (*shape[:1], size, *shape[2:]) if size > FEW else shape


def _described(name: str, role: Role, inputs: Inputs, encoder: Encoder, size: int) -> Spec:
    network = role.network
    encoded = encoder(inputs, role.timesteps, torch.Generator().manual_seed(0))
    one = mapped(lambda value: value[0], encoded)
    tapped = Tapped(network, usable_taps(network, one, role.timesteps))
    try:
        with torch.no_grad(), evaluation(network), _last_products(network) as last:
            with located(network, inputs):
                outputs, values = tapped(encoded, role.timesteps)
    finally:
        tapped.close()
    answer = first(outputs)
    return Spec(
        role=name,
        timesteps=role.timesteps,
        batch_size=size,
        classes=answer.shape[-1],
        outputs=tuple(answer.shape),
        spiking=spiking(network),
        classifier=last.get(_identity(answer)),
        shapes={tap: tuple(value.shape) for tap, value in values.items()},
        network=network,
    )


@contextmanager
def _last_products(network: nn.Module) -> Generator[dict[tuple[int, ...], str]]:
    """Which layer of products made a value, by the value's place in memory."""
    found: dict[tuple[int, ...], str] = {}

    def note(path: str) -> Callable[..., None]:
        return lambda _module, _inputs, output: found.update({_identity(output): path})

    hooks = [
        module.register_forward_hook(note(path))
        for path, module in network.named_modules()
        if multiplies(module)
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _identity(value: Tensor) -> tuple[int, ...]:
    return (value.untyped_storage()._cdata, value.storage_offset(), value.numel())


_OUTPUTS, _NAMED = "", "output "
"""Under which names a role's outputs are kept beside its taps."""


class Distiller(nn.Module):
    """The networks of all roles and the objective as one module.

    Data parallelism, compilation and checkpoints see one module and need no list kept by hand.
    Each distinct network is wrapped once, also where several roles run it. A role that does not
    learn runs in evaluation mode and without gradient, and is left out of `state_dict`.

    Args:
        roles: name -> how a network is run.
        objective: the weighted losses; their seats name roles.
        encoder: raw inputs -> time steps; run once per number of steps and shared.

    Raises:
        SpikedistillError: if a term seats a role that does not exist, or no role learns.
    """

    def __init__(
        self, roles: Mapping[str, Role], objective: Objective, encoder: Encoder = direct
    ) -> None:
        super().__init__()
        self.roles, self.objective, self.encoder = dict(roles), objective, encoder
        self._check_seats()
        networks = list({id(role.network): role.network for role in roles.values()}.values())
        self.place = {
            name: next(i for i, network in enumerate(networks) if network is role.network)
            for name, role in roles.items()
        }
        self.tapped = nn.ModuleList(
            Tapped(network, self._taps_of(index)) for index, network in enumerate(networks)
        )
        seated = {seat for term in objective.terms for seat in (term.learner, term.guide)}
        self.running = [name for name, role in roles.items() if role.trainable or name in seated]
        """Roles that are run; a guide that no term looks at would only cost time."""
        self._learning = [
            any(role.trainable for name, role in roles.items() if self.place[name] == index)
            for index in range(len(networks))
        ]
        self._was = [
            (parameter, parameter.requires_grad)
            for network in networks
            for parameter in network.parameters()
        ]
        for network, learns in zip(networks, self._learning, strict=True):
            if not learns:  # of one that learns, what its owner froze stays so
                for parameter in network.parameters():  # a script module knows no other way
                    parameter.requires_grad_(False)
        self.generator: torch.Generator | None = None
        self._ways: dict[int, Recomputed | WholeModel] = {}
        """How networks that learn are run where that is not the ordinary way, by place."""
        self._records: dict[str, Record] = {}
        self.train()

    def _check_seats(self) -> None:
        for term in self.objective.terms:
            for seat in (term.learner, term.guide):
                if seat is not None and seat not in self.roles:
                    raise SpikedistillError(
                        f"the term {term.name!r} seats the role {seat!r}, which does not exist; "
                        f"{suggest(seat, self.roles)}"
                    )
        if not any(role.trainable for role in self.roles.values()):
            raise SpikedistillError("no role learns; mark one with trainable: true")

    def _taps_of(self, index: int) -> list[str]:
        names = [name for name, place in self.place.items() if place == index]
        return [tap for name in names for tap in self.objective.wanted(name)[0]]

    def recompute_stages(self) -> None:
        """Let networks that learn keep little but the inputs of their stages' blocks.

        Raises:
            SpikedistillError: if such a network has no stages that can be run again.
        """
        for name, role in self.roles.items():
            if role.trainable:
                self._ways[self.place[name]] = Recomputed(role.network, name)

    def compile_networks(self) -> None:
        """Let the compiler run whole networks that learn, as far as it can."""
        for name, role in self.roles.items():
            if role.trainable:
                tapped = self.tapped[self.place[name]]
                assert isinstance(tapped, Tapped)
                self._ways[self.place[name]] = WholeModel(role.network, name, tapped.forget)

    def train(self, mode: bool = True) -> Distiller:
        """Training mode for what learns; guides stay in evaluation mode."""
        super().train(mode)
        for tapped, learns in zip(self.tapped, self._learning, strict=True):
            tapped.train(mode and learns)
        return self

    def record(self, samples: int) -> None:
        """Keep what roles with `record: true` answer, by the index of the sample.

        Args:
            samples: how many different samples there are. They must not change between visits.

        Raises:
            SpikedistillError: if the encoder draws, or the network of such a role learns.
        """
        for name, role in self.roles.items():
            if not role.record:
                continue
            if self.encoder not in map(encoder, ("direct", "latency", "frames")):
                raise SpikedistillError(
                    f"the role {name!r} is to be recorded, and the encoder draws its input anew "
                    "each time; choose encoder: direct, latency or (for event data) frames, or set "
                    "record: false for it"
                )
            if self._learning[self.place[name]]:
                raise SpikedistillError(
                    f"the role {name!r} is to be recorded, and its network learns in another "
                    "role; set record: false for it"
                )
            self._records[name] = Record(name, samples)

    def trace(self, name: str, encoded: Inputs, index: Tensor | None = None) -> Trace:
        """Run one role on encoded inputs `[1 or T, B, ...]`, or recall what it answered.

        Args:
            name: of the role.
            encoded: the inputs of its steps.
            index: which samples these are, for roles that are recorded.
        """
        role, record = self.roles[name], self._records.get(name)
        wanted, parameters = self.objective.wanted(name)
        if record is None or index is None or not self.training:
            values = self._run(name, encoded)
        else:
            values = record.answer(index, lambda: self._run(name, encoded))
        return Trace(
            values[_OUTPUTS],
            {tap: values[tap] for tap in wanted},
            {path: role.network.get_parameter(path) for path in parameters},
            {key[len(_NAMED) :]: values[key] for key in values if key.startswith(_NAMED)},
        )

    def _run(self, name: str, encoded: Inputs) -> Values:
        """The taps that one role's losses want, and its outputs under names that no tap has."""
        role, tapped = self.roles[name], self.tapped[self.place[name]]
        assert isinstance(tapped, Tapped)
        mode = self.training and role.trainable
        was = tapped.network.training
        if was != mode:
            tapped.network.train(mode)
        grad = role.trainable and torch.is_grad_enabled()
        way = self._ways.get(self.place[name]) if grad else None
        try:
            with torch.set_grad_enabled(grad), way.during() if way else nullcontext():
                outputs, taps = tapped(encoded, role.timesteps)
        finally:
            if was != mode:
                tapped.network.train(was)
        named = outputs if isinstance(outputs, Mapping) else {}
        return {
            _OUTPUTS: first(outputs),
            **{f"{_NAMED}{key}": value for key, value in named.items()},
            **{tap: taps[tap] for tap in self.objective.wanted(name)[0]},
        }

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of one batch, and the unweighted value of each term for the log."""
        steps = {role.timesteps for role in self.roles.values()}
        encoded = {n: self.encoder(batch.inputs, n, self.generator) for n in sorted(steps)}
        traces = {
            name: self.trace(name, encoded[self.roles[name].timesteps], batch.index)
            for name in self.running
        }
        self.outputs = {name: trace.outputs.detach() for name, trace in traces.items()}
        if any(term.loss.draws for term in self.objective.terms):
            batch = replace(batch, generator=self.generator or self._drawing(batch))
        return self.objective(traces, batch)

    def _drawing(self, batch: Batch) -> torch.Generator:
        """Random numbers where nobody has set `generator`: the same at every call."""
        return torch.Generator(first(batch.inputs).device).manual_seed(0)

    def close(self) -> None:
        """Stop watching the networks, and leave what learns in them as it was."""
        for tapped in self.tapped:
            assert isinstance(tapped, Tapped)
            tapped.close()
        for parameter, learned in self._was:
            parameter.requires_grad_(learned)

    def frozen(self) -> tuple[str, ...]:
        """Prefixes of the state of networks that do not learn."""
        return tuple(
            f"tapped.{index}." for index, learns in enumerate(self._learning) if not learns
        )

    def state_dict(self, *args: object, **kwargs: object) -> dict[str, Tensor]:  # type: ignore[override]
        """State of what learns: trainable networks and the parameters of the losses."""
        state = super().state_dict(*args, **kwargs)  # type: ignore[call-overload]
        return {key: value for key, value in state.items() if not key.startswith(self.frozen())}
