"""Pieces of a graph that make one number of one number, such as a ReLU written by hand.

`x * (x > 0)` is two operations of which neither says what they are together. A piece is cut out of
its graph and judged by its values (`core.by_value`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import fx, nn

from spikedistill.core.by_value import Verdict, judge_module
from spikedistill.core.known import values
from spikedistill.core.own_graph import argument, in_place, name_of

_ELEMENTWISE = set(
    "add sub subtract rsub neg negative pos positive mul multiply div divide true_divide truediv "
    "floordiv floor_divide mod fmod remainder pow square sqrt rsqrt reciprocal abs absolute sign "
    "sgn heaviside floor ceil round trunc fix frac exp exp2 expm1 log log1p log2 sin cos tanh "
    "atan arctan sigmoid erf gelu silu mish relu relu6 hardtanh leaky_relu rrelu threshold elu "
    "celu selu prelu softplus softsign softshrink hardshrink tanhshrink hardswish hardsigmoid "
    "logsigmoid clamp clip clamp_min clamp_max maximum minimum fmax fmin where masked_fill lerp "
    "addcmul addcdiv lt le gt ge eq ne less less_equal greater greater_equal not_equal "
    "logical_and logical_or logical_not logical_xor and or xor invert isnan nan_to_num to type "
    "type_as float double half bfloat16 bool int long clone detach contiguous".split()
)
_FARTHEST = 16
"""Operations between the beginning and the end of a piece, along one way."""


@dataclass(frozen=True)
class Island:
    """A piece of a graph with one way in and one way out."""

    source: fx.Node
    """What goes in."""
    nodes: tuple[fx.Node, ...]
    """All its operations, in order; what the last returns goes out."""

    @property
    def end(self) -> fx.Node:
        """The operation whose value goes out."""
        return self.nodes[-1]


class Sea:
    """A graph, looked at for pieces that make one number of one number.

    Args:
        module: whose forward it is.
        graph: of `own_graphs`.
        unary: the modules that are functions of single numbers, as activations are.
    """

    def __init__(self, module: nn.Module, graph: fx.Graph, unary: Callable[[nn.Module], bool]):
        self.module, self.graph, self.unary = module, graph, unary
        self.moving = values(graph)
        self.order = {node: number for number, node in enumerate(graph.nodes)}
        self._fixed: dict[fx.Node, set[fx.Node]] = {}
        self._verdicts: dict[tuple[fx.Node, fx.Node], Verdict] = {}

    def elementwise(self, node: fx.Node) -> bool:
        """Whether each number of the result comes from the numbers at its own place."""
        if node not in self.moving:
            return False
        if node.op == "call_module":
            return self.unary(self.module.get_submodule(str(node.target)))
        name = name_of(node)
        if name in ("max", "min"):  # of two tensors; else over an axis
            return isinstance(argument(node, 1, "other"), fx.Node)
        return name in _ELEMENTWISE or (name == "getattr" and node.args[1] == "data")

    def fixed_by(self, source: fx.Node) -> set[fx.Node]:
        """The elementwise nodes that are functions of the numbers of one node."""
        if source not in self._fixed:
            found: set[fx.Node] = set()
            for node in self.graph.nodes:
                if self.order[node] > self.order[source] and self.elementwise(node):
                    read = [parent for parent in node.all_input_nodes if parent in self.moving]
                    if all(parent is source or parent in found for parent in read):
                        found.add(node)
            self._fixed[source] = found
        return self._fixed[source]

    def sources(self, node: fx.Node) -> list[fx.Node]:
        """The nodes of which one is a function, the closest first."""
        met: set[fx.Node] = set()
        rim = {node} if self.elementwise(node) else set[fx.Node]()
        for _ in range(_FARTHEST):
            above = {p for one in rim for p in one.all_input_nodes if p in self.moving} - met
            met |= above
            rim = {one for one in above if self.elementwise(one)}
        ordered = sorted(met, key=lambda one: -self.order[one])
        return [source for source in ordered if node in self.fixed_by(source)]

    def piece(self, source: fx.Node, end: fx.Node) -> Island | None:
        """The piece from one node to another; None where values leave it on the way."""
        found = self.between(source, end)
        inner = found - {end}
        if any(user not in found for node in inner for user in node.users):
            return None
        if any(in_place(node, self._called(node)) for node in inner):
            return None
        return Island(source, tuple(sorted(found, key=self.order.__getitem__)))

    def between(self, source: fx.Node, end: fx.Node) -> set[fx.Node]:
        """The operations of which the end is made, back to the source."""
        found, rim = {end}, {end}
        while rim:
            above = {p for node in rim for p in node.all_input_nodes if p in self.moving}
            rim = above - found - {source}
            found |= rim
        return found

    def verdict(self, source: fx.Node, end: fx.Node) -> Verdict:
        """What the function from one node to another is."""
        key = source, end
        if key not in self._verdicts:
            nodes = sorted(self.between(source, end), key=self.order.__getitem__)
            made = self.cut_out(Island(source, tuple(nodes)))
            self._verdicts[key] = "other" if made is None else judge_module(made)
        return self._verdicts[key]

    def cut_out(self, island: Island) -> fx.GraphModule | None:
        """A piece as a module of one input; None where it needs the shape of something else."""
        graph = fx.Graph()
        made: dict[fx.Node, fx.Node] = {island.source: graph.placeholder("x")}

        def copied(node: fx.Node) -> fx.Node:
            if node not in made and node in self.moving and node not in island.nodes:
                if not self._alike(node, island.source):
                    raise LookupError
                return made[island.source]  # only its shape is asked for
            if node not in made:
                for parent in node.all_input_nodes:
                    copied(parent)
                made[node] = graph.node_copy(node, copied)
            return made[node]

        try:
            graph.output(copied(island.end))
        except LookupError:
            return None
        return fx.GraphModule(self.module, graph, type(self.module).__name__).eval()

    def _alike(self, node: fx.Node, other: fx.Node) -> bool:
        """Whether two values have one shape, because one is made of the other number by number."""
        return node in self.fixed_by(other) or other in self.fixed_by(node)

    def tangled(self, source: fx.Node, end: fx.Node, strange: set[fx.Node]) -> bool:
        """Whether a piece is only a part of a function of single numbers that is none of ours.

        It is where what comes out meets what went in again by way of an operation that is not
        known, as in x * relu6(x + 3) / 6; and where what goes in has been made to steps already,
        as in clamp(round(x), 0, 1), in front of which no gradient arrives.
        """
        for root in self.sources(end):
            mine = self.fixed_by(end)
            whole = self.fixed_by(root)
            meetings = [node for node in whole - mine if self._follows(node, end)]
            if any(self.between(root, node) & strange - mine for node in meetings):
                return True
            before = self.between(root, source) if source in whole else set[fx.Node]()
            if before & strange and self.verdict(root, source) in ("steps", "quantiser"):
                return True
        return False

    def _follows(self, node: fx.Node, end: fx.Node) -> bool:
        return self.order[node] > self.order[end] and any(
            user is node or (self.elementwise(user) and self._follows(node, user))
            for user in end.users
        )

    def _called(self, node: fx.Node) -> nn.Module | None:
        called = node.op == "call_module"
        return self.module.get_submodule(str(node.target)) if called else None


def rectifiers(sea: Sea, strange: set[fx.Node]) -> Iterator[Island]:
    """The pieces around operations that are not known which a layer of neurons can stand for.

    Of rectifiers the smallest that explains most, so that scales around them stay; of quantisers
    the largest, as scales before and behind their steps belong to them.

    Args:
        sea: the graph.
        strange: its operations that are not known; those of a piece are taken out of it.
    """
    done: set[fx.Node] = set()
    for node in sorted(strange, key=sea.order.__getitem__):
        if node not in strange or not sea.elementwise(node):
            continue
        found = [one for one in _around(sea, node) if not done & set(one.nodes)]
        small = sorted(found, key=lambda one: (-len(strange & set(one.nodes)), len(one.nodes)))
        wanted = [
            *((one, "rectifier") for one in small),
            *((one, "quantiser") for one in small[::-1]),
        ]
        for one, kind in wanted:
            others = strange - set(one.nodes)
            if sea.verdict(one.source, one.end) == kind and not sea.tangled(
                one.source, one.end, others
            ):
                strange -= set(one.nodes)
                done |= set(one.nodes)
                yield one
                break


def _around(sea: Sea, node: fx.Node) -> list[Island]:
    """All pieces that an operation is part of."""
    pieces: list[Island] = []
    for source in sea.sources(node):
        for end in sea.fixed_by(source):
            if sea.order[end] >= sea.order[node] and node in sea.between(source, end):
                piece = sea.piece(source, end)
                pieces += [piece] if piece is not None else []
    return pieces
