from __future__ import annotations

import pytest
import torch
from torch import nn

from spikedistill.export.channels import PerChannel
from spikedistill.export.fold import fold, looks_at_batch
from spikedistill.export.follow import Shapes, follow


def norm(channels: int) -> nn.BatchNorm2d:
    made = nn.BatchNorm2d(channels)
    made.running_mean.normal_()
    made.running_var.uniform_(0.5, 2)
    nn.init.uniform_(made.weight, 0.5, 2)
    nn.init.normal_(made.bias)
    return made


def folded(net: nn.Module, x: torch.Tensor, look: bool = False) -> tuple[nn.Module, list[str]]:
    """The folded network, after a check that it still answers the same."""
    net = net.double().eval()
    graph, _ = follow(net)
    if look:
        Shapes(graph).run(x.double())
    notes = fold(graph)
    torch.testing.assert_close(graph(x.double()), net(x.double()), rtol=1e-9, atol=1e-9)
    return graph, notes


def kinds(graph: nn.Module) -> list[str]:
    return [type(module).__name__ for module in graph.children()]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("groups", [1, 2])
def test_into_the_layer_before(bias: bool, groups: int) -> None:
    net = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1, bias=bias, groups=groups), norm(6))
    graph, notes = folded(net, torch.randn(2, 4, 5, 5))
    assert kinds(graph) == ["Conv2d"] and not notes


def test_a_hand_worked_fold() -> None:
    conv, bn = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=0.0)
    conv.weight.data[:], conv.bias.data[:] = 3.0, 1.0
    bn.running_mean[:], bn.running_var[:], bn.weight.data[:], bn.bias.data[:] = 5.0, 4.0, 2.0, 0.5
    graph, _ = follow(nn.Sequential(conv, bn))
    fold(graph)
    left = graph.get_submodule("0")  # (3 x + 1 - 5) / 2 * 2 + 0.5
    assert (left.weight.item(), left.bias.item()) == (3.0, -3.5)
    assert (conv.weight.item(), conv.bias.item()) == (3.0, 1.0)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "circular"])
@pytest.mark.parametrize("padding", [0, 1, "same", "valid"])
def test_the_input_normalisation_and_the_border(mode: str, padding: int | str) -> None:
    first = PerChannel(torch.tensor([2.0, 3.0]), torch.tensor([-1.0, 0.5]))
    net = nn.Sequential(first, nn.Conv2d(2, 4, 3, padding=padding, padding_mode=mode, groups=2))
    graph, notes = folded(net, torch.rand(2, 2, 6, 6))
    zeros = mode == "zeros" and padding in (1, "same")
    assert kinds(graph) == (["PerChannel", "Conv2d"] if zeros else ["Conv2d"])
    assert ("stays in part" in " ".join(notes)) == zeros
    if zeros:
        assert graph.get_submodule("0").gain is None


def test_a_norm_ahead_of_a_convolution() -> None:
    x = torch.randn(2, 3, 5, 5)
    graph, notes = folded(nn.Sequential(nn.ReLU(), norm(3), nn.Conv2d(3, 4, 1)), x)
    assert kinds(graph) == ["ReLU", "Conv2d"] and not notes
    graph, notes = folded(nn.Sequential(nn.ReLU(), norm(3), nn.Conv2d(3, 4, 3, padding=1)), x)
    assert "BatchNorm2d" in kinds(graph)
    assert notes[0].startswith("1 (BatchNorm2d) stays: before it comes 0 (ReLU)")
    assert "2 after it pads with zeros" in notes[0]


class Sums(nn.Module):
    """Reads the output of its convolution twice, and calls another one twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 3, 1), norm(3)
        self.twice, self.bn2 = nn.Conv2d(3, 3, 1), norm(3)
        self.bn3 = norm(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        return self.bn3(self.bn(y) + y + self.bn2(self.twice(self.twice(y))))


def test_what_cannot_be_folded_is_named_with_its_place() -> None:
    _, notes = folded(Sums(), torch.randn(2, 3, 4, 4))
    assert [note.split(":")[0] for note in notes] == [
        f"{name} (BatchNorm2d) stays" for name in ("bn", "bn2", "bn3")
    ]
    assert "conv before it cannot take it in: its output is also used elsewhere" in notes[0]
    assert "twice before it cannot take it in: it is called 2 times" in notes[1]
    assert "before it comes an addition" in notes[2]


def test_other_norms_are_named() -> None:
    still = nn.BatchNorm2d(4, track_running_stats=False)
    transposed = nn.Sequential(nn.ConvTranspose2d(4, 4, 2), norm(4))
    net = nn.Sequential(nn.GroupNorm(2, 4), nn.Conv2d(4, 4, 1), still, *transposed)
    _, notes = folded(net, torch.randn(2, 4, 3, 3))
    assert "0 (GroupNorm) stays: it computes its statistics from each input" in notes
    assert "2 (BatchNorm2d) stays: it has no running statistics" in notes[1]
    assert "transposed convolutions are not folded" in notes[2]
    assert looks_at_batch(still) and not looks_at_batch(norm(4))


def test_a_linear_layer_is_folded_where_its_output_is_known_to_be_flat() -> None:
    def flat() -> nn.Module:
        bn = nn.BatchNorm1d(3)
        bn.running_mean.normal_()
        bn.running_var.uniform_(0.5, 2)
        return nn.Sequential(nn.Linear(3, 3), bn)

    _, notes = folded(flat(), torch.randn(4, 3))
    assert "give `deploy` an example batch" in notes[0]
    graph, notes = folded(flat(), torch.randn(4, 3), look=True)
    assert kinds(graph) == ["Linear"] and not notes
    # [N, L, C] with L = C: the norm is over L, and the layer works on C
    graph, notes = folded(flat(), torch.randn(4, 3, 3), look=True)
    assert kinds(graph) == ["Linear", "BatchNorm1d"] and len(notes) == 1
