"""The page as text, and as a browser sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from spikedistill.pages.chapter import Chapter
from spikedistill.pages.html import TEMPLATES, page
from spikedistill.pages.read_run import read_run

OF_IMAGES = ("confusion", "mistakes")
ATTACK = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


class Elements(HTMLParser):
    """Tags with their attributes, and whether those that must be closed are."""

    VOID = ("meta", "img", "input", "br", "wbr", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()


@pytest.fixture
def told(make_run: Callable[..., Path], looks: dict[Any, Any]) -> Chapter:
    return Chapter(
        read_run(make_run()), looks, bibtex="@misc{hong2025sastc,\n}", sections=OF_IMAGES
    )


def test_the_values_are_there_and_every_tag_is_closed(told: Chapter) -> None:
    text = page([told])
    for value in ("92.50 %", "96.00 %", "20.4 times less", "97.50 %", "0.700", "sum over time",
                  "4 x 8 x 8", "98.7 %", "@misc{hong2025sastc,", "name: toy"):  # fmt: skip
        assert value in text, value
    elements = Elements(text)
    assert elements.open == []
    keys = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(keys) == len(set(keys))
    for _, attributes in elements.found:
        for name in ("aria-labelledby", "aria-controls", "for"):
            assert set((attributes.get(name) or "").split()) <= set(keys)
        if (attributes.get("href") or "").startswith("#"):
            assert (attributes["href"] or "")[1:] in keys


def test_everything_that_people_see_can_be_read_aloud(told: Chapter) -> None:
    elements = Elements(page([told]))
    for tag, attributes in elements.found:
        if tag == "img":
            assert "alt" in attributes
        if tag == "svg":
            named = "aria-label" in attributes or "aria-labelledby" in attributes
            assert (attributes.get("role") == "img" and named) or attributes.get(
                "aria-hidden"
            ) == "true"
    assert ("html", {"lang": "en"}) in elements.found


def test_nothing_is_loaded_and_nothing_else_may_run(told: Chapter) -> None:
    elements = Elements(page([told]))
    for tag, attributes in elements.found:
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
        assert (attributes.get("src") or "data:image/").startswith("data:image/")
        assert (attributes.get("href") or "#").startswith(("#", "data:image/"))
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
    (policy,) = [a["content"] or "" for _, a in elements.found if "http-equiv" in a]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy


@pytest.mark.parametrize("where", ["name", "description", "claim", "data"])
def test_text_of_a_recipe_stays_text(
    make_run: Callable[..., Path], looks: dict[Any, Any], where: str
) -> None:
    value: Any = {"claim": {"value": 1.0, "source": ATTACK}, "data": {"name": ATTACK}}
    folder = make_run("evil", **{where: value.get(where, ATTACK)})
    harmless(page([Chapter(read_run(folder), looks, sections=OF_IMAGES)]))


def test_names_of_classes_layers_losses_and_files_stay_text(
    make_run: Callable[..., Path], looks: dict[Any, Any]
) -> None:
    for look in looks.values():
        look.facts["classes"] = [ATTACK] * 3
        for layer in (*look.facts["layers"], *look.facts["operations"]):
            layer["path"] = ATTACK
        for picture in look.facts["pictures"]:
            picture |= {"loss": ATTACK, "learner": [ATTACK], "split": ATTACK}
    run = read_run(make_run("<script>alert(1)<"))
    run.rows[2].losses = [ATTACK]
    run.histories["student"][0]["losses"] = {ATTACK: 1.0}
    harmless(page([Chapter(run, looks, (ATTACK,), ATTACK, OF_IMAGES)] * 2, [ATTACK]))


def test_a_sample_is_called_as_its_task_calls_it(told: Chapter) -> None:
    text = page([replace(told, run=replace(told.run, word="sequence"))])
    for said in ("Sequences of each class", "per sequence, an estimate", "128 sequences of the",
                 "energy of one sequence", "10 test sequences"):  # fmt: skip
        assert said in text, said
    assert "test image" not in text and "per image" not in text
    assert "Images of each class" in page([told])


def test_a_section_of_ones_own_is_drawn_as_tables(
    make_run: Callable[..., Path],
    looks: dict[Any, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "own_section_of_a_page.py").write_text(
        "from spikedistill.pages.sections import Section\n\n\n"
        "def show(chapter, key):\n"
        "    rows = [(row.network, f'{row.score:.1f} <') for row in chapter.run.rows]\n"
        f"    return [{{'name': {ATTACK!r}, 'head': ('network', 'score'), 'rows': rows}}]\n\n\n"
        "SECTION = Section('Own words', show)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    named = ("confusion", "own_section_of_a_page:SECTION")
    text = page([Chapter(read_run(make_run()), looks, sections=named)])
    assert "<h3>Confusion</h3>" in text and "<h3>Own words</h3>" in text
    assert '<th scope="row">student</th><td>92.5 &lt;</td>' in text
    assert ("section", {"id": "run1-own_section_of_a_page-SECTION"}) in Elements(text).found
    harmless(text)


def harmless(text: str) -> None:
    assert "&lt;script&gt;alert(1)" in text
    elements = Elements(text)
    assert [tag for tag, _ in elements.found].count("script") == 1
    assert not any("onerror" in attributes for _, attributes in elements.found)


def test_only_our_own_style_and_script_pass_unescaped() -> None:
    marked = [line.strip() for path in sorted(TEMPLATES.rglob("*.html"))
              for line in path.read_text("utf-8").splitlines() if "|safe" in line]  # fmt: skip
    assert marked == ["<style>{{ style|safe }}</style>", "<script>{{ script|safe }}</script>"]


def test_a_run_of_which_little_is_known(make_run: Callable[..., Path]) -> None:
    folder = make_run()
    for path in (folder / "result.json", folder / "teachers.json", *folder.glob("cells/*/*")):
        path.unlink()
    text = page([Chapter(read_run(folder), {}, ("no data",))])
    assert "have no result yet" in text and "no data" in text and Elements(text).open == []


@pytest.mark.parametrize("phases", [{"a": 1}, [], [7], [{"name": "student", "roles": [1]}]])
def test_odd_recipes_and_manifests(make_run: Callable[..., Path], phases: object) -> None:
    folder = make_run(phases=phases, data=["a"], claim=3)
    (folder / "manifest.json").write_text('{"machine": [1], "versions": "x", "notes": 3}')
    assert "A toy run" in page([Chapter(read_run(folder), {})])


def test_several_runs_are_compared_first(told: Chapter, make_run: Callable[..., Path]) -> None:
    other = Chapter(read_run(make_run("toy-seed1", seed=1)), {})
    text = page([told, other], ["runs/gone does not exist"])
    assert text.index("All runs together") < text.index('id="run1"') < text.index('id="run2"')
    assert "runs/gone does not exist" in text and "toy, seed 1: student" in text


@pytest.fixture
def opened(browser: Any, told: Chapter, tmp_path: Path) -> Any:
    file = tmp_path / "a page.html"
    file.write_text(page([told]), encoding="utf-8")
    browser.open(file)
    return browser


def test_the_browser_has_nothing_to_complain_of(opened: Any) -> None:
    assert opened.complaints == []
    assert len(opened.requests) == 1 and opened.requests[0].startswith("file:")
    assert opened.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert opened.evaluate("getComputedStyle(document.querySelector('.tiles')).display") == "grid"
    width = opened.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]


def test_a_slider_works_by_keyboard(opened: Any) -> None:
    frames = "[...document.querySelectorAll('#run1-a1-frames [data-frame]')].map(f => f.hidden)"
    assert opened.evaluate(frames) == [False, True]
    for _ in range(40):  # go there as one without a mouse does
        opened.press("Tab", 9)
        if opened.evaluate("document.activeElement.id") == "run1-a1":
            break
    opened.press("ArrowRight", 39)
    assert opened.evaluate(frames) == [True, False]
    assert opened.evaluate("document.activeElement.getAttribute('aria-valuetext')") == "time step 2"
    assert opened.evaluate("document.querySelector('output[for=run1-a1]').value") == "time step 2"
    opened.press("Home", 36)
    assert opened.evaluate(frames) == [False, True]


def test_light_dark_and_narrow(opened: Any) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    seen = {}
    for theme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": theme}
        opened("Emulation.setEmulatedMedia", features=[feature])
        seen[theme] = opened.evaluate(colour)
    opened("Emulation.setEmulatedMedia", features=[])
    assert seen == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}
    opened("Emulation.setDeviceMetricsOverride", width=360, height=700, deviceScaleFactor=1,
           mobile=True)  # fmt: skip
    assert opened.evaluate("document.documentElement.scrollWidth") <= 360
    opened("Emulation.clearDeviceMetricsOverride")
    assert len(opened("Page.captureScreenshot")["data"]) > 10_000


def test_all_of_it_is_printed(opened: Any) -> None:
    closed = "document.querySelectorAll('details:not([open])').length"
    before = opened.evaluate(closed)
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert before > 0 and opened.evaluate(closed) == 0
    opened.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.evaluate(closed) == before
