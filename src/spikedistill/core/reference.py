"""Where a method comes from: what feeds the documentation, `cite` and the reports."""

from __future__ import annotations

from dataclasses import dataclass


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

    def bibtex(self) -> str:
        """The entry for a bibliography."""
        fields = {
            "title": f"{{{self.title}}}",
            "author": " and ".join(self.authors),
            "howpublished": self.venue,
            "year": str(self.year),
            "url": self.link,
        }
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        return "\n".join([f"@misc{{{self.key},", *lines, "}"])
