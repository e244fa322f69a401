"""The colours: every one has its counterpart, and text can be read on both backgrounds."""

import re

import pytest

from tui.palette import CURVES, LIGHT, OWNERS, STYLES, in_theme, styles
from tui.themes import DARK
from tui.themes import LIGHT as LIGHT_THEME

_COLOUR = re.compile("#[0-9a-f]{6}")
_QUIET = {"faint", "bar-rest"}
"""Of what is no text, or says nothing that is not said elsewhere."""


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio as WCAG 2 defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_colour_has_its_counterpart() -> None:
    used = {colour for style in STYLES.values() for colour in _COLOUR.findall(style)}
    assert used <= set(LIGHT)
    assert len(set(LIGHT.values())) == len(LIGHT)
    assert styles(True) is STYLES
    assert set(styles(False)) == set(STYLES)


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("role", [role for role in STYLES if STYLES[role] and role not in _QUIET])
def test_text_can_be_read(role: str, dark: bool) -> None:
    style = styles(dark)[role]
    background = (DARK if dark else LIGHT_THEME).background
    ink, _, behind = style.partition("on ")
    on = behind or background
    inks = _COLOUR.findall(ink) or [(DARK if dark else LIGHT_THEME).foreground]
    assert on is not None
    assert all(contrast(colour, on) >= 4.5 for colour in inks), f"{style} on {on}"


def test_owners_and_curves_stay_apart() -> None:
    for looks in ([look.colour for look in OWNERS.values()], list(CURVES)):
        assert len(set(looks)) == len(looks)
        assert len({in_theme(colour, dark=False) for colour in looks}) == len(looks)
