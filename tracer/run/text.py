"""Text from a recording is somebody else's: before it is shown it must lose its power over the terminal."""

import unicodedata

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def plain_text(text: str, limit: int = 200) -> str:
    """`text` as one line without control, direction or private characters, at most `limit` characters long.

    Control characters become a middle dot, so that two names which differ in them alone still look different from a
    name without any. Markup such as `[bold]` is left alone: whoever paints must not interpret it.
    """
    clean = "".join("·" if unicodedata.category(char) in _HIDDEN_CATEGORIES else char for char in text[:limit])
    return clean if len(text) <= limit else clean[: limit - 1] + "…"
