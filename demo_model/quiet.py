"""Keeps lines off the screen that would make a learner look for a fault where there is none.

Each is matched by its own words: whatever else Lightning has to say is said.
"""

import logging
import warnings

_MESSAGES = (
    "💡 Tip:",  # advertises a service
    "Trainer already configured with model summary callbacks",  # it is, by us and on purpose
)

_WARNINGS = (
    # Said to the authors of Lightning, about their use of jsonargparse and of torch; a learner can do nothing about it.
    r"\s*By default only one JsonargparseDeprecationWarning per type is shown",
    r"\s*.* was deprecated in v4[\d.]+ and will be removed in v5\.0\.0",
    r".*isinstance\(treespec, LeafSpec\).* is deprecated.*",
    # Nothing is deleted: the metrics of an earlier run were moved away before (run_directory.loggers).
    r"Experiment logs directory .*[/\\]metrics[/\\]? exists and is not empty.*",
    # Every run has a checkpoint directory of its own, on purpose.
    r"The dirpath has changed from .* to .*",
    # The summary's size in megabytes is that of 32-bit weights, which is what mixed precision keeps.
    r"Precision bf16-mixed is not supported by the model summary.*",
    # The images lie in memory, so worker processes make loading slower, not faster; see ConvNet for the measurement.
    r".*does not have many workers which may be a bottleneck.*",
)


def _is_news(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_MESSAGES)


def keep_quiet() -> None:
    """Drops those lines from now on; calling it again changes nothing."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(_is_news)
    for message in _WARNINGS:
        warnings.filterwarnings("ignore", message=message)
