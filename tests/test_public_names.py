"""The public names, kept on purpose: a new or a lost one is a decision, and a line of this file."""

from __future__ import annotations

import subprocess
import sys

import spikedistill

PUBLIC = """
    Alphabet Batch Conversion CrossEntropy Distiller FitNet IF ILIF LIF LogitKD Loader Loss Metric
    Needs Neuron Objective OverTime PLIF Place Probe Reference Role Row SASTC Schedule Spec
    SpikedistillError Tapped Task Temporal Term Trace
    data_set deploy describe distill energy evaluate load report spiking_twin
""".split()

HEAVY = ("accelerate", "kornia", "matplotlib", "sklearn", "typer")


def test_the_public_names_are_these() -> None:
    names = set(spikedistill.__all__)
    gone, new = sorted(set(PUBLIC) - names), sorted(names - set(PUBLIC))
    assert not gone and not new, f"gone: {gone}; new: {new}; if meant, change PUBLIC above"


def test_every_public_name_is_there() -> None:
    missing = [name for name in spikedistill.__all__ if not hasattr(spikedistill, name)]
    assert not missing
    assert set(spikedistill.__all__) <= set(dir(spikedistill))


def test_importing_the_package_is_light() -> None:
    code = f"import sys, spikedistill; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
