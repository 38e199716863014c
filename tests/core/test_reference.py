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


@pytest.mark.parametrize(
    ("kind", "venue", "link", "lines"),
    [
        ("conference", "AAAI", "https://doi.org/10.1609/aaai.v39",
         ["@inproceedings{key,",
          "  booktitle = {Proceedings of the AAAI Conference on Artificial Intelligence},",
          "  doi = {10.1609/aaai.v39},", "  url = {https://doi.org/10.1609/aaai.v39},"]),
        ("conference", "Small Workshop", "", ["@inproceedings{key,",
                                              "  booktitle = {Small Workshop},"]),
        ("journal", "Scientific Reports", "", ["@article{key,",
                                               "  journal = {Scientific Reports},"]),
        ("preprint", "", "https://arxiv.org/abs/1503.02531v2",
         ["@misc{key,", "  eprint = {1503.02531},", "  archiveprefix = {arXiv},"]),
        ("conference", "ICLR", "https://arxiv.org/abs/2202.11946",
         ["  booktitle = {International Conference on Learning Representations (ICLR)},",
          "  eprint = {2202.11946},"]),
    ],
)  # fmt: skip
def test_an_entry_is_of_the_kind_of_its_publication(kind, venue, link, lines):
    entry = Reference("key", "Title", ("A B",), venue, 2025, link, kind).bibtex().splitlines()
    assert [line for line in lines if line not in entry] == []
    assert not any("howpublished" in line for line in entry)


def test_every_publication_of_the_library_says_its_kind():
    from spikedistill.costs import energy
    from spikedistill.layers import LAYERS
    from spikedistill.methods import METHODS
    from spikedistill.neurons import NEURONS

    shelves = [catalogue.find(name) for catalogue in (METHODS, NEURONS, LAYERS)
               for name in catalogue.names()]  # fmt: skip
    found = [made.reference for made in shelves if getattr(made, "reference", None)]
    found += [one for one in vars(energy).values() if isinstance(one, Reference)]
    assert len(found) >= 9 and not [one.key for one in found if one.kind == "other"]
