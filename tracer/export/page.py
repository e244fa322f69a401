"""The frame of every HTML page that we write: one look, one file, nothing fetched, nothing obeyed that was recorded.

A page may be mailed around and opened anywhere, and holds text that came from somebody's program. So it forbids the
browser every request, and every script but its own: each of ours is named to the browser by its hash, so that even a
text which got past `escape` is only a text.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tracer.run.text import plain_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

_HERE: Final = Path(__file__).parent
_IN_A_SCRIPT: Final = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
"""What could end a script element or a line in one; JSON has another way to say each."""


def escape(text: str, limit: int = 200) -> str:
    """Untrusted text as HTML, for elements and for attributes in quotes: one line, at most `limit` characters."""
    return html.escape(plain_text(text, limit))


def asset(name: str) -> str:
    """The text of a style sheet or a script that lies beside this module."""
    return (_HERE / name).read_text(encoding="utf-8")


def figure_place(identifier: str) -> str:
    """The element in which the figure of that name (see `page`) is drawn."""
    return f'<div class="figure" data-figure="{escape(identifier)}"></div>'


def page(
    title: str,
    body: str,
    *,
    style: str = "",
    scripts: Sequence[str] = (),
    data: Mapping[str, Any] | None = None,
    figures: "Mapping[str, go.Figure] | None" = None,
) -> str:
    """A whole HTML document.

    The style sheet, page.css, has a class for each kind of owner (`callback`, `module`, ...), for tones (`soft`,
    `good`, `warn`, `bad`), for cells with numbers (`number`), and `mono` and `scroll`.

    Args:
        title: Of the document, as it is: it is escaped here.
        body: HTML of the body, in which everything that comes from a recording has been through `escape`.
        style: CSS in addition to the common one.
        scripts: JavaScript of ours, run in this order when the body is there.
        data: By the id of an element, what scripts read with `JSON.parse(document.getElementById(id).textContent)`;
            any text may be in it, but no nan. Scripts show it as text (`textContent`, `fillText`), never as HTML.
        figures: By their names, which `figure_place` takes. With any of them, plotly is part of the page (5 MB).

    Raises:
        ValueError: there is a nan or an infinite number in `data`.
    """
    blocks = {name: _json(value) for name, value in (data or {}).items()}
    running = list(scripts)
    if figures:
        from plotly.offline import get_plotlyjs

        blocks |= {name: figure.to_json().translate(_IN_A_SCRIPT) for name, figure in figures.items()}
        running += [get_plotlyjs(), asset("figures.js")]
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(running)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>{asset('page.css')}{style}</style>",
        f"</head><body>\n{body}",
        *(f'<script type="application/json" id="{escape(name)}">{text}</script>' for name, text in blocks.items()),
        *(f"<script>{script}</script>" for script in running),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).translate(_IN_A_SCRIPT)


def _policy(scripts: Sequence[str]) -> str:
    """Nothing but the page's own styles and scripts, and images that it draws itself (plotly's button makes one)."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'"
    own = f"style-src 'unsafe-inline'; script-src {hashes}; img-src data: blob:"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
