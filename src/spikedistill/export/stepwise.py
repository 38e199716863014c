"""A deployed network one step at a time, so that images can leave when their answer is sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor, fx

from spikedistill.costs.early_exit import check_threshold
from spikedistill.export.follow import called
from spikedistill.export.stem import Kinds, Repeat
from spikedistill.functional.neuron import state_dtype
from spikedistill.neurons import Neuron


@dataclass(frozen=True)
class EarlyExit:
    """Answers, and after how many steps they were given."""

    logits: Float[Tensor, "B K"]
    """The mean of the outputs of the steps that were run."""
    steps: Int64[Tensor, "B"]
    """Steps that each image took, 1 to T."""


class Stepwise(fx.Interpreter):
    """The steps of one batch: the stem once, then a call of `step` for each step.

    Neurons keep no state between calls; it stands here, for each call of a layer of neurons, and
    ends with this object.

    Args:
        graph: of a network whose temporal layers are neurons.
        kinds: which values are one step for all (`share_stem`).
        images: `[B, ...]`.
    """

    def __init__(
        self, graph: fx.GraphModule, kinds: Kinds, images: Shaped[Tensor, "B *rest"]
    ) -> None:
        super().__init__(graph, garbage_collect_values=True)
        self._states: dict[fx.Node, Any] = {}
        self.args_iter = iter([images])
        for node in graph.graph.nodes:
            if node.op != "output" and kinds.get(node.name) is not True:
                self.env[node] = self.run_node(node)
        once = {n for n, v in self.env.items() if kinds[n.name] is False and isinstance(v, Tensor)}
        # None: computed, and read by nobody who comes later
        self._stem = {n: self.env[n] if {*n.users} - once else None for n in once}
        self.env = {}

    def step(self) -> Float[Tensor, "B K"]:
        """The outputs of the next step."""
        return self.run(initial_env=dict(self._stem), enable_io_processing=False)

    def keep(self, staying: Bool[Tensor, "B"]) -> None:
        """Go on with some of the images only."""
        self._stem = {n: None if v is None else v[staying] for n, v in self._stem.items()}
        for node, state in self._states.items():
            whole = state.charged.dim()  # parameters in the state have fewer dimensions
            fields = (field[staying] if field.dim() == whole else field for field in state)
            self._states[node] = type(state)(*fields)

    def run_node(self, n: fx.Node) -> Any:
        """One node; neurons make one step from where they stand."""
        module = called(self.module, n)  # type: ignore[arg-type]
        if isinstance(module, Neuron):
            return self._fire(n, module, self.env[n.args[0]])  # type: ignore[index]
        return self.env[n.args[0]] if isinstance(module, Repeat) else super().run_node(n)  # type: ignore[index]

    def _fire(self, node: fx.Node, neuron: Neuron, current: Tensor) -> Tensor:
        seen = current.to(state_dtype(current))
        state = self._states.get(node)
        state = neuron.initial(seen) if state is None else state
        fired, self._states[node] = neuron.step(seen, state)
        return fired.to(current.dtype)


def run_until_sure(
    graph: fx.GraphModule,
    kinds: Kinds,
    images: Shaped[Tensor, "B *rest"],
    timesteps: int,
    threshold: float,
) -> EarlyExit:
    """Run until the softmax of the mean output exceeds `threshold`, at most `timesteps` steps.

    Images that are sure leave the batch, so later steps compute fewer.
    """
    check_threshold(threshold)
    running = Stepwise(graph, kinds, images)
    waiting = torch.arange(len(images), device=images.device)
    steps = torch.full((len(images),), timesteps, device=images.device)
    logits, total = torch.empty(0), torch.zeros(())
    for number in range(1, timesteps + 1):
        total = total.to(images.device) + running.step().float()
        mean = total / number
        logits = logits if len(logits) else mean.new_empty(len(images), *mean.shape[1:])
        sure = (mean.softmax(-1).amax(-1) > threshold) | (number == timesteps)
        logits[waiting[sure]], steps[waiting[sure]] = mean[sure], number
        if bool(sure.all()):
            break
        if bool(sure.any()):
            running.keep(~sure)
            waiting, total = waiting[~sure], total[~sure]
    return EarlyExit(logits, steps)
