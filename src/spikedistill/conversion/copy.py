"""The weights of another network in a fresh one of the same names and shapes.

What a student starts from where it has its teacher's architecture with neurons in the place of
activations.
"""

from __future__ import annotations

import fnmatch
import logging

from torch import nn

from spikedistill.core.conversion import Conversion, Material
from spikedistill.core.errors import SpikedistillError

log = logging.getLogger(__name__)


class Copy(Conversion):
    """Every tensor of the fresh network is taken from the one of the same name in the source.

    **Options:**
    - leave: shell patterns of names (`*.shortcut.*`, `linear.*`) that stay as the fresh network has
      them. What neurons learn, which a source without neurons does not have, always stays.
    """

    takes_target = True

    def __init__(self, leave: tuple[str, ...] = ()) -> None:
        self.leave = tuple(leave)

    def __call__(self, material: Material) -> nn.Module:
        """The fresh network with the weights in it.

        Raises:
            SpikedistillError: if a tensor has no counterpart of its name and shape, or all are left
                out.
        """
        target, source = material.target, material.source.state_dict()
        assert target is not None
        own = target.state_dict()
        wanted = [name for name in own if not self._left(name, target)]
        for name in wanted:
            if name not in source or source[name].shape != own[name].shape:
                there = tuple(source[name].shape) if name in source else "none of this name"
                raise SpikedistillError(
                    f"the tensor {name!r} has shape {tuple(own[name].shape)} in the new network "
                    f"and the source has {there}; give both networks the same sizes, or leave it "
                    f"as it is, as {{copy: {{leave: [{name!r}]}}}}"
                )
        if not wanted:
            raise SpikedistillError(
                f"nothing would be copied: leave {list(self.leave)} names every tensor"
            )
        target.load_state_dict({**own, **{name: source[name] for name in wanted}})
        log.info("%d of %d tensors were copied", len(wanted), len(own))
        return target

    def _left(self, name: str, target: nn.Module) -> bool:
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.leave):
            return True
        owner = target.get_submodule(name.rpartition(".")[0])
        return getattr(owner, "fires", None) is not None
