"""The dialog that asks for the file to export to, and writes it while the training and the screen go on."""

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tracer.errors import ExistsError, HooktraceError
from tracer.export.output import new_file
from tui.saving import Saving

_HINT = "enter writes it, esc does not"


class SaveScreen(ModalScreen[str | None]):
    """Its result says what was written; None if nothing was."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,ctrl+c", "close", "close")]

    def __init__(self, saving: Saving, directory: Path, run: str) -> None:
        """
        Args:
            saving: what to write.
            directory: where relative names lead to.
            run: name of the run, for the name of the file.
        """
        super().__init__()
        self._saving = saving
        self._directory = directory
        self._name = f"{run}-{saving.stem}{saving.suffix}"
        self._refused: str | None = None  # the name that exists: entered again it is replaced

    def compose(self) -> ComposeResult:
        """What will be written, one line to type in, one that explains."""
        with Vertical() as box:
            box.border_title = "export what is shown"
            yield Static(Content(f"{self._saving.what}\n"), id="what")
            yield Input(self._name, id="path")
            yield Static(Content(_HINT), id="message")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Writes it off the event loop: a long recording takes seconds."""
        name = event.value.strip()
        if name:
            self._say("writing…", wrong=False)
            self.run_worker(lambda: self._write(name), thread=True, exclusive=True, exit_on_error=False)

    def _write(self, name: str) -> None:
        path = self._directory / Path(name).expanduser()
        try:
            with new_file(path, force=name == self._refused) as file:
                self._saving.write(file)
        except ExistsError:
            self._refused = None if path.is_dir() else name
            reason = f"{name} is a directory" if path.is_dir() else f"{name} exists: enter once more replaces it"
            self.app.call_from_thread(self._say, reason)
        except HooktraceError as error:
            self.app.call_from_thread(self._say, str(error))
        except Exception as error:  # whatever a format's library runs into must not end the session
            self.app.call_from_thread(self._say, f"cannot write {name}: {type(error).__name__}: {error}")
        else:
            self.app.call_from_thread(self.dismiss, f"wrote {path}")

    def _say(self, text: str, wrong: bool = True) -> None:
        message = self.query_one("#message", Static)
        message.update(Content(text))
        message.set_class(wrong, "wrong")

    def action_close(self) -> None:
        """Back to the session."""
        self.dismiss(None)
