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
from dataclasses import dataclass
from time import monotonic
from types import FrameType
from typing import NoReturn, Self

_OF_THE_PROGRAM = (
    *(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT, signal.SIGTERM, signal.SIGALRM),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGPROF, signal.SIGVTALRM, signal.SIGXCPU, signal.SIGIO, signal.SIGCONT),
    *(number for number in signal.valid_signals() if signal.SIGRTMIN <= number <= signal.SIGRTMAX),
)
"""What can be sent to a program to tell it something."""

_WITNESSED_S = 0.05
"""So long after a signal the witness may still tell of it: someone who means all can send it to one after another."""

_PATIENCE_S = 5.0
"""So long the witness may take to answer: it can have been stopped."""

_ANSWER = 0

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
    with _signals_told() as told, _Witness() as witness:
        # `close_fds`: the files that the shell has opened for the program (`<(...)`) are the program's.
        process = subprocess.Popen([sys.executable, *arguments], env=environment, close_fds=False)
        for number in _read(told) or ():
            _send(process, number)  # it came before the program was there to get it
        _pass_on(process, told, witness)
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


@dataclass(frozen=True)
class _Due:
    """A signal that is passed on unless the witness tells of it, too."""

    when: float
    question: int


def _pass_on(process: "subprocess.Popen[bytes]", told: int, witness: "_Witness") -> None:
    """Passes on what is sent to us alone, until the program has ended."""
    due: dict[int, _Due] = {}
    while process.poll() is None:
        select.select([told, *witness.sources], [], [], _wait_s(due, witness))
        witness.listen()
        arrived = [number for number in _read(told) or () if number in _OF_THE_PROGRAM and number not in due]
        due |= {number: _Due(monotonic() + _WITNESSED_S, witness.ask()) for number in arrived}
        for number in [number for number in due if witness.seen_since(number, due[number].when - 2 * _WITNESSED_S)]:
            del due[number]
        for number in [number for number, one in due.items() if _is_for_us(one, witness)]:
            del due[number]
            _send(process, number)


def _wait_s(due: Mapping[int, _Due], witness: "_Witness") -> float | None:
    """How long nothing has to be done if nothing happens."""
    moments = [one.when if witness.answered(one.question) else one.when + _PATIENCE_S for one in due.values()]
    return max(0.0, min(moments) - monotonic()) if moments else None


def _is_for_us(one: _Due, witness: "_Witness") -> bool:
    """Whether the witness would have told of it by now."""
    return monotonic() >= one.when + (0.0 if witness.answered(one.question) else _PATIENCE_S)


def _send(process: "subprocess.Popen[bytes]", number: int) -> None:
    if number in _OF_THE_PROGRAM:
        process.send_signal(number)


def _read(pipe: int) -> list[int] | None:
    """The numbers of the signals that a pipe tells of; None if nobody is left to tell."""
    try:
        return list(os.read(pipe, 4096)) or None
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


class _Witness:
    """A process in our group that tells of the signals that reach it, and answers questions. It ends when we do.

    It handles a signal before it answers a question that was asked later: however busy the machine is, an answer
    means that there is no more to tell of what came before.
    """

    def __init__(self) -> None:
        self._reading, writing = _pipe()
        questions, self._asking = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            _tell(writing, questions)
        os.close(writing)
        os.close(questions)
        self._asked = self._answers = 0
        self._gone = False
        self._seen: dict[int, float] = {}

    def __enter__(self) -> Self:
        self.ask()
        while not self.answered(1):
            select.select(self.sources, [], [])
            self.listen()
        return self

    def __exit__(self, *exc_info: object) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._reading)
        os.close(self._asking)

    @property
    def sources(self) -> list[int]:
        """What to wait for."""
        return [] if self._gone else [self._reading]

    def ask(self) -> int:
        """Asks whether there is more to tell; returns the question's number."""
        with suppress(BrokenPipeError):
            os.write(self._asking, b"?")
        self._asked += 1
        return self._asked

    def answered(self, question: int) -> bool:
        """Whether all that came before the question has been told, or never will be."""
        return self._gone or self._answers >= question

    def seen_since(self, number: int, moment: float) -> bool:
        """Whether such a signal has reached the witness after a moment of the monotonic clock."""
        return self._seen.get(number, -math.inf) >= moment

    def listen(self) -> None:
        """Takes in what it tells."""
        numbers = [] if self._gone else _read(self._reading)
        if numbers is None:
            self._gone = True
            return
        self._answers += numbers.count(_ANSWER)
        self._seen |= dict.fromkeys(numbers, monotonic())


def _tell(writing: int, questions: int) -> NoReturn:
    """What the witness does: it holds nothing open but its two pipes, or others would wait for it."""
    try:
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        first, last = sorted((writing, questions))
        for low, high in ((0, first), (first + 1, last), (last + 1, _FILES)):
            os.closerange(low, high)
        while os.read(questions, 1):  # it is at its end when the process that asks is gone
            os.write(writing, bytes([_ANSWER]))
    finally:
        os._exit(0)


def _pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    return reading, writing
