"""Images a second out of the data pipeline, beside a DataLoader that takes image by image.

    SPIKEDISTILL_DATA=... python benchmarks/data.py build/bench/data.json

10,000 training images of CIFAR-10, or random ones of the same shape where there is no data, in
shuffled batches of 64. The baseline does crop and flip on one image at a time with torch
operations, as data sets with transforms do, in the process itself and in two workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from _bench import Step, markdown, options, run_turns, short, summary, write
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import Loader, Split, augmentation, data_set

MEAN = (0.4914, 0.4822, 0.4465)
CROP = {"crop": 4, "flip": True}
AUGMENTATIONS = {
    "no augmentation": None,
    "crop, flip": CROP,
    "crop, flip, AutoAugment": {**CROP, "autoaugment": "cifar10"},
    "crop, flip, Cutout": {**CROP, "cutout": 16},
    "crop, flip, AutoAugment, Cutout": {**CROP, "autoaugment": "cifar10", "cutout": 16},
    "crop, flip, Mixup": {**CROP, "mixup": 0.2},
}
BASE = "per image: crop, flip"


def images(count: int) -> tuple[Split, str]:
    """`count` training images, and where they come from."""
    try:
        train = data_set("cifar10", valid=0).train
    except SpikedistillError as why:
        print(f"synthetic images instead of CIFAR-10: {why}")
        pixels = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8)
        return Split(pixels, torch.randint(0, 10, (count,))), "random images of the same shape"
    assert isinstance(train, Split)
    return Split(train.images[:count], train.labels[:count]), "CIFAR-10"


class PerImage(Dataset[tuple[Tensor, Tensor]]):
    """Crop and flip of one image at a time."""

    def __init__(self, split: Split) -> None:
        self.split = split

    def __len__(self) -> int:
        return len(self.split.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = F.pad(self.split.images[index].float() / 255, (4, 4, 4, 4))
        row, column = torch.randint(0, 9, (2,)).tolist()
        image = image[:, row : row + 32, column : column + 32]
        return image.flip(2) if torch.rand(()) < 0.5 else image, self.split.labels[index]


def epoch_of(batches: Callable[[], Iterable[object]]) -> Step:
    """All batches of one epoch, unused."""

    def run() -> None:
        for _ in batches():
            pass

    return run


def pipelines(split: Split, batch: int) -> dict[str, Step]:
    """An epoch of every pipeline."""
    steps: dict[str, Step] = {}
    for name, spec in AUGMENTATIONS.items():
        augment = augmentation(spec, classes=10, mean=MEAN)
        loader = Loader(split, batch, augment=augment, shuffle=True)
        steps[name] = epoch_of(lambda loader=loader: loader.epoch(0))
    for name, workers in ((BASE, 0), (f"{BASE}, 2 workers", 2)):
        theirs = DataLoader(PerImage(split), batch, shuffle=True, num_workers=workers)
        steps[name] = epoch_of(lambda theirs=theirs: theirs)
    return steps


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and write."""
    choice = options(__doc__, "data", rounds=9, seconds=60.0, argv=argv)
    split, source = images(256 if choice.quick else 10_000)
    rows = summary(run_turns(pipelines(split, 64), choice.limit), BASE)
    for row in rows:
        row["images_per_s"] = round(1e3 * len(split.labels) / row["median_ms"])
    lines = (
        [
            row["name"],
            f"{row['images_per_s']:,}",
            short(row["median_ms"]),
            short(row["lowest_ms"]),
            " - ".join(map(short, row["quartiles_ms"])),
            f"{1 / row['ratio']:.1f}",
        ]
        for row in rows
    )
    head = ["pipeline", "images/s", "epoch, ms: median", "lowest", "quartiles", "x per image"]
    text = f"**{len(split.labels):,} images: {source}**, batches of 64\n\n" + markdown(head, lines)
    write(choice, text, {"rows": rows, "source": source, "images": len(split.labels)}, {})


if __name__ == "__main__":
    main()
