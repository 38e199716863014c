"""How `spikedistill run --dry-run` shows what a run would take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikedistill.cli._shield import console
from spikedistill.cli.plan import estimates, gpu_hours, megabytes


def show(found: Mapping[str, Any]) -> None:
    """A row for each training, then what the hours stand on and what was not found."""
    from rich.table import Table

    from spikedistill.cli._tables import draw
    from spikedistill.pages.table import compact

    table = Table(title="what would be trained")
    left = ("training", "losses")
    for name in (*left, "T", "parameters", "GMAC/image", "B", "epochs", "steps", "memory", "GPU h"):
        table.add_column(name, justify="left" if name in left else "right")
    for row in found["cells"]:
        roles = row["roles"].values()
        table.add_row(
            row["cell"],
            " + ".join(row["losses"]),
            str(row["timesteps"]),
            "\n".join(f"{role['network']} {compact(role['parameters'])}" for role in roles),
            "\n".join(f"{role['macs'] / 1e9:.3g}" for role in roles),
            str(row["batch_size"]),
            str(row["epochs"]),
            f"{row['steps']:,}",
            megabytes(row["memory"]["total"]),
            gpu_hours((row["seconds"] or {}).get("total")),
        )
    out = console()
    draw(out, table)
    for line in (*estimates(found), *_where_from(found)):
        out.print(line, highlight=False, markup=False)


def _where_from(found: Mapping[str, Any]) -> list[str]:
    sizes = found["data"]
    counts = f"{sizes['train']:,} + {sizes['valid']:,} + {sizes['test']:,} samples"
    if not found["missing"]:
        return [f"data: {sizes['name']}, {counts}; all of it was built, nothing was trained"]
    return [
        *(f"not found: {sentence}" for sentence in found["missing"]),
        f"So nothing was built with them; estimated from the published sizes of {sizes['name']}: "
        f"{counts} (training, validation, test).",
    ]
