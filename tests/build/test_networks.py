from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from spikedistill.build.facts import Facts
from spikedistill.build.losses import build_objective
from spikedistill.build.networks import Workshop, find_weights
from spikedistill.build.saved import rebuild
from spikedistill.core.clock import spiking
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.spec import Spec
from spikedistill.recipes import files
from spikedistill.recipes.cited import references
from spikedistill.recipes.loss_entry import read_loss
from spikedistill.recipes.network_entry import read_network
from spikedistill.runs.start import start
from spikedistill.training.progress import Silent
from spikedistill.training.run_folder import RunFolder

FACTS = Facts(torch.zeros(2, 1, 8, 8), classes=10, mean=(0.3,), std=(0.4,))

NETWORK = """
import torch
from torch import nn

class Foreign(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.relu = nn.ReLU()
        self.head = nn.Linear(8, classes)

    def forward(self, x):
        x = self.relu(self.second(self.relu(self.first(x))))
        return self.head(x.mean((2, 3)))

def net(classes=10):
    torch.manual_seed(5)
    return Foreign(classes)
"""

DATA = """
from spikedistill.data import data_set

class Digits:
    pass

def images(limit):
    found = data_set("digits", train_limit=limit)
    return {"train": found.train, "test": found.test}
"""

RECIPE = """
name: mine
data: {call: "mydata:images", limit: 64}
networks:
  teacher: {call: "mynet:net", weights: net.safetensors, mean: [0.3], std: [0.4],
            taps: {stage1: second}}
  student: {twin_of: teacher, neuron: {lif: {tau: 2.0}}}
training: {epochs: 1, batch_size: 16, lr: 0.05, precision: fp32}
phases:
  - roles:
      student: {network: student, timesteps: 2, trainable: true}
      teacher: {network: teacher}
    losses: [cross_entropy, logit_kd, sastc: {weight: 100.0}]
"""


def workshop(**networks: Any) -> Workshop:
    return Workshop({name: read_network(entry) for name, entry in networks.items()}, FACTS)


def state(network: nn.Module) -> torch.Tensor:
    return torch.cat([value.flatten() for value in network.state_dict().values()])


def test_initial_weights_are_a_function_of_seed_and_name() -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = state(workshop(a="digits", b="digits").network("a"))
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    both = workshop(a="digits", b="digits")
    other = both.network("b")
    assert torch.equal(state(both.network("a")), first)
    assert not torch.equal(state(other), first)


def test_blueprints_take_classes_channels_and_normalisation_from_the_data() -> None:
    network: Any = workshop(a={"model": "digits", "std": [0.5]}).network("a")
    assert network.network.linear.out_features == 10
    assert network.mean.tolist() == [pytest.approx(0.3)]
    assert network.std.item() == 0.5
    assert network.network.layer1[0].in_channels == 1
    wider: Any = workshop(a={"model": "digits", "classes": 3, "norm": "tdbn"}).network("a")
    assert wider.network.linear.out_features == 3
    assert type(wider.network.layer1[1]).__name__ == "TDBN"


def test_thresholds_of_a_twin_are_set_from_the_data() -> None:
    entries = {"t": read_network("digits")}
    entries["s"] = read_network({"twin_of": "t", "thresholds": "data", "percentile": 100})
    images = torch.rand(4, 1, 8, 8)
    made = Workshop(entries, replace(FACTS, example=images))
    teacher, twin = made.network("t"), made.network("s")
    seen: list[torch.Tensor] = []
    first: Any = teacher.get_submodule("network.layer1.2")
    first.register_forward_hook(lambda _module, _inputs, out: seen.append(out))
    with torch.no_grad():
        teacher.eval()(images)
    threshold = twin.get_submodule("network.layer1.2").threshold
    assert threshold.item() == pytest.approx(seen[0].max().item(), rel=1e-5)


def test_weights_of_one_network_are_put_into_another() -> None:
    ann = {"model": "digits", "width": 0.5}
    snn = {**ann, "activation": "lif", "from": "ann", "by": "copy"}
    made = workshop(ann=ann, snn=snn)
    teacher, student = made.network("ann").state_dict(), made.network("snn").state_dict()
    assert all(torch.equal(value, teacher[name]) for name, value in student.items())
    assert spiking(made.network("snn")) and not spiking(made.network("ann"))
    kept = workshop(ann=ann, snn=snn | {"by": {"copy": {"leave": ["*linear*"]}}})
    left = kept.network("snn").state_dict()
    assert torch.equal(left["network.layer1.0.weight"], teacher["network.layer1.0.weight"])
    assert not torch.equal(left["network.linear.weight"], teacher["network.linear.weight"])
    wider = workshop(ann=ann, snn=snn | {"width": 1.0})
    with pytest.raises(SpikedistillError, match=r"network 'snn': the tensor .* give both networks"):
        wider.network("snn")


def test_networks_that_are_made_from_each_other_are_refused_when_one_is_made() -> None:
    made = workshop(**{a: {"from": b, "by": "twin"} for a, b in ("ab", "bc", "ca")})
    with pytest.raises(SpikedistillError, match="in a circle: a from b from c from a; break it"):
        made.network("a")


SHIFT = """
from torch import nn

class Shift(nn.Module):
    def __init__(self, place, folds: int = 4):
        super().__init__()
        self.place, self.gain = place, nn.Parameter(nn.init.ones_(nn.Linear(1, folds).weight))

    def forward(self, x):
        return x

"""


def test_modules_stand_beside_neurons_and_are_loaded_with_the_network_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "networks_own.py").write_text(SHIFT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "networks_own", raising=False)
    bare: dict[str, Any] = {"model": "digits", "width": 0.5, "activation": "lif"}
    shifted = bare | {"modules": [{"networks_own:Shift": {"folds": 2}}]}
    made = Workshop({"a": read_network(shifted)}, FACTS, timesteps={"a": 3})
    network: Any = made.network("a")
    places = [m.place for m in network.modules() if type(m).__name__ == "Shift"]
    assert [place.channels for place in places] == [8, 8, 16, 16, 32]
    assert {place.timesteps for place in places} == {3}
    assert [place.last for place in places] == [False] * 4 + [True]
    own = {name: 2 * value.float() for name, value in network.network.state_dict().items()}
    save_file(own, tmp_path / "with.safetensors")
    plain = workshop(b=bare).network("b").network.state_dict()
    less_file = tmp_path / "less.safetensors"
    save_file({name: 3 * value.float() for name, value in plain.items()}, less_file)
    one: Any = workshop(a=shifted | {"weights": str(tmp_path / "with.safetensors")}).network("a")
    assert all(torch.equal(value, own[name]) for name, value in one.network.state_dict().items()
               if value.is_floating_point())  # fmt: skip
    less: Any = workshop(a=shifted | {"weights": str(less_file)}).network("a")
    (weight, *_) = (m.weight for m in less.modules() if isinstance(m, nn.Conv2d))
    assert torch.equal(weight, 3 * plain["layer1.0.weight"])
    assert all(torch.equal(m.gain, torch.ones(2, 1)) for m in less.modules() if hasattr(m, "gain"))


def test_a_losses_first_parameters_do_not_depend_on_its_neighbours() -> None:
    shapes = {"stage1": (1, 8, 4, 8, 8), "stage2": (1, 8, 8, 4, 4)}
    specs = {name: Spec(name, 1, 8, 10, shapes) for name in ("student", "teacher")}
    alone = build_objective([read_loss("sastc")], specs, seed=0)
    among = build_objective([read_loss("fitnet"), read_loss("sastc")], specs, seed=0)
    other = build_objective([read_loss("sastc")], specs, seed=1)
    one, two, three = (state(built.losses["sastc"]) for built in (alone, among, other))
    assert torch.equal(one, two) and not torch.equal(one, three)


def test_weights_are_looked_for_beside_the_data(tmp_path: Path) -> None:
    (tmp_path / "w.npz").touch()
    assert find_weights("w.npz", tmp_path) == (tmp_path / "w.npz").resolve()
    with pytest.raises(SpikedistillError) as caught:
        find_weights("v.npz", tmp_path)
    assert str(tmp_path / "v.npz") in str(caught.value) and "--data-dir" in str(caught.value)


def test_one_of_several_sets_of_weights_is_taken_and_said(tmp_path: Path) -> None:
    made = {seed: Workshop({"net": read_network("digits")}, FACTS, seed) for seed in (1, 2)}
    one, two = (made[seed].network("net").network.state_dict() for seed in (1, 2))
    torch.save({"model": one, "model_ema": two, "epoch": 3}, tmp_path / "w.pt")
    for weights, expected, sentences in (
        (str(tmp_path / "w.pt"), one, 1),
        ({"file": "w.pt", "key": "model_ema"}, two, 0),
    ):
        said: list[str] = []
        entries = {"net": read_network({"model": "digits", "weights": weights})}
        shop = Workshop(entries, FACTS, data_dir=tmp_path, say=said.append)
        found = shop.network("net").network.state_dict()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
        assert len([text for text in said if "'model', and not 'model_ema'" in text]) == sentences


class Heard(Silent):
    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, text: str) -> None:
        self.sentences.append(text)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a network, its weights, data and a recipe of the user's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("spikedistill.core.calls._PLACES", [])
    for name in ("mynet", "mydata"):
        monkeypatch.delitem(__import__("sys").modules, name, raising=False)
    (tmp_path / "mynet.py").write_text(NETWORK)
    (tmp_path / "mydata.py").write_text(DATA)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    import mynet  # type: ignore[import-not-found]

    torch.manual_seed(0)
    save_file(mynet.Foreign(10).state_dict(), tmp_path / "net.safetensors")
    return tmp_path


def test_a_users_own_network_and_data(own: Path) -> None:
    heard = Heard()
    result = start(files.load("mine.yaml"), progress=heard)
    assert [row["role"] for row in result["rows"]] == ["teacher", "student"]
    assert "guessing among 10 classes" in heard.sentences[1]
    saved: Any = rebuild(own / "runs/mine").network
    assert torch.equal(saved.mean, torch.tensor([0.3]))
    assert [type(m).__name__ for m in saved.network.children()].count("LIF") == 2


LOSS = """
from spikedistill.core.loss import Loss

class LogitMSE(Loss):
    def __init__(self, learner, guide=None, *, centred: bool = False):
        super().__init__(learner, guide)

    def forward(self, learner, guide, batch):
        return (learner.outputs.mean(0) - guide.outputs.mean(0)).square().mean()
"""


def test_a_loss_of_ones_own(own: Path) -> None:
    (own / "myloss.py").write_text(LOSS)
    text = RECIPE.replace("logit_kd", '"myloss:LogitMSE": {weight: 0.5, centred: true}')
    (own / "mine.yaml").write_text(text)
    start(files.load("mine.yaml"))
    (line,) = (own / "runs/mine/cells/student/metrics.jsonl").read_text().splitlines()[-1:]
    assert '"LogitMSE": ' in line
    cited = references(RunFolder(own / "runs/mine").config())
    assert [one.key for one in cited] == ["hong2025sastc", "deng2022tet"]
    (own / "mine.yaml").write_text(text.replace("centred", "centered"))
    with pytest.raises(SpikedistillError, match=r"LogitMSE\.centered: unknown option; .*'centred'"):
        files.load("mine.yaml")
    (own / "myloss.py").unlink()  # what is known of the others is still told
    __import__("sys").modules.pop("myloss")
    assert references(RunFolder(own / "runs/mine").config()) == cited


def test_stages_are_found_and_said_where_none_are_named(own: Path) -> None:
    text = RECIPE.replace(",\n            taps: {stage1: second}", "")
    text = text.replace("sastc: {weight: 100.0}", "").replace("mine", "plain")
    (own / "plain.yaml").write_text(text)
    heard = Heard()
    start(files.load("plain.yaml"), progress=heard)
    assert "teacher declares no stages" in heard.sentences[0]


def test_a_foreign_network_without_activations_has_no_twin(own: Path) -> None:
    (own / "mynet.py").write_text(NETWORK.replace("self.relu(", "(").replace("nn.ReLU()", "None"))
    __import__("sys").modules.pop("mynet")
    with pytest.raises(SpikedistillError, match=r"network .student.: .* has no activation"):
        start(files.load("mine.yaml"))
