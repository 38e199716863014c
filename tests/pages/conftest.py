"""A made-up run folder, and a browser without a window that is driven over its debugging pipe."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from spikedistill.core.row import Row
from spikedistill.pages.examined import Examined

# Chromium takes commands from file descriptor 3 and answers on 4.
PIPED = """
import fcntl, os, sys
pipes = [fcntl.fcntl(int(text), fcntl.F_DUPFD, 10) for text in sys.argv[1:3]]
os.dup2(pipes[0], 3), os.dup2(pipes[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
NAMES = ("chromium", "chromium-browser", "google-chrome")


class Browser:
    """One page of Chromium: what it logged, what it asked for, keys pressed in it."""

    def __init__(self, program: str, profile: Path) -> None:
        ours, theirs = os.pipe(), os.pipe()  # commands (read, write), answers (read, write)
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                   "--disable-dev-shm-usage", "--remote-debugging-pipe",
                   f"--user-data-dir={profile}", "about:blank"]  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-ISc", PIPED, str(ours[0]), str(theirs[1]), program, *options],
            pass_fds=(ours[0], theirs[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(ours[0])
        os.close(theirs[1])
        self.into, self.out = ours[1], theirs[0]
        self.rest, self.number, self.session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self.session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol and wait for its answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.into, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self.number:
                assert "error" not in found, found
                return found["result"]
            self.events.append(found)

    def _next(self, seconds: float = 20.0) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.out], [], [], max(0.0, end - time.monotonic()))
            assert ready, "the browser did not answer"
            got = os.read(self.out, 1 << 20)
            assert got, "the browser has ended"
            self.rest += got
        line, self.rest = self.rest.split(b"\0", 1)
        return json.loads(line)

    def open(self, path: Path) -> None:
        """Load a file and wait until it is there."""
        self.events.clear()
        self("Page.navigate", url=path.absolute().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def evaluate(self, text: str) -> Any:
        """The value of a JavaScript expression."""
        found = self("Runtime.evaluate", expression=text, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Press a key and let it go."""
        for kind in ("rawKeyDown", "keyUp"):
            self("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    @property
    def complaints(self) -> list[dict[str, Any]]:
        """Errors and warnings since the page was opened: exceptions, console and log."""
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [event for event in self.events if event.get("method") in kinds]

    @property
    def requests(self) -> list[str]:
        """What the page asked for, without the data it carries itself."""
        found = [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]
        return [address for address in found if not address.startswith("data:")]

    def close(self) -> None:
        """End the browser."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.into)
        os.close(self.out)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that lives for the session."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no browser: install chromium from the distribution's packages")
    opened = Browser(program, tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


CONFIG = {
    "name": "toy", "description": "A toy run", "seed": 0,
    "claim": {"value": 97.5, "source": "table 1"},
    "data": {"name": "shapes"},
    "phases": [{"name": "student", "compare": {"cross_entropy": []}, "roles": {
        "student": {"network": "student", "trainable": True},
        "teacher": {"network": "teacher", "trainable": False}}}],
}  # fmt: skip


def row(cell: str | None, accuracy: list[float], losses: list[str], **more: Any) -> dict[str, Any]:
    """A row of `result.json`."""
    role = "teacher" if cell is None else "student"
    made = {"cell": cell, "role": role, "network": role, "losses": losses, "metric": "accuracy",
            "scores": {"accuracy": accuracy}, "timesteps": len(accuracy), "valid": 90.0,
            "parameters": 1000, "macs": 1e6, "firing_rate": 0.25 if cell else None,
            "synops": 2e6 if cell else None, "multiplications": 1e5 if cell else 1e7,
            "train_seconds": 75.0}  # fmt: skip
    return Row.from_plain(made | more).plain()


TEACHER = row(None, [96.0], [])
PLAIN = row("cross_entropy", [80.0, 85.0], ["cross_entropy"])
MAIN = row("student", [88.0, 92.5], ["cross_entropy", "sastc"], train_seconds=150.0)


def look(spiking: bool) -> Examined:
    """What a look at a network of three classes and two layers might find."""
    steps = 2 if spiking else 1
    rng = np.random.default_rng(0)
    layers = [
        {"tap": f"spikes{n}", "path": f"network.layer{n}", "shape": [4, 8, 8],
         "over_time": [0.125, 0.375], "threshold": 1.0, "range": [-2.0, 2.0], "never": 0.015,
         "always": 0.5, "channels_never": 0.25, "channels_always": 0.0}
        for n in (1, 2)
    ]  # fmt: skip
    costs = [
        {"path": "network.conv", "rate": 1.0, "spiking": False, "count": 1e5, "pj": 4.6e5},
        {"path": "network.deep", "rate": 0.25, "spiking": spiking, "count": 5e5, "pj": 4.5e5},
    ]  # fmt: skip
    arrays = {
        "examples": rng.integers(0, 255, (2, 3, 8, 8), dtype=np.uint8),
        "mistakes": rng.integers(0, 255, (1, 3, 8, 8), dtype=np.uint8),
        "maps": rng.random((3 if spiking else 1, 2, 4, 4)).astype(np.float16),
    }
    if spiking:
        arrays["picture sastc attention"] = np.array([[[0.7, 0.3]], [[0.4, 0.6]]], np.float32)
        for n in (1, 2):
            arrays[f"places spikes{n}"] = rng.random((2, 8, 8)).astype(np.float16)
            arrays[f"membrane spikes{n}"] = np.full((2, 10), 0.1, np.float32)
    facts = {
        "timesteps": steps, "classes": ["cat", "dog", "fox"], "test_images": 40, "images": 10,
        "task": "image_classification", "spiking": spiking, "layers": layers if spiking else [],
        "confusion": [[0, 0, 5], [0, 1, 1], [1, 1, 4]], "operations": costs,
        "totals": {"45nm": {"snn_pj": 9.1e5, "ann_pj": 1.82e6},
                   "quantized": {"snn_pj": 4e5, "ann_pj": 1e5}},
        "mistakes": [{"true": 0, "answered": 1, "confidence": 0.987, "steps": [0, 1][:steps]}],
        "energy_at": [[1, 1.4e6], [2, 2.26e6]][-steps:],
        "maps": {"kind": "spike activation" if spiking else "Grad-CAM", "tap": "spikes2",
                 "labels": [0, 1], "answers": [0, 2]},
        "pictures": [{"loss": "sastc", "name": "attention", "array": "picture sastc attention",
                      "split": "valid", "learner": ["stage1"], "guide": ["stage1", "stage2"],
                      "images": 128}] if spiking else [],
    }  # fmt: skip
    return Examined(facts, arrays)


def history(epochs: int) -> str:
    """The lines of `metrics.jsonl`."""
    lines = [{"epoch": epoch, "losses": {"cross_entropy": 2.0 / epoch},
              "valid": {"metric": "accuracy", "unit": "%", "scores": {"accuracy": [30.0 * epoch]}}}
             for epoch in range(1, epochs + 1)]  # fmt: skip
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a finished run folder, with `changes` to its recipe."""

    def make(called: str = "toy", /, **changes: Any) -> Path:
        folder = tmp_path / called
        cells = {"cross_entropy": PLAIN, "student": MAIN}
        for cell, one in cells.items():
            (folder / "cells" / cell).mkdir(parents=True)
            (folder / "cells" / cell / "result.json").write_text(json.dumps(one))
            (folder / "cells" / cell / "metrics.jsonl").write_text(history(3))
        rows = [TEACHER, PLAIN, MAIN]
        (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG | changes, sort_keys=False))
        (folder / "result.json").write_text(json.dumps({"rows": rows, "main": "student"}))
        (folder / "teachers.json").write_text(json.dumps([TEACHER]))
        (folder / "manifest.json").write_text(json.dumps({"started": "2026-01-01", "versions": {}}))
        return folder

    return make


@pytest.fixture
def looks() -> dict[tuple[str, str], Examined]:
    """A look at each network of the made-up run."""
    return {("networks", "teacher"): look(False), ("cells", "cross_entropy"): look(True),
            ("cells", "student"): look(True)}  # fmt: skip
