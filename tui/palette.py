"""Colours of the screen, by role. One table each: a new kind of owner or curve is one line.

Everything is written down for the dark theme; `LIGHT` says what takes the place of each of its colours on a light one.

The hues are those of Okabe and Ito, which stay apart for readers with a colour vision deficiency. Colour never carries
a meaning alone: every owner kind has its letter, an open hook its arrow, every curve its name in the legend.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

ORANGE: Final = "#e69f00"
SKY: Final = "#56b4e9"
GREEN: Final = "#2fbf93"
YELLOW: Final = "#f0e442"
VERMILION: Final = "#f0743e"
PURPLE: Final = "#d58ab5"
GREY: Final = "#9aa5b1"


class OwnerLook(NamedTuple):
    """How an owner kind is shown: its letter beside the name, its colour, and what the letter stands for."""

    letter: str
    colour: str
    meaning: str


OWNERS: Final = {
    "callback": OwnerLook("C", ORANGE, "callback"),
    "module": OwnerLook("M", SKY, "module"),
    "datamodule": OwnerLook("D", GREEN, "datamodule"),
    "strategy": OwnerLook("S", PURPLE, "strategy"),
    "loop": OwnerLook("L", GREY, "loop"),
}

UNKNOWN_OWNER: Final = OwnerLook("?", GREY, "unknown")

CURVES: Final = (SKY, YELLOW, ORANGE, PURPLE, GREEN, VERMILION, GREY)
"""By `tui.curves.Trail.colour`: train step, train epoch, validation, test; the rest for curves beyond these."""

STYLES: Final = {
    "": "",
    "dim": "dim",
    "bold": "bold",
    "faint": "#5c6773",
    "loop-node": f"bold {GREY}",
    "head": f"{GREY}",
    "condition": "bold",
    "comment": f"italic {GREEN}",
    "open": f"bold {YELLOW}",
    "good": GREEN,
    "live": f"bold {GREEN}",
    "warn": f"bold {YELLOW}",
    "bad": f"bold {VERMILION}",
    "bar": SKY,
    "own": f"bold {GREEN}",
    "batch": GREEN,
    "validation": ORANGE,
    "pause": f"bold {YELLOW}",
    "bar-rest": "#39424c",
    "bar-mark": f"bold {SKY}",
    "spark": GREEN,
    "key": f"bold {ORANGE}",
    "tab": f"bold #101418 on {SKY}",
    "cursor": "on #24405c",
    "cursor-dim": "on #26303a",
    "here": "on #3a3413",
    **{kind: look.colour for kind, look in OWNERS.items()},
    **{f"curve-{number}": colour for number, colour in enumerate(CURVES)},
}
"""Role of a cell -> rich style. Roles are what the plain modules put into a `Line`."""

LIGHT: Final = {
    ORANGE: "#945d00",
    SKY: "#0067a5",
    GREEN: "#00714f",
    YELLOW: "#756200",
    VERMILION: "#b93a06",
    PURPLE: "#8b3467",
    GREY: "#56616d",
    "#5c6773": "#76828f",
    "#39424c": "#cdd4dc",
    "#101418": "#ffffff",
    "#24405c": "#cbe1f5",
    "#26303a": "#e2e8ee",
    "#3a3413": "#fbefc2",
}
"""Colour of the dark theme -> the one that does the same on a light background."""

_COLOUR: Final = re.compile("#[0-9a-f]{6}")


@cache
def styles(dark: bool) -> Mapping[str, str]:
    """Role of a cell -> rich style, for a dark or a light theme."""
    return STYLES if dark else {role: in_theme(style, dark) for role, style in STYLES.items()}


def in_theme(style: str, dark: bool) -> str:
    """A style that was written for the dark theme, with the colours of the theme at hand."""
    return style if dark else _COLOUR.sub(lambda match: LIGHT[match[0]], style)


def owner_look(kind: str) -> OwnerLook:
    """The look of an owner kind; that of an unknown one for anything else."""
    return OWNERS.get(kind, UNKNOWN_OWNER)
