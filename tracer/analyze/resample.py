"""How sure a typical time is, from resampling whole units (batches, epochs) in blocks; spans of one stay together.

Spans of one batch share what happened to it, and batches next to each other share the load of the machine. So what is
drawn again and again, with replacement, are blocks of neighbouring batches with all their spans (the moving-block
bootstrap of Künsch, 1989, with blocks that do not overlap). The draws are the same for every hook, so that the figures
of two hooks in one draw belong together; and they are always the same draws, so that nothing depends on chance.
"""

import math
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from tracer.run.events import Int64Array

FloatArray = npt.NDArray[np.float64]

DRAWS: Final = 200
LEAST_UNITS: Final = 20
"""Of fewer units nobody can say how much they vary."""
_LEAST_BLOCKS: Final = 10
_MOST_BLOCKS: Final = 32
_BLOCK_UNITS: Final = 4
_SEED: Final = 20_240_229
_GRID: Final = np.linspace(0.02, 0.98, 97)
_MIDDLE: Final = (0.25, 0.35, 0.45, 0.55, 0.65, 0.75)
_SAMPLE: Final = 20_000


def block_count(units: int) -> int:
    """Into how many blocks so many units are cut; 0 if they are too few.

    Blocks of four batches and more hold most of what neighbouring batches share beside the load, and from 10 blocks on
    their spread is known.
    """
    if units < LEAST_UNITS:
        return 0
    return min(_MOST_BLOCKS, max(_LEAST_BLOCKS, units // _BLOCK_UNITS))


def draws(blocks: int) -> FloatArray:
    """[DRAWS, blocks] how often each block is in each draw."""
    random = np.random.default_rng(_SEED)
    return random.multinomial(blocks, np.full(blocks, 1 / blocks), size=DRAWS).astype(np.float64)


def typical(values: Int64Array) -> float:
    """What a call typically takes: the geometric mean of the quantiles from the first quartile to the third.

    As hard to move as the median by what a few calls do, and known from fewer calls (the mean of the middle half of a
    sample, its interquartile mean, on a logarithmic scale).
    """
    return float(np.exp(np.log(np.maximum(np.quantile(values, _MIDDLE), 1)).mean()))


def drawn_typical(values: Int64Array, block: Int64Array, weights: FloatArray) -> FloatArray:
    """The logarithm of what is `typical` of the values in each draw; nan throughout where too few blocks have any.

    Args:
        values: Of at least one call.
        block: By value, its block.
        weights: From `draws`.
    """
    blocks = weights.shape[1]
    if len(np.unique(block)) < _LEAST_BLOCKS:
        return np.full(len(weights), np.nan)
    sample = values if len(values) <= _SAMPLE else values[:: len(values) // _SAMPLE]
    grid = np.unique(np.quantile(sample, _GRID))
    bins = np.searchsorted(grid, values, side="left")
    size = len(grid) + 1
    counts = np.bincount(block * size + bins, minlength=blocks * size).reshape(blocks, size)
    reached = np.cumsum(weights @ counts, axis=1)
    share = (reached / np.maximum(reached[:, -1:], 1))[:, :-1]
    logs = np.log(np.maximum(grid, 1))
    return np.asarray(sum(_quantile(share, logs, part) for part in _MIDDLE) / len(_MIDDLE), np.float64)


def _quantile(share: FloatArray, grid: FloatArray, part: float) -> FloatArray:
    """By row, where its increasing `share` reaches `part`, interpolated between the places of the grid."""
    above = np.where((share >= part).any(axis=1), np.argmax(share >= part, axis=1), len(grid) - 1)
    below = np.maximum(above - 1, 0)
    row = np.arange(len(share))
    low, high = share[row, below], share[row, above]
    way = np.clip((part - low) / np.maximum(high - low, 1e-9), 0, 1)
    return np.asarray(grid[below] + way * (grid[above] - grid[below]), np.float64)


def reach(confidence: float, blocks: int) -> float:
    """How many standard deviations of the draws an interval of this confidence reaches.

    Draws of so few blocks vary less than samples of the whole would (by the root of (blocks - 1) / blocks).
    """
    return t_quantile(confidence, blocks - 1) * math.sqrt(blocks / (blocks - 1)) if blocks > 1 else math.inf


def t_quantile(confidence: float, freedom: int) -> float:
    """How many standard errors a two-sided interval of this confidence reaches, for a standard error that is itself
    known from `freedom` + 1 blocks only (Student's t by the expansion of Cornish and Fisher)."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2 if freedom > 0 else math.inf
