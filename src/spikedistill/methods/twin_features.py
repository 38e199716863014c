"""Site by site, a spiking twin answers on average what its teacher's activation answers there.

**Formula** (`S_i[t]` = what the neurons of site i send at step t, `A_i` = what the activation of
the same site returns, M sites; with `goals="clipped"` A_i is cut at the most that site i sends)::

    over="mean":  gap_i = mean_bchw ( mean_t S_i[t] - A_i )^2
    over="step":  gap_i = mean_tbchw ( S_i[t] - A_i )^2
    L = 1/M sum_i gap_i / mean_bchw A_i^2

A site whose goals are all zero in a batch counts as 0.

**Shapes** learner taps `[T, B, ...]`, guide taps `[1 or T, B, ...]`, alike in all but T.

**Needs** every layer of neurons of the learner and every activation of the guide, in their order:
`spikesN` of a spiking network, `activationN` of an ANN. Both must have the same sites, as a network
and its spiking twin have; activations that the teacher calls as functions, or several times by one
module, are sites of their own.

**Options**

- `goals`: `"raw"` (default), or `"clipped"` at the height that a site can reach.
- `over`: `"mean"` (default) compares the mean over time; `"step"` every step.
- `sites`: shell patterns of learner taps, default all.

**Relations** SAKD compares the ends of stages by cosine; rate-based feature distillation (arXiv
2503.16572) compares rates through a projector; DIET-SNN (Rathi and Roy) learns the thresholds
instead.

**Differences from the paper** the form is of this project. The paper named as reference matches
layers one after the other, with the weights of that layer alone, to calibrate a converted network;
here all sites are one loss with gradient through the whole twin, each measured by its own goal.

**Example**

>>> import torch
>>> from spikedistill.core.spec import Spec
>>> from spikedistill.core.trace import Batch, Trace
>>> sent = torch.tensor([[1.0, 0.0], [1.0, 2.0]]).reshape(2, 1, 2)      # T = 2, B = 1
>>> goal = torch.tensor([[[1.0, 2.0]]])
>>> loss = TwinFeatures(
...     Spec("student", 2, 1, 2, {"spikes1": (2, 1, 2)}, spiking=True),
...     Spec("teacher", 1, 1, 2, {"activation1": (1, 1, 2)}),
... )
>>> traces = Trace(sent, {"spikes1": sent}), Trace(goal, {"activation1": goal})
>>> batch = Batch(inputs=torch.zeros(1, 2), targets=torch.zeros(1, dtype=torch.long))
>>> loss(*traces, batch).item()     # means 1 and 1: a gap of (0 + 1) / 2 over (1 + 4) / 2
0.20000000298023224
"""

from __future__ import annotations

import fnmatch
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spikedistill.core.clock import Temporal, firing_layers
from spikedistill.core.loss import Loss, Needs, refuse_timesteps
from spikedistill.core.reference import Reference
from spikedistill.core.spec import Spec, summary
from spikedistill.core.trace import Batch, Trace


class TwinFeatures(Loss):
    """The mean over sites of the gap between what a twin sends and what its teacher answers.

    Raises:
        ValueError: if the two have different sites, or a pattern names none.
    """

    guide: ClassVar[Literal["any", "spiking", "same shapes"]] = "same shapes"
    reference: ClassVar[Reference] = Reference(
        key="li2021calibration",
        title="A Free Lunch From ANN: Towards Efficient, Accurate Spiking Neural Networks "
        "Calibration",
        authors=("Yuhang Li", "Shikuang Deng", "Xin Dong", "Ruihao Gong", "Shi Gu"),
        venue="ICML",
        year=2021,
        link="https://arxiv.org/abs/2106.06984",
        kind="conference",
    )

    def __init__(
        self,
        learner: Spec,
        guide: Spec | None = None,
        *,
        goals: Literal["raw", "clipped"] = "raw",
        over: Literal["mean", "step"] = "mean",
        sites: tuple[str, ...] = ("*",),
    ) -> None:
        super().__init__(learner, guide)
        assert guide is not None
        refuse_timesteps("twin_features", learner, guide)
        self.over = over
        self.pairs = _pairs(learner, guide, sites)
        self._neurons = _neurons(learner) if learner.network is not None else {}
        self.clipped = goals == "clipped"
        self.needs = Needs(
            tuple(one for one, _ in self.pairs), tuple(other for _, other in self.pairs)
        )

    def forward(self, learner: Trace, guide: Trace | None, batch: Batch) -> Float[Tensor, ""]:
        """The mean of the gaps, each over the mean square of its goal."""
        assert guide is not None
        gaps = [self._gap(one, learner[one], guide[other]) for one, other in self.pairs]
        return torch.stack(gaps).mean()

    def _gap(self, site: str, sent: Tensor, goal: Tensor) -> Tensor:
        scale, most = self._heights(site)
        sent, goal = scale * sent.float(), goal.float()
        if self.clipped:
            goal = goal.clamp(max=most)
        if self.over == "mean":
            sent, goal = sent.mean(0), goal.mean(0)
        power = goal.square().mean()
        gap = (sent - goal).square().mean()
        return torch.where(power > 0, gap / power.clamp_min(1e-12), torch.zeros_like(gap))

    def _heights(self, site: str) -> tuple[Tensor | float, Tensor | float]:
        """What a spike of a site stands for, and the most that the site sends in a step."""
        found = self._neurons.get(site)
        if found is None:
            return 1.0, 1.0
        neuron, around = found
        assert neuron.fires is not None
        scale = getattr(around, "threshold", 1.0)  # spikes of 0 and 1 behind a divided current
        return scale, scale * neuron.height * neuron.fires.high


def _pairs(learner: Spec, guide: Spec, patterns: tuple[str, ...]) -> list[tuple[str, str]]:
    """The taps of every chosen site of a twin and of its teacher.

    Raises:
        ValueError: if the two are no twins, or no site is chosen.
    """
    remedy = "give a network and its spiking twin"
    if learner.classes != guide.classes:
        raise ValueError(
            f"twin_features compares a network with its twin, and the {learner.role} has "
            f"{learner.classes} classes and the {guide.role} {guide.classes}; {remedy}"
        )
    mine, theirs = _sites(learner), _sites(guide)
    if not mine or len(mine) != len(theirs):
        raise ValueError(
            f"twin_features compares site by site, and the {learner.role} has {len(mine)} sites "
            f"and the {guide.role} {len(theirs)} (its taps: {summary(tuple(guide.shapes))}); "
            f"{remedy}"
        )
    pairs = [
        (one, other)
        for one, other in zip(mine, theirs, strict=True)
        if any(fnmatch.fnmatchcase(one, pattern) for pattern in patterns)
    ]
    if not pairs:
        raise ValueError(
            f"no site of the {learner.role} matches {', '.join(patterns)}; it has {mine[0]} to "
            f"{mine[-1]}"
        )
    for one, other in pairs:
        if learner.shape(one)[2:] != guide.shape(other)[2:]:
            raise ValueError(
                f"twin_features compares site by site, and {one} of the {learner.role} has shape "
                f"{learner.shape(one)[2:]} where {other} of the {guide.role} has "
                f"{guide.shape(other)[2:]}; {remedy}"
            )
    return pairs


def _sites(spec: Spec) -> list[str]:
    """The taps of all neurons, or of all activations, in their order."""
    family = "spikes" if spec.spiking else "activation"
    found = [name for name in spec.shapes if name.rstrip("0123456789") == family]
    return sorted(found, key=lambda name: int(name[len(family) :]))


def _neurons(spec: Spec) -> dict[str, tuple[Temporal, nn.Module | None]]:
    """Tap -> the layer of neurons, and the module around it if that sets its threshold."""
    assert spec.network is not None
    around = {
        id(child): module
        for module in spec.network.modules()
        if isinstance(getattr(module, "threshold", None), Tensor)
        for child in module.children()
    }
    layers = firing_layers(spec.network)
    return {f"spikes{n}": (one, around.get(id(one))) for n, one in enumerate(layers, 1)}
