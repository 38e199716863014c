"""An elementwise function of tensors as the text of one C++ loop.

The function is followed operation by operation (`make_fx`, so also through `torch.func.vjp`), on
a few numbers; what it does to one place of its inputs becomes the body of a loop over all places.
Only what neurons are made of is known here; anything else raises `Unsupported`, and the caller
has another way.

Inputs and outputs are blocks `[S, N]` (S rows of N places; the rows are the time steps) or
numbers without dimensions; a number that comes out is made of sums over all places. Operations
are carried out one by one in the precision that torch gives them, without contraction, so that
the loop and eager torch agree bit for bit; `sigmoid`, `tanh` and `sqrt` are within a few units of
the last place.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

from spikedistill.functional.loop_text import LOOP, PRELUDE, SUMMING

_TYPES = {torch.float32: "float", torch.float64: "double", torch.bfloat16: "uint16_t"}
"""What lies in memory."""

_ALIKE = {"detach", "alias", "clone", "lift_fresh_copy", "contiguous"}
_BINARY = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_COMPARE = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==", "ne": "!="}
_LOGICAL = {"logical_and": "&&", "logical_or": "||", "bitwise_and": "&", "bitwise_or": "|"}
_UNARY: dict[str, str] = {
    "neg": "-{0}",
    "abs": "std::fabs({0})",
    "floor": "std::floor({0})",
    "ceil": "std::ceil({0})",
    "round": "std::nearbyint({0})",
    "square": "{0} * {0}",
    "reciprocal": "1 / {0}",
    "sqrt": "std::sqrt({0})",
    "sigmoid": "sigmoid_({0})",
    "tanh": "tanh_({0})",
    "relu": "({0} < 0 ? 0 : {0})",
    "sign": "({0} > 0 ? 1 : {0} < 0 ? -1 : {0})",
    "sgn": "({0} > 0 ? 1 : {0} < 0 ? -1 : {0})",
    "isnan": "({0} != {0})",
    "logical_not": "!{0}",
    "bitwise_not": "!{0}",
}
_FILLED = {"zeros_like": 0, "ones_like": 1, "zeros": 0, "ones": 1, "new_zeros": 0, "new_ones": 1}


class Unsupported(Exception):
    """The function does something that has no place in such a loop; the message says what."""


@dataclass(frozen=True)
class Program:
    """A loop over N places."""

    text: str
    """C++ with `void kernel(const void* const* in, void* const* out, int64_t n)`."""
    results: tuple[tuple[int, torch.dtype], ...]
    """Rows and precision of each result `[rows, N]`; no rows for a number."""


def emit(function: Callable[..., Sequence[Tensor]], inputs: Sequence[Tensor]) -> Program:
    """The loop that does what the function does.

    Args:
        function: tensors in, tensors out; followed once.
        inputs: tensors of the precisions, and with the numbers of rows, of the later inputs:
            `[S, N]`, the same N for all, or without dimensions.

    Raises:
        Unsupported: if an operation, a precision or a shape is not known here.
    """
    small = [_small(tensor) for tensor in inputs]
    try:
        graph = make_fx(function, tracing_mode="fake")(*small).graph
    except Exception as problem:  # whatever the function stumbles over without numbers at hand
        raise Unsupported(f"{type(problem).__name__}: {problem}") from problem
    graph.eliminate_dead_code()
    writer = _Writer()
    for node in graph.nodes:
        writer.visit(node)
    return Program(writer.text(), tuple(writer.results))


_PLACES = 3  # of the tensors that the function is followed on


def _small(tensor: Tensor) -> Tensor:
    if tensor.dtype not in _TYPES or tensor.dim() not in (0, 2):
        raise Unsupported(f"an input {list(tensor.shape)} of {tensor.dtype}")
    shape = (len(tensor), _PLACES) if tensor.dim() else ()
    return torch.zeros(shape, dtype=tensor.dtype)


class _Writer:
    """Node by node: names for what is known, lines for what is computed."""

    def __init__(self) -> None:
        self.inputs: list[fx.Node] = []
        self.names: dict[fx.Node, str] = {}  # one value of a loop's turn
        self.rows: dict[fx.Node, list[str]] = {}  # the values of a block, row by row
        self.before: list[str] = []  # numbers
        self.lines: list[str] = []  # one turn of the loop
        self.sums: list[str] = []  # what each turn adds to a sum over all places
        self.after: list[str] = []  # numbers made of sums
        self.late: set[fx.Node] = set()
        self.stores: list[str] = []
        self.outputs: list[str] = []
        self.results: list[tuple[int, torch.dtype]] = []
        self.exact: set[fx.Node] = set()  # values that bfloat16 holds: they need no rounding

    def visit(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            self._input(node)
        elif node.op == "output":
            self._output(cast(Sequence[fx.Node], node.args[0]))
        elif node.op == "call_function":
            self._call(node)
        else:
            raise Unsupported(f"a {node.op}")

    def text(self) -> str:
        loads = [
            f"const {_TYPES[_dtype(node)]}* __restrict i{number} = "
            f"(const {_TYPES[_dtype(node)]}*)in[{number}];"
            for number, node in enumerate(self.inputs)
        ]
        shape = SUMMING if self.sums else LOOP
        parts = {
            "before": loads + self.outputs + self.before,
            "turn": self.lines + self.stores,
            "zero": [f"double s{i} = 0;" for i in range(len(self.sums))],
            "add": [f"s{i} += {value};" for i, value in enumerate(self.sums)],
            "keep": [f"part[c * {len(self.sums)} + {i}] = s{i};" for i in range(len(self.sums))],
            "total": [
                f"double r{i} = 0; for (int64_t c = 0; c < chunks; ++c) "
                f"r{i} += part[c * {len(self.sums)} + {i}];"
                for i in range(len(self.sums))
            ],
            "after": self.after,
        }
        text = shape.replace("SUMS", ", ".join(f"s{i}" for i in range(len(self.sums))))
        text = text.replace("COUNT", str(len(self.sums)))
        for name, lines in parts.items():
            text = text.replace(f"/*{name}*/", "\n    ".join(lines))
        return PRELUDE + text

    def _input(self, node: fx.Node) -> None:
        number = len(self.inputs)
        self.inputs.append(node)
        half = _dtype(node) == torch.bfloat16

        def load(place: str) -> str:
            return f"from16(i{number}[{place}])" if half else f"i{number}[{place}]"

        if _value(node).dim() == 0:
            self.names[node] = load("0")
        else:
            count = len(_value(node))
            self.rows[node] = [load("k" if t == 0 else f"k + {t} * n") for t in range(count)]

    def _output(self, results: Sequence[fx.Node]) -> None:
        for number, node in enumerate(results):
            if node not in self.rows and node not in self.late:
                raise Unsupported("a result that is made neither of rows nor of sums")
            rows, kind = self.rows.get(node, []), _TYPES[_dtype(node)]
            self.results.append((len(rows), _dtype(node)))
            self.outputs.append(f"{kind}* __restrict o{number} = ({kind}*)out[{number}];")
            if node in self.late and kind == "uint16_t":
                raise Unsupported("a sum in bfloat16")
            if node in self.late:
                self.after.append(f"o{number}[0] = {self.names[node]};")
            for t, row in enumerate(rows):
                value = f"to16({row})" if kind == "uint16_t" else row
                self.stores.append(f"o{number}[k + {t} * n] = {value};")

    def _call(self, node: fx.Node) -> None:
        if node.target is operator.getitem:
            source, place = cast("tuple[fx.Node, int]", node.args)
            self.names[node] = self.rows[source][place]
            return
        name = _name(node)
        first = node.args[0] if node.args else None
        if name == "unbind" and first in self.rows and _zero(node.args[1:]):
            self.rows[node] = self.rows[first]
        elif name == "select" and first in self.rows and node.args[1] == 0:
            self.names[node] = self.rows[first][cast(int, node.args[2])]
        elif name == "stack" and _zero(node.args[1:]):
            self.rows[node] = [self._read(row) for row in cast(Sequence[fx.Node], first)]
        elif name == "unsqueeze" and _value(node).dim() == 2 and node.args[1] == 0:
            self.rows[node] = [self._read(first)]
        elif name in _ALIKE and first in self.rows:
            self.rows[node] = self.rows[first]
        elif _value(node).dim() > 1:
            raise Unsupported(f"{name} of a whole block")
        elif name == "sum" and first in self.names and _value(first).dim() == 1:
            self._sum(node, self.names[first])
        elif name in _ALIKE:
            self.names[node] = self._read(first)
        else:
            self._set(node, self._expression(name, node))

    def _sum(self, node: fx.Node, value: str) -> None:
        """A number that is a sum over all places: known when the loop is through."""
        self.names[node] = f"({_TYPES[_dtype(node)]})r{len(self.sums)}"
        self.sums.append(value)
        self.late.add(node)

    def _set(self, node: fx.Node, expression: str) -> None:
        """One line: a value of its own, rounded to what it is stored as."""
        dtype = _dtype(node)
        if dtype == torch.bool:
            kind = "bool"
        elif dtype == torch.bfloat16:
            parents = node.all_input_nodes
            copied = _name(node) == "_to_copy" and parents[0] in self.exact
            kind, expression = "float", expression if copied else f"round16({expression})"
        elif dtype in _TYPES:
            kind = _TYPES[dtype]
        else:
            raise Unsupported(f"a value of {dtype}")
        if _holds(node, self.exact):
            self.exact.add(node)
        late = any(parent in self.late for parent in node.all_input_nodes)
        if late:
            self.late.add(node)
        if late and _value(node).dim():
            raise Unsupported("places that depend on a sum over all places")
        lines = self.lines if _value(node).dim() else self.after if late else self.before
        self.names[node] = f"v{len(self.before) + len(self.lines) + len(self.after)}"
        lines.append(f"const {kind} {self.names[node]} = {expression};")

    def _expression(self, name: str, node: fx.Node) -> str:
        kind = _arithmetic(node)
        numbers = any(isinstance(arg, int | float) for arg in node.args)
        if numbers and name != "scalar_tensor" and _reads_half(node):
            raise Unsupported(f"{name} of bfloat16 and a number")  # torch rounds some, not all
        if name in _FILLED:
            return _literal(_FILLED[name], kind)
        if name == "full_like" or name == "full":
            return self._read(node.args[1], kind)
        given = [self._read(arg, kind) for arg in node.args if not isinstance(arg, torch.dtype)]
        if name in _BINARY or name == "rsub":
            if node.kwargs.get("rounding_mode") is not None or node.kwargs.get("alpha", 1) != 1:
                raise Unsupported(f"{name} with {node.kwargs}")
            a, b = reversed(given) if name == "rsub" else given
            return f"{a} {_BINARY.get(name, '-')} {b}"
        if name in _COMPARE or name in _LOGICAL:
            return f"{given[0]} {_COMPARE.get(name) or _LOGICAL[name]} {given[1]}"
        if name in _UNARY:
            return _UNARY[name].format(*given)
        if name in ("clamp_min", "maximum", "clamp_max", "minimum"):
            sign = "<" if name in ("clamp_min", "maximum") else ">"
            a, b = given
            second = f" || {b} != {b}" if name in ("maximum", "minimum") else ""  # NaN wins
            return f"{a} {sign} {b}{second} ? {b} : {a}"
        if name == "clamp":
            low, high = (*node.args[1:], None, None)[:2]
            value = given[0]
            if low is not None:
                value = f"({value} < {self._read(low, kind)} ? {self._read(low, kind)} : {value})"
            if high is not None:
                value = f"({value} > {self._read(high, kind)} ? {self._read(high, kind)} : {value})"
            return value
        if name == "where":
            return f"{given[0]} ? {given[1]} : {given[2]}"
        if name == "pow" and node.args[1] == 2:
            return f"{given[0]} * {given[0]}"
        if name in ("_to_copy", "scalar_tensor"):
            return f"({kind}){given[0]}"
        raise Unsupported(name)

    def _read(self, value: Any, kind: str = "float") -> str:
        if isinstance(value, fx.Node):
            if value not in self.names:
                raise Unsupported("a whole block where one row was expected")
            return self.names[value]
        if isinstance(value, bool | int | float):
            return _literal(value, kind)
        raise Unsupported(f"the argument {value!r}")


def _value(node: fx.Node) -> Tensor:
    return cast(Tensor, node.meta["val"])


def _dtype(node: fx.Node) -> torch.dtype:
    return _value(node).dtype


def _name(node: fx.Node) -> str:
    return str(getattr(node.target, "__name__", node.target)).split(".")[0]


def _holds(node: fx.Node, exact: set[fx.Node]) -> bool:
    """Whether a bfloat16 holds every value that this node can have, given those that are known."""
    if _dtype(node) == torch.bfloat16:
        return True
    if _name(node) == "scalar_tensor":
        given = cast(float, node.args[0])
        return given != given or torch.tensor(given).bfloat16().item() == given
    return _name(node) == "where" and all(arg in exact for arg in node.args[1:])


def _reads_half(node: fx.Node) -> bool:
    return any(_dtype(arg) == torch.bfloat16 for arg in node.all_input_nodes)


def _zero(rest: Sequence[Any]) -> bool:
    """Whether a dimension that may be left out is the first."""
    return not rest or rest[0] == 0


def _arithmetic(node: fx.Node) -> str:
    """The C++ type that an operation is carried out in: of its result, or of what it compares."""
    dtypes = [_dtype(arg) for arg in node.all_input_nodes if "val" in arg.meta]
    wide = torch.float64 in [_dtype(node), *(dtypes if _dtype(node) == torch.bool else [])]
    return "double" if wide else "float"


def _literal(value: float, kind: str) -> str:
    if math.isnan(value):
        return f"({kind})NAN"
    if math.isinf(value):
        return f"({kind}){'-' if value < 0 else ''}INFINITY"
    return f"({kind}){float(value)!r}"
