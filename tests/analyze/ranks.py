"""Trainings of several ranks whose times are made up: each has its own clock, and all leave `backward` together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from tests.analyze.streams import STARTED_AT, script_actions, taken_in
from tests.builders import MS, Script, action_lines, enter, leave, records, run_json
from tracer.run.layout import RUN_FILE, STAGES, actions_file, events_file, rank_file, write_json
from tracer.run.ranks import RankInfo
from tracer.run.trace import Trace

_BEGIN_NS = 20_000 * MS
HOOKS = ("on_before_batch_transfer", "on_train_batch_start", "training_step")
Cost = Callable[[int, str, int], int]
"""What a hook takes in ns: by rank, hook and batch."""


def jitter(seed: int, mean_ns: int = MS) -> Cost:
    """Costs that vary as those of real hooks do, the same for the same seed."""
    random = np.random.default_rng(seed)
    return lambda rank, hook, batch: int(mean_ns * random.lognormal(0, 0.2))


@dataclass
class Ranks:
    """Plays ranks that train together.

    Attributes:
        world_size: How many there are.
        cost: What hooks take.
        behind_ns: By rank, how much later than the first it began: its clock shows so much less.
        leaves_ns: By how much the ends of a backward pass differ at most.
    """

    world_size: int = 2
    cost: Cost = lambda rank, hook, batch: MS
    behind_ns: Sequence[int] = (0, 0, 0, 0)
    leaves_ns: int = 0
    seed: int = 0
    plays: list[Script] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.plays = [Script() for _ in range(self.world_size)]
        self._random = np.random.default_rng(self.seed)
        for play in self.plays:
            play.now_ns = _BEGIN_NS
            play.mark(call=0, stage=STAGES.index("train"), epoch=0)

    def call(self, rank: int, hook: str, took_ns: int, kind: str = "module", owner: str = "TinyModel") -> None:
        """One call of one rank."""
        play = self.plays[rank]
        number = play.actions.setdefault((kind, owner, hook), len(play.actions))
        play.events.append(enter(number, play.now_ns - self.behind_ns[rank]))
        play.now_ns += took_ns
        play.events.append(leave(number, play.now_ns - self.behind_ns[rank]))

    def batch(self, index: int, hooks: Sequence[str] = HOOKS) -> None:
        """One batch on all ranks."""
        for rank, play in enumerate(self.plays):
            play.mark(batch=index)
            for hook in hooks:
                self.call(rank, hook, self.cost(rank, hook, index))
        together_ns = max(play.now_ns for play in self.plays) + MS
        for rank, play in enumerate(self.plays):
            late_ns = int(self._random.integers(0, self.leaves_ns + 1))
            self.call(rank, "backward", together_ns - play.now_ns + late_ns, "strategy", "DDPStrategy")

    def traces(self) -> tuple[Trace, ...]:
        """The ranks' spans."""
        taken = [taken_in(records(play.events), script_actions(play))[0] for play in self.plays]
        return tuple(replace(trace, rank=rank) for rank, trace in enumerate(taken))

    def infos(self, clocks: Sequence[str | None]) -> tuple[RankInfo, ...]:
        """What the ranks say of themselves."""
        return tuple(
            RankInfo(
                rank, rank, 0, f"host{rank}", 100 + rank, None, clocks[rank], 7 + self.behind_ns[rank],
                STARTED_AT + timedelta(microseconds=self.behind_ns[rank] // 1000), None, "running", None, None,
            )
            for rank in range(self.world_size)
        )  # fmt: skip


def trained(batches: int = 20, **settings: object) -> Ranks:
    """A training of so many batches."""
    ranks = Ranks(**settings)  # type: ignore[arg-type]
    for index in range(batches):
        ranks.batch(index)
    return ranks


def write(path: Path, ranks: Ranks, state: str = "finished", **of_the_last: object) -> Path:
    """Writes a run of several ranks; `of_the_last` is what the last one says otherwise."""
    path.mkdir()
    run = run_json(state, world_size=ranks.world_size)
    write_json(path / RUN_FILE, run)
    for rank, play in enumerate(ranks.plays):
        (path / events_file(rank, 0)).write_bytes(records(play.events).astype("<i8").tobytes())
        (path / actions_file(rank)).write_text("".join(action_lines(play)), encoding="utf-8")
        own = {"rank": rank, "local_rank": rank, "node_rank": 0, "clock": "one", "base_ns": ranks.behind_ns[rank]}
        write_json(path / rank_file(rank), run | own | (of_the_last if rank == ranks.world_size - 1 else {}))
    return path
