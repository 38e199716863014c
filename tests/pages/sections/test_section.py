"""All sections together: what each needs, and what they show of nothing."""

from __future__ import annotations

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.pages.chapter import Chapter
from spikedistill.pages.html import TEMPLATES
from spikedistill.pages.sections import ALWAYS, SECTIONS
from spikedistill.tasks import TASKS


@pytest.mark.parametrize("name", SECTIONS.names())
def test_of_nothing_nothing_is_shown(told: Chapter, name: str) -> None:
    assert not SECTIONS.find(name).show(Chapter(told.run, {}), "key")


@pytest.mark.parametrize("name", SECTIONS.names())
def test_a_section_has_a_title_and_a_template(name: str) -> None:
    assert SECTIONS.find(name).title
    assert (TEMPLATES / "sections" / f"{name}.html").exists()


@pytest.mark.parametrize("name", SECTIONS.names())
def test_what_is_gathered_is_named_so_that_a_look_without_it_is_taken_again(name: str) -> None:
    section = SECTIONS.find(name)
    assert (section.gather is None) == (not section.facts) == (name in ALWAYS)


def test_every_section_belongs_to_all_tasks_or_to_one() -> None:
    of_tasks = {name for task in TASKS.names() for name in TASKS.find(task).sections}
    assert of_tasks.isdisjoint(ALWAYS) and {*ALWAYS, *of_tasks} == set(SECTIONS.names())


def test_an_unknown_section_is_refused_with_the_closest_one() -> None:
    with pytest.raises(SpikedistillError, match=r"no section 'mistake'.*mistakes"):
        SECTIONS.find("mistake")
