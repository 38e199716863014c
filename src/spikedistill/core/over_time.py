"""Running any network over time: time folded into the batch, the stem computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jaxtyping import Shaped
from torch import Tensor, fx, nn

from spikedistill.core import tree
from spikedistill.core.answers import answer_of
from spikedistill.core.clock import Temporal, check_steps, steps, told_in_backward
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.layout import breaks_down, keep_contiguous
from spikedistill.core.tree import Inputs


class _Opaque(fx.Tracer):
    """Traces through every module that has temporal layers inside; all else is one call."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Temporal) or not any(isinstance(x, Temporal) for x in m.modules())


def first_layers(network: nn.Module) -> tuple[Temporal, ...]:
    """The neurons that see the input first, if all paths of the network pass one; else none.

    Where they do, a still image needs the layers before them (the stem) only once. Decided by
    following the graph of `torch.fx`: a value is either still one step or already all steps, and
    a layer that joins the two forbids the short cut, as does a network that cannot be traced.
    """
    try:
        return _spread(network, _Opaque().trace(network))
    except Exception:  # an untraceable network raises whatever its forward stumbles over
        return ()


def _spread(network: nn.Module, graph: fx.Graph) -> tuple[Temporal, ...]:
    """The neurons that turn one step into all; none where a join mixes the two kinds."""
    modules = dict(network.named_modules())
    kind: dict[fx.Node, bool | None] = {}  # None: no tensor of the input; True: all steps
    first: dict[Temporal, None] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            kind[node] = False
            continue
        inputs = {kind[parent] for parent in node.all_input_nodes} - {None}
        if len(inputs) > 1:
            return ()
        value = inputs.pop() if inputs else None
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, Temporal) and value is False:
            if not module.expandable:
                return ()
            first[module] = None
            value = True
        kind[node] = value
        if node.op == "output" and value is not True:
            return ()
    return tuple(first)


def run_folded(
    network: nn.Module,
    inputs: Inputs,
    timesteps: int,
    first: Sequence[Temporal] = (),
    look: Callable[[Any], object] = lambda _: None,
) -> Inputs:
    """Run a network over time: fold time into the batch, tell the neurons T, unfold the outputs.

    Args:
        network: takes `[N, ...]`, or several such by keyword; returns `[N, ...]`, or something of
            which that is clear (`core.answers`), or a mapping of several.
        inputs: `[S, B, ...]`, one step for all (`S = 1`) or one per time step (`S = T`).
        timesteps: T.
        first: the neurons that repeat their one step of current where the inputs have one step
            for all (see `first_layers`); without them the inputs are repeated.
        look: gets what the forward returned, before the answer is taken from it.

    Returns:
        `[T, B, ...]`, or a mapping of such.

    Raises:
        SpikedistillError: if the inputs have neither one step nor T, a layer cannot be run for T
            steps, the network returns anything but tensors of T * B rows, or several of which
            none is clearly the answer.
    """
    check_steps(network, timesteps)
    leaves = tree.leaves(inputs)
    size, given = leaves[0].shape[1], max(len(leaf) for leaf in leaves)
    if given not in (1, timesteps):
        raise SpikedistillError(
            f"the inputs have {given} time steps and the network was asked for {timesteps}; encode "
            f"them to 1 or {timesteps} steps"
        )
    first = first if given < timesteps else ()
    wanted = 1 if first else timesteps
    folded = tree.mapped(lambda leaf: _fold(_expanded(leaf, wanted)), inputs)
    with steps(network, timesteps, first):
        returned = tree.call(network, folded)
    look(returned)
    answer, _ = answer_of(returned, network)
    outputs = tree.mapped(lambda value: _unfold(value, timesteps, size, network), answer)
    told_in_backward(network, timesteps, first, tree.leaves(outputs))
    return outputs


def _expanded(leaf: Tensor, wanted: int) -> Tensor:
    return leaf if len(leaf) == wanted else leaf.expand(wanted, *leaf.shape[1:])


def _unfold(value: Tensor, timesteps: int, size: int, network: nn.Module) -> Tensor:
    if not value.ndim or len(value) != timesteps * size:
        raise SpikedistillError(
            f"{type(network).__name__} returns {list(value.shape)} for {size} samples at T = "
            f"{timesteps}; expected are {timesteps * size} rows, one for each sample and step"
        )
    return value.unflatten(0, (timesteps, size))


def _fold(inputs: Shaped[Tensor, "T B *rest"]) -> Shaped[Tensor, "TB *rest"]:
    """Time and batch as one dimension; images in channels_last, with one copy at most."""
    if inputs.dim() != 5:
        return inputs.flatten(0, 1)
    rows = inputs.permute(0, 1, 3, 4, 2)
    return rows.flatten(0, 1).contiguous().permute(0, 3, 1, 2)


def steps_asked(asked: int | None, usual: int) -> int:
    """T' where somebody asked for it, else the usual T.

    Raises:
        SpikedistillError: if it is no count of steps.
    """
    if asked is None:
        return usual
    if type(asked) is not int or asked < 1:
        raise SpikedistillError(
            f"timesteps is a whole number of at least 1, and {asked!r} was given; leave it out for "
            f"the usual {usual}"
        )
    return asked


class OverTime(nn.Module):
    """A spiking network as an ordinary module: images or frames in, logits out, all T steps inside.

    Args:
        network: a network with neurons inside, own or foreign; an ANN is the same with T = 1.
        timesteps: T of a call that does not say otherwise.

    Example:
        >>> import torch
        >>> net = OverTime(nn.Linear(3, 2), timesteps=1)
        >>> net(torch.zeros(5, 3)).shape, net.over_time(torch.zeros(1, 5, 3), 4).shape
        (torch.Size([5, 2]), torch.Size([4, 5, 2]))
    """

    def __init__(self, network: nn.Module, timesteps: int = 1) -> None:
        super().__init__()
        if timesteps < 1:
            raise SpikedistillError(f"a network runs at least one time step, not {timesteps}")
        if breaks_down(network):
            keep_contiguous(network)
        self.network, self.timesteps = network, timesteps
        self.first = first_layers(network)

    def over_time(self, inputs: Inputs, timesteps: int | None = None) -> Inputs:
        """Outputs of every step, `[T, B, K]`, from one step of inputs for all or T of them."""
        return run_folded(self.network, inputs, steps_asked(timesteps, self.timesteps), self.first)

    def forward(self, inputs: Inputs | None = None, **named: Tensor) -> Inputs:
        """Logits `[B, K]`: the mean over time of the outputs.

        Takes still images `[B, C, H, W]`, or frames `[B, T, C, H, W]`, of which a network of one
        step sees the mean; or whatever else the network takes, several inputs by keyword.
        """
        given = named if inputs is None else inputs
        answers = self.over_time(tree.mapped(self._over_steps, given))
        return tree.mapped(lambda value: value.mean(0), answers)

    def _over_steps(self, value: Tensor) -> Tensor:
        """`[B, ...]` as `[1, B, ...]`; frames as `[T, B, ...]`."""
        if value.dim() != 5:
            return value.unsqueeze(0)
        return value.transpose(0, 1) if self.timesteps > 1 else value.mean(1).unsqueeze(0)
