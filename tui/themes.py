"""The screen's two themes for Textual: a dark and a light one, from the one palette."""

from typing import Final

from textual.theme import Theme

from tui.palette import GREEN, ORANGE, SKY, VERMILION, YELLOW, in_theme

DARK: Final = Theme(
    name="hooktrace",
    primary=SKY,
    secondary="#7d8894",
    accent=ORANGE,
    success=GREEN,
    warning=YELLOW,
    error=VERMILION,
    foreground="#d5dbe1",
    background="#0f1317",
    surface="#161b21",
    panel="#222a33",
    dark=True,
)
LIGHT: Final = Theme(
    name="hooktrace-light",
    primary=in_theme(SKY, dark=False),
    secondary="#5d6873",
    accent=in_theme(ORANGE, dark=False),
    success=in_theme(GREEN, dark=False),
    warning=in_theme(YELLOW, dark=False),
    error=in_theme(VERMILION, dark=False),
    foreground="#1d242b",
    background="#fbfcfd",
    surface="#f1f4f7",
    panel="#dde4eb",
    dark=False,
)
THEMES: Final = (DARK, LIGHT)
