"""What the alignment study keeps after every epoch: distances between layers, and the attention."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.objective import Term
from spikedistill.core.trace import Trace
from spikedistill.data import Loader
from spikedistill.explain import stm_score
from spikedistill.functional.similarity import fixed_attention
from spikedistill.training.distiller import Distiller

IMAGES = 1024
"""Validation images that are looked at, the first ones of the split."""
GROUP = 64
"""B of the STM score."""


def alignment(distiller: Distiller, valid: Loader) -> dict[str, Any] | None:
    """Mean distances and mean attention `[T][I][J]` of the phase's layer-matching loss.

    Distances are averaged over batches of 64 images, the attention over batches of the size that
    its queries were built for. None where the phase has no such loss.

    Raises:
        SpikedistillError: if the split has no full batch.
    """
    if valid.samples < max(GROUP, valid.batch_size):
        raise SpikedistillError(
            f"the alignment study looks at full batches of {GROUP} and of {valid.batch_size} "
            f"validation images, and there are {valid.samples}; raise data.valid, or lower "
            "training.batch_size"
        )
    term = next((one for one in distiller.objective.terms if _matches_layers(one)), None)
    if term is None:
        return None
    needs = term.loss.needs
    distances = [
        stm_score.distances(learner, guide, needs.learner, needs.guide)
        for learner, guide in _traces(
            distiller, term, Loader(valid.split, GROUP, collate=valid.collate)
        )
    ]
    attention = [
        term.loss.picture(learner, guide)["attention"]
        for learner, guide in _traces(distiller, term, valid)
    ]
    found = {"distances": torch.stack(distances), "attention": torch.stack(attention)}
    return {name: values.mean(0).cpu().tolist() for name, values in found.items()}


def _matches_layers(term: Term) -> bool:
    return bool(term.loss.needs.guide) and hasattr(term.loss, "attention")


def _traces(distiller: Distiller, term: Term, loader: Loader) -> Iterator[tuple[Trace, Trace]]:
    """Learner and guide on full batches of the first images."""
    device = next(distiller.parameters()).device
    most = max(1, IMAGES // loader.batch_size)
    for number, batch in enumerate(itertools.islice(loader.epoch(0), most)):
        if len(batch) < loader.batch_size:
            return
        inputs = batch.to(device).inputs
        generator = torch.Generator(device).manual_seed(number)
        assert term.guide is not None
        learner, guide = (
            distiller.trace(
                seat, distiller.encoder(inputs, distiller.roles[seat].timesteps, generator)
            )
            for seat in (term.learner, term.guide)
        )
        yield learner, guide


def score(look: Mapping[str, Any], weights: str) -> float:
    """STM of one epoch.

    Args:
        look: what `alignment` returned.
        weights: `own` (the attention it was trained with), `diagonal` or `uniform`.
    """
    distances = torch.tensor(look["distances"], dtype=torch.float64)
    given = (
        torch.tensor(look["attention"])
        if weights == "own"
        else fixed_attention(weights, *distances.shape[1:])  # type: ignore[arg-type]
    )
    return stm_score.score(distances, given).value
