"""Values and texts that no recorder writes: what is tried where a reader expects JSON or CSV."""

import json
from collections.abc import Callable
from random import Random
from typing import Any, Final

_NUMBERS: Final = (0, -1, 1, 255, 2**31, -(2**31), 2**53, 2**63, -(2**63) - 1, 10**30, -(10**30), 10**4000)
_FLOATS: Final = (0.5, -0.0, 1e308, 5e-324, float("inf"), float("-inf"), float("nan"))
_TEXTS: Final = (
    "",
    " ",
    "\n\n",
    "a\nb\r\nc",
    "\x1b[31m\x1b]0;title\x07",
    "\ud800",
    "a\udfff\x00b",
    "\u202eab\u2066",
    "漢" * 300,
    "x" * 100_000,
    "../../../../etc/passwd",
    "/dev/zero",
    "metrics/metrics.csv",
    "on_train_batch_end",
    "paused",
    "hooktrace",
    "[bold]",
    "</script><script>alert(1)</script>",
    "=HYPERLINK(1)",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999-23:59",
    "2026-01-02T03:04:05",
    "nan",
    "1e999",
    "running",
    "finished",
    "callback",
    "fit",
)


def _nested(random: Random) -> Any:
    """Deeper than any reader of ours would go by itself, not deeper than the parser goes."""
    value: Any = 1
    for _ in range(random.choice((10, 100, 500, 900))):
        value = {"a": value} if random.random() < 0.5 else [value]
    return value


def _many(random: Random) -> Any:
    count = random.choice((3, 50, 2_000))
    texts, numbers = random.choices(_TEXTS[:9], k=count), random.choices(_NUMBERS[:9], k=count)
    if random.random() < 0.5:
        return [*texts, *numbers, None]
    return {f"{text}{index}": number for index, (text, number) in enumerate(zip(texts, numbers, strict=True))}


_VALUES: Final[tuple[Callable[[Random], Any], ...]] = (
    *[lambda random: random.choice(_NUMBERS)] * 2,
    *[lambda random: random.choice(_TEXTS)] * 2,
    lambda random: random.choice(_FLOATS),
    lambda random: random.choice((None, True, False, [], {}, [[]], {"": {}})),
    _nested,
    _many,
)


def hostile_value(random: Random) -> Any:
    """Any value that JSON has."""
    return random.choice(_VALUES)(random)


def hostile_json(random: Random) -> bytes:
    """A text that is or is not JSON, and not what is expected."""
    return random.choice(
        (
            b"",
            b"null",
            b"{}",
            b"[]",
            b'"text"',
            b"{",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"1" * 5_000,
            b"1e999",
            b"NaN",
            b"-Infinity",
            b'{"schema": 1e0}',
            b'{"schema": true}',
            b'{"schema": -1}',
            b'{"id": Infinity}',
            b'{"id": 1e999}',
            b'{"id": true}',
            b'{"id": "7"}',
            b"\xff\xfe{\x00}\x00",
            b"\xef\xbb\xbf{}",
            b'{"schema": 1, "schema": 2}',
            json.dumps(hostile_value(random)).encode(),
        )
    )


def _cell(random: Random) -> str:
    return random.choice(("", "1", "-1", "nan", "inf", "-Infinity", "1e400", "0x10", "1_000", "ⅷ", '"', '""', "a\x00b"))


def _table(random: Random) -> bytes:
    end = random.choice(("\n", "\r\n", "\r", "\n\n"))
    names = ["step", "epoch", "loss", "val_loss"]
    random.shuffle(names)
    rows = [",".join(_cell(random) for _ in range(random.randrange(7))) for _ in range(random.randrange(60))]
    return end.join([",".join(names[: random.randrange(5)]), *rows, ""]).encode()


_TABLES: Final[tuple[Callable[[Random], bytes], ...]] = (
    *[_table] * 4,
    lambda random: random.randbytes(random.randrange(5_000)),
    lambda random: (",".join(map(str, range(12_000))) + "\n" + "1," * 12_000 + "\n").encode(),
    lambda random: b'step,loss\n"' + b"1," * 50_000,
    lambda random: b"loss,loss,step,step\n1,2,3,4\n",
    lambda random: b"step,loss\n" + b"9" * 200_000 + b",1\n",
    lambda random: b"\xff\xfe" + "step,loss\n1,2\n".encode("utf-16-le"),
)


def hostile_csv(random: Random) -> bytes:
    """A text that a logger of metrics would not write."""
    return random.choice(_TABLES)(random)
