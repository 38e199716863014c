"""Pages as JSON and Markdown."""

import json

from spikedistill.report.page import Page, Picture, Table

PAGE = Page(
    "study",
    "A study",
    ["Some words.", Table("Accuracy", ("a", "b|c"), [["1", "**2**"]]), Picture("x.png", "lines")],
)


def test_a_page_comes_back_from_json():
    again = Page.from_plain(json.loads(json.dumps(PAGE.plain())))
    assert json.dumps(again.plain()) == json.dumps(PAGE.plain())
    assert isinstance(again.parts[1], Table) and isinstance(again.parts[2], Picture)


def test_markdown():
    assert PAGE.markdown(2) == (
        "## A study\n\nSome words.\n\nAccuracy:\n\n| a | b\\|c |\n| --- | --- |\n| 1 | **2** |\n\n"
        "![lines](x.png)\n"
    )
