"""The frame of our pages: whatever a recording says stays text, and the browser is told to run and fetch nothing."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.export.page import escape, figure_place, page

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "\u2028\u2029",
    "&lt;",
    "'\"",
    "\\",
    "\u202eabc",
    "💥",
)


class Outline(HTMLParser):
    """The elements of a page with their texts, as a browser's parser takes them apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], str]] = []
        self._open: list[int] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), ""))
        self._open.append(len(self.elements) - 1)

    def handle_data(self, data: str) -> None:
        if self._open:
            tag, attributes, text = self.elements[self._open[-1]]
            self.elements[self._open[-1]] = (tag, attributes, text + data)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self.elements[self._open.pop()][0] != tag:
            pass

    def texts(self, tag: str) -> list[str]:
        return [text for name, _, text in self.elements if name == tag]

    def data(self, identifier: str) -> Any:
        (text,) = (text for _, attributes, text in self.elements if attributes.get("id") == identifier)
        return json.loads(text)


@given(st.text() | st.sampled_from(HOSTILE))
def test_an_escaped_text_is_one_text_wherever_it_stands(text: str) -> None:
    outline = Outline(f'<p title="{escape(text)}">{escape(text)}</p>')

    assert [(tag, list(attributes)) for tag, attributes, _ in outline.elements] == [("p", ["title"])]
    assert outline.elements[0][1]["title"] == outline.texts("p")[0]


@given(st.recursive(st.none() | st.text() | st.sampled_from(HOSTILE) | st.integers(), st.lists, max_leaves=6))
def test_data_is_read_back_and_ends_no_script(value: Any) -> None:
    outline = Outline(page("x", "<p>body</p>", data={"values": value}))

    assert outline.data("values") == value
    assert [tag for tag, _, _ in outline.elements].count("script") == 1


def test_no_number_that_json_does_not_know_gets_in() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        page("x", "", data={"values": [float("nan")]})


@pytest.mark.parametrize("title", HOSTILE)
def test_a_title_is_a_text(title: str) -> None:
    outline = Outline(page(title, ""))

    assert len(outline.texts("title")) == 1
    assert not outline.texts("script")


def test_the_browser_may_run_these_scripts_and_fetch_nothing() -> None:
    outline = Outline(page("x", figure_place("figure"), scripts=["one()"], figures={"figure": go.Figure()}))
    (policy,) = (a["content"] for _, a, _ in outline.elements if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in (policy or "").split(";"))
    running = [text for tag, attributes, text in outline.elements if tag == "script" and "type" not in attributes]

    assert rules["default-src"] == "'none'"
    assert rules["script-src"].split() == [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in running
    ]
    assert running[0] == "one()"
    assert not any(name in attributes for _, attributes, _ in outline.elements for name in ("src", "href"))


def test_plotly_is_there_only_with_a_figure() -> None:
    figure = go.Figure(go.Scatter(y=[1, 2], name="</script>"))

    assert len(page("x", "")) < 10_000
    outline = Outline(page("x", figure_place("losses"), figures={"losses": figure}))

    assert outline.data("losses")["data"][0]["name"] == "</script>"
    assert [attributes["data-figure"] for _, attributes, _ in outline.elements if "data-figure" in attributes] == [
        "losses"
    ]
    assert any(re.match(r"/\*\*\s*\* plotly.js", text) for text in outline.texts("script"))
