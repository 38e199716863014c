"""Distil a trained neural network into an accurate, low-latency, frugal spiking network.

The public names. Each is imported when it is first used, so that importing the package is light.
"""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikedistill.analysis.deploy_run import deploy as deploy
    from spikedistill.analysis.evaluate_run import evaluate_run as evaluate  # noqa: F401
    from spikedistill.analysis.run_energy import energy_of as energy  # noqa: F401
    from spikedistill.analysis.write_report import write_report as report  # noqa: F401
    from spikedistill.build.saved import load as load
    from spikedistill.conversion.twin import spiking_twin as spiking_twin
    from spikedistill.core.clock import Alphabet as Alphabet
    from spikedistill.core.clock import Temporal as Temporal
    from spikedistill.core.conversion import Conversion as Conversion
    from spikedistill.core.errors import SpikedistillError as SpikedistillError
    from spikedistill.core.loss import Loss as Loss
    from spikedistill.core.loss import Needs as Needs
    from spikedistill.core.metric import Metric as Metric
    from spikedistill.core.objective import Objective as Objective
    from spikedistill.core.objective import Role as Role
    from spikedistill.core.objective import Term as Term
    from spikedistill.core.over_time import OverTime as OverTime
    from spikedistill.core.place import Place as Place
    from spikedistill.core.probe import Probe as Probe
    from spikedistill.core.reference import Reference as Reference
    from spikedistill.core.row import Row as Row
    from spikedistill.core.schedule import Schedule as Schedule
    from spikedistill.core.spec import Spec as Spec
    from spikedistill.core.task import Task as Task
    from spikedistill.core.trace import Batch as Batch
    from spikedistill.core.trace import Trace as Trace
    from spikedistill.data import Loader as Loader
    from spikedistill.data import data_set as data_set
    from spikedistill.methods.cross_entropy import CrossEntropy as CrossEntropy
    from spikedistill.methods.fitnet import FitNet as FitNet
    from spikedistill.methods.logit_kd import LogitKD as LogitKD
    from spikedistill.methods.sastc import SASTC as SASTC
    from spikedistill.neurons import Neuron as Neuron
    from spikedistill.neurons.ilif import ILIF as ILIF
    from spikedistill.neurons.integrate_and_fire import IF as IF
    from spikedistill.neurons.lif import LIF as LIF
    from spikedistill.neurons.plif import PLIF as PLIF
    from spikedistill.runs.api import distill as distill
    from spikedistill.taps import Tapped as Tapped
    from spikedistill.training.distiller import Distiller as Distiller
    from spikedistill.training.distiller import describe as describe

_HOMES = {
    "analysis.deploy_run": ("deploy",),
    "analysis.evaluate_run": ("evaluate_run as evaluate",),
    "analysis.run_energy": ("energy_of as energy",),
    "analysis.write_report": ("write_report as report",),
    "build.saved": ("load",),
    "conversion.twin": ("spiking_twin",),
    "core.clock": ("Alphabet", "Temporal"),
    "core.conversion": ("Conversion",),
    "core.errors": ("SpikedistillError",),
    "core.loss": ("Loss", "Needs"),
    "core.metric": ("Metric",),
    "core.objective": ("Objective", "Role", "Term"),
    "core.over_time": ("OverTime",),
    "core.place": ("Place",),
    "core.probe": ("Probe",),
    "core.reference": ("Reference",),
    "core.row": ("Row",),
    "core.schedule": ("Schedule",),
    "core.spec": ("Spec",),
    "core.task": ("Task",),
    "core.trace": ("Batch", "Trace"),
    "data": ("Loader", "data_set"),
    "methods.cross_entropy": ("CrossEntropy",),
    "methods.fitnet": ("FitNet",),
    "methods.logit_kd": ("LogitKD",),
    "methods.sastc": ("SASTC",),
    "neurons": ("Neuron",),
    "neurons.ilif": ("ILIF",),
    "neurons.integrate_and_fire": ("IF",),
    "neurons.lif": ("LIF",),
    "neurons.plif": ("PLIF",),
    "runs.api": ("distill",),
    "taps": ("Tapped",),
    "training.distiller": ("Distiller", "describe"),
}
_HOME = {
    name.split()[-1]: (home, name.split()[0]) for home, names in _HOMES.items() for name in names
}

__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]

try:
    __version__ = version("spikedistill")
except PackageNotFoundError:  # run from its source, not installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'spikedistill' has no attribute {name!r}")
    home, own_name = _HOME[name]
    value = getattr(importlib.import_module(f"spikedistill.{home}"), own_name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
