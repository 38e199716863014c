"""Which pairs of layers are worth their time: those that attention still looks at."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from spikedistill.functional.similarity import attention_bounds

_SHARE = 0.01  # of the newest batch in the running mean: about the last hundred batches count


class PairSkipping(nn.Module):
    """Leaves out pairs of layers whose usual attention is low, once a warm-up is over.

    `usual` `[I, J]` is the running mean of the attention over batches, steps and samples: it starts
    at 1 / J and moves by a hundredth of the difference with every batch of training. From
    `after` on, a pair whose mean lies under `below` is skipped. Its mean then stands still, so
    that a pair once skipped stays skipped; others may follow it. `usual` is a buffer: a resumed
    run skips the same pairs, and data-parallel processes agree, because buffers are sent round
    before each forward pass.

    `below < 1 / J` leaves every learner layer a pair. Attention to J layers never falls under
    `1 / (1 + (J - 1) e^2)` (`functional.similarity.attention_bounds`).

    Args:
        learners: I, the number of learner layers.
        guides: J, the number of guide layers.
        below: the least usual attention of a pair that is kept.
        after: share of the phase's budget that is spent before the first pair is skipped.
        least: what attention never falls under, where that is not the bound above.

    Raises:
        ValueError: if `below` is no attention that would leave out some pairs and not all, or
            `after` is no share in [0, 1).
    """

    usual: Tensor

    def __init__(
        self, learners: int, guides: int, below: float, after: float, least: float | None = None
    ) -> None:
        super().__init__()
        if not 0 <= after < 1:
            raise ValueError(
                f"sastc begins to skip pairs once the share skip_after of the budget is spent; got "
                f"skip_after={after}, give a number from 0 to below 1"
            )
        least = attention_bounds(guides)[0] if least is None else least
        even = 1 / guides
        if not least < below < even:
            remedy = (
                f"choose a threshold between {least:.3f} and {even:.3f}"
                if guides > 1
                else "leave skip_below out"
            )
            raise ValueError(
                f"sastc skips pairs whose attention stays below skip_below={below}, but attention "
                f"to {guides} guide layers lies above {least:.3f}, and on average it is "
                f"{even:.3f}; {remedy}"
            )
        self.below, self.after = below, after
        self.register_buffer("usual", torch.full((learners, guides), even))

    def kept(self, progress: float) -> Bool[Tensor, "I J"] | None:
        """The pairs that are not skipped; None stands for all of them, before the warm-up ends."""
        return None if progress < self.after else self.usual >= self.below

    @torch.no_grad()
    def watch(self, attention: Float[Tensor, "T B I J"], kept: Bool[Tensor, "I J"] | None) -> None:
        """Move the running mean of the pairs that are kept towards the attention of a batch."""
        newest = attention.mean((0, 1)).to(self.usual.dtype)
        newest = newest if kept is None else torch.where(kept, newest, self.usual)
        self.usual.lerp_(newest, _SHARE)
