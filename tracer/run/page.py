"""The control page as words: where on it what lies, and the part on which the ranks of a host agree.

In words of 64 bits: a magic number with the version; what the viewer writes; what the trainer writes; a ring of
requests; a ring of answers; one word a rank; then slots with breakpoints; two texts for which run.json may have had no
room. Requests are numbered from 1. Request n lies
in slot n % 64 of its ring, together with n, and its answer likewise: so none is lost or obeyed twice, and one who comes
late sees what he has missed. A word is read and written in one piece.
"""

import mmap
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Final

from tracer.run.breakpoints import SLOT_BYTES, Breakpoint, pack, unpack
from tracer.run.layout import CONTROL_FILE

MAGIC: Final = int.from_bytes(b"hooktrc2", "little")
RING: Final = 64
_CODE_BITS: Final = 8
MAX_NUMBER: Final = 1 << 50
"""No viewer counts as far as that: whatever is higher is garbage."""
MAX_RANKS: Final = 256
MAX_BREAKPOINTS: Final = 16


class Word(IntEnum):
    """What the single words of the page are."""

    MAGIC = 0
    # written by the viewer
    ASKED = 1
    VIEWER_PID = 2
    VIEWER_START = 3
    HEARTBEAT = 4
    DELAY = 5
    # written by the trainer
    CLOSED = 16
    PAUSED = 17
    STOPS = 18
    SHOWN = 19
    DELAY_NOW = 20
    RELEASES = 21
    RELEASE = 22
    STOP_AT = 23
    STOP_AGREED = 24
    RANKS = 25
    STATE = 26
    STATE_AT = 27


REQUESTS: Final = 32
ANSWERS: Final = REQUESTS + RING
_COUNTS: Final = ANSWERS + RING
_BREAKPOINTS: Final = (_COUNTS + MAX_RANKS) * 8
PAGE_BYTES: Final = 8192
_TEXT_BYTES: Final = 256
_TEXTS: Final = PAGE_BYTES - 2 * _TEXT_BYTES
assert _BREAKPOINTS + MAX_BREAKPOINTS * SLOT_BYTES <= _TEXTS


class Page:
    """The mapped file as words."""

    def __init__(self, handle: int) -> None:
        """
        Args:
            handle: an open file of at least `PAGE_BYTES`; it may be closed afterwards.

        Raises:
            OSError, ValueError: it cannot be mapped, or is too short.
        """
        self._map = mmap.mmap(handle, PAGE_BYTES)
        self.words = memoryview(self._map).cast("q")

    def read_breakpoints(self) -> tuple[Breakpoint, ...]:
        """The breakpoints on the page; what makes no sense is left out."""
        slots = (_BREAKPOINTS + index * SLOT_BYTES for index in range(MAX_BREAKPOINTS))
        found = (unpack(self._map[start : start + SLOT_BYTES]) for start in slots)
        return tuple(breakpoint for breakpoint in found if breakpoint is not None)

    def write_breakpoints(self, breakpoints: tuple[Breakpoint, ...]) -> None:
        """Puts breakpoints on the page in place of those there; the first `MAX_BREAKPOINTS` count."""
        area = b"".join(map(pack, breakpoints[:MAX_BREAKPOINTS])).ljust(MAX_BREAKPOINTS * SLOT_BYTES, b"\0")
        self._map[_BREAKPOINTS : _BREAKPOINTS + len(area)] = area

    def slot(self, ring: int, number: int) -> int | None:
        """What a ring holds for a number; None if it holds nothing or something of another number."""
        word = self.words[ring + number % RING]
        return word & ((1 << _CODE_BITS) - 1) if word >> _CODE_BITS == number else None

    def put(self, ring: int, number: int, code: int) -> None:
        """Puts a code into a ring, under a number."""
        self.words[ring + number % RING] = (number << _CODE_BITS) + code

    def write_texts(self, texts: Sequence[str]) -> None:
        """Puts two texts on the page, cut to the room there is; empty ones say nothing."""
        room = b"".join(text.encode("utf-8", "replace")[:_TEXT_BYTES].ljust(_TEXT_BYTES, b"\0") for text in texts)
        self._map[_TEXTS:PAGE_BYTES] = room

    def close(self) -> None:
        """Unmaps the file."""
        self.words.release()
        self._map.close()


class RankWords:
    """What the ranks of one host say to each other: how many batches each has begun, and in which one all stop."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._words = page.words

    def begun(self) -> list[int]:
        """Number of training batches that each rank has begun, by rank; 0 if it said nothing, -1 if it listens not."""
        return list(self._words[_COUNTS : _COUNTS + min(max(1, self._words[Word.RANKS]), MAX_RANKS)])

    def say_begun(self, rank: int, batches: int) -> None:
        """Says how many training batches a rank has begun."""
        self._words[_COUNTS + rank] = batches

    @property
    def stop_at(self) -> int:
        """Number of the batch that is to be the last, if rank 0 has proposed one; else 0."""
        return self._words[Word.STOP_AT]

    @property
    def stop_agreed(self) -> int:
        """The same when it is sure that no rank has begun it before it could know."""
        return self._words[Word.STOP_AGREED]

    def propose(self, batch: int) -> None:
        """Proposes a last batch."""
        self._words[Word.STOP_AT] = batch

    def agree(self) -> None:
        """Makes the proposal hold."""
        self._words[Word.STOP_AGREED] = self._words[Word.STOP_AT]

    def close(self) -> None:
        """Lets go of the page."""
        self._page.close()


def open_page(path: Path) -> Page | None:
    """Somebody else's page; None if there is none or it is something else."""
    try:
        with path.open("r+b") as file:
            page = Page(file.fileno())
    except (OSError, ValueError):
        return None
    if page.words[Word.MAGIC] != MAGIC:
        page.close()
        return None
    return page


def read_texts(content: bytes) -> tuple[str, ...]:
    """The two texts on a page, from all that is on it."""
    parts = (content[first : first + _TEXT_BYTES] for first in range(_TEXTS, PAGE_BYTES, _TEXT_BYTES))
    return tuple(part.partition(b"\0")[0].decode("utf-8", "ignore") for part in parts)


def open_ranks(run_dir: Path) -> RankWords | None:
    """What another rank than 0 sees of the page that rank 0 has made; None if there is none."""
    page = open_page(run_dir / CONTROL_FILE)
    return None if page is None else RankWords(page)
