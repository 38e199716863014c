"""What may stand in each block of a recipe, for people: `spikedistill show training`.

The keys come from the fields that define them (`recipes.keys`); here is only what no field says.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from spikedistill.data import Augment
from spikedistill.recipes.data_entry import DataEntry
from spikedistill.recipes.keys import Key, keys
from spikedistill.recipes.loss_entry import LossEntry
from spikedistill.recipes.network_entry import NetworkEntry
from spikedistill.recipes.schema import Phase, Recipe, RoleEntry
from spikedistill.training.settings import Settings


@dataclass(frozen=True)
class Block:
    """One block: the classes that define its keys, and what to know beside them."""

    defined_by: tuple[type, ...]
    before: str = ""
    after: str = ""

    @property
    def keys(self) -> tuple[Key, ...]:
        """All keys that it may hold."""
        return tuple(key for one in self.defined_by for key in keys(one))

    @property
    def text(self) -> str:
        """Its page: what it is, then every key."""
        first = self.defined_by[0]
        lines = ["**Keys:**", *(_line(key) for key in self.keys)]
        about = inspect.cleandoc(first.__doc__ or "")
        parts = (about, self.before, "\n".join(lines), self.after)
        return "\n\n".join(textwrap.dedent(part).strip() for part in parts if part)


def _line(key: Key) -> str:
    text = f"- {key.name}: {key.text}"
    return "\n".join(textwrap.wrap(text, 100, subsequent_indent="  ", break_on_hyphens=False))


CODE = """
`call:`, and whatever is named as `file:Name`, is code that is run: take recipes and run folders
only from people whose code you would run. Such a file lies beside the recipe, in the working
folder, or is installed; a bare name always means one of the library."""
OVERRIDES = """
Any value can be changed on the command line, a list entry by its number, name or method:
`spikedistill run digits-sastc training.epochs=5 phases.student.losses.sastc.weight=50`. The values
are YAML. What is wrong is told with its path before anything is computed."""

BLOCKS: Mapping[str, Block] = {
    "recipe": Block((Recipe,), after=f"{OVERRIDES}\n{CODE}"),
    "data": Block(
        (DataEntry,),
        "Exactly one of the first two; the options of a data set stand beside the other keys "
        "(`{name: imagefolder, root: photos, size: 96}`; `spikedistill show imagefolder`).",
    ),
    "augment": Block((Augment,), "`null` or `false` switches one off that a base switches on."),
    "networks": Block(
        (NetworkEntry,),
        "Exactly one of the first three; options (`width`, `depth`) stand beside the other keys.",
    ),
    "training": Block((Settings,)),
    "phases": Block((Phase,), after="`spikedistill show roles` has the keys of a role."),
    "roles": Block((RoleEntry,)),
    "losses": Block(
        (LossEntry,),
        "`cross_entropy`, or `sastc: {weight: 100.0}` (`spikedistill list methods`); or one of "
        'your own, `"file:MyLoss": {weight: 2.0}`. The options of a method stand beside these '
        "keys.",
    ),
}
