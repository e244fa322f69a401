"""Ending `fit` in the same batch on every rank.

A rank that stops alone makes the others fail: they wait for it in their next collective. All ranks of a host map the
same control page. Each says there how many training batches it has begun, right before it looks whether it should stop.
Rank 0 proposes a batch which nobody seems to have begun, looks again, and agrees to it if that is still so: whoever
begins that batch later finds the agreement. Whoever comes to a batch that is only proposed waits the microseconds until
rank 0 has looked. So it does not matter how far the ranks have drifted apart, which depends on what they exchange: each
batch since Lightning 2.5.2, with gradient accumulation before it only once a step.
"""

import time
from collections.abc import Callable
from typing import Any

from tracer.run.control import Reply
from tracer.run.page import MAX_RANKS, RankWords

_WAIT_NS = 2_000_000_000
_POLL_S = 0.001
_KNOWN = ("DDPStrategy", "FSDPStrategy", "ModelParallelStrategy")
"""Strategies, with those derived from them, whose ranks wait for each other."""
DEAF = -1


class Stopper:
    """Ends the training of one trainer, together with the other ranks."""

    def __init__(self, trainer: Any, open_words: Callable[[], RankWords | None]) -> None:
        """
        Args:
            trainer: The trainer.
            open_words: Finds the ranks' part of the control page; asked again until it is there.
        """
        self._trainer = trainer
        self._open_words = open_words
        self._words: RankWords | None = None
        self._begun = 0
        self.stopped = False
        """Whether the run ends early because someone asked for it."""

    def at_train_batch(self) -> None:
        """Called when a training batch begins, on every rank."""
        self._begun += 1
        if self.stopped:
            self._trainer.should_stop = True  # a search for the learning rate takes it back (tuner/lr_finder.py:347)
        if self._trainer.world_size == 1 or self.stopped:
            return
        words = self._find_words()
        if words is None or self._trainer.global_rank >= MAX_RANKS:
            return
        words.say_begun(self._trainer.global_rank, self._begun)
        if 0 < words.stop_at <= self._begun:
            self._await_agreement(words)
            if 0 < words.stop_agreed <= self._begun:
                self._stop()

    @property
    def agreed(self) -> bool:
        """Whether the ranks have agreed to stop in a batch that is yet to come."""
        return self._words is not None and self._words.stop_agreed > 0 and not self.stopped

    def ask(self) -> Reply:
        """Somebody wants `fit` to end; rank 0 only. NONE if it has to be tried again in the next batch."""
        trainer = self._trainer
        if trainer.state.fn != "fit":  # nothing else looks at `should_stop`
            return Reply.ONLY_FIT
        if trainer.world_size == 1:
            self._stop()
            return Reply.STOPPING
        return refusal_for_ranks(trainer) or self._ask_ranks()

    def _ask_ranks(self) -> Reply:
        words = self._find_words()
        begun = [DEAF] if words is None else words.begun()
        if DEAF in begun:
            return Reply.RANK_DEAF
        if words is None or 0 in begun:
            # The first batches can lie apart by as many as are accumulated. Whoever has begun none later is not there.
            return Reply.RANK_DEAF if self._begun > self._trainer.accumulate_grad_batches + 2 else Reply.NONE
        while not words.stop_agreed:
            words.propose(max(words.begun()) + 1)
            if max(words.begun()) < words.stop_at:
                words.agree()
        return Reply.STOPPING

    def leave(self) -> None:
        """Nothing more will come from this rank: its recording is over."""
        if self._find_words() is not None and self._words is not None and self._trainer.global_rank < MAX_RANKS:
            self._words.say_begun(self._trainer.global_rank, DEAF)

    def _find_words(self) -> RankWords | None:
        if self._words is None:
            self._words = self._open_words()
        return self._words

    def _await_agreement(self, words: RankWords) -> None:
        until_ns = time.monotonic_ns() + _WAIT_NS
        while words.stop_agreed != words.stop_at and words.stop_at <= self._begun and time.monotonic_ns() < until_ns:
            time.sleep(_POLL_S)

    def _stop(self) -> None:
        # The trainer ends after this batch, its validation included (loops/training_epoch_loop.py:135-144, 540-543).
        self._trainer.should_stop = True
        self.stopped = True


def refusal_for_ranks(trainer: Any) -> Reply:
    """Why the ranks of this trainer can neither be held up nor stopped together; NONE if they can."""
    if trainer.world_size == 1:
        return Reply.NONE
    if trainer.num_nodes > 1:
        return Reply.SEVERAL_HOSTS
    if trainer.world_size > MAX_RANKS:
        return Reply.TOO_MANY_RANKS
    known = any(base.__name__ in _KNOWN for base in type(trainer.strategy).__mro__)
    return Reply.NONE if known else Reply.STRATEGY
