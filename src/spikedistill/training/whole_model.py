"""A whole network run by the compiler while it learns, instead of its neurons only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from spikedistill.functional.compiled import compile_is_on, compiled_apart
from spikedistill.training.recompute import throwaway_buffers

backend = "inductor"
"""The compiler behind dynamo; tests take a quicker one."""

_log = logging.getLogger("spikedistill")


class WholeModel:
    """Compiles the forward and the backward pass of a network, each time T or the mode changes.

    Hooks must be in place before its first call (`Tapped` is built first): the compiler builds
    them in, and what they record comes out of the compiled call. A batch of another size costs one
    compilation more, for all sizes. Where anything cannot be compiled, and after dynamo's limit
    of compilations, the network runs as with `compile: neurons` and one line says so.

    Args:
        network: what is compiled.
        name: how messages call it.
        restart: called where a run is given up and another follows in the same call.
    """

    def __init__(
        self, network: nn.Module, name: str, restart: Callable[[], object] = lambda: None
    ) -> None:
        self.network, self.name, self.restart = network, name, restart
        self.failed = False
        self._tried = False
        self._run = _compiled(network)

    @contextmanager
    def during(self) -> Generator[None, None, None]:
        """A call of the network inside this block is compiled."""
        if self.failed or not compile_is_on():
            yield
            return
        plain = self.network.forward
        self.network.forward = lambda inputs: self._call(inputs, plain)
        try:
            yield
        finally:
            del self.network.forward

    def _call(self, inputs: Tensor, plain: Callable[[Tensor], Any]) -> Any:
        try:
            if not self._tried:
                self._try(inputs)
            return self._run(inputs)
        except Exception as problem:
            self.restart()
            outputs = plain(inputs)  # raises what is wrong with the network itself
            self.failed = True
            said = (str(problem).strip() or "no message").splitlines()[0]
            _log.warning(
                "compile: model does not work for the %s (%s: %s); from here on only its neurons "
                "are compiled. compile: neurons chooses this without a word.",
                self.name,
                type(problem).__name__,
                said,
            )
            return outputs

    def _try(self, inputs: Tensor) -> None:
        """One pass for nothing: a backward pass that cannot be compiled fails only when it runs."""
        learned = [p for p in self.network.parameters() if p.requires_grad]
        with torch.random.fork_rng(), throwaway_buffers(self.network):
            torch.autograd.grad(self._run(inputs).float().sum(), learned, allow_unused=True)
        self._tried = True
        self.restart()


def _compiled(network: nn.Module) -> Callable[[Tensor], Any]:
    """The network's own forward, compiled."""

    def whole_model(inputs: Tensor) -> Any:
        return type(network).forward(network, inputs)

    return compiled_apart(whole_model, backend)
