"""Watching a network from outside: what it declares, and recording it during one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from spikedistill.core.clock import firing_layers, spiking, told_in_backward
from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.core.normalized import Normalized
from spikedistill.core.over_time import first_layers, run_folded
from spikedistill.core.probe import Probe
from spikedistill.core.spec import summary
from spikedistill.core.stages import ACTIVATIONS
from spikedistill.core.stages import default_stages as default_stages
from spikedistill.core.stages import find_stages as find_stages
from spikedistill.core.tree import Inputs, first, leaves, mapped
from spikedistill.core.trial import dry_run


def declared_taps(network: nn.Module) -> dict[str, str]:
    """Tap name -> path of the module whose output it is, for any network.

    The network's own `taps` come first (`stage1`, `pooled`, ...). Every network also has
    `spikesN` and `membraneN` for its N-th neuron and `activationN` for its N-th activation module
    (or call of one: `core.stages.expose_calls`), in order of registration; and `membrane_stageN`
    for the last neuron of its N-th stage.
    """
    taps = dict(getattr(network, "taps", {}))
    stages = {
        name: path for name, path in taps.items() if name[:5] == "stage" and name[5:].isdigit()
    }
    paths = {module: path for path, module in network.named_modules()}
    for number, layer in enumerate(firing_layers(network), 1):
        taps[f"spikes{number}"] = paths[layer]
        if isinstance(getattr(layer, "membrane", None), Probe):
            taps[f"membrane{number}"] = f"{paths[layer]}.membrane"
            for stage, path in stages.items():
                if f"{paths[layer]}.".startswith(f"{path}."):
                    taps[f"membrane_{stage}"] = f"{paths[layer]}.membrane"
    sites = () if spiking(network) else getattr(network, "activation_sites", ())
    plain = [path for module, path in paths.items()
             if isinstance(module, ACTIVATIONS) or path in sites]  # fmt: skip
    return taps | {f"activation{number}": path for number, path in enumerate(plain, 1)}


def give_stages(network: nn.Module, inputs: Inputs, timesteps: int = 1) -> dict[str, str]:
    """Let a network that declares no stages declare those that are found (`core.stages`), in place.

    Returns:
        Tap name -> module path of what was found; empty where it declares some, or makes no maps.
    """
    if any(tap.startswith("stage") for tap in declared_taps(network)):
        return {}
    inner, prefix = (
        (network.network, "network.") if isinstance(network, Normalized) else (network, "")
    )
    found = find_stages(network, inputs, timesteps)
    own = {tap: path.removeprefix(prefix) for tap, path in found.items()}
    if own:
        inner.taps = dict(getattr(inner, "taps", {})) | own  # type: ignore[assignment]
    return own


def usable_taps(network: nn.Module, inputs: Inputs, timesteps: int = 1) -> dict[str, str]:
    """The declared taps, without generated ones that do not fire exactly once in a forward pass.

    Many a foreign network calls one `nn.ReLU` several times; that must only trouble whoever wants
    to watch it. What the network or the user declared stays: to watch it is an error with a
    sentence. One dry run in evaluation mode, of two samples `[B, ...]` at every step.
    """
    declared = declared_taps(network)
    found = {name: declared[name] for name in declared if name not in getattr(network, "taps", {})}
    calls = Counter[str]()
    hooks = [
        network.get_submodule(path).register_forward_hook(
            lambda _module, _inputs, _output, name=name: calls.update([name])
        )
        for name, path in found.items()
    ]
    try:
        dry_run(network, mapped(lambda value: value[:2], inputs), timesteps, calls.clear)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: path for name, path in declared.items() if name not in found or calls[name] == 1}


def check_taps(network: nn.Module, taps: Mapping[str, str]) -> None:
    """Refuse taps that name no module of the network.

    Raises:
        SpikedistillError: naming the first path that does not exist and the closest that does.
    """
    if not isinstance(taps, Mapping):
        raise SpikedistillError(
            f"taps are a mapping of names to paths of modules, as {{'stage1': 'layer1'}}, and "
            f"{taps!r} was given"
        )
    paths = [path for path, _ in network.named_modules() if path]
    for name, path in taps.items():
        if path not in paths:
            raise SpikedistillError(
                f"tap {name!r} stands for the module {path!r}, and {type(network).__name__} has no "
                f"module of that name; {suggest(path, paths)}"
            )


class Tapped(nn.Module):
    """One network and the values that somebody wants to see of it.

    There is one per network, shared by the roles that run it. It records only during its own call.
    Its hooks live as long as it does; build it before `torch.compile`, since a hook added after the
    first compiled call records nothing, without any error.

    Args:
        network: any network, own or foreign.
        names: tap names that every call records.
        taps: tap name -> module path; default `declared_taps(network)`.

    Raises:
        SpikedistillError: if a name is not declared, or a path names no module.
    """

    def __init__(
        self,
        network: nn.Module,
        names: Iterable[str] = (),
        taps: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        taps = declared_taps(network) if taps is None else taps
        self.names = tuple(dict.fromkeys(names))
        unknown = [name for name in self.names if name not in taps]
        if unknown:
            raise SpikedistillError(
                f"{type(network).__name__} declares no tap {unknown[0]!r}; "
                f"{suggest(unknown[0], taps)} (declared: {summary(tuple(taps))})"
            )
        check_taps(network, {name: taps[name] for name in self.names})
        self.first = first_layers(network)
        self._record: dict[str, Tensor] | None = None
        self._hooks = [
            network.get_submodule(taps[name]).register_forward_hook(self._listener(name))
            for name in self.names
        ]

    def _listener(self, name: str) -> Callable[[nn.Module, object, Any], None]:
        def listen(_module: nn.Module, _inputs: object, output: Any) -> None:
            if self._record is None:  # also while torch.fx traces: `output` is no tensor then
                return
            if name in self._record:
                raise SpikedistillError(
                    f"tap {name!r} fired twice in one forward pass, because its module is called "
                    "twice; give each call its own module, or watch another tap"
                )
            self._record[name] = output

        return listen

    def forward(self, inputs: Inputs, timesteps: int = 1) -> tuple[Inputs, dict[str, Tensor]]:
        """Outputs `[T, B, ...]` and taps `{name: [T, B, ...]}` of one run.

        A tap before the first neuron of a stem that is computed once has one step, `[1, B, ...]`.
        """
        size = first(inputs).shape[1]
        self._record = {}
        try:
            outputs = run_folded(self.network, inputs, timesteps, self.first)
            taps = {name: self._record[name] for name in self.names if name in self._record}
        finally:
            self._record = None
        silent = [name for name in self.names if name not in taps]
        if silent:
            raise SpikedistillError(
                f"tap {silent[0]!r} recorded nothing: its module was not called in this forward "
                "pass; name a module that the network runs"
            )
        seen = {name: value.unflatten(0, (-1, size)) for name, value in taps.items()}
        expanding = self.first if max(map(len, leaves(inputs))) < timesteps else ()
        told_in_backward(self.network, timesteps, expanding, seen.values())
        return outputs, seen

    def forget(self) -> None:
        """Drop what the call under way has recorded so far: its network is run once more."""
        if self._record is not None:
            self._record.clear()

    def close(self) -> None:
        """Remove the hooks."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
