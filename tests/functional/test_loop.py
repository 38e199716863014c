"""The loop in eager mode; `test_compiled.py` compares the compiled one with it."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from spikedistill.functional.loop import over_time
from spikedistill.functional.neuron import Membrane, at_rest


def halve_and_add(current: Tensor, state: Membrane) -> tuple[Tensor, Membrane]:
    """A linear 'neuron': its output is its potential."""
    v = 0.5 * state.v + current
    return v, Membrane(v, v)


def rest(current: Tensor) -> Membrane:
    return Membrane(at_rest(current), at_rest(current))


def in_plain_loops(current: Tensor) -> Tensor:
    v, out = torch.zeros_like(current[0]), []
    for now in current:
        v = 0.5 * v + now
        out.append(v)
    return torch.stack(out)


def layouts() -> dict[str, Tensor]:
    x = torch.randn(3 * 2, 4, 5, 6, dtype=torch.float64)
    last = x.to(memory_format=torch.channels_last)
    return {
        "contiguous": x.unflatten(0, (3, 2)),
        "channels_last": last.unflatten(0, (3, 2)),
        "time inside": torch.randn(2, 4, 3, dtype=torch.float64).permute(2, 0, 1),
        "slice": last.unflatten(0, (3, 2))[:, :, 1:3],
        "expanded": torch.randn(3, 1, 4, dtype=torch.float64).expand(3, 7, 4),
        "one channel": torch.randn(3, 2, 1, 5, 6, dtype=torch.float64),
        "tokens": torch.randn(3, 2, 7, 8, dtype=torch.float64),
        "scalars": torch.randn(3, 1, dtype=torch.float64),
        "empty": torch.randn(3, 0, 4, dtype=torch.float64),
    }


@pytest.mark.parametrize("view", ["flat", "whole"])
@pytest.mark.parametrize("name", layouts())
def test_the_loop_is_the_plain_loop_in_every_layout(name: str, view: str) -> None:
    current = layouts()[name]
    result, nothing = over_time(halve_and_add, rest, current, 3, view=view)
    torch.testing.assert_close(result, in_plain_loops(current))
    assert nothing is None
    assert result.shape == current.shape


@pytest.mark.parametrize("view", ["flat", "whole"])
def test_channels_last_stays_channels_last(view: str) -> None:
    for shape in [(6, 4, 5, 5), (6, 4, 1, 1), (6, 1, 5, 5)]:
        folded = torch.randn(shape).to(memory_format=torch.channels_last)
        result, _ = over_time(halve_and_add, rest, folded.unflatten(0, (3, 2)), 3, view=view)
        assert result.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("view", ["flat", "whole"])
def test_one_step_of_current_serves_all_and_gathers_their_gradients(view: str) -> None:
    once = torch.randn(1, 2, 3, dtype=torch.float64, requires_grad=True)
    often = once.detach().expand(4, 2, 3).contiguous().requires_grad_()
    weights = torch.randn(4, 2, 3, dtype=torch.float64)
    first, _ = over_time(halve_and_add, rest, once, 4, view=view)
    second, _ = over_time(halve_and_add, rest, often, 4, view=view)
    assert torch.equal(first, second)
    (gathered,) = torch.autograd.grad(first, once, weights)
    (each,) = torch.autograd.grad(second, often, weights)
    torch.testing.assert_close(gathered, each.sum(0, keepdim=True))


def test_potentials_come_in_the_precision_of_the_state() -> None:
    spikes, charged = over_time(
        halve_and_add, rest, torch.ones(2, 3, dtype=torch.bfloat16), 2, potentials=True
    )
    assert spikes.dtype == torch.bfloat16
    assert charged is not None
    assert charged.dtype == torch.float32
    assert charged.tolist() == [[1, 1, 1], [1.5, 1.5, 1.5]]


class Gained(NamedTuple):
    v: Tensor
    charged: Tensor
    gain: Tensor


def test_whole_shows_the_step_its_places() -> None:
    """A gain per channel meets its channel, in either order of memory."""
    gain = torch.tensor([1.0, 10.0, 100.0], requires_grad=True)

    def start(current: Tensor) -> Gained:
        assert current.shape == (2, 3, 4, 4)
        return Gained(at_rest(current), at_rest(current), gain[:, None, None])

    def amplify(current: Tensor, state: Gained) -> tuple[Tensor, Gained]:
        v = state.v + state.gain * current
        return v, state._replace(v=v, charged=v)

    for order in (torch.contiguous_format, torch.channels_last):
        folded = torch.ones(4, 3, 4, 4).to(memory_format=order)
        result, _ = over_time(amplify, start, folded.unflatten(0, (2, 2)), 2, view="whole")
        assert result[:, 0, :, 0, 0].tolist() == [[1, 10, 100], [2, 20, 200]]
        (gradient,) = torch.autograd.grad(result.sum(), gain)
        assert gradient.tolist() == [96.0] * 3  # 2 images, 16 places, (1 + 2) times over T


def test_a_current_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"runs 4 steps got a current of 3"):
        over_time(halve_and_add, rest, torch.zeros(3, 2), 4)
