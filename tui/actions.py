"""Everything that a key can do, in one table.

Bindings, the footer, the help screen and the command palette are made from it. Every action has an id, so that a keymap
can give it another key.
"""

from typing import Final, Literal, NamedTuple

Where = Literal["session", "gate", "transport", "rows", "waterfall", "losses", "explain", "explained", "listed", "runs"]


class Action(NamedTuple):
    """One thing to do.

    Attributes:
        id: unique; see `binding_action` for what it runs.
        keys: as Textual names them, separated by commas; the first is the one that is shown.
        display: the keys as people write them.
        label: in the footer: one or two words.
        tooltip: in the help: one sentence.
        where: a key of `HEADINGS`: the whole screen, while there is a clock to move, while a kind of pane has the keys.
        footer: 1 for a key that the footer always shows, 2 if there is room, 0 for none.
    """

    id: str
    keys: str
    display: str
    label: str
    tooltip: str
    where: Where = "session"
    footer: int = 0


ACTIONS: Final = (
    Action("pause", "space", "space", "pause", "Pause the training at the next hook, or let it go on.", "gate", 1),
    Action("step", "n", "n", "next hook", "Let the training go on to right before the next hook.", "gate", 1),
    Action("step_batch", "N", "N", "next batch", "Let the training go on to the start of the next batch.", "gate", 2),
    Action("breakpoint", "b", "b", "breakpoint", "Choose hooks before which the training stops.", "gate", 2),
    Action("go_on", "c", "c", "continue", "Let the training go on, up to the next breakpoint.", "gate", 2),
    Action("slow_more", "left_square_bracket", "[", "slower", "Slow motion: wait longer at every hook.", "gate", 2),
    Action("slow_less", "right_square_bracket", "]", "faster", "Slow motion: wait less at every hook.", "gate"),
    Action(
        "play_pause",
        "space",
        "space",
        "play/pause",
        "Play or pause; at the end, play again from the start.",
        "transport",
        1,
    ),
    Action("slower", "left_square_bracket", "[", "slower", "Replay slower, down to 0.1x.", "transport", 2),
    Action("faster", "right_square_bracket", "]", "faster", "Replay faster, up to 1000x.", "transport", 2),
    Action("back", "left", "←", "-1 s", "Go back one second of the run.", "transport"),
    Action("forward", "right", "→", "+1 s", "Go on one second of the run.", "transport"),
    Action("back_far", "shift+left", "shift+←", "-10 s", "Go back ten seconds of the run.", "transport"),
    Action("forward_far", "shift+right", "shift+→", "+10 s", "Go on ten seconds of the run.", "transport"),
    Action("event_before", "p", "p", "call", "Go back to where the call before began or ended.", "transport"),
    Action("event_after", "n", "n", "call", "Go on to where the next call begins or ends.", "transport", 2),
    Action("batch_before", "comma", ",", "batch", "Go to the start of the batch before.", "transport"),
    Action(
        "batch_after",
        "full_stop,N",
        ".",
        "batch",
        "Go to the start of the next batch; N does the same.",
        "transport",
        2,
    ),
    Action("epoch_before", "left_parenthesis", "(", "epoch", "Go to the start of the epoch before.", "transport"),
    Action("epoch_after", "right_parenthesis", ")", "epoch", "Go to the start of the next epoch.", "transport", 2),
    Action(
        "hook_after", "right_curly_bracket", "}", "hook", "Go to the next call of the selected hook.", "transport", 2
    ),
    Action(
        "hook_before", "left_curly_bracket", "{", "hook", "Go to the call of the selected hook before.", "transport"
    ),
    Action("first", "home", "home", "first", "Go to the start of the run.", "transport"),
    Action(
        "last", "end", "end", "last", "Go to the end of the run; of one that goes on, follow it live.", "transport", 2
    ),
    Action(
        "goto",
        "colon",
        ":",
        "go to",
        "Go to a chapter, or to a time, an epoch, a batch or a hook that you type.",
        footer=2,
    ),
    Action("view", "v", "v", "view", "Show the timeline as a loop, as a waterfall or as a log of all calls.", footer=1),
    Action("follow", "f", "f", "follow", "Keep the open hook, or the newest call in the log, in sight.", footer=2),
    Action("filter", "slash", "/", "filter", "Choose which calls the log shows.", footer=2),
    Action("inspector", "i", "i", "inspect", "Show or hide the inspector of the selected hook.", footer=2),
    Action("explain", "e", "e", "explain", "Explain the loop as it ran so far, and what deserves a look.", footer=2),
    Action("output", "o", "o", "output", "Show the program's own output, or the slowest hooks.", footer=2),
    Action("metric", "m", "m", "metrics", "Choose the metrics of metrics.csv that are plotted.", footer=2),
    Action("log_y", "y", "y", "log y", "Logarithmic or linear y axis."),
    Action("smooth", "s", "s", "smooth", "Smooth the curves more, or not at all again."),
    Action("next_pane", "tab", "tab", "pane", "Go to the next pane; a small terminal shows one at a time.", footer=1),
    Action("previous_pane", "shift+tab", "shift+tab", "pane", "Go to the pane before."),
    Action("rank_before", "less_than_sign", "<", "rank", "Show the rank before, of a run of several."),
    Action("rank_after", "greater_than_sign", ">", "rank", "Show the next rank, of a run of several."),
    Action("theme", "t", "t", "theme", "Dark or light."),
    Action("save", "x", "x", "export", "Export what is shown: calls, curves or output, as a file.", footer=2),
    Action("picture", "S", "S", "picture", "Save the screen as an SVG picture in the current directory."),
    Action("help", "question_mark", "?", "help", "Show all keys.", footer=1),
    Action(
        "leave", "q,ctrl+c,ctrl+q", "q", "quit", "Quit; while it trains, ask what to do with the training.", footer=1
    ),
    Action("scope", "w", "w", "scope", "Show a batch, an epoch or a validation.", "waterfall", 2),
    Action("pin", "a", "a", "pin", "Hold what is shown, or follow the latest again.", "waterfall", 2),
    Action("compare", "d", "d", "compare", "Compare with the median of those before: what is slower?", "waterfall", 2),
    Action("bars_in", "plus,equals_sign", "+", "zoom in", "Look closer at the selected row.", "waterfall"),
    Action("bars_out", "minus", "-", "zoom out", "Look from further away.", "waterfall"),
    Action("bars_whole", "0", "0", "all", "Show all of it again.", "waterfall"),
    Action("bars_left", "left,h", "← h", "left", "Show what was before.", "waterfall"),
    Action("bars_right", "right,l", "→ l", "right", "Show what comes after.", "waterfall"),
    Action("cursor_up", "up,k", "↑ k", "up", "Select the row above.", "rows"),
    Action("cursor_down", "down,j", "↓ j", "down", "Select the row below.", "rows"),
    Action("page_up", "pageup", "pgup", "page up", "A page of rows up.", "rows"),
    Action("page_down", "pagedown", "pgdn", "page down", "A page of rows down.", "rows"),
    Action("top", "g", "g", "top", "Select the first row.", "rows"),
    Action("bottom", "G", "G", "bottom", "Select the last row.", "rows"),
    Action("fold", "enter", "enter", "fold", "Hide or show what is inside the selected row.", "rows"),
    Action("fold_all", "z", "z", "fold all", "Fold the loop down to its outline, unfold everything, or back.", "rows"),
    Action("step_before", "left", "←", "values", "Show the values a little before.", "losses"),
    Action("step_after", "right", "→", "values", "Show the values a little later.", "losses"),
    Action("no_cursor", "escape", "esc", "no values", "Show the last values again.", "losses"),
    Action("zoom_in", "plus,equals_sign", "+", "closer", "Zoom in on the steps at the cursor.", "losses"),
    Action("zoom_out", "minus", "-", "farther", "Zoom out.", "losses"),
    Action("zoom_all", "0", "0", "all", "Show everything again.", "losses"),
    Action("pan_left", "h", "h", "earlier", "Move to earlier steps.", "losses"),
    Action("pan_right", "l", "l", "later", "Move to later steps.", "losses"),
    Action("pan_up", "up,k", "↑ k", "higher", "Move to higher values.", "losses"),
    Action("pan_down", "down,j", "↓ j", "lower", "Move to lower values.", "losses"),
    Action("jump", "enter", "enter", "call", "Show the latest call of the selected hook in the log.", "explained", 1),
    Action("level_less", "minus", "-", "less", "Show one level less.", "explained", 2),
    Action("level_more", "plus,equals_sign", "+", "more", "Show one level more.", "explained", 2),
    Action(
        "close_row", "left,h", "← h", "fold", "Hide what is inside the line, or go to the one around.", "explained", 2
    ),
    Action("open_row", "right,l", "→ l", "unfold", "Show what is inside the line.", "explained"),
    Action("details", "d", "d", "details", "Show also what an owner calls on itself, or not.", "explain", 2),
    Action("own_only", "o", "o", "own", "Show only functions that somebody has written, or all.", "explain", 2),
    Action("to_session", "escape,q,e", "esc", "back", "Go back to the session.", "explain", 1),
    Action("to_runs", "escape", "esc", "runs", "Go back to the list of runs; while it trains, ask first.", "listed", 1),
    Action("runs_open", "enter", "enter", "open", "Show the run as it is now; one that goes on, live.", "runs", 1),
    Action("runs_replay", "r", "r", "replay", "Show the run from its start, under a clock.", "runs", 1),
    Action("runs_explain", "e", "e", "explain", "Show the loop that the run ran, and what deserves a look.", "runs", 1),
    Action("runs_delete", "d,delete", "d", "delete", "Delete the run; asks first.", "runs", 2),
    Action("runs_filter", "slash", "/", "filter", "Show only runs with some words in name, model or state.", "runs", 2),
    Action("runs_sort", "s", "s", "sort", "Sort by the next column.", "runs", 2),
    Action("runs_turn", "R", "R", "turn", "Sort the other way round.", "runs"),
    Action("runs_leave", "escape,q", "q", "quit", "Show all runs again, or quit.", "runs", 1),
    Action("own_scales", "r", "r", "own scales", "Draw each curve on a scale of its own, or all on one.", "losses"),
)

_OF_THE_APP: Final = frozenset(
    {"leave", "help", "picture", "goto", "theme", "breakpoint", "rank_before", "rank_after", "explain", "runs_delete"}
)
_OF_EVERY_SCREEN: Final = frozenset({"next_pane", "previous_pane", "theme", "picture", "help"})

HEADINGS: Final[dict[Where, str]] = {
    "gate": "Hold a live training",
    "transport": "In a replay, or in a live run once it is rewound (← p , ( { home, or a click on the bar)",
    "session": "Screen",
    "rows": "In a pane of rows",
    "waterfall": "In the waterfall",
    "losses": "In the losses",
    "explained": "In the explained loop",
    "explain": "In the explanation",
    "runs": "In the list of runs (`hooktrace` alone)",
    "listed": "In a run that was opened from the list",
}


def actions_for(*where: Where) -> tuple[Action, ...]:
    """The actions of these places, in the order of the table."""
    return tuple(action for action in ACTIONS if action.where in where)


def of_every_screen() -> tuple[Action, ...]:
    """The actions that every whole screen has."""
    return tuple(action for action in ACTIONS if action.id in _OF_EVERY_SCREEN)


def binding_action(action: Action) -> str:
    """What Textual runs for an action: a method of the app, of the session screen or of a pane."""
    if action.where == "transport":
        return f"app.transport('{action.id}')"
    if action.where == "gate" and action.id not in _OF_THE_APP:
        return f"app.gate('{action.id}')"
    return f"app.{action.id}" if action.id in _OF_THE_APP else action.id
