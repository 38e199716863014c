"""What a run leaves on disk. Every file is written under a temporary name, then renamed."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NoReturn

import yaml
from safetensors.torch import save_file
from torch import nn

from spikedistill.core.atomic import put
from spikedistill.core.claim import claimed
from spikedistill.core.errors import SpikedistillError
from spikedistill.training.replaced import OWN, RECIPE, is_cut_short, mend, set_aside, settle

_KEYS = ("name", "description", "seed", "data", "augment", "encoder", "networks", "phases")
"""What every recipe holds that a run wrote."""


class RunFolder:
    """One run: `config.yaml`, `manifest.json`, `metrics.jsonl`, `result.json`, models, checkpoint.

    A run of several trainings keeps one such folder for each under `cells/`.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def cell(self, name: str) -> RunFolder:
        """The folder of one training inside this run."""
        return RunFolder(self.path / "cells" / name)

    def create(
        self, config: Mapping[str, Any], manifest: Mapping[str, Any], replace: bool = False
    ) -> None:
        """Make the folder a run of this recipe, in one step: the last renaming.

        The folder itself stays, whatever it is (a link, a mount, where somebody works). A run that
        is replaced is kept until the new one is there (`training.replaced`).

        Raises:
            SpikedistillError: if a run is already there and `replace` is not given, or what is
                there is no run, or not only a run.
        """
        mend(self.path)
        if (self / RECIPE).exists() and not self._only_a_recipe():
            if not self.has_manifest and not self._wrote_recipe():
                self._refuse_foreign()
            if not replace:
                raise SpikedistillError(
                    f"{self.path} already holds a run; go on with it by `spikedistill resume "
                    f"{self.path}`, choose another place with --out, or throw it away with "
                    "--replace (from Python: out=, or exist='replace')"
                )
            set_aside(self.path)
        self.write_json("manifest.json", manifest)
        self.write_yaml(RECIPE, config)
        settle(self.path)

    def mend(self) -> None:
        """Put right what a process left that ended while it wrote here; see `alone`.

        A run that was to be replaced by one that never came is put back, files that were half
        written are taken away.
        """
        mend(self.path)

    @property
    def has_manifest(self) -> bool:
        """Whether it is written what the run was made with.

        Earlier versions could end between the recipe and that.
        """
        return (self / "manifest.json").exists()

    def make_manifest_again(self, manifest: Mapping[str, Any]) -> None:
        """Write what a run of an earlier version lacks, if its trainings had the same data.

        Raises:
            SpikedistillError: if no run wrote the recipe, or a training had other data.
        """
        if not self._wrote_recipe():
            self._refuse_foreign()
        for path in sorted((self / "cells").glob("*/manifest.json")):
            RunFolder(path.parent).refuse_changes(manifest["data"])
        self.write_json("manifest.json", manifest)

    def _refuse_foreign(self) -> NoReturn:
        raise SpikedistillError(
            f"{self.path} holds a config.yaml that no run wrote (there is no manifest.json "
            "beside it); choose another place with --out"
        )

    def _wrote_recipe(self) -> bool:
        """Whether `config.yaml` reads as a run writes it, letter by letter."""
        text = (self / RECIPE).read_text(encoding="utf-8")
        found = self.config()
        return all(key in found for key in _KEYS) and _as_yaml(found) == text

    def _only_a_recipe(self) -> bool:
        """Whether an earlier version ended here when it had written a recipe and no more."""
        begun = (path for path in self.path.iterdir() if path.name != RECIPE)
        return not any(path.match(one) for path in begun for one in OWN) and self._wrote_recipe()

    def begin(self, config: Mapping[str, Any], manifest: Mapping[str, Any], going_on: bool) -> None:
        """Make the folder of a training afresh, or see that it can go on.

        Raises:
            SpikedistillError: if it cannot: see `refuse_changes`.
        """
        if going_on:
            self.refuse_changes(manifest["data"], manifest["teacher"])
        else:
            self.create(config, manifest, replace=True)

    def refuse_changes(self, data: Mapping[str, str], teacher: str | None = None) -> None:
        """Refuse to go on with a run whose data or teacher are others now.

        Args:
            data: hashes by name, as they are now.
            teacher: hash of the teacher's weights, as they are now; None: not asked.

        Raises:
            SpikedistillError: if one differs from what the run began with.
        """
        began = self.manifest()
        known = began.get("data") or {}
        changed = sorted(name for name in known if data.get(name, known[name]) != known[name])
        what = f"its data have changed since it began ({', '.join(changed)})" if changed else ""
        if teacher and began.get("teacher") not in (None, teacher):
            what = "its teacher has other weights than when it began"
        if what:
            raise SpikedistillError(
                f"{self.path} cannot go on: {what}, and what it would reach would be of both; put "
                "back what was there, or run the recipe in another folder"
            )

    @contextmanager
    def alone(self, holder: bool = True) -> Generator[None]:
        """A block in which no other command trains in this folder.

        Args:
            holder: of several processes of one run, one holds the claim.

        Raises:
            SpikedistillError: if another command does.
        """
        with claimed(self.path.absolute()) if holder else nullcontext(True) as mine:
            if not mine:
                raise SpikedistillError(
                    f"another process is training in {self.path}, and two would spoil each other's "
                    "checkpoints; wait until it has finished or stop it, or choose another place "
                    "with --out"
                )
            yield

    def write(self, name: str, save: Callable[[Path], object]) -> Path:
        """Let `save` write a file under a temporary name, then put it in place.

        Raises:
            SpikedistillError: if the disk refuses; what stood there before is untouched.
        """
        target = self / name
        try:
            return put(target, save)
        except (OSError, RuntimeError) as error:
            # torch and safetensors report a full disk as a RuntimeError of their own
            raise SpikedistillError(
                f"could not write {target}: {error}; free some space or make the folder writable, "
                "then resume: what was saved before is intact"
            ) from error

    def write_text(self, name: str, text: str) -> Path:
        """Write a text file."""
        return self.write(name, lambda path: path.write_text(text, encoding="utf-8"))

    def write_json(self, name: str, value: object) -> Path:
        """Write a value as JSON."""
        return self.write_text(name, json.dumps(value, indent=2) + "\n")

    def write_yaml(self, name: str, value: Mapping[str, Any]) -> Path:
        """Write a mapping as YAML, keys in their own order."""
        return self.write_text(name, _as_yaml(value))

    def write_metrics(self, rows: Sequence[Mapping[str, Any]]) -> Path:
        """Write the history, one JSON object a line and epoch."""
        return self.write_text("metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def save_model(self, network: nn.Module, name: str = "model") -> Path:
        """Write the state of a network as `NAME.safetensors`."""
        state = {key: value.detach().cpu().contiguous() for key, value in
                 network.state_dict().items()}  # fmt: skip
        shared: dict[int, str] = {}
        for key, value in state.items():  # safetensors refuses two names for one memory
            if shared.setdefault(value.data_ptr(), key) != key:
                state[key] = value.clone()
        return self.write(f"{name}.safetensors", lambda path: save_file(state, path))

    def metrics(self) -> list[dict[str, Any]]:
        """The history so far; empty where nothing was logged.

        Raises:
            SpikedistillError: if it is damaged.
        """
        path = self / "metrics.jsonl"
        if not path.exists():
            return []
        with _readable(path):
            return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def result(self) -> dict[str, Any] | None:
        """The result, None while the run is not finished."""
        return self._json("result.json") if (self / "result.json").exists() else None

    def teachers(self) -> list[dict[str, Any]]:
        """The rows of the networks that came trained; empty where none did."""
        path = self / "teachers.json"
        return self._json("teachers.json") if path.exists() else []

    def card(self) -> dict[str, Any]:
        """How its network is built; empty where nothing says it."""
        return self._json("model.json") if (self / "model.json").exists() else {}

    def manifest(self) -> dict[str, Any]:
        """What the run was made with."""
        return self._json("manifest.json")

    def config(self) -> dict[str, Any]:
        """The resolved recipe.

        Raises:
            SpikedistillError: if this is not a run folder, or it is damaged.
        """
        path = self / RECIPE
        if is_cut_short(self.path):
            raise SpikedistillError(
                f"the run in {self.path} was set aside for another one (--replace), which was "
                f"stopped before it was there; `spikedistill resume {self.path}` puts it back"
            )
        if not path.exists():
            raise SpikedistillError(
                f"{self.path} is not a run folder: it has no config.yaml; a run is made by "
                "`spikedistill run RECIPE`"
            )
        with _readable(path):
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
            if not isinstance(found, dict):
                raise ValueError("it holds no recipe")
            return found

    def _json(self, name: str) -> Any:
        path = self / name
        with _readable(path):
            return json.loads(path.read_text(encoding="utf-8"))


def _as_yaml(value: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(value), sort_keys=False)


@contextmanager
def _readable(path: Path) -> Generator[None]:
    """Turn what is wrong with a file of a run into a sentence."""
    try:
        yield
    except (OSError, ValueError, yaml.YAMLError) as error:
        what = " ".join(str(error).split())
        raise SpikedistillError(
            f"{path} cannot be read: {what}; put it back from a copy, or delete the folder and "
            "train again"
        ) from error
