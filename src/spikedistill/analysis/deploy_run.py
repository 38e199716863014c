"""A trained network of a run, or any other, made ready to answer; and what that brings."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from spikedistill.build.data import metrics_of
from spikedistill.build.facts import Facts
from spikedistill.build.handed_over import Data, Networks
from spikedistill.build.saved import Saved, Where, rebuild
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.over_time import OverTime, steps_asked
from spikedistill.data import DataSet, Loader
from spikedistill.export import deploy as of_network
from spikedistill.export import onnx
from spikedistill.export.deploy import Deployed, Weights
from spikedistill.training.evaluate import evaluate as judge

_TIMED = 20
"""Calls of which the median is told."""


def deploy(
    run: nn.Module | Where,
    example: Shaped[Tensor, "B *rest"] | None = None,
    *,
    weights: Weights = "float",
    timesteps: int | None = None,
    int8_layers: Sequence[str] | None = None,
    out: Path | str | None = None,
    evaluate: bool = False,
    batch_size: int = 128,
    data_dir: Path | str | None = None,
    network: Networks = None,
    data: Data = None,
) -> Deployed:
    """A trained network that only answers, of a run folder or a network at hand.

    What is folded and what stays: `spikedistill.export.deploy.deploy`. On the command line
    `spikedistill deploy`.

    Args:
        run: a run folder, one of its cells, a model file in one; or a network, own or foreign.
        example: a batch of raw images on which the result is compared with the network. Of a run
            it is made; of a network int8 weights and `out` need it.
        weights: "float", "bfloat16" or "int8".
        timesteps: T; default as it was trained.
        int8_layers: exactly these layers get int8 weights; default all that see only spikes.
        out: the ONNX file to write (`.onnx`); default none.
        evaluate: of a run: measure both on the test split.
        batch_size: samples per batch of that.
        data_dir: where data sets lie; default where they lay for the run.
        network: of a run: the architecture, where it (or the network whose twin it is) came from
            Python: a module, which is not changed, or `{name: module}`.
        data: of a run: the data, where they came from Python, as `spikedistill.evaluate` takes
            them. Needed for `evaluate` and for int8 weights.

    Returns:
        The deployed network, images `[B, ...]` to logits `[B, K]`. `notes` say what stayed as it
        was and why, `file` is what was written, and of a run `figures` are what the command shows:
        size, time of one image here and, with `evaluate`, the score, `before` and `after`.

    Raises:
        SpikedistillError: if something is missing, the network cannot be deployed or written, or
            an option is for runs only.
    """
    if out is not None:
        onnx.check_form(Path(out), weights)
        onnx.require("onnx", "onnxscript")  # before any work is done
    if isinstance(run, nn.Module):
        _check_network(example, out, network, data, evaluate)
        made = of_network.deploy(
            run, example, weights=weights, timesteps=timesteps, int8_layers=int8_layers
        )
    else:
        saved, handed = rebuild(run, network), data
        _check_inputs(saved)
        steps = steps_asked(timesteps, saved.timesteps)
        found = saved.data(data_dir, handed) if evaluate or weights == "int8" else None
        if example is None:
            example = _example(saved, found if weights == "int8" else None)
        made = of_network.deploy(
            saved.network, example, weights=weights, timesteps=steps, int8_layers=int8_layers
        )
        made.figures = _figures(saved, made, example)
        if found is not None:
            made.notes = (*saved.doubts(found, handed), *made.notes)
            made.figures["notes"] = list(made.notes)
        if evaluate and found is not None:
            _judge(made, saved, batch_size, found)
    if out is not None:
        assert example is not None
        made.file = onnx.to_onnx(made, Path(out), example)
    return made


def _check_network(
    example: Tensor | None, out: Path | str | None, network: Networks, data: Data, evaluate: bool
) -> None:
    """Refuse what only a run folder has use for."""
    given = {"network": network is not None, "data": data is not None, "evaluate": evaluate}
    wrong = [name for name, there in given.items() if there]
    if wrong:
        raise SpikedistillError(
            f"{', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} for a run folder, and what "
            "is deployed is a network; give the folder, or leave it out"
        )
    if out is not None and example is None:
        raise SpikedistillError(
            f"the file {out} needs the shape of the inputs; pass `example`, a batch of them"
        )


def _check_inputs(saved: Saved) -> None:
    example = Facts.from_plain(saved.card["facts"]).example
    if isinstance(example, Mapping):
        raise SpikedistillError(
            f"{saved.path} takes several inputs ({', '.join(example)}), and a deployed network "
            "takes one tensor; run it with spikedistill.load instead"
        )
    if saved.card["encoder"] == "frames":
        raise SpikedistillError(
            f"{saved.path} was trained on event frames, and a deployed network takes still images, "
            "computing its stem once for all steps; run it with spikedistill.load instead"
        )
    if saved.card["encoder"] != "direct":
        raise SpikedistillError(
            f"{saved.path} was trained on inputs with {saved.card['encoder']} coding, and a "
            "deployed network takes still images; train it with encoder: direct"
        )


def _example(saved: Saved, data: DataSet | None) -> Tensor:
    """Images of the test split; random ones (None) where it does not matter what they show."""
    if data is None:
        like = Facts.from_plain(saved.card["facts"]).example
        assert isinstance(like, Tensor)
        if not like.is_floating_point():
            return like.new_zeros(8, *like.shape[1:])
        generator = torch.Generator().manual_seed(0)
        return torch.rand(8, *like.shape[1:], generator=generator)
    inputs = next(iter(Loader(data.test, 64, collate=data.how).epoch(0))).inputs
    assert isinstance(inputs, Tensor)
    return inputs


def _figures(saved: Saved, deployed: Deployed, images: Tensor) -> dict[str, Any]:
    """What the command shows of both networks."""
    return {
        "network": saved.card["network"],
        "weights": deployed.weights,
        "timesteps": deployed.timesteps,
        "before": _row(saved.network, images, deployed.timesteps),
        "after": _row(deployed, images, deployed.timesteps),
        "notes": list(deployed.notes),
    }


def _row(network: nn.Module, images: Tensor, steps: int) -> dict[str, Any]:
    """Size and speed of a network."""
    state = network.state_dict()
    return {
        "parameters": sum(value.numel() for value in state.values()),
        "weight_bytes": sum(value.numel() * value.element_size() for value in state.values()),
        "milliseconds_per_sample": _latency(network, images[:1], steps),
    }


def _latency(network: nn.Module, image: Tensor, steps: int) -> float:
    """Median time of a call with one sample, in milliseconds, after two calls that do not count."""
    ready = network if isinstance(network, OverTime) else OverTime(network, steps).eval()
    times: list[float] = []
    with torch.no_grad():
        for _ in range(_TIMED + 2):
            start = time.perf_counter()
            ready(image)
            times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[2:])


def _judge(deployed: Deployed, saved: Saved, batch_size: int, data: DataSet) -> None:
    """The score of both networks on the test split, into the figures."""
    loader = Loader(data.test, batch_size, collate=data.how)
    metrics, steps = metrics_of(data, saved.metrics), deployed.timesteps
    half = torch.bfloat16 if deployed.weights == "bfloat16" else torch.float32
    before = judge(saved.network, loader, steps, metrics=metrics)
    after = judge(deployed.graph, loader, steps, dtype=half, metrics=metrics)
    found = deployed.figures
    found |= {"data": data.name, "samples": before.samples}
    found |= {"metric": before.metric, "unit": before.unit}
    found["before"]["score"], found["after"]["score"] = before.score, after.score
