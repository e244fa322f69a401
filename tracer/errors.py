"""What can go wrong for a user, as types.

One base class, so that the command line has one place where an error becomes a line and an exit code, and the screen
one place where it becomes a notice. The recorder never lets any of these reach the program it records.
"""


class HooktraceError(Exception):
    """An error that a user can understand and act on: its message is one line, what is wrong and what to do."""

    exit_code = 1


class UsageError(HooktraceError):
    """The command line asks for something that cannot be meant."""

    exit_code = 2


class NotFoundError(HooktraceError):
    """There is no such run, file or directory."""


class NotARunError(HooktraceError):
    """The path exists, but a run was not recorded there, or what is there is damaged beyond reading."""


class SchemaError(HooktraceError):
    """The run was written by a version of the tool that this one does not understand."""


class ExistsError(HooktraceError):
    """An output exists already and nothing may be overwritten."""


class MissingExtraError(HooktraceError):
    """An optional part of the installation is missing."""
