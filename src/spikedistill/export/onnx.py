"""A deployed network as an ONNX file: inputs in, logits out, all T steps inside."""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
import logging
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from spikedistill.core.atomic import put
from spikedistill.core.clock import tell
from spikedistill.core.errors import SpikedistillError
from spikedistill.export.binary import OnlySpikes
from spikedistill.export.deploy import Deployed
from spikedistill.export.integer import IntegerLayer


class _Unrolled(nn.Module):
    """The network with T written into its layers."""

    def __init__(self, deployed: Deployed) -> None:
        super().__init__()
        self.timesteps, self.repeats = deployed.timesteps, not deployed.first
        # Both in one copy, so that the first layers are those of the copied graph.
        self.network, first = copy.deepcopy((deployed.graph, deployed.first))
        tell(self.network, self.timesteps, first)
        for path, module in list(self.network.named_modules()):
            if isinstance(module, IntegerLayer):
                self.network.set_submodule(path, _ConvInteger(module))
            if isinstance(module, OnlySpikes):  # a file cannot raise: the caller answers for it
                self.network.set_submodule(path, nn.Identity())
        self.eval()

    def forward(self, inputs: Tensor) -> Tensor:
        if self.repeats and self.timesteps > 1:
            inputs = torch.cat([inputs] * self.timesteps)
        return self.network(inputs).unflatten(0, (self.timesteps, -1)).mean(0)


class _ConvInteger(nn.Module):
    """An integer layer as ONNX's own operation, with its int8 weights as they are."""

    def __init__(self, layer: IntegerLayer) -> None:
        super().__init__()
        self.layer = layer
        self.attributes: dict[str, Any] = {
            "strides": layer.stride, "pads": [*layer.padding, *layer.padding],
            "dilations": layer.dilation, "group": layer.groups,
            "kernel_shape": list(layer.weight.shape[2:]),
        }  # fmt: skip

    def forward(self, spikes: Tensor) -> Tensor:
        layer = self.layer
        whole = spikes.to(torch.uint8)
        whole = whole.unsqueeze(-1).unsqueeze(-1) if layer.is_linear else whole
        grid = [
            (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
            for size, pad, dilation, kernel, stride in zip(
                whole.shape[2:], layer.padding, layer.dilation, layer.weight.shape[2:],
                layer.stride, strict=True,
            )
        ]  # fmt: skip
        sums = torch.onnx.ops.symbolic(
            "ConvInteger", [whole, layer.weight], self.attributes, dtype=torch.int32,
            shape=[whole.shape[0], len(layer.weight), *grid], version=10,
        )  # fmt: skip
        result = sums.float() * layer.scale.view(-1, 1, 1) + layer.bias.view(-1, 1, 1)
        return result.flatten(1) if layer.is_linear else result


def to_onnx(deployed: Deployed, path: Path | str, example: Shaped[Tensor, "B *rest"]) -> Path:
    """Write a deployed network as ONNX: input `inputs` `[B, ...]`, output `logits` `[B, K]`, any B.

    Time is unrolled: a layer between neurons is one operation on `[T * B, ...]`, a layer of
    neurons T times the operations of its step. int8 layers are `ConvInteger` with int8 weights.
    The file appears whole: it is written under another name and renamed.

    Args:
        deployed: with float or int8 weights.
        path: ends in `.onnx`.
        example: a batch of inputs; its shape without B is that of the file.

    Raises:
        SpikedistillError: if the packages of the extra `onnx` are missing, the weights are
            bfloat16, or the network has an operation that ONNX has not.
    """
    path = Path(path)
    check_form(path, deployed.weights)
    require("onnx", "onnxscript")
    inputs = example[:1].repeat(2, *[1] * (example.dim() - 1))  # a batch of 1 would become fixed
    with torch.no_grad(), _quiet():
        try:
            program = torch.onnx.export(
                _Unrolled(deployed), (inputs,), dynamo=True, verbose=False,
                input_names=["inputs"], output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )  # fmt: skip
        except torch.onnx.errors.OnnxExporterError as error:
            cause = error.__cause__ or error
            said = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
            raise SpikedistillError(
                f"the network cannot be written as ONNX: {said}; use it deployed in Python"
            ) from error
    assert program is not None
    for node in program.model.graph:
        node.metadata_props.clear()  # where each line of Python stood: most of a small file
    return put(path, lambda partial: program.save(str(partial)))


def check_form(path: Path, weights: str) -> None:
    """Check what a file is called and which weights go into it.

    Raises:
        SpikedistillError: if its name does not end in `.onnx`, or the weights are bfloat16.
    """
    if path.suffix != ".onnx":
        raise SpikedistillError(f"the name of an ONNX file ends in .onnx, not {path.name!r}")
    if weights == "bfloat16":
        raise SpikedistillError(
            "ONNX Runtime computes no bfloat16 convolution on a CPU; deploy with weights 'float' "
            "or 'int8' for ONNX"
        )


def require(*packages: str) -> None:
    """Check that packages of the extra `onnx` are there.

    Raises:
        SpikedistillError: naming the missing one, and what to install.
    """
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise SpikedistillError(
                f"ONNX needs the package {package}, which is not installed: "
                "pip install 'spikedistill[onnx]'"
            ) from error


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Without the exporter's reports; what goes wrong still arrives as an exception."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
