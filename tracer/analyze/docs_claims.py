"""Where Lightning's documentation and its docstrings say something else about hooks than what Lightning does.

Each entry states what is written, where, and what is true instead as a relation that a trace can be asked for
(`tracer.analyze.docs_check`). The pages are those of Lightning 2.6. An entry is shown only for a trace that has the
relation, so a Lightning that comes to do what is written has no entries.
"""

from dataclasses import dataclass
from typing import Final, Literal

Relation = Literal[
    "after", "before", "encloses", "within", "never", "called", "callbacks only", "module", "no strategy", "moved"
]
"""What is true of a claim's hooks: each of them begins after (before) all others in a turn; encloses all others; lies
within one of the others; is never called though all others are; is called; is called on callbacks alone; is called on
the module; is called on the module and not on the strategy; is called on callbacks in another order than given."""

_SITE: Final = "https://lightning.ai/docs/pytorch/stable"
MODULE_PAGE: Final = f"{_SITE}/common/lightning_module.html#hooks"
HOOKS_PAGE: Final = f"{_SITE}/common/hooks.html"
PROFILER_PAGE: Final = f"{_SITE}/tuning/profiler_basic.html"


@dataclass(frozen=True)
class Docstring:
    """What the docstring of a hook says: `words` occur in it."""

    owner: Literal["LightningModule", "Callback"]
    hook: str
    words: str


@dataclass(frozen=True)
class Claim:
    """A statement that is not so.

    Attributes:
        id: Its name.
        hooks: What it is about; their lines are marked.
        documented: What is written.
        observed: What is true instead, in words; `{hooks}` stands for those of `hooks` of which a trace shows it.
        mark: The same in a few words, for a mark beside the line.
        relation: The same as a relation,
        others: of `hooks` to these.
        pages: Where it is written, in the documentation;
        docstrings: and in docstrings, which the installed Lightning can be asked for.
        kind: Kind of the owner whose calls the relation is about, and whose lines are marked; empty for any.
        function: The trainer function that it is about; None for any.
        turn: "batch" for relations within a batch, "call" for those within a call of a trainer function.
        at: Hooks or loops whose lines are marked in place of those of `hooks`, which may have none.
    """

    id: str
    hooks: tuple[str, ...]
    documented: str
    observed: str
    mark: str
    relation: Relation
    others: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    docstrings: tuple[Docstring, ...] = ()
    kind: str = ""
    function: str | None = None
    turn: Literal["batch", "call"] = "call"
    at: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Where it is written, for people."""
        said = dict.fromkeys(f"docstring of {one.owner}.{one.hook}" for one in self.docstrings)
        return (*self.pages, *said)


_TRANSFER = ("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer")
_AROUND_BATCHES = ("epoch_start", "batch_start", "batch_end", "epoch_end")


def _batch_start(stage: str, loop: str, pages: tuple[str, ...]) -> Claim:
    hook = f"on_{stage}_batch_start"
    return Claim(
        f"{stage}-batch-start",
        (hook,),
        f"`{hook}` comes before anything happens for that batch, its transfer to the device included",
        f"the batch is fetched and moved to the device first; `{hook}` comes after the three transfer hooks",
        "really after the batch was moved",
        "after",
        _TRANSFER,
        pages,
        (Docstring("LightningModule", hook, f"Called in the {loop} loop before anything happens for that batch."),),
        turn="batch",
    )


def _callbacks_only(function: str, hook: str, chapter: str) -> Claim:
    return Claim(
        f"{function}-{hook}",
        (hook,),
        f'`{hook}(stage="{function}")` is called on callbacks only',
        f"`{hook}` is called on the module too, and on a datamodule if there is one",
        "really on the module too",
        "module",
        pages=(f"{HOOKS_PAGE}#{chapter}-loop-hook-order",),
        function=function,
    )


CLAIMS: Final[tuple[Claim, ...]] = (
    _batch_start("train", "training", (MODULE_PAGE,)),
    _batch_start("validation", "validation", (MODULE_PAGE,)),
    _batch_start("test", "test", ()),
    _batch_start("predict", "predict", ()),
    Claim(
        "optimizer-step",
        ("optimizer_step",),
        "`optimizer_step` comes after `training_step`, `zero_grad` and `backward`",
        "`optimizer_step` encloses them: they run in the closure that it is given, so its time is that of the batch",
        "really around all of this",
        "encloses",
        ("training_step", "optimizer_zero_grad", "backward", "on_before_optimizer_step"),
        (MODULE_PAGE, f"{HOOKS_PAGE}#training-loop-hook-order"),
        kind="module",
        turn="batch",
    ),
    Claim(
        "before-zero-grad",
        ("on_before_zero_grad",),
        "`on_before_zero_grad` is called after taking an optimizer step, with the weights updated",
        "it is called within `optimizer_step`, before that step changes the weights",
        "really before the weights change",
        "within",
        ("optimizer_step",),
        docstrings=(
            Docstring("LightningModule", "on_before_zero_grad", "after taking an optimizer step"),
            Docstring("LightningModule", "on_before_zero_grad", "with weights updated"),
        ),
        turn="batch",
    ),
    Claim(
        "gradient-clipping",
        ("configure_gradient_clipping",),
        "`configure_gradient_clipping` is called before `optimizer_step`",
        "it is called within `optimizer_step`, as the last thing before that step changes the weights",
        "really within `optimizer_step`",
        "within",
        ("optimizer_step",),
        docstrings=(
            Docstring("LightningModule", "configure_gradient_clipping", "Called before :meth:`optimizer_step`."),
        ),
        turn="batch",
    ),
    Claim(
        "callback-order",
        ("setup",),
        "callbacks are always called in the order in which they are passed to the trainer",
        "tuners are moved to the front and checkpoints to the end, whatever the order given",
        "callbacks really in another order than given",
        "moved",
        pages=(HOOKS_PAGE,),
    ),
    Claim(
        "fit-start",
        ("on_fit_start",),
        "`on_fit_start` is called at the very beginning of fit",
        "`setup` and `configure_optimizers` come before it",
        "really after `setup`",
        "after",
        ("setup", "configure_optimizers"),
        docstrings=(Docstring("LightningModule", "on_fit_start", "Called at the very beginning of fit."),),
        function="fit",
    ),
    Claim(
        "fit-end",
        ("on_fit_end",),
        "`on_fit_end` is called at the very end of fit",
        "`teardown` comes after it",
        "really before `teardown`",
        "before",
        ("teardown",),
        docstrings=(Docstring("LightningModule", "on_fit_end", "Called at the very end of fit."),),
        function="fit",
    ),
    Claim(
        "sanity-check",
        ("on_sanity_check_start", "on_sanity_check_end"),
        "`on_sanity_check_start` and `on_sanity_check_end` are called on callbacks, module and strategy",
        "{hooks}: only callbacks have it",
        "really on callbacks only",
        "callbacks only",
        pages=(f"{HOOKS_PAGE}#training-loop-hook-order",),
        function="fit",
        at=("sanity check",),
    ),
    Claim(
        "validation-strategy",
        tuple(f"on_validation_{place}" for place in _AROUND_BATCHES),
        "the hooks around validation epochs and batches are called on the strategy too",
        "{hooks}: called on callbacks and module; a strategy has no such hook",
        "really not on the strategy",
        "no strategy",
        pages=(f"{HOOKS_PAGE}#training-loop-hook-order",),
        function="fit",
    ),
    Claim(
        "test-strategy",
        tuple(f"on_test_{place}" for place in _AROUND_BATCHES),
        "the hooks around test epochs and batches are called on the strategy too",
        "{hooks}: called on callbacks and module; a strategy has no such hook",
        "really not on the strategy",
        "no strategy",
        pages=(f"{HOOKS_PAGE}#testing-loop-hook-order",),
        function="test",
    ),
    _callbacks_only("test", "setup", "testing"),
    _callbacks_only("test", "teardown", "testing"),
    _callbacks_only("predict", "setup", "prediction"),
    _callbacks_only("predict", "teardown", "prediction"),
    Claim(
        "validation-model-train",
        ("on_validation_model_train",),
        "every validation ends with `on_validation_model_train`",
        "it is called only on a module that overrides it; else Lightning restores the modes without a hook",
        "`on_validation_model_train` is not called here",
        "never",
        ("on_validation_model_eval", "on_validation_end"),
        (MODULE_PAGE,),
        (Docstring("LightningModule", "on_validation_model_train", "Called when the validation loop ends."),),
        at=("on_validation_end",),
    ),
    Claim(
        "test-model-train",
        ("on_test_model_train",),
        "`on_test_model_train` is called when the test loop ends",
        "it is called only on a module that overrides it; else Lightning restores the modes without a hook",
        "`on_test_model_train` is not called here",
        "never",
        ("on_test_model_eval", "on_test_end"),
        docstrings=(Docstring("LightningModule", "on_test_model_train", "Called when the test loop ends."),),
        at=("on_test_end",),
    ),
    Claim(
        "left-out",
        (*_TRANSFER, "configure_gradient_clipping"),
        "the diagram of the training loop goes from one hook to the next without the transfer hooks and clipping",
        "{hooks}: called for every batch or step",
        "not in the diagram",
        "called",
        pages=(f"{HOOKS_PAGE}#training-loop-hook-order",),
        function="fit",
    ),
    Claim(
        "model-backward",
        ("model_backward",),
        "profilers measure `model_backward`",
        "there is no such action: it is `backward`, on the strategy",
        "there is no `model_backward`",
        "never",
        ("on_after_backward", "on_train_end"),
        (PROFILER_PAGE,),
        kind="strategy",
        at=("backward",),
    ),
    Claim(
        "training-end",
        ("on_training_end",),
        "profilers measure `on_training_end`",
        "there is no such hook: it is `on_train_end`",
        "there is no `on_training_end`",
        "never",
        ("on_train_end",),
        (PROFILER_PAGE,),
        at=("on_train_end",),
    ),
)
