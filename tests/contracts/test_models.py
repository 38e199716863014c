"""What every network of the registry must hold; a new model gets these tests with its file."""

from functools import partial

import pytest
import torch
from torch import fx, nn

from spikedistill import models
from spikedistill.core.clock import Temporal, temporal_layers
from spikedistill.layers.tdbn import TDBN
from spikedistill.neurons.lif import LIF

every_model = pytest.mark.parametrize("name", models.names())
FAMILIES_WITH_RAW_STAGES = ("wrn", "pyramidnet")


class Threshold(Temporal):
    """A neuron without memory: spikes where its current is positive."""

    def forward(self, x):
        return (x > 0).to(x.dtype)


def small(name, activation=nn.ReLU, width=0.125, classes=7, channels=2, **options):
    torch.manual_seed(0)
    network = models.build(
        name, activation, width=width, classes=classes, channels=channels, **options
    )
    return network.eval()


def watch(network, images):
    """Every tap of one forward pass, and the output."""
    seen = {}
    hooks = [
        network.get_submodule(path).register_forward_hook(
            lambda module, inputs, output, tap=tap: seen.__setitem__(tap, output)
        )
        for tap, path in network.taps.items()
    ]
    with torch.no_grad():
        output = network(images)
    for hook in hooks:
        hook.remove()
    return output, seen


def on_meta(name, activation=nn.ReLU, **options):
    with torch.device("meta"):
        return models.build(name, activation, **options)


@every_model
@pytest.mark.parametrize("side", [8, 28, 32])
def test_any_grid_channels_and_classes(name, side):
    output, seen = watch(small(name), torch.rand(3, 2, side, side))
    assert output.shape == (3, 7)
    assert output.isfinite().all()
    assert seen["pooled"].dim() == 2
    stages = [value for tap, value in seen.items() if tap.removeprefix("stage").isdigit()]
    areas = [stage.shape[2] * stage.shape[3] for stage in stages]
    assert areas == sorted(areas, reverse=True)
    assert all(stage.shape[0] == 3 for stage in stages)


@every_model
def test_taps_are_named_from_the_vocabulary_without_gaps(name):
    network = on_meta(name)
    stages = [tap for tap in network.taps if tap.removeprefix("stage").isdigit()]
    assert stages == [f"stage{k}" for k in range(1, len(stages) + 1)]
    assert len(stages) >= 3
    activated = [f"{stage}_activated" for stage in stages]
    raw = name.startswith(FAMILIES_WITH_RAW_STAGES)
    assert set(network.taps) == {*stages, "pooled", *(activated if raw else ())}
    paths = dict(network.named_modules())
    assert all(path in paths for path in network.taps.values())


@every_model
def test_stages_of_the_spiking_twin_are_spikes_unless_declared_raw(name):
    _, seen = watch(small(name, Threshold), torch.rand(3, 2, 16, 16))
    raw = name.startswith(FAMILIES_WITH_RAW_STAGES)
    for tap, value in seen.items():
        if tap == "pooled":
            continue
        binary = ((value == 0) | (value == 1)).all().item()
        assert binary == (not raw or tap.endswith("_activated")), tap


@every_model
def test_ann_and_spiking_twin_have_the_same_parameters(name):
    ann, snn = on_meta(name), on_meta(name, LIF(tau=2.0))
    shapes = [{k: v.shape for k, v in net.state_dict().items()} for net in (ann, snn)]
    assert shapes[0] == shapes[1]
    assert len(temporal_layers(snn)) == sum(isinstance(m, nn.ReLU) for m in ann.modules())


@every_model
def test_each_activation_is_used_once_and_registered_in_order_of_execution(name):
    network, order = small(name), []
    registered = [path for path, m in network.named_modules() if isinstance(m, nn.ReLU)]
    for path in registered:
        network.get_submodule(path).register_forward_hook(
            lambda module, inputs, output, path=path: order.append(path)
        )
    network(torch.rand(1, 2, 8, 8))
    assert order == registered


@every_model
def test_the_prototype_is_copied_for_each_use(name):
    prototype = LIF(tau=3.0)
    neurons = temporal_layers(on_meta(name, prototype))
    assert prototype not in neurons
    assert all(neuron.tau == 3.0 for neuron in neurons)


@every_model
def test_traces_symbolically_to_the_same_function(name):
    network = small(name)
    images = torch.rand(2, 2, 8, 8)
    traced = fx.symbolic_trace(network)
    torch.testing.assert_close(traced(images), network(images))
    called = {node.op for node in traced.graph.nodes}
    assert called <= {"placeholder", "call_module", "call_function", "output"}


@every_model
def test_channels_last_stays_channels_last(name):
    network = small(name).to(memory_format=torch.channels_last)
    images = torch.rand(2, 2, 32, 32).contiguous(memory_format=torch.channels_last)
    _, seen = watch(network, images)
    for tap, value in seen.items():
        if value.dim() == 4 and min(value.shape[1:]) > 1:
            assert value.is_contiguous(memory_format=torch.channels_last), tap


@every_model
def test_width_scales_every_hidden_layer_and_neither_input_nor_output(name):
    full, half = on_meta(name), on_meta(name, width=0.5)
    layers = [
        [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))] for net in (full, half)
    ]
    for number, (wide, narrow) in enumerate(zip(*layers, strict=True)):
        (out, into), (half_out, half_into) = wide.weight.shape[:2], narrow.weight.shape[:2]
        last = number == len(layers[0]) - 1
        assert half_into == into if number == 0 else abs(half_into - into / 2) <= 1
        assert half_out == out if last else abs(half_out - out / 2) <= 1


@every_model
def test_the_smallest_width_still_runs(name):
    assert small(name, width=1e-3)(torch.rand(2, 2, 8, 8)).shape == (2, 7)


@every_model
def test_norms_that_meet_at_an_addition_have_the_smaller_tdbn_gain(name):
    network = small(name, norm=partial(TDBN, v_threshold=1.0))
    residual = {path for path, m in network.named_modules() if isinstance(m, TDBN) and m.alpha < 1}
    expected = set()
    for path, block in network.named_modules():
        names = dict(block.named_children())
        if "shortcut" in names and not name.startswith("wrn"):  # whose sums meet no norm
            expected.add(f"{path}.{'bn3' if 'bn3' in names else 'bn2'}")
            inner = block.shortcut.named_modules(prefix=f"{path}.shortcut")
            expected |= {inside for inside, m in inner if isinstance(m, TDBN)}
    assert residual == expected


@every_model
def test_convolutions_start_with_kaiming_fan_out(name):
    torch.manual_seed(0)
    network = models.build(name, nn.ReLU, width=0.5)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 10_000:
            out, _, height, side = layer.weight.shape
            expected = (2 / (out * height * side)) ** 0.5
            assert layer.weight.std().item() == pytest.approx(expected, rel=0.05)


@every_model
def test_width_must_be_positive(name):
    with pytest.raises(ValueError, match="width multiplier is 0, but it must be above 0"):
        models.build(name, nn.ReLU, width=0)
