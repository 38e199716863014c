"""The loop: what it learns, what it keeps, and that it goes on bit for bit."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.objective import Objective, Role, Term
from spikedistill.data import Augment, Loader, Split, data_set, direct, encoder
from spikedistill.functional import recall
from spikedistill.functional.compiled import compiling
from spikedistill.methods.cross_entropy import CrossEntropy
from spikedistill.methods.logit_kd import LogitKD
from spikedistill.neurons.lif import LIF
from spikedistill.training import trainer, whole_model
from spikedistill.training.distiller import Distiller, describe
from spikedistill.training.interrupt import Interrupted
from spikedistill.training.meter import Meter
from spikedistill.training.progress import Silent
from spikedistill.training.run_folder import RunFolder
from spikedistill.training.settings import Settings
from spikedistill.training.trainer import NonFiniteLoss, fit

SCRIPT = Path(__file__).with_name("two_processes.py")
FAST = {"epochs": 3, "batch_size": 8, "lr": 0.05, "precision": "fp32", "compile": "off"}


def splits(samples: int = 40) -> tuple[Split, Split]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (samples, 1, 6, 6), dtype=torch.uint8, generator=generator)
    labels = (images.float().mean((1, 2, 3)) > 127).long()
    return Split(images, labels), Split(images[:16], labels[:16])


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), LIF(v_threshold=0.5), nn.Dropout(0.2),
        nn.Flatten(), nn.Linear(4 * 36, 2),
    )  # fmt: skip


def parts(**options):
    train, valid = splits()
    settings = Settings(**{**FAST, **options})
    augment = Augment(crop=1, flip=True)
    loader = Loader(train, settings.batch_size, augment=augment, shuffle=True, drop_last=True)
    role = Role(network(), 2, trainable=True)
    spec = describe("student", role, torch.rand(settings.batch_size, 1, 6, 6))
    terms = [Term("ce", CrossEntropy(spec), guide=None)]
    distiller = Distiller({"student": role}, Objective(terms))
    return distiller, loader, Loader(valid, 8), settings


def same(one: nn.Module, two: nn.Module) -> bool:
    other = two.state_dict()
    return all(torch.equal(value, other[name]) for name, value in one.state_dict().items())


def untimed(rows):
    return [{k: v for k, v in row.items() if k not in ("seconds", "samples_per_second")}
            for row in rows]  # fmt: skip


class StopAfter(Silent):
    """Presses Ctrl-C after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, epoch, parts, samples) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_run_leaves_its_files_and_a_trained_network(tmp_path):
    fitted = fit(*parts(), RunFolder(tmp_path), seed=3)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[-1]["losses"]["ce"] < rows[0]["losses"]["ce"]
    assert len(rows[-1]["valid"]["scores"]["accuracy"]) == 2
    assert 0 < rows[-1]["valid"]["firing_rate"] < 1
    assert fitted.best["score"] == max(row["valid"]["scores"]["accuracy"][-1] for row in rows)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"model.safetensors", "model-best.safetensors", "checkpoint.pt"} <= names


@pytest.mark.parametrize("options", [{}, {"ema": 0.9, "optimizer": "adamw", "lr": 1e-3, "clip": 1}])
def test_a_training_stopped_within_an_epoch_goes_on_bit_for_bit(tmp_path, options):
    whole = fit(*parts(**options), RunFolder(tmp_path / "whole"), seed=3)
    folder = RunFolder(tmp_path / "stopped")
    for steps in (3, 4):  # within the first epoch, then within the second
        with pytest.raises(Interrupted, match="the state is kept in"):
            fit(*parts(**options), folder, seed=3, progress=StopAfter(steps))
    resumed = fit(*parts(**options), folder, seed=3)
    assert same(resumed.network, whole.network)
    assert untimed(resumed.history) == untimed(whole.history)


def test_two_runs_of_one_seed_are_equal_and_other_seeds_differ(tmp_path):
    runs = [fit(*parts(), RunFolder(tmp_path / str(n)), seed=s) for n, s in enumerate((3, 3, 4))]
    assert same(runs[0].network, runs[1].network)
    assert not same(runs[0].network, runs[2].network)


def test_a_finished_training_is_not_run_again(tmp_path):
    first = fit(*parts(), RunFolder(tmp_path), seed=3)
    again = fit(*parts(), RunFolder(tmp_path), seed=3, progress=StopAfter(1))
    assert same(first.network, again.network)


def test_the_average_is_what_is_kept(tmp_path):
    plain = fit(*parts(), RunFolder(tmp_path / "plain"), seed=3)
    averaged = fit(*parts(ema=0.5), RunFolder(tmp_path / "ema"), seed=3)
    assert not same(plain.network, averaged.network)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_state(tmp_path):
    folder = RunFolder(tmp_path)
    with pytest.raises(Interrupted):
        fit(*parts(), folder, seed=3, progress=StopAfter(2))
    before = (tmp_path / "checkpoint.pt").read_bytes()
    distiller, loader, valid, settings = parts()
    loader.augment = lambda images, targets, _generator: (images * float("nan"), targets)
    with pytest.raises(NonFiniteLoss, match=r"the term 'ce' became nan in epoch 1, step 3"):
        fit(distiller, loader, valid, settings, folder, seed=3)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def reading_late(monkeypatch):
    """The meter as on a GPU, with no reading before something is kept."""
    monkeypatch.setattr(trainer, "Meter", lambda device: Meter(device, every=1e9))


def test_a_meter_that_is_read_late_changes_nothing(tmp_path, monkeypatch):
    at_once = fit(*parts(), RunFolder(tmp_path / "once"), seed=3)
    reading_late(monkeypatch)
    late = fit(*parts(), RunFolder(tmp_path / "late"), seed=3)
    assert same(at_once.network, late.network)
    assert untimed(at_once.history) == untimed(late.history)


def test_a_fault_that_is_read_late_still_stops_the_run_before_anything_is_kept(
    tmp_path, monkeypatch
):
    folder = RunFolder(tmp_path)
    with pytest.raises(Interrupted):
        fit(*parts(), folder, seed=3, progress=StopAfter(2))
    before = (tmp_path / "checkpoint.pt").read_bytes()
    reading_late(monkeypatch)
    distiller, loader, valid, settings = parts()
    loader.augment = lambda images, targets, _generator: (images * float("nan"), targets)
    with pytest.raises(NonFiniteLoss, match=r"the term 'ce' became nan in epoch 1, step 3"):
        fit(distiller, loader, valid, settings, folder, seed=3)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert not (tmp_path / "metrics.jsonl").exists()


def test_weights_that_a_last_step_broke_do_not_replace_the_last_good_state(tmp_path):
    folder = RunFolder(tmp_path)
    with pytest.raises(Interrupted):
        fit(*parts(), folder, seed=3, progress=StopAfter(4))
    before = (tmp_path / "checkpoint.pt").read_bytes()
    distiller, loader, valid, settings = parts()
    weight = distiller.roles["student"].network[5].weight
    weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(NonFiniteLoss, match="are no longer finite"):
        fit(distiller, loader, valid, settings, folder, seed=3)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_other_settings_cannot_slip_into_a_resumed_run(tmp_path):
    folder = RunFolder(tmp_path)
    with pytest.raises(Interrupted):
        fit(*parts(), folder, seed=3, progress=StopAfter(2))
    with pytest.raises(SpikedistillError, match="made with other training settings"):
        fit(*parts(lr=0.5), folder, seed=3)


def test_a_checkpoint_from_before_a_setting_existed_is_resumed(tmp_path):
    folder = RunFolder(tmp_path)
    with pytest.raises(Interrupted):
        fit(*parts(), folder, seed=3, progress=StopAfter(2))
    content = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    older = json.loads(content["settings"])
    del older["checkpoint"]
    torch.save(content | {"settings": json.dumps(older)}, tmp_path / "checkpoint.pt")
    with pytest.raises(SpikedistillError, match="made with other training settings"):
        fit(*parts(lr=0.5), folder, seed=3)
    assert len(fit(*parts(), folder, seed=3).history) == 3


@pytest.mark.compiled
def test_spikes_fired_again_train_the_same_network(tmp_path, monkeypatch):
    fired = []
    again = recall.Again.tensor
    monkeypatch.setattr(recall.Again, "tensor", lambda kept: fired.append(1) or again(kept))
    fitted = []
    for choice in ("off", "spikes"):
        distiller, *rest = parts(checkpoint=choice, compile="neurons")
        torch.manual_seed(2)
        distiller.roles["student"].network[3] = nn.Conv2d(4, 4, 1)  # keeps its input, the spikes
        with compiling(True):
            fitted.append(fit(distiller, *rest, RunFolder(tmp_path / choice), seed=3))
    assert len(fired) >= 15  # five steps, three epochs
    assert same(fitted[0].network, fitted[1].network)
    assert untimed(fitted[0].history) == untimed(fitted[1].history)


def test_stages_computed_again_train_the_same_network(tmp_path):
    fitted = []
    for choice in ("off", "stage"):
        distiller, *rest = parts(checkpoint=choice)
        inner = distiller.roles["student"].network
        stage = nn.Sequential(*list(inner)[:4])
        staged = nn.Sequential(stage, *list(inner)[4:])
        staged.taps = {"stage1": "0"}
        role = Role(staged, 2, trainable=True)
        spec = describe("student", role, torch.rand(8, 1, 6, 6))
        distiller = Distiller({"student": role}, Objective([Term("ce", CrossEntropy(spec))]))
        fitted.append(fit(distiller, *rest, RunFolder(tmp_path / choice), seed=3))
    assert same(fitted[0].network, fitted[1].network)
    assert untimed(fitted[0].history) == untimed(fitted[1].history)


def test_stages_that_cannot_be_computed_again_are_refused_before_training(tmp_path):
    with pytest.raises(
        SpikedistillError, match="needs stages that are modules of their own, and the stud"
    ):
        fit(*parts(checkpoint="stage"), RunFolder(tmp_path))
    assert not (tmp_path / "metrics.jsonl").exists()


def taught(record: bool, augment=None, encode=direct):
    """A student of a teacher that runs three steps."""
    train, valid = splits()
    torch.manual_seed(2)
    teacher = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), LIF(v_threshold=0.2), nn.Linear(8, 2))
    roles = {
        "student": Role(network(), 2, trainable=True),
        "teacher": Role(teacher, 3, record=record),
    }
    specs = {name: describe(name, role, train.images[:8] / 255) for name, role in roles.items()}
    objective = Objective([Term("kd", LogitKD(specs["student"], specs["teacher"]))])
    loader = Loader(train, 8, shuffle=True, augment=augment)
    distiller = Distiller(roles, objective, encode)
    return distiller, loader, Loader(valid, 8), Settings(**FAST)


def test_a_recorded_teacher_runs_in_the_first_epoch_only_and_teaches_the_same(tmp_path):
    plain = fit(*taught(False), RunFolder(tmp_path / "plain"), seed=3)
    distiller, *rest = taught(True)
    runs: list[int] = []
    distiller.roles["teacher"].network.register_forward_hook(lambda *_: runs.append(1))
    recorded = fit(distiller, *rest, RunFolder(tmp_path / "recorded"), seed=3)
    assert len(runs) == 5  # batches of one epoch, of three
    other = recorded.network.state_dict()
    for name, value in plain.network.state_dict().items():
        assert torch.allclose(value, other[name], atol=1e-6), name


@pytest.mark.parametrize(
    ("options", "message"),
    [({"augment": Augment(flip=True)}, "augmentation changes the samples each time"),
     ({"encode": encoder("rate")}, "the encoder draws its input anew")],
)  # fmt: skip
def test_what_changes_between_visits_cannot_be_recorded(tmp_path, options, message):
    with pytest.raises(SpikedistillError, match=message):
        fit(*taught(True, **options), RunFolder(tmp_path))


@pytest.mark.compiled
def test_a_whole_network_under_the_compiler_learns(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(whole_model, "backend", "aot_eager")
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    fitted = fit(*parts(compile="model"), RunFolder(tmp_path), seed=3)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == before + 1
    assert fitted.history[-1]["losses"]["ce"] < fitted.history[0]["losses"]["ce"]
    assert not [record for record in caplog.records if record.name == "spikedistill"]


def test_a_loader_of_another_number_of_processes_is_refused(tmp_path):
    distiller, _, valid, settings = parts()
    loader = Loader(splits()[0], 8, shuffle=True, rank=0, world=2)
    with pytest.raises(SpikedistillError, match="for 2 processes and this run has 1"):
        fit(distiller, loader, valid, settings, RunFolder(tmp_path))


def test_the_digits_are_learned(tmp_path):
    data = data_set("digits", None, seed=0)
    torch.manual_seed(0)
    student = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), LIF(v_threshold=0.5), nn.Linear(64, 10)
    )
    role = Role(student, 2, trainable=True)
    spec = describe("student", role, torch.rand(64, 1, 8, 8))
    distiller = Distiller(
        {"student": role}, Objective([Term("ce", CrossEntropy(spec), guide=None)])
    )
    loaders = Loader(data.train, 64, shuffle=True), Loader(data.valid, 256)
    settings = Settings(**{**FAST, "epochs": 8, "batch_size": 64, "lr": 0.1})
    fitted = fit(distiller, *loaders, settings, RunFolder(tmp_path), seed=0)
    assert fitted.history[-1]["valid"]["scores"]["accuracy"][-1] > 85


def launch(folder: Path, processes: int, batch_size: int) -> None:
    folder.mkdir()
    run = [
        sys.executable, "-m", "torch.distributed.run", "--standalone",
        "--nproc-per-node", str(processes), str(SCRIPT), str(folder), str(batch_size),
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_two_processes_stay_equal_and_equal_one_with_the_whole_batch(tmp_path):
    launch(tmp_path / "two", processes=2, batch_size=4)
    launch(tmp_path / "one", processes=1, batch_size=8)
    first, second = (torch.load(tmp_path / "two" / f"rank{rank}.pt") for rank in (0, 1))
    whole = torch.load(tmp_path / "one" / "rank0.pt")
    assert any(key.startswith("objective.losses.mapped") for key in first)
    for key, value in first.items():
        assert torch.equal(value, second[key]), key
        assert torch.allclose(value, whole[key], atol=1e-5), key
