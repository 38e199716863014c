"""Batches of a split: their order a function of (seed, epoch), so that any step can be resumed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.memory import available
from spikedistill.core.trace import Batch
from spikedistill.core.tree import mapped
from spikedistill.data._collate import Collate, SampleFault, check_batch, collate_images
from spikedistill.data._dataset import Labelled, Samples, Split, length
from spikedistill.data._finite import first_broken
from spikedistill.data._random import seeded

Augmentation = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""Images `[B, C, H, W]` in [0, 1] or event frames, targets and a generator to new ones."""


class Loader:
    """The batches of one split, for one process of `world`.

    The order is a function of (seed, epoch), and what augmentation draws of (seed, epoch, step,
    rank), so `epoch(e, start=k)` continues exactly where a run stopped.

    Several processes cut each global batch of `world * batch_size` samples among them, so
    together they see what one process with a batch of that size sees. A last, smaller one is cut
    into equal slices when shuffled (training: processes wait for one another), which may leave
    out up to `world - 1` samples; unshuffled (evaluation), every sample is seen exactly once and
    slices may differ by one.

    Example:
        >>> split = Split(torch.zeros(5, 1, 2, 2, dtype=torch.uint8), torch.arange(5))
        >>> [batch.targets.tolist() for batch in Loader(split, batch_size=2).epoch(0)]
        [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        split: Samples,
        batch_size: int,
        seed: int = 0,
        augment: Augmentation | None = None,
        shuffle: bool = False,
        drop_last: bool = False,
        drop_single: bool = False,
        rank: int = 0,
        world: int = 1,
        workers: int = 0,
        device: torch.device | str | None = None,
        collate: Collate = collate_images,
    ):
        """A loader.

        Args:
            split: images in memory, or a torch `Dataset` of (image, label).
            batch_size: samples per batch of this process.
            seed: fixes the order and what augmentation draws.
            augment: called on every batch, with its own generator.
            shuffle: a new order each epoch.
            drop_last: leave out a last global batch that is not full.
            drop_single: leave out a last batch of one sample of each process, of which a batch norm
                has no variance; not where it is the only one.
            rank: which of the processes this is.
            world: how many processes there are.
            workers: processes that load a torch `Dataset`; images in memory need none.
            device: where images in memory are kept, gathered and augmented (`keep_on`).
            collate: samples of a torch `Dataset` to a batch; default for (image, target).

        Raises:
            SpikedistillError: if there is not a single batch.
        """
        if not isinstance(batch_size, int) or batch_size < 1 or not 0 <= rank < world:
            raise SpikedistillError(
                f"a loader needs a whole batch_size >= 1 and 0 <= rank < world; got batch_size "
                f"{batch_size}, rank {rank}, world {world}"
            )
        self.split = split
        self.batch_size = batch_size
        self.seed = seed
        self.augment = augment
        self.shuffle = shuffle
        self.rank = rank
        self.world = world
        self.workers = workers
        self.collate = collate
        self.samples = length(split)
        self.global_batch = batch_size * world
        """Samples per step of all processes together."""
        full, rest = divmod(self.samples, self.global_batch)
        if drop_last:
            rest = 0
        elif shuffle:
            rest -= rest % world
        self.single = drop_single and full > 0 and batch_size > 1 and rest > 0 and rest <= world
        """Whether a last batch of one sample is left out."""
        if self.single:
            rest = 0
        self._used = full * self.global_batch + rest
        mine = rest // world + (rank < rest % world)
        self._steps = full + (mine > 0)
        if self._used == 0:
            raise SpikedistillError(
                f"{self.samples} samples do not fill one batch of {self.global_batch}: use a "
                f"smaller batch_size, or more data"
            )
        self.device = torch.device("cpu")
        """Where the batches are made."""
        self.augmented_on: torch.device | None = None
        if device is not None:
            self.keep_on(torch.device(device))

    def keep_on(self, device: torch.device, share: float = 1.0) -> bool:
        """Copy images in memory to a device once; there batches are then gathered and augmented.

        The batches stay the same: order and augmentation are drawn on the CPU.

        Args:
            device: where to.
            share: of the device's free memory that the images may take.

        Returns:
            Whether batches are made there: not where samples come from a torch `Dataset`, nor
            where the images are too many. Samples of a `Dataset` are only augmented there.
        """
        if not isinstance(self.split, Split):
            self.augmented_on = device
            return False
        if device.type == "cuda" and self.split.images.nbytes > share * available(device):
            return False
        self.split = Split(self.split.images.to(device), self.split.labels.to(device))
        self.device = device
        return True

    def of(self, samples: Samples) -> Loader:
        """The same way of loading for other samples: unshuffled, not augmented, one process."""
        return Loader(
            samples, self.batch_size, self.seed, workers=self.workers, collate=self.collate
        )

    def __len__(self) -> int:
        """Steps per epoch of this process."""
        return self._steps

    @property
    def used(self) -> int:
        """Samples of an epoch, of all processes together."""
        return self._used

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from step `start` on; nothing before is loaded.

        Images are float32 `[B, C, H, W]` in [0, 1] and in channels_last memory, event frames
        `[B, T, 2, H, W]`. `index` is the position of each sample in the split.
        """
        indices = self._indices(epoch)[start:]
        batches = (
            (_gather(self.split, index) for index in indices)
            if isinstance(self.split, Split)
            else self._load(indices, epoch)
        )
        for step, index, batch in zip(range(start, len(self)), indices, batches, strict=True):
            if self.augment is not None:
                batch = self._augmented(batch, epoch, step)
            yield replace(batch, inputs=mapped(_channels_last, batch.inputs), index=index)

    def _augmented(self, batch: Batch, epoch: int, step: int) -> Batch:
        if self.augmented_on is not None:
            batch = batch.to(self.augmented_on)
        assert self.augment is not None
        generator = seeded("augment", self.seed, epoch, step, self.rank)
        inputs, targets = self.augment(batch.inputs, batch.targets, generator)  # type: ignore[arg-type]
        return replace(batch, inputs=inputs, targets=targets)

    def _indices(self, epoch: int) -> list[Tensor]:
        """What this process sees at each step of an epoch."""
        order = torch.arange(self.samples)
        if self.shuffle:
            order = torch.randperm(self.samples, generator=seeded("order", self.seed, epoch))
        batches = order[: self._used].to(self.device).split(self.global_batch)
        own = (batch.tensor_split(self.world)[self.rank] for batch in batches)
        return [index for index in own if len(index)]

    def _load(self, indices: list[Tensor], epoch: int) -> Iterator[Batch]:
        # Without a generator a DataLoader draws a seed for its workers from the global state.
        batches = DataLoader(
            _Numbered(self.split),  # type: ignore[arg-type]
            batch_sampler=[index.tolist() for index in indices],
            num_workers=self.workers,
            collate_fn=functools.partial(_collated, self.collate),
            generator=seeded("workers", self.seed, epoch),
        )
        try:
            yield from batches
        except SpikedistillError as fault:
            # a worker hands over its whole traceback as text, the sentence last
            sentence = str(fault).strip().rpartition(f"{SpikedistillError.__name__}: ")[2]
            raise SpikedistillError(sentence) from None


def _gather(split: Split, index: Tensor) -> Batch:
    gathered = split.images[index].to(torch.float32, memory_format=torch.channels_last)
    return Batch(gathered.div_(255), split.labels[index])


def _channels_last(value: Tensor) -> Tensor:
    """Images as convolutions take them soonest."""
    return value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value


class _Numbered(Dataset[tuple[str, Any]]):
    """A data set whose samples come with the name by which a message calls them."""

    def __init__(self, split: Dataset[Any]) -> None:
        self.split = split

    def __getitem__(self, index: int) -> tuple[str, Any]:
        name = name_of(self.split, index)
        try:
            return name, self.split[index]
        except SpikedistillError:
            raise
        except Exception as error:  # a data set of a stranger's raises whatever it stumbles over
            raise SpikedistillError(
                f"{name} cannot be loaded: {type(error).__name__}: {error}"
            ) from error


def name_of(split: Samples, index: int) -> str:
    """How a message calls a sample: by its number in the user's own data set."""
    while isinstance(split, Subset | Labelled):
        if isinstance(split, Subset):
            split, index = split.dataset, int(split.indices[index])
        else:
            split = split.samples
    return f"sample {index} of {type(split).__name__}"


def _collated(collate: Collate, numbered: Sequence[tuple[str, Any]]) -> Batch:
    try:
        batch = check_batch(collate([sample for _, sample in numbered]))
    except SampleFault as fault:
        raise SpikedistillError(f"{numbered[fault.position][0]}: {fault}") from fault
    broken = first_broken(batch.inputs)
    if broken is None:
        return batch
    # spikes hide it: a membrane that is NaN never fires, and what follows is finite again
    name = numbered[broken][0] if len(batch) == len(numbered) else f"the batch of {numbered[0][0]}"
    raise SpikedistillError(
        f"The inputs of {name} hold values that are not finite (NaN or infinite); repair it or "
        "take it out"
    )
