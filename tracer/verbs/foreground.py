"""A program in the place of this process: it has our terminal, our input and output, our directory, our signals.

It stays in our process group, so that whatever is sent to the group reaches it as it would without us: Ctrl-C and
Ctrl-Z, `kill -- -GROUP`, what `timeout` and a batch system send. What is sent to this process alone (`kill PID`,
`docker stop`) has to be passed on, and this process lives on to say what became of the other.

Which of the two it was a signal does not say. So a third process, the witness, stands beside us in the group and does
nothing but tell of the signals that reach it. What reaches it as well was meant for all, and the program has it.
"""

import math
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from types import FrameType
from typing import NoReturn

_OF_THE_PROGRAM = (
    *(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT, signal.SIGTERM, signal.SIGALRM),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGPROF, signal.SIGVTALRM, signal.SIGXCPU, signal.SIGIO, signal.SIGCONT),
    *(number for number in signal.valid_signals() if signal.SIGRTMIN <= number <= signal.SIGRTMAX),
)
"""What can be sent to a program to tell it something."""

_WITNESSED_S = 0.05
"""So long after a signal the witness may still tell of it: someone who means all can send it to one after another."""

_FILES = 4096
"""More than a process has open when it starts another."""


def run_in_foreground(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs Python until it ends.

    Args:
        arguments: What follows the interpreter.
        environment: The environment of the program.

    Returns:
        Its exit code; -n if signal n has killed it.

    Raises:
        OSError: it cannot be started.
    """
    with _signals_told() as told, _witness() as witnessed:
        # `close_fds`: the files that the shell has opened for the program (`<(...)`) are the program's.
        process = subprocess.Popen([sys.executable, *arguments], env=environment, close_fds=False)
        for number in _read(told):
            _send(process, number)  # it came before the program was there to get it
        _pass_on(process, told, witnessed)
        return process.wait()


def end_like(code: int) -> int:
    """Ends this process as a program has ended, so that who started us sees what they would see without us.

    Args:
        code: The program's exit code, -n if signal n has killed it: the same signal kills this process.

    Returns:
        The exit code, if there is still somebody to exit: 128 + n where a signal could not kill us.
    """
    if code >= 0:
        return code
    sys.stdout.flush()
    sys.stderr.flush()
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one dump is enough
    with suppress(OSError, ValueError):
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)  # the first process of a container survives it
    return 128 - code


def _pass_on(process: "subprocess.Popen[bytes]", told: int, witnessed: int) -> None:
    """Passes on what is sent to us alone, until the program has ended."""
    due: dict[int, float] = {}
    seen: dict[int, float] = {}
    sources = [told, witnessed]
    while process.poll() is None:
        ready, _, _ = select.select(sources, [], [], max(0.0, min(due.values()) - monotonic()) if due else None)
        now = monotonic()
        if witnessed in ready:
            numbers = _read(witnessed)
            if not numbers:
                sources.remove(witnessed)  # somebody has ended the witness
            seen |= dict.fromkeys(numbers, now)
        arrived = _read(told) if told in ready else []
        due |= {number: now + _WITNESSED_S for number in arrived if number in _OF_THE_PROGRAM and number not in due}
        for number in [number for number in due if now - seen.get(number, -math.inf) <= _WITNESSED_S]:
            del due[number]
        for number in [number for number, when in due.items() if when <= now]:
            del due[number]
            _send(process, number)


def _send(process: "subprocess.Popen[bytes]", number: int) -> None:
    if number in _OF_THE_PROGRAM:
        process.send_signal(number)


def _read(pipe: int) -> list[int]:
    """The numbers of the signals that a pipe tells of."""
    try:
        return list(os.read(pipe, 4096))
    except BlockingIOError:
        return []


@contextmanager
def _signals_told() -> Iterator[int]:
    """Takes the signals in, and tells of them in a pipe, the end of a child process included.

    One that we ignore (`nohup`, a job in the background) the program ignores as well.
    """
    reading, writing = _pipe()
    before = {number: signal.getsignal(number) for number in (*_OF_THE_PROGRAM, signal.SIGCHLD)}
    ignored = (signal.SIG_IGN, None)
    taken = [number for number in before if number == signal.SIGCHLD or before[number] not in ignored]
    for number in taken:
        signal.signal(number, _only_wake)
    woken = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(woken)
        for number in taken:
            signal.signal(number, before[number])
        os.close(reading)
        os.close(writing)


def _only_wake(number: int, frame: FrameType | None) -> None:
    """Python has written the number to the pipe; there is nothing else to do."""


@contextmanager
def _witness() -> Iterator[int]:
    """A process in our group that tells, in a pipe, of the signals that reach it. It ends when we do."""
    reading, writing = _pipe()
    ends, held = os.pipe()
    process = os.fork()
    if not process:
        _tell(writing, ends)
    try:
        os.close(writing)
        os.close(ends)
        select.select([reading], [], [])
        os.read(reading, 1)  # it is ready
        yield reading
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(reading)
        os.close(held)


def _tell(writing: int, ends: int) -> NoReturn:
    """What the witness does: it holds nothing open but its two pipes, or others would wait for it."""
    try:
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        first, last = sorted((writing, ends))
        for low, high in ((0, first), (first + 1, last), (last + 1, _FILES)):
            os.closerange(low, high)
        os.write(writing, b"\0")
        os.read(ends, 1)  # its other end is closed when the process that wanted a witness is gone
    finally:
        os._exit(0)


def _pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    return reading, writing
