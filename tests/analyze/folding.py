"""The fold's laws, for every test that has a trace."""

import numpy as np

from tracer.analyze.fold import Part, expand, fold
from tracer.analyze.fold_lines import explain_lines
from tracer.analyze.fold_tokens import Tokens, tokens
from tracer.run.trace import Trace


def assert_lossless(structure: Tokens) -> Part:
    """Folds, expands, folds again; returns the fold."""
    whole = fold(structure)
    code, depth = expand(whole)
    assert np.array_equal(code, structure.code)
    assert np.array_equal(depth, structure.depth)
    again = fold(Tokens(code, depth, structure.row))
    assert described(again) == described(whole)
    return whole


def assert_folds(trace: Trace) -> None:
    """The fold of a trace loses nothing, and its lines name every hook."""
    structure = tokens(trace)
    assert calls_of(structure) == list(zip(trace.action.tolist(), trace.depth.tolist(), strict=True))
    assert_lossless(structure)
    lines = explain_lines(trace, {}, 100)
    assert {line.text for line in lines if line.kind == "call"} == {trace.actions[i].hook for i in trace.action}


def described(part: Part) -> list[tuple[object, ...]]:
    """All that a fold says, as values that can be compared."""
    return [
        (one.code, _listed(one.present), _listed(one.times), one.starts.tolist(), len(one.body)) for one in part.walk()
    ]


def _listed(values: "np.ndarray[tuple[int], np.dtype[np.generic]] | None") -> object:
    return None if values is None else values.tolist()


def calls_of(structure: Tokens) -> list[tuple[int, int]]:
    """The action and the depth among calls alone of every span."""
    around: list[bool] = []
    found = []
    for code, depth in zip(structure.code.tolist(), structure.depth.tolist(), strict=True):
        del around[depth:]
        if code >= 0:
            found.append((code, sum(around)))
        around.append(code >= 0)
    return found
