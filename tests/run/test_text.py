"""Text of others, made harmless."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tracer.run.text import plain_text


@given(st.text(max_size=300), st.integers(1, 100))
def test_one_line_without_power(text: str, limit: int) -> None:
    shown = plain_text(text, limit)
    assert len(shown) <= limit
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in shown)


def test_keeps_what_is_harmless() -> None:
    assert plain_text("EarlyStopping[bold]<b>é漢") == "EarlyStopping[bold]<b>é漢"
    assert plain_text("a\x1b[31mb\nc\u202ed") == "a·[31mb·c·d"
    assert plain_text("abcdef", 4) == "abc…"
