"""`spikedistill distill`: a trained network of your own becomes a spiking one, in one command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from spikedistill.cli._options import AsJson, DataDir
from spikedistill.cli._shield import console, shielded

NAME = "distill"
EXAMPLE = "spikedistill distill mynet:resnet --weights resnet.pt --data mydata:images -T 2"


@shielded
def command(
    network: Annotated[
        str, typer.Argument(help="Your network, module:factory, or one of `list models`.")
    ],
    data: Annotated[
        str,
        typer.Option(help="A data set of `list data`, module:factory, or a folder of images."),
    ],
    weights: Annotated[str | None, typer.Option(help="Its weights: any common file.")] = None,
    timesteps: Annotated[
        int, typer.Option("--timesteps", "-T", min=1, help="Binary steps of the twin.")
    ] = 2,
    minutes: Annotated[
        float | None, typer.Option(help="Train for about so long; sets the epochs.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=0, help="Default 10.")] = None,
    mean: Annotated[
        str | None, typer.Option(help="Of inputs in [0, 1], as 0.49,0.48,0.45.")
    ] = None,
    std: Annotated[str | None, typer.Option(help="Likewise the deviation.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate; default 0.05.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Default 128.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; default runs/NAME-twin.")] = None,
    data_dir: DataDir = None,
    replace: Annotated[bool, typer.Option("--replace", help="Throw away a run in --out.")] = False,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the table.")] = (
        False
    ),
    as_json: AsJson = False,
) -> None:
    """Turn a trained ANN into its spiking twin: measure it, convert it, distil it, compare them."""
    if minutes is not None and epochs is not None:
        raise typer.BadParameter("give --minutes or --epochs, not both", param_hint="--minutes")
    from spikedistill.build.cells import settled
    from spikedistill.build.experiment import Experiment
    from spikedistill.cli.run import show_result, stoppable
    from spikedistill.recipes.schema import parse
    from spikedistill.runs.start import start
    from spikedistill.runs.twin import twin_recipe, within
    from spikedistill.training.progress import Live, Silent

    name = f"{network.rpartition(':')[2] or network}-twin"
    own = ":" in network
    teacher: dict[str, Any] = {"call" if own else "model": network, "weights": weights}
    teacher |= {"mean": _numbers("--mean", mean), "std": _numbers("--std", std)}
    wanted = {"epochs": epochs, "lr": lr, "batch_size": batch_size}
    given = twin_recipe(
        name,
        {key: value for key, value in teacher.items() if value is not None},
        _data(data),
        timesteps,
        {key: value for key, value in wanted.items() if value is not None},
        seed=seed,
        beside=str(Path.cwd()),
    )
    folder = out or Path("runs") / name
    with Silent() if quiet else Live(console(stderr=True)) as progress, stoppable(folder):
        recipe = within(
            parse(given, "of this command"),
            minutes,
            folder,
            lambda one: Experiment(settled(one), data_dir),
        )
        result = start(recipe, folder, data_dir, "replace" if replace else "resume", progress)
    show_result(result, folder, as_json)
    if not as_json:
        _compare(result, folder)


def _numbers(option: str, text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no list of numbers, as 0.49,0.48,0.45", param_hint=option
        ) from None


def _data(text: str) -> dict[str, Any]:
    """A folder, a function of the user's, or a data set of the library."""
    if Path(text).is_dir():
        return {"name": "imagefolder", "root": str(Path(text).absolute())}
    return {"call": text} if ":" in text else {"name": text}


def _compare(result: Mapping[str, Any], folder: Path) -> None:
    """What the twin costs beside its teacher, and what in it does not spike."""
    from spikedistill.build.saved import rebuild

    rows = {row["role"]: row for row in result["rows"]}
    teacher, student = (rows[role]["energy_pj"] for role in ("teacher", "student"))
    screen = console()
    if teacher and student:
        screen.print(
            f"\nEnergy of one inference (45 nm, an estimate): teacher {teacher / 1e3:,.1f} nJ, "
            f"twin {student / 1e3:,.1f} nJ, {teacher / student:.1f} times less.",
            highlight=False,
        )
    left = [what for part in rebuild(folder).network.modules()
            for what in getattr(part, "real_valued", ())]  # fmt: skip
    said = "; ".join(left) if left else "nothing but the layers before the first neuron"
    screen.print(f"Still computed with real numbers: {said}.", highlight=False, markup=False)
