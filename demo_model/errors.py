"""What a learner can get wrong, as a type: the command line turns it into one line and an exit code."""


class DemoError(Exception):
    """The message is one line: what is wrong and what to do about it."""


class DataError(DemoError):
    """The digits cannot be had, or what lies on disk is damaged."""
