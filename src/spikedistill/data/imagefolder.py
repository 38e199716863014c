"""A folder of images, one folder a class: ROOT/train/<class>/*.jpg, val or valid, and test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from PIL.Image import Resampling
from torch import Tensor
from torch.utils.data import Dataset

from spikedistill.core.calls import own_places
from spikedistill.core.errors import MissingDataError, SpikedistillError
from spikedistill.core.speech import remedy
from spikedistill.data._class_folders import (
    Listing,
    class_names,
    list_folder,
    loose,
    suffixes,
)
from spikedistill.data._dataset import Source
from spikedistill.data._image_files import Checked, check_images, decode, endings, limit
from spikedistill.data._images import as_image
from spikedistill.data._published import Published


class Images(Dataset[tuple[Tensor, int]]):
    """The images of one split, decoded when asked for: `[3, size, size]` in [0, 1], and a class.

    The shorter side is resized to `resize` pixels (bilinear), then the centre is cut out.
    """

    def __init__(self, folder: Path, classes: tuple[str, ...], size: int, resize: int):
        self.size = size
        self.resize = resize
        self.folder = folder
        self.paths: list[Path] = []
        self.targets: list[int] = []
        """The class of every image: what a stratified split reads."""
        self.unread: list[Path] = loose(folder)
        """Files that are no images, or belong to no class."""
        bare: dict[str, Listing] = {}
        for label, name in enumerate(classes):
            found = list_folder(folder / name, endings())
            self.paths += found.wanted
            self.targets += [label] * len(found.wanted)
            self.unread += found.others
            if not found.wanted and (folder / name).is_dir():
                bare[name] = found
        if not self.paths:
            unread = f"; {self._unread()}" if self.unread else ""
            raise SpikedistillError(
                f"{folder} holds no images: expected are {folder}/<class>/*.png, .jpg or another "
                f"type that Pillow reads{unread}"
            )
        if bare:
            raise SpikedistillError(_no_images(folder, bare))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = decode(self.paths[index])
        scale = self.resize / min(image.size)
        sides = [max(self.size, round(side * scale)) for side in image.size]
        image = image.resize((sides[0], sides[1]), Resampling.BILINEAR)
        left, top = ((side - self.size) // 2 for side in sides)
        return as_image(image.crop((left, top, left + self.size, top + self.size))), (
            self.targets[index]
        )

    def notes(self, checked: Checked) -> list[str]:
        """What a user should know of the files, beside what is wrong with them."""
        found = [self._unread()] if self.unread else []
        if checked.large:
            found.append(
                f"{self.folder}: images of more than {limit():,} pixels are read slowly, "
                f"{len(checked.large):,} of them: "
                f"{_some(checked.large, self.folder, '{:,} pixels')}; make them smaller."
            )
        return found

    def _unread(self) -> str:
        count = f"{len(self.unread):,} file" + "s" * (len(self.unread) != 1)
        verb = "is" if len(self.unread) == 1 else "are"
        own = sum(path.parent == self.folder for path in self.unread)
        where = f", {own:,} of them beside the class folders" if own else ""
        return f"{self.folder} holds {count} that {verb} not read ({suffixes(self.unread)}{where})."


_SPLITS = ("train", "val", "valid", "test")
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

    Read is whatever Pillow opens by itself (of several images in one file the first), at any depth
    below a class folder; hidden files and folders (`.DS_Store`, `__MACOSX`, `Thumbs.db`) are passed
    over, other files are counted in a note. Pixels of 16 bits are divided by 257, transparency is
    dropped, and the orientation that a camera wrote beside the pixels is not applied.

    Before anything else the headers of up to 20,000 images of every split, spread over it, are
    opened and 64 of them decoded; a damaged image elsewhere is met when its turn comes.

    Without `test/`, the images of `val/` (or `valid/`) are the test split, as is the custom for
    ImageNet, and validation is carved from `train/`; without either, both are.

    Args:
        data_dir: the folder of the data sets.
        root: the folder that holds `train/`; if it is relative, below `data_dir`, else beside the
            recipe, else in the working folder.
        size: side of the square images, in pixels.
        resize: shorter side before the centre is cut out, in pixels; None: `size`.
        published: the data set that the folder must hold as a whole (`imagenet`: that of ILSVRC
            2012). Its facts are then known without the files: a training can be planned.

    Raises:
        SpikedistillError: if there is no `train/` with classes, another split has a class that
            it lacks, a class folder holds no image, images cannot be read (with their number and
            the first names), or the folder does not hold what `published` says.
    """
    resize = size if resize is None else resize
    if not 1 <= size <= resize:
        raise SpikedistillError(
            f"imagefolder: size {size} and resize {resize}, but 1 <= size <= resize is needed"
        )
    folder = _found(data_dir, Path(root).expanduser())
    classes = _classes(folder / "train")
    for name in _SPLITS:
        if (folder / name).is_dir():
            _check_classes(folder / name, classes)
    named = {
        name: Images(folder / name, classes, size, resize)
        for name in _SPLITS
        if (folder / name).is_dir()
    }
    if published is not None:
        _check_published(folder, published, len(classes), len(named["train"]))
    notes = _look_at(named)
    held_out = named.get("val", named.get("valid"))
    splits: dict[str, Any] = {"test": named.get("test"), "valid": held_out}
    if splits["test"] is None and held_out is not None:
        splits = {"test": held_out, "valid": None}
        notes = (f"{folder} has no test/: its validation images are the test split.", *notes)
    # Of ImageNet's training images: what networks trained on photographs expect.
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return Source(
        "imagefolder", named["train"], classes=classes, mean=mean, std=std, notes=notes, **splits
    )


def _found(data_dir: Path, root: Path) -> Path:
    """The folder that holds `train/`: the first of the places where it may lie.

    Raises:
        MissingDataError: if it is in none of them.
    """
    own = own_places() if root != Path() else []  # the data folder itself is nowhere else
    tried = list(dict.fromkeys(place / root for place in (data_dir, *own)))
    for there in (lambda path: (path / "train").is_dir(), Path.is_dir):
        for path in filter(there, tried):
            return path
    raise MissingDataError(
        f"{tried[0]}/train holds 0 classes: {root} does not exist; looked at "
        f"{' and '.join(map(str, tried))}: say where train/ lies with the option root, or where "
        f"the data lie with {remedy('--data-dir', 'data_dir=')}"
    )


def _classes(train: Path) -> tuple[str, ...]:
    found = class_names(train)
    if len(found) < 2:
        raise (SpikedistillError if found else MissingDataError)(
            f"{train} holds {len(found)} classes: expected are at least two folders of images, "
            f"{train}/<class>/*.png; say where train/ lies with the option root"
        )
    return found


def _check_classes(folder: Path, classes: tuple[str, ...]) -> None:
    extra = sorted(set(class_names(folder)) - set(classes))
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


def _look_at(splits: Mapping[str, Images]) -> tuple[str, ...]:
    """Check the images of all splits before the first batch; what a user should know of them."""
    checked = {name: check_images(images.paths) for name, images in splits.items()}
    faults = [
        _faulty(images, checked[name]) for name, images in splits.items() if checked[name].faults
    ]
    if faults:
        raise SpikedistillError(f"{'; '.join(faults)}; remove or replace them")
    notes = [note for name, images in splits.items() for note in images.notes(checked[name])]
    total = sum(map(len, splits.values()))
    opened, decoded = (
        sum(getattr(one, key) for one in checked.values()) for key in ("opened", "decoded")
    )
    if decoded < total:
        notes.append(
            f"Of {total:,} images the headers of {opened:,} and the whole of {decoded:,} were "
            "looked at before the start; a damaged one elsewhere is met when its turn comes."
        )
    return tuple(notes)


def _faulty(images: Images, checked: Checked) -> str:
    least = "at least " if checked.opened < len(images) else ""
    return (
        f"{least}{len(checked.faults):,} of {len(images):,} images in {images.folder} cannot be "
        f"read: {_some(checked.faults, images.folder)}"
    )


def _some(found: Mapping[Path, object], folder: Path, form: str = "{}", most: int = 3) -> str:
    """The first of some images, each with what is to be said of it."""
    first = [
        f"{path.relative_to(folder)} ({form.format(said)})"
        for path, said in [*found.items()][:most]
    ]
    return ", ".join(first) + (", ..." if len(found) > most else "")


def _no_images(folder: Path, bare: Mapping[str, Listing]) -> str:
    first = ", ".join(f"{name} ({one.says})" for name, one in [*bare.items()][:3])
    count = "1 class folder holds" if len(bare) == 1 else f"{len(bare):,} class folders hold"
    return (
        f"{folder}: {count} no image that is read: {first}"
        f"{', ...' if len(bare) > 3 else ''}; put images there that Pillow reads, or remove the "
        "folders"
    )
