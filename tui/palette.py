"""Colours of the screen, by role. One table each: a new kind of owner or curve is one line.

The hues are those of Okabe and Ito, which stay apart for readers with a colour vision deficiency. Colour never carries
a meaning alone: every owner kind has its letter, an open hook its arrow, every curve its name in the legend.
"""

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

CURVES: Final = {
    "train step": SKY,
    "train epoch": YELLOW,
    "validation": ORANGE,
    "test": PURPLE,
}

STYLES: Final = {
    "": "",
    "dim": "dim",
    "bold": "bold",
    "faint": "#5c6773",
    "loop-node": f"bold {GREY}",
    "head": f"{GREY}",
    "open": f"bold {YELLOW}",
    "good": GREEN,
    "live": f"bold {GREEN}",
    "warn": f"bold {YELLOW}",
    "bad": f"bold {VERMILION}",
    "bar": SKY,
    "bar-rest": "#39424c",
    "spark": GREEN,
    "key": f"bold {ORANGE}",
    "tab": f"bold #101418 on {SKY}",
    "cursor": "on #24405c",
    "cursor-dim": "on #26303a",
    "here": "on #3a3413",
    **{kind: look.colour for kind, look in OWNERS.items()},
    **{f"curve-{kind}": colour for kind, colour in CURVES.items()},
}
"""Role of a cell -> rich style. Roles are what the plain modules put into a `Line`."""


def owner_look(kind: str) -> OwnerLook:
    """The look of an owner kind; that of an unknown one for anything else."""
    return OWNERS.get(kind, UNKNOWN_OWNER)
