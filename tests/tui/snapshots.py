"""The screen as text that a diff can show: what stands in every cell, and in which colour.

Taken from the picture that Textual exports, so that borders, clipping and colours are what a user sees.
"""

import re
import string
from collections import defaultdict
from typing import Any
from xml.etree import ElementTree

from tui.base import BaseApp

_SVG = "{http://www.w3.org/2000/svg}"
_RULE = re.compile(r"\.(?P<name>[\w-]+-r\d+) \{ (?P<style>[^}]*?) ?\}")
_CELL = 12.2
_LETTERS = string.ascii_lowercase + string.ascii_uppercase + string.digits


def snapshot(app: BaseApp[Any]) -> str:
    """The characters of the screen, the colours of its cells as letters, and what the letters stand for."""
    root = ElementTree.fromstring(app.export_screenshot(title="").replace("&#160;", " "))
    styles = dict(_RULE.findall("".join(style.text or "" for style in root.iter(f"{_SVG}style"))))
    width, height = app.size
    text = [[" "] * width for _ in range(height)]
    colour = [["."] * width for _ in range(height)]
    letters: dict[str, str] = defaultdict(lambda: _LETTERS[len(letters) - 1])
    for element in root.iter(f"{_SVG}text"):
        line = re.search(r"-line-(\d+)\)", element.get("clip-path", ""))
        if line is None:
            continue
        row, column = int(line[1]), round(float(element.get("x", "0")) / _CELL)
        for offset, character in enumerate(element.text or ""):
            if column + offset < width:
                text[row][column + offset] = character
                if character != " ":
                    colour[row][column + offset] = letters[styles[element.get("class", "")]]
    shown = ["".join(row).rstrip() for row in text]
    coloured = ["".join(row).rstrip(". ") for row in colour]
    legend = [f"{letter} {style}" for style, letter in letters.items()]
    return "\n".join([*shown, "", *coloured, "", *legend, ""])
