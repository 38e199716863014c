"""How good a saved network is on a split of the data that it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spikedistill.build.data import metrics_of, one_step, split_loader, task_of
from spikedistill.build.handed_over import Data, Networks
from spikedistill.build.saved import Where, rebuild
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.machine import machine
from spikedistill.core.over_time import steps_asked
from spikedistill.costs.operations import macs, parameter_count
from spikedistill.data import encoder
from spikedistill.training.costs import operations
from spikedistill.training.evaluate import evaluate
from spikedistill.training.settings import Settings

SPLITS = ("test", "valid", "train")


def evaluate_run(
    path: Where,
    data_dir: Path | str | None = None,
    timesteps: int | None = None,
    split: str = "test",
    batch_size: int = 128,
    *,
    network: Networks = None,
    data: Data = None,
) -> dict[str, Any]:
    """Measure a saved network on a split of the data that it was trained on.

    `spikedistill.evaluate`; on the command line `spikedistill evaluate`.

    Args:
        path: a run folder, one of its cells, or a model file in one.
        data_dir: where data sets lie; default where they lay for the run.
        timesteps: T; default as it was trained.
        split: `test`, `valid` or `train` (without augmentation).
        batch_size: samples per batch.
        network: the architecture, where it (or the network whose twin it is) came from Python: a
            module, which is not changed, or `{name: module}`.
        data: the data, where they came from Python, as `spikedistill.distill` took them: a
            `DataSet`, what is trained on, (train, test), or `{"train": ..., "test": ...}`. They
            are split as they were for the run; a note says where they are others.

    Returns:
        A mapping for JSON with what a row of `result.json` has (`scores`: metric -> its value
        after 1, 2, ..., T steps; `metric`, `firing_rate`, `macs`, `synops`, `energy_pj`, ...), and
        `samples`, `data`, `split`, `notes`, `warnings`.

    Raises:
        SpikedistillError: if the network or the data are not there, or the split is empty.
    """
    if split not in SPLITS:
        raise SpikedistillError(f"there is no split {split!r}; take one of {', '.join(SPLITS)}")
    saved, handed = rebuild(path, network), data
    data = saved.data(data_dir, handed)
    settings = Settings(batch_size=batch_size)
    encoding = saved.card["encoder"]
    loader = split_loader(data, getattr(data, split), settings)
    if loader is None:
        raise SpikedistillError(f"the {split} split of {data.name} is empty")
    steps, device = steps_asked(timesteps, saved.timesteps), machine().device
    judged = saved.network.to(device)
    metrics = metrics_of(data, saved.metrics)
    seen = evaluate(judged, loader, steps, encoder=encoder(encoding), metrics=metrics)
    return {
        "path": str(saved.path),
        "network": saved.card["network"],
        "data": data.name,
        "split": split,
        "timesteps": steps,
        "parameters": parameter_count(judged),
        "macs": macs(judged, one_step(data, encoding, steps), steps),
        "sample": task_of(data).sample,
        "notes": [*saved.doubts(data, handed), *seen.notes],
        **seen.row(),
        **operations(judged, steps, loader, encoding),
    }
