"""The folded loops of the named configurations differ from the baseline's exactly where they should."""

import difflib
import re
from collections.abc import Iterator

import pytest

from tests.demo.test_configs import FOLDED, GOLDENS


def said(config: str) -> Iterator[str]:
    """The lines of a golden file without indentation, owners and counts."""
    before = ""
    for line in (GOLDENS / f"{config}.txt").read_text(encoding="utf-8").splitlines()[1:]:
        text = re.sub(r" +[\d,]+$", "", line).strip()
        if not before.endswith(","):  # else it names more owners
            head, sign, comment = text.partition("  # ")
            yield head.partition(": ")[0] + sign + comment
        before = text


EXPECTED = {
    "bf16": "",
    "clip": """
        -configure_gradient_clipping  # calls clip_gradients
        +configure_gradient_clipping
        +# calls clip_gradients; gradient_clip_val=0.5""",
    "no_sanity": """
        -sanity check
        +validation:
        +val_dataloader""",
    "val4": """
        +if (batch + 1) % 2 == 0:  # val_check_interval=0.25: every 0.25 epoch
        -on_validation_model_train  # calls train
        -on_train_epoch_end
        +on_validation_end
        +on_validation_model_train  # calls train
        +on_train_epoch_end""",
    "accumulate4": """
        +if (batch + 1) % 4 != 0:  # accumulate_grad_batches=4
        +training_step  # calls forward*, log
        +if batch % 4 == 0:  # accumulate_grad_batches=4
        +on_before_zero_grad
        +optimizer_zero_grad
        +backward
        +on_before_backward
        +backward
        +on_after_backward
        +else:
        -on_before_zero_grad
        -optimizer_zero_grad""",
    "manual": """
        -optimizer_step
        -step
        -training_step  # calls forward*, log
        -on_before_zero_grad
        -optimizer_zero_grad
        -backward
        +training_step
        +forward
        +manual_backward
        +optimizer_step
        +step
        -configure_gradient_clipping  # calls clip_gradients
        +log""",
}
"""What the loop of a configuration has (+) and has not (-), in order, next to the baseline's."""


@pytest.mark.parametrize("config", EXPECTED)
def test_it_differs_where_it_should(config: str) -> None:
    compared = difflib.unified_diff(list(said("baseline")), list(said(config)), n=0, lineterm="")
    found = [line for line in compared if not line.startswith(("---", "+++", "@@"))]
    assert found == [line.strip() for line in EXPECTED[config].splitlines() if line.strip()]


def test_every_one_is_compared() -> None:
    assert {*EXPECTED, "baseline"} == {*FOLDED} == {path.stem for path in GOLDENS.iterdir()}
