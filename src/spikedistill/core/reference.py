"""Where a method comes from: what feeds the documentation, `cite` and the reports."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Reference:
    """One publication."""

    key: str
    """BibTeX key, for example `hong2025sastc`."""
    title: str
    authors: tuple[str, ...]
    """Authors as `First Last`, in order; `others` for et al."""
    venue: str
    year: int
    link: str = ""
    kind: Literal["conference", "journal", "preprint", "other"] = "other"
    """What `venue` is."""

    @property
    def short(self) -> str:
        """`Hong and Wang, AAAI 2025`."""
        last = [author.split()[-1] for author in self.authors]
        if len(last) > 2 or "others" in last:
            who = f"{last[0]} et al."
        else:
            who = " and ".join(last)
        venue = self.venue if str(self.year) in self.venue else f"{self.venue} {self.year}"
        return f"{who}, {venue}"

    @property
    def arxiv(self) -> str:
        """Its number at arXiv, where the link leads there; else nothing."""
        found = re.search(r"arxiv\.org/abs/([\w./-]+?)(v\d+)?$", self.link)
        return found[1] if found else ""

    def bibtex(self) -> str:
        """The entry for a bibliography, of the kind that the publication is."""
        entry, place = _ENTRIES[self.kind]
        venue = (
            _PROCEEDINGS.get(self.venue, self.venue) if self.kind == "conference" else self.venue
        )
        fields = {
            "title": f"{{{self.title}}}",
            "author": " and ".join(self.authors),
            place: venue,
            "year": str(self.year),
            "eprint": self.arxiv,
            "archiveprefix": "arXiv" if self.arxiv else "",
            "doi": self.link.partition("doi.org/")[2],
            "url": self.link,
        }
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        return "\n".join([f"@{entry}{{{self.key},", *lines, "}"])


_ENTRIES = {
    "conference": ("inproceedings", "booktitle"),
    "journal": ("article", "journal"),
    "preprint": ("misc", "note"),
    "other": ("misc", "howpublished"),
}
"""Kind -> how BibTeX calls it, and the field in which the venue stands."""
_PROCEEDINGS = {
    "AAAI": "Proceedings of the AAAI Conference on Artificial Intelligence",
    "ICCV": "Proceedings of the International Conference on Computer Vision (ICCV)",
    "ICLR": "International Conference on Learning Representations (ICLR)",
    "ISSCC": "International Solid-State Circuits Conference (ISSCC), Digest of Technical Papers",
    "NeurIPS": "Advances in Neural Information Processing Systems (NeurIPS)",
}
