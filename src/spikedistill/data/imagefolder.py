"""A folder of images, one folder a class: ROOT/train/<class>/*.jpg, val or valid, and test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from spikedistill.core.errors import MissingDataError, SpikedistillError
from spikedistill.data._dataset import Source
from spikedistill.data._images import as_image
from spikedistill.data._published import Published

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")


class Images(Dataset[tuple[Tensor, int]]):
    """The images of one split, decoded when asked for: `[3, size, size]` in [0, 1], and a class.

    The shorter side is resized to `resize` pixels (bilinear), then the centre is cut out.
    """

    def __init__(self, folder: Path, classes: tuple[str, ...], size: int, resize: int):
        self.size = size
        self.resize = resize
        self.paths: list[Path] = []
        self.targets: list[int] = []
        """The class of every image: what a stratified split reads."""
        for label, name in enumerate(classes):
            found = sorted(
                path for path in (folder / name).rglob("*") if path.suffix.lower() in SUFFIXES
            )
            self.paths += found
            self.targets += [label] * len(found)
        if not self.paths:
            raise SpikedistillError(
                f"{folder} holds no images: expected are {folder}/<class>/*.png or "
                f"{', '.join(SUFFIXES[1:])}"
            )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path = self.paths[index]
        try:
            with Image.open(path) as file:
                image = file.convert("RGB")
        except (OSError, SyntaxError, ValueError) as fault:
            raise SpikedistillError(f"{path} is no image that can be read: {fault}") from fault
        scale = self.resize / min(image.size)
        sides = [max(self.size, round(side * scale)) for side in image.size]
        image = image.resize((sides[0], sides[1]), Image.Resampling.BILINEAR)
        left, top = ((side - self.size) // 2 for side in sides)
        return as_image(image.crop((left, top, left + self.size, top + self.size))), (
            self.targets[index]
        )


_WHOLE = {"imagenet": Published(1000, (3, 224, 224), 1_281_167, 50_000)}


def published(options: Mapping[str, Any]) -> Published | None:
    """Of the folders that hold a whole published set; images are brought to `size`."""
    return _WHOLE.get(options.get("published") or "")


def load(
    data_dir: Path,
    root: str | Path = ".",
    size: int = 224,
    resize: int | None = None,
    published: Literal["imagenet"] | None = None,
) -> Source:
    """The images under `root`, classes in the order of their folder names.

    Without `test/`, the images of `val/` (or `valid/`) are the test split, as is the custom for
    ImageNet, and validation is carved from `train/`; without either, both are.

    Args:
        data_dir: what a relative `root` is relative to.
        root: the folder that holds `train/`.
        size: side of the square images, in pixels.
        resize: shorter side before the centre is cut out, in pixels; None: `size`.
        published: the data set that the folder must hold as a whole (`imagenet`: that of ILSVRC
            2012). Its facts are then known without the files: a training can be planned.

    Raises:
        SpikedistillError: if there is no `train/` with classes, another split has a class that
            it lacks, or the folder does not hold what `published` says.
    """
    resize = size if resize is None else resize
    if not 1 <= size <= resize:
        raise SpikedistillError(
            f"imagefolder: size {size} and resize {resize}, but 1 <= size <= resize is needed"
        )
    folder = data_dir / Path(root).expanduser()
    classes = _classes(folder / "train")
    named = {
        name: Images(folder / name, classes, size, resize)
        for name in ("train", "val", "valid", "test")
        if (folder / name).is_dir()
    }
    for name in named:
        _check_classes(folder / name, classes)
    if published is not None:
        _check_published(folder, published, len(classes), len(named["train"]))
    held_out = named.get("val", named.get("valid"))
    splits: dict[str, Any] = {"test": named.get("test"), "valid": held_out}
    notes: tuple[str, ...] = ()
    if splits["test"] is None and held_out is not None:
        splits = {"test": held_out, "valid": None}
        notes = (f"{folder} has no test/: its validation images are the test split.",)
    # Of ImageNet's training images: what networks trained on photographs expect.
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return Source(
        "imagefolder", named["train"], classes=classes, mean=mean, std=std, notes=notes, **splits
    )


def _classes(train: Path) -> tuple[str, ...]:
    folders = train.iterdir() if train.is_dir() else ()
    found = tuple(sorted(path.name for path in folders if path.is_dir()))
    if len(found) < 2:
        raise (SpikedistillError if found else MissingDataError)(
            f"{train} holds {len(found)} classes: expected are at least two folders of images, "
            f"{train}/<class>/*.png; say where train/ lies with the option root"
        )
    return found


def _check_classes(folder: Path, classes: tuple[str, ...]) -> None:
    extra = sorted({path.name for path in folder.iterdir() if path.is_dir()} - set(classes))
    if extra:
        raise SpikedistillError(
            f"{folder} has {len(extra)} classes that train/ lacks ({', '.join(extra[:5])}): every "
            f"split needs the {len(classes)} classes of train/"
        )


def _check_published(folder: Path, published: str, classes: int, images: int) -> None:
    facts = _WHOLE[published]
    if (classes, images) != (facts.classes, facts.train):
        raise SpikedistillError(
            f"{folder}/train holds {images:,} images in {classes:,} classes, and {published} has "
            f"{facts.train:,} in {facts.classes:,}; complete it, or leave out the option published"
        )
