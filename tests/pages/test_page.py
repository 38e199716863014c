"""Pages as JSON and Markdown."""

import json

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.pages.html import page
from spikedistill.pages.page import FILE, Page, Picture, Table, read_page

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


def test_a_page_becomes_html_with_its_pictures_in_it_and_all_text_escaped(tmp_path):
    made = Page("study", "<script>alert(1)</script>", [*PAGE.parts, Picture("gone.png", "lost")])
    (tmp_path / FILE).write_text(json.dumps(made.plain()))
    (tmp_path / "x.png").write_bytes(b"picture")
    shown = read_page(tmp_path)
    html = page([], pages=[shown])
    assert shown.missing == (f"The picture gone.png is not in {tmp_path}.",)
    assert "<script>alert" not in html and "&lt;script&gt;alert(1)" in html
    assert '<img src="data:image/png;base64,cGljdHVyZQ==" alt="lines">' in html
    assert "<strong>2</strong>" in html and "Some words." in html
    assert "gone.png is not in" in html


def test_a_picture_is_only_looked_for_in_the_folder_of_its_page(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "s").mkdir()
    made = Page("study", "A study", [Picture("../secret.png", "lines")])
    (tmp_path / "s" / FILE).write_text(json.dumps(made.plain()))
    assert read_page(tmp_path / "s").pictures == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "x", "title": "y", "parts": [{}]}'])
def test_a_damaged_page_is_named_with_the_remedy(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(SpikedistillError, match=r"page.json cannot be read .* write it again"):
        read_page(tmp_path)
