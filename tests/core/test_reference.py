from __future__ import annotations

import pytest

from spikedistill.core.reference import Reference


@pytest.mark.parametrize(
    ("authors", "venue", "short"),
    [
        (("Di Hong", "Yueming Wang"), "AAAI", "Hong and Wang, AAAI 2025"),
        (("Ada Alone",), "ICLR 2025", "Alone, ICLR 2025"),
        (("A B", "C D", "E F"), "AAAI", "B et al., AAAI 2025"),
        (("A B", "others"), "AAAI", "B et al., AAAI 2025"),
    ],
)
def test_the_short_form(authors, venue, short):
    assert Reference("key", "Title", authors, venue, 2025).short == short


def test_the_bibliography_entry_leaves_out_what_is_unknown():
    entry = Reference("hong2025", "A Title", ("Di Hong", "Yueming Wang"), "AAAI", 2025).bibtex()
    assert entry == (
        "@misc{hong2025,\n"
        "  title = {{A Title}},\n"
        "  author = {Di Hong and Yueming Wang},\n"
        "  howpublished = {AAAI},\n"
        "  year = {2025},\n"
        "}"
    )
