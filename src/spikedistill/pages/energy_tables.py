"""Energy in tables and sentences, from what `analysis.run_energy.energy_of` returned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.table import Table

from spikedistill.pages.table import compact, unit

TITLES = {
    "45nm": "45 nm, float32: 4.6 / 0.9 pJ",
    "fp16": "float16: 1.5 / 0.4 pJ",
    "int8": "int8: 0.23 / 0.03 pJ",
    "memory": "with memory, int32",
    "quantized": "8-bit weights, ANN with {bits}-bit activations",
}
"""Model of energy -> what a table calls it; the two prices are of a MAC and an AC."""


def figure(value: float | None, size: float = 1.0) -> str:
    """A value in units of `size` with three digits.

    Example:
        >>> figure(52_344.0, 1e3), figure(0.0), figure(1234.5), figure(None)
        ('52.3', '0', '1234', '-')
    """
    if value is None:
        return "-"
    scaled = value / size
    return f"{scaled:.0f}" if abs(scaled) >= 999.5 else f"{scaled:.3g}"


def _binary(part: float) -> str:
    """Whole percent, of which only a whole is 100."""
    return "100" if part == 1 else f"{min(100 * part, 99.0):.0f}"


def layer_table(found: Mapping[str, Any], model: str) -> Table:
    """One row for each layer, with its energy in one of the models."""
    layers = found["layers"]
    both = [layer["energy"][model] for layer in layers]
    size, name = unit(max(value for pair in both for value in pair.values()))
    title = (
        f"{found['network']}, T = {found['timesteps']}, per inference "
        f"({TITLES[model].format(**found)})"
    )
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("layer", overflow="fold")
    for head in ("op", "MACs", "times", "rate %", "0/1 %", "spikes/\nsynapse", "SynOps",
                 "neuron\nupdates", name, f"ANN\n{name}"):  # fmt: skip
        table.add_column(head, justify="right")
    short = _short(found)
    for layer, pair in zip(layers, both, strict=True):
        table.add_row(
            short[layer["layer"]],
            layer["operation"],
            compact(layer["macs"]),
            figure(layer["steps"]),
            f"{100 * layer['rate']:.1f}",
            _binary(layer["binary"]),
            figure(layer["spikes_per_synapse"]),
            compact(layer["synops"] if layer["operation"] == "AC" else None),
            compact(layer["neuron_updates"] or None),
            figure(pair["snn_pj"], size),
            figure(pair["ann_pj"], size),
            style=None if layer["operation"] == "AC" else "yellow",
        )
    return table


def total_table(found: Mapping[str, Any]) -> Table:
    """One row for each model of energy: the network, its ANN, its teacher."""
    totals, teacher = found["totals"], found["teacher"]
    kinds = ["snn_pj", "ann_pj", *(["teacher_pj"] if teacher else [])]
    size, name = unit(max(total[kind] or 0.0 for total in totals.values() for kind in kinds))
    table = Table(title=f"energy per inference, {name}", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("model (price of MAC / AC)")
    for head in ("spiking", "same as ANN", "share",
                 *((f"ANN {teacher['network']!r}", "share") if teacher else ())):  # fmt: skip
        table.add_column(head, justify="right")
    for model, total in totals.items():
        cells = [figure(total["snn_pj"], size), figure(total["ann_pj"], size),
                 _share(total["snn_pj"], total["ann_pj"])]  # fmt: skip
        if teacher:
            cells += [figure(total["teacher_pj"], size),
                      _share(total["snn_pj"], total["teacher_pj"])]  # fmt: skip
        table.add_row(TITLES[model].format(**found), *cells)
    return table


def sentences(found: Mapping[str, Any], uncounted: Iterable[str] = ()) -> list[str]:
    """What must be said beside the figures.

    Args:
        found: what was measured.
        uncounted: what the network computes outside its layers.
    """
    short = _short(found)
    said = [_measured(found), _stem(found, short)]
    said += [f"{short[row['layer']]} counts as MAC: {row['why']}." for row in found["named"]]
    silent = [short[layer["layer"]] for layer in found["layers"] if layer["rate"] == 0]
    if silent:
        said.append(f"Nothing but zeros reached {', '.join(silent)}, so it adds nothing here.")
    if found["event_input"] == "ac":
        said.append(
            "Frames of events count as AC, the common practice; read strictly, a count is a number "
            "and the stem multiplies (--event-input mac)."
        )
    said += [f"Not counted, because it is no layer: {what}." for what in uncounted]
    if found["teacher"] is None:
        said.append("No ANN guided this network; the ANN beside it is the network itself.")
    for one in found["teachers"][1:]:
        times = found["totals"]["45nm"]["snn_pj"] / one["pj"]["45nm"]
        said.append(
            f"Another ANN that guides it, {one['network']!r}: {compact(one['macs'])} MACs; the "
            f"spiking network takes {100 * times:.1f} % of its energy (45 nm, float32)."
        )
    said.append(
        "The rows with memory and with 8-bit weights are reconstructions of this project "
        "(docs/energy.md)."
    )
    said.append(
        f"{found['spikes_per_synapse']:.3g} spikes per synapse and inference, a rate of "
        f"{100 * found['rate']:.1f} % at T = {found['timesteps']}. Break-even in the literature:"
    )
    return said + [f"- {claim['claim']} ({claim['source']})." for claim in found["break_even"]]


def _measured(found: Mapping[str, Any]) -> str:
    seen, whole = found["samples"], found["all_samples"]
    share = f"all {whole:,}" if seen == whole else f"{seen:,} of the {whole:,}"
    return (
        f"Rates are of the inputs of layers, measured on {share} {found['split']} samples of "
        f"{found['data']}."
    )


def _stem(found: Mapping[str, Any], short: Mapping[str, str]) -> str:
    stem = [layer for layer in found["layers"] if layer["stem"]]
    if not stem:
        return "There is no stem: neurons read the input."
    once = all(layer["steps"] <= 1 for layer in stem)
    times = "once" if once else f"at each of {found['timesteps']} steps"
    names = ", ".join(short[layer["layer"]] for layer in stem)
    return f"The stem ({names}) is computed {times} per inference."


def _share(value: float, whole: float | None) -> str:
    return "-" if not whole else f"{100 * value / whole:.1f} %"


def _short(found: Mapping[str, Any]) -> dict[str, str]:
    """Path of a layer -> the path without the first part, where that is the same for all."""
    paths = [layer["layer"] for layer in found["layers"]]
    first = paths[0].partition(".")[0] + "."
    common = all(path.startswith(first) for path in paths)
    return {path: path.removeprefix(first) if common else path for path in paths}
