from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikedistill.functional.compiled import compiling
from spikedistill.neurons.lif import LIF
from spikedistill.planning.follower import Call, Follower, Like, Operation, nbytes


def followed(run: Callable[[], Any]) -> list[Operation]:
    follower = Follower()
    with follower:
        run()
    return list(follower.operations)


def named(operations: list[Operation], name: str) -> Operation:
    found = [op for op in operations if name in str(op.call.function)]
    assert len(found) == 1, [str(op.call.function) for op in operations]
    return found[0]


def test_a_convolution_uses_each_weight_once_per_position() -> None:
    # 5 x 7 results a channel; 6 channels, each from 4 / 2 channels and 3 x 3 places; 2 images
    x, layer = torch.rand(2, 4, 5, 7), nn.Conv2d(4, 6, 3, padding=1, groups=2, bias=False)
    assert named(followed(lambda: layer(x)), "convolution").macs == 2 * 5 * 7 * 6 * 2 * 9


def test_a_transposed_convolution_uses_each_weight_once_per_input() -> None:
    x, layer = torch.rand(2, 4, 5, 5), nn.ConvTranspose2d(4, 6, 2, stride=2, bias=False)
    assert named(followed(lambda: layer(x)), "convolution").macs == 2 * 25 * 4 * 6 * 4


@pytest.mark.parametrize("image_learns", [True, False])
def test_each_gradient_of_a_convolution_costs_as_much_as_the_convolution(
    image_learns: bool,
) -> None:
    x = torch.rand(2, 4, 5, 5, requires_grad=image_learns)
    out = nn.Conv2d(4, 6, 3, bias=False)(x)
    back = named(followed(lambda: out.sum().backward()), "convolution_backward")
    assert back.backward and back.macs == (1 + image_learns) * 2 * 9 * 6 * 4 * 9


@pytest.mark.parametrize(
    ("run", "macs"),
    [
        (lambda: torch.rand(3, 4) @ torch.rand(4, 5), 60),
        (lambda: torch.bmm(torch.rand(2, 3, 4), torch.rand(2, 4, 5)), 120),
        (lambda: torch.addmm(torch.rand(5), torch.rand(3, 4), torch.rand(4, 5)), 60),
        (lambda: torch.rand(3, 4) * torch.rand(3, 4), 0),
    ],
)
def test_products_of_matrices(run: Callable[[], Tensor], macs: int) -> None:
    assert sum(operation.macs for operation in followed(run)) == macs


def test_bytes_are_what_is_read_and_written() -> None:
    x, y, row = torch.rand(10, 20), torch.rand(10, 20), torch.rand(20)
    assert named(followed(lambda: x + y), "add").bytes == 3 * 800
    assert named(followed(lambda: x.add_(y)), "add_").bytes == 3 * 800
    assert named(followed(lambda: x + row.expand(10, 20)), "add").bytes == 2 * 800 + 80
    assert named(followed(lambda: x.to(torch.bfloat16)), "_to_copy").bytes == 800 + 400
    view = named(followed(lambda: x.t()), "t.default")
    assert view.bytes == 0 and view.call.kind == "free"


def test_a_norm_reads_twice_where_it_takes_statistics() -> None:
    x, norm = torch.rand(4, 3, 5, 5, requires_grad=True), nn.BatchNorm2d(3)
    size, channel = x.numel() * 4, 3 * 4
    train = named(followed(lambda: norm(x)), "native_batch_norm")
    # weight, bias, two running statistics, and the two that are handed to the backward pass
    assert train.bytes == 3 * size + 6 * channel
    out = norm(x)
    back = named(followed(lambda: out.sum().backward()), "native_batch_norm_backward")
    # two reads of the gradient (here one number) and of the input, one write; weight, two running
    # statistics, two of the batch, two gradients
    assert back.bytes == 3 * size + 2 * 4 + 7 * channel
    norm.eval()
    still = named(followed(lambda: norm(x)), "native_batch_norm")
    assert 2 * size < still.bytes <= 2 * size + 6 * channel


def test_operations_of_the_backward_pass_belong_to_who_made_them() -> None:
    follower, x = Follower(), torch.rand(8, requires_grad=True)
    with follower:
        follower.enter_section("a")
        y = x.exp()
        follower.enter_section("b")
        z = y.sin().sum()
        follower.enter_section("c")
        z.backward()
    where = {str(op.call.function): op.section for op in follower.operations if op.backward}
    assert where["aten.cos.default"] == "b"
    sections = {op.section for op in follower.operations if "mul" in str(op.call.function)}
    assert sections == {"a", "b"}  # exp' = exp, sin' = cos, each times the gradient


@pytest.mark.parametrize("timesteps", [2, 4])
def test_a_compiled_loop_reads_and_writes_each_tensor_once(timesteps: int) -> None:
    follower, layer = Follower(), LIF()
    current = torch.rand(timesteps, 3, 5, requires_grad=True)
    size = current.numel() * 4
    with compiling(False), follower.loops_as_compiled(), follower:
        layer.over(current).sum().backward()
    forward, backward = (
        [op for op in follower.operations if op.call.kind == "neuron" and op.backward == back]
        for back in (False, True)
    )
    state = nbytes(forward[0].call.leaves) - size
    assert len(forward) == len(backward) == 1 and state <= 2 * 4 * 15
    assert forward[0].bytes == 2 * size + state  # the current, the spikes
    # the gradient of the spikes (one number, expanded), the current, the gradient of the current
    assert 2 * size < backward[0].bytes <= 3 * size + state


def test_a_look_becomes_a_tensor_again() -> None:
    turned = torch.rand(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    expanded = torch.rand(1, 3).expand(4, 3)
    for tensor in (turned, expanded, torch.arange(3)):
        made = Like.of(tensor).made(torch.device("cpu"))
        assert (made.shape, made.stride(), made.dtype) == (
            tensor.shape, tensor.stride(), tensor.dtype)  # fmt: skip
    assert nbytes(expanded) == 12


def test_a_call_can_be_made_again() -> None:
    call = Call.of(torch.cat, (([torch.rand(2, 3), torch.rand(4, 3)],), {"dim": 0}), "pass")
    arguments, keywords = call.given(torch.device("cpu"))
    assert call.function(*arguments, **keywords).shape == (6, 3)
    same = Call.of(torch.cat, (([torch.rand(2, 3), torch.rand(4, 3)],), {"dim": 0}), "pass")
    assert call == same and hash(call) == hash(same)
