from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

import spikedistill
from spikedistill.core.errors import SpikedistillError
from spikedistill.neurons.lif import LIF
from spikedistill.runs.api import distill

BRIEF: dict[str, Any] = {"epochs": 1, "batch_size": 16, "quiet": True, "precision": "fp32"}


class Stripes(Dataset[tuple[Tensor, int]]):
    """Bright rows above or below: two classes that a linear layer tells apart."""

    def __len__(self) -> int:
        return 80

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = torch.zeros(1, 8, 8)
        label = index % 2
        image[:, 4 * label : 4 * label + 4] = 0.5 + index / 160
        return image, label


def small_ann() -> nn.Sequential:
    """A network that declares nothing."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 8, 3, stride=2, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(128, 2),
    )


def test_from_two_modules_and_a_dataset_to_a_module(tmp_path: Path) -> None:
    teacher = small_ann()
    student = spikedistill.spiking_twin(teacher, LIF())
    before = {name: value.clone() for name, value in student.state_dict().items()}
    result = distill(teacher, student, Stripes(), timesteps=3, out=tmp_path / "run", **BRIEF)
    images = torch.rand(5, 1, 8, 8)
    assert result.network(images).shape == (5, 2)
    assert result.network.timesteps == 3
    assert len(result.rows[-1].scores["accuracy"]) == 3
    assert result.accuracy == result.score == result.rows[-1].scores["accuracy"][-1]
    assert result.rows[-1].losses == ["cross_entropy", "logit_kd", "sastc"]
    # what the user handed over stays as it was
    assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())
    assert not hasattr(teacher, "taps") and all(p.requires_grad for p in teacher.parameters())
    with pytest.raises(SpikedistillError, match=r"hand it over: network=\.\.\."):
        spikedistill.load(result.run)
    again = spikedistill.load(result.run, network=spikedistill.spiking_twin(small_ann(), LIF()))
    assert torch.equal(again(images), result.network(images))


def test_a_student_in_words_is_loaded_without_help(tmp_path: Path) -> None:
    student = {"model": "digits", "activation": "lif", "width": 0.5}
    losses = {"cross_entropy": {}, "sastc": {"weight": 10.0}}
    result = distill(small_ann(), student, Stripes(), out=tmp_path / "run", losses=losses, **BRIEF)
    images = torch.rand(5, 1, 8, 8)
    assert torch.equal(spikedistill.load(result.run)(images), result.network(images))
    file = result.run / "cells/student/model.safetensors"
    assert torch.equal(spikedistill.load(file)(images), result.network(images))


def test_a_twin_in_words_needs_the_network_whose_twin_it_is(tmp_path: Path) -> None:
    student = {"twin_of": "teacher", "neuron": "lif"}
    losses = {"cross_entropy": {}, "fitnet": {}}
    result = distill(small_ann(), student, Stripes(), out=tmp_path / "run", losses=losses, **BRIEF)
    images = torch.rand(5, 1, 8, 8)
    again = spikedistill.load(result.run, network=small_ann())
    assert torch.equal(again(images), result.network(images))


def test_named_taps_are_what_the_losses_see(tmp_path: Path) -> None:
    teacher = small_ann()
    student = spikedistill.spiking_twin(teacher, LIF())
    taps = {"stage1": "4"}
    losses = {"cross_entropy": {}, "sastc": {"learner_taps": ["stage2"]}}
    with pytest.raises(SpikedistillError, match=r"no tap of the student matches 'stage2'"):
        distill(teacher, student, Stripes(), out=tmp_path / "run", losses=losses,
                student_taps=taps, **BRIEF)  # fmt: skip
    assert not (tmp_path / "run").exists()


def test_a_report_looks_at_the_taps_of_the_run(tmp_path: Path) -> None:
    teacher, student = small_ann(), spikedistill.spiking_twin(small_ann(), LIF())
    taps, losses = (
        {"stage7": "4"},
        {"cross_entropy": {}, "sastc": {"learner_taps": ["stage7"], "guide_taps": ["stage7"]}},
    )
    result = distill(teacher, student, Stripes(), out=tmp_path / "run", losses=losses,
                     student_taps=taps, teacher_taps=taps, **BRIEF)  # fmt: skip
    both = {"teacher": teacher, "student": student}
    written = spikedistill.report(result.run, network=both, data=Stripes())
    assert written.missing == () and "stage7" in written.path.read_text("utf-8")


def test_a_finished_training_is_not_taken_for_that_of_another_student(tmp_path: Path) -> None:
    words: dict[str, Any] = {"out": tmp_path / "run", "losses": {"cross_entropy": {}}, **BRIEF}
    distill(small_ann(), spikedistill.spiking_twin(small_ann(), LIF()), Stripes(), **words)
    (tmp_path / "run/result.json").unlink()
    other = spikedistill.spiking_twin(small_ann(), LIF(tau=5.0))
    with pytest.raises(SpikedistillError, match=r"'1' is LIF\(tau=5.0.* and was LIF\(tau=2.0"):
        distill(small_ann(), other, Stripes(), **words)


def test_a_run_of_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    student = spikedistill.spiking_twin(small_ann(), LIF())
    words: dict[str, Any] = {"out": tmp_path / "run", "losses": {"cross_entropy": {}}, **BRIEF}
    distill(small_ann(), student, Stripes(), **words)
    with pytest.raises(SpikedistillError, match=r"already holds a run"):
        distill(small_ann(), student, Stripes(), **words | {"epochs": 2})
    assert distill(small_ann(), student, Stripes(), **words, exist="replace").rows


def test_wrong_words_are_refused_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(SpikedistillError) as caught:
        words: dict[str, Any] = {"losses": {"sastk": {}}, "lrr": 1, "timesteps": 0}
        distill(small_ann(), {"model": "digts"}, Stripes(), out=tmp_path / "run", **words)
    for part in (
        "did you mean 'digits'",
        "did you mean 'sastc'",
        "\n  lrr: unknown option",
        "at least 1",
    ):
        assert part in str(caught.value)


PLAIN: dict[str, Any] = {"losses": {"cross_entropy": {}, "logit_kd": {}}, **BRIEF}


def test_losses_by_default_are_those_that_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors = TensorDataset(torch.rand(60, 7), torch.arange(60) % 3)
    ann = nn.Sequential(nn.Linear(7, 9), nn.ReLU(), nn.Linear(9, 3))
    twin = spikedistill.spiking_twin(ann, LIF())
    result = distill(ann, twin, vectors, out=tmp_path / "vectors", **BRIEF | {"quiet": False})
    assert result.rows[-1].losses == ["cross_entropy", "logit_kd"]
    assert "student makes no maps of features" in " ".join(capsys.readouterr().err.split())
    signals = TensorDataset(torch.rand(60, 2, 30), torch.arange(60) % 3)
    ann = nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(112, 3))
    twin = spikedistill.spiking_twin(ann, LIF())
    result = distill(ann, twin, signals, out=tmp_path / "signals", **BRIEF)
    assert result.rows[-1].losses == ["cross_entropy", "logit_kd"]
    with pytest.raises(SpikedistillError, match="losses that fit these networks: cross_entropy, "):
        distill(ann, twin, signals, out=tmp_path / "no", losses={"sastc": {}}, **BRIEF)


def test_a_student_that_does_not_spike_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpikedistillError, match=r"the student \(Sequential\) has no neurons"):
        distill(small_ann(), small_ann(), Stripes(), out=tmp_path / "run", **PLAIN)
    assert not (tmp_path / "run").exists()


def test_what_is_frozen_stays_as_it_is(tmp_path: Path) -> None:
    teacher = small_ann()
    student = spikedistill.spiking_twin(teacher, LIF())
    student[2].weight.requires_grad_(False)
    result = distill(teacher, student, Stripes(), out=tmp_path / "run", **PLAIN)
    left = dict(result.network.network.named_parameters())
    assert torch.equal(left["2.weight"], student[2].weight)
    assert not torch.equal(left["0.weight"], student[0].weight)


def test_the_twin_of_a_frozen_teacher_learns() -> None:
    teacher = small_ann().requires_grad_(False)
    twin = spikedistill.spiking_twin(teacher, LIF())
    assert all(one.requires_grad for one in twin.parameters())
    assert not any(one.requires_grad for one in teacher.parameters())


def test_the_networks_count_the_classes_that_no_sample_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ann = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10))
    twin = spikedistill.spiking_twin(ann, LIF())
    images = torch.rand(60, 3, 8, 8)
    made = TensorDataset(images, torch.arange(60) % 9)
    distill(ann, twin, made, out=tmp_path / "a", **PLAIN | {"quiet": False})
    said = " ".join(capsys.readouterr().err.split())
    assert "run to 8, and the networks tell 10 classes apart; so many are taken" in said
    ones = TensorDataset(images, torch.arange(60) % 10 + 1)
    with pytest.raises(SpikedistillError, match=r"run from 1 to 10, and the networks.*subtr"):
        distill(ann, twin, ones, out=tmp_path / "b", **PLAIN)


def test_networks_in_any_form_are_taken_and_it_is_said_how(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.act = nn.Conv2d(1, 4, 3), nn.ReLU()
            self.head = nn.Linear(4 * 36, 2)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            maps = self.act(self.conv(x))
            return {"logits": self.head(maps.view(x.size(0), -1)), "maps": maps}

    teacher = Views().half()
    student = spikedistill.spiking_twin(Views(), LIF())
    result = distill(teacher, student, Stripes(), out=tmp_path / "run", **BRIEF | {"quiet": False})
    said = " ".join(capsys.readouterr().err.split())
    assert "teacher comes in float16; it is run in float32" in said
    assert "teacher: its logits are the output 'logits' (beside maps), [N, 2]" in said
    assert "teacher_taps=" in said and "networks." not in said
    assert next(teacher.parameters()).dtype == torch.float16
    assert result.network(torch.rand(3, 1, 8, 8)).shape == (3, 2)
    again = spikedistill.load(result.run, network=spikedistill.spiking_twin(Views(), LIF()))
    images = torch.rand(5, 1, 8, 8)
    assert torch.equal(again(images), result.network(images))


def test_a_sample_that_breaks_the_training_is_named(tmp_path: Path) -> None:
    class Later(Stripes):
        """A sample that is no number from the second time on that it is asked for."""

        seen = 0

        def __getitem__(self, index: int) -> tuple[Tensor, int]:
            image, label = super().__getitem__(index)
            self.seen += index == 5
            return (image * torch.nan if index == 5 and self.seen > 1 else image), label

    student = spikedistill.spiking_twin(small_ann(), LIF())
    with pytest.raises(SpikedistillError, match="The inputs of sample 5 of Later hold values that"):
        distill(small_ann(), student, Later(), out=tmp_path / "run", seed=1, **PLAIN)


def test_a_quiet_run_still_warns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    teacher = nn.Sequential(small_ann(), nn.Softmax(1))
    student = spikedistill.spiking_twin(small_ann(), LIF())
    result = distill(teacher, student, Stripes(), out=tmp_path / "run", **PLAIN)
    assert "the outputs of teacher are probabilities" in caplog.text
    assert "declares no stages" not in caplog.text
    assert repr(result) == (
        f"Result(accuracy {result.score:.2f} % after T = 2 steps, run={str(tmp_path / 'run')!r})"
    )


def test_rare_classes_count_for_more(tmp_path: Path) -> None:
    student = {"model": "digits", "activation": "lif", "width": 0.25}
    words: dict[str, Any] = {"losses": {"cross_entropy": {"class_weights": "balanced"}}, **BRIEF}
    with pytest.raises(SpikedistillError, match=r"loss 'cross_entropy': class_weights='balanced'"):
        distill(small_ann(), student, Stripes(), out=tmp_path / "unknown", **words)
    data = Stripes()
    data.targets = [index % 2 for index in range(80)]  # type: ignore[attr-defined]
    assert distill(small_ann(), student, data, out=tmp_path / "known", **words).rows
    words["losses"] = {"cross_entropy": {"class_weights": [1, 2.5]}}
    assert distill(small_ann(), student, data, out=tmp_path / "list", **words).rows
    words["losses"] = {"cross_entropy": {"class_weights": "balancd"}}
    with pytest.raises(SpikedistillError, match=r"'balancd' does not fit; it takes 'balanced' or"):
        distill(small_ann(), student, data, out=tmp_path / "wrong", **words)


def test_a_negative_weight_is_refused_before_a_folder_is_made(tmp_path: Path) -> None:
    student = spikedistill.spiking_twin(small_ann(), LIF())
    losses = {"cross_entropy": {"weight": -1.0}}
    with pytest.raises(SpikedistillError, match=r"the term 'cross_entropy': a weight is 0 or more"):
        distill(small_ann(), student, Stripes(), out=tmp_path / "run", losses=losses, **BRIEF)
    assert not (tmp_path / "run").exists()


def test_every_epoch_is_told_once_it_is_kept(tmp_path: Path) -> None:
    student = {"model": "digits", "activation": "lif", "width": 0.25}
    words: dict[str, Any] = {**BRIEF, "losses": {"cross_entropy": {}}, "epochs": 3}
    told, teacher = list[dict[str, Any]](), small_ann()

    def until_two(row: dict[str, Any]) -> None:
        told.append(row)
        row["losses"].clear()  # a copy: what is kept stays
        if row["epoch"] == 2 and len(told) == 2:
            raise RuntimeError("seen enough")

    call = {"out": tmp_path / "run", "on_epoch": until_two, **words}
    with pytest.raises(RuntimeError, match="seen enough"):
        distill(teacher, student, Stripes(), **call)
    result = distill(teacher, student, Stripes(), **call)
    assert [row["epoch"] for row in told] == [1, 2, 3]
    kept = (tmp_path / "run/cells/student/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["losses"].keys() for line in kept] == [{"cross_entropy"}] * 3
    whole = distill(teacher, student, Stripes(), out=tmp_path / "whole", **words)
    assert whole.rows[-1].scores == result.rows[-1].scores


@pytest.mark.parametrize(
    "data", [{"train": Stripes(), "test": Stripes(), "classes": 2}, (Stripes(), Stripes())]
)
def test_data_in_several_parts(tmp_path: Path, data: Any) -> None:
    student = {"model": "digits", "activation": "lif", "width": 0.25}
    words: dict[str, Any] = {"losses": "cross_entropy", "out": tmp_path / "run", **BRIEF}
    result = distill(small_ann(), student, data, **words)
    assert result.rows[-1].losses == ["cross_entropy"]
    found = spikedistill.evaluate(result, data=data, batch_size=16)  # a result stands for its run
    assert found["samples"] == 80 and found["notes"] == []
    assert torch.equal(spikedistill.load(result)(torch.ones(1, 1, 8, 8)),
                       result.network(torch.ones(1, 1, 8, 8)))  # fmt: skip


def test_the_gradient_is_clipped_where_the_losses_are_the_default(tmp_path: Path) -> None:
    student = spikedistill.spiking_twin(small_ann(), LIF())
    own, losses = {"clip": 2.0}, {"cross_entropy": {}, "sastc": {"weight": 100.0}}
    for given, clip in (({}, 5.0), (own, 2.0), ({"losses": losses}, None)):
        distill(small_ann(), student, Stripes(), out=tmp_path / "run", exist="replace",
                **BRIEF, **given)  # fmt: skip
        phase = yaml.safe_load((tmp_path / "run/config.yaml").read_text())["phases"][0]
        assert phase["training"]["clip"] == clip


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"teacher": None}, r"the teacher is a torch\.nn\.Module, .*, and nothing was given; to"),
        ({"student": small_ann().state_dict()}, "a state dict was given; load the state dict"),
        ({"losses": {"sastc": 100}}, r'losses\.sastc: .* for a weight say \{"weight": 100\}'),
        ({"losses": 3}, "losses: should be a list, not 3"),
        ({"student_taps": {"stage1": 3}}, "the module 3, and Sequential has no module of that"),
        ({"warmup": 2}, "  warmup is 0 or more and at most all 1 epochs, not 2"),
        ({"train": {"trian": Stripes()}}, r"is a mapping with \['trian'\]; expected are train"),
        ({"train": [Stripes()], "test": Stripes()}, "brings its own splits, and valid= or test="),
        ({"train": (Stripes(), [1])}, "has list as test; expected is a torch Dataset"),
    ],
)
def test_usual_slips_get_a_sentence(tmp_path: Path, given: dict[str, Any], sentence: str) -> None:
    ann = small_ann()
    student = spikedistill.spiking_twin(ann, LIF())
    words: dict[str, Any] = {"teacher": ann, "student": student, "train": Stripes(), **given}
    with pytest.raises(SpikedistillError, match=sentence):
        distill(out=tmp_path / "run", **BRIEF, **words)
    assert not (tmp_path / "run").exists()


@pytest.mark.wrong_types
def test_what_is_no_run_is_not_loaded() -> None:
    with pytest.raises(SpikedistillError, match=r"or what .* returned, and int was given"):
        spikedistill.load(3)  # type: ignore[arg-type]


class TwoOutputs(nn.Module):
    """An embedding, and then the scores of the two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = small_ann()[:-1], nn.Linear(128, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.body(x)
        return hidden, self.head(hidden)


@pytest.mark.filterwarnings("ignore")
def test_a_script_teaches_a_student_whose_scores_are_its_second_output(tmp_path: Path) -> None:
    torch.manual_seed(0)
    teacher = torch.jit.script(small_ann())
    student = spikedistill.spiking_twin(TwoOutputs(), LIF())
    result = distill(teacher, student, Stripes(), out=tmp_path / "run", **BRIEF)
    images = torch.rand(5, 1, 8, 8)
    again = spikedistill.load(result.run, network=student)
    assert again(images).shape == (5, 2)  # also where only zeros were at hand to find that out
    assert torch.equal(again(images), result.network(images))
    assert torch.allclose(spikedistill.deploy(again)(images), again(images), atol=1e-5)


def test_an_output_of_several_never_says_how_many_classes_there_are(tmp_path: Path) -> None:
    samples = TensorDataset(torch.rand(40, 1, 8, 8), torch.arange(40) % 3)
    student = spikedistill.spiking_twin(TwoOutputs(), LIF())
    with pytest.raises(
        SpikedistillError, match=r"first \[N, 128\], number 2 \[N, 2\]\).* \[N, 3\] of"
    ):
        distill(small_ann(), student, samples, out=tmp_path / "run", **BRIEF)


def test_truth_as_labels_and_a_last_batch_of_one_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors = TensorDataset(torch.rand(33, 7), torch.arange(33) % 2 == 1)
    ann = nn.Sequential(nn.Linear(7, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, 2))
    options = PLAIN | {"batch_size": 8, "valid": vectors, "test": vectors, "quiet": False}
    result = distill(ann, spikedistill.spiking_twin(ann, LIF()), vectors, out=tmp_path, **options)
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("of the 33 training samples of TensorDataset one would be left") == 1
    assert 0 <= result.accuracy <= 100
