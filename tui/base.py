"""What all our apps have in common: the colours, the user's keys, the help, pictures of the screen."""

from pathlib import Path
from typing import ClassVar

from textual.app import App, ReturnType
from textual.binding import Binding, BindingType

from tracer.run.text import plain_text
from tui.screens.dialogs import HelpScreen
from tui.settings import Settings
from tui.themes import DARK, LIGHT, THEMES


class BaseApp(App[ReturnType]):
    """An app in our colours."""

    CSS_PATH = Path(__file__).with_name("session.tcss")
    TITLE = "hooktrace"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "leave", show=False, priority=True)]

    def __init__(self, settings: Settings | None = None) -> None:
        """
        Args:
            settings: what is remembered, and the user's keys; nothing is if left out.
        """
        super().__init__()
        self.settings = settings or Settings()
        for theme in THEMES:
            self.register_theme(theme)
        wanted = self.settings.remembered.theme
        self.theme = wanted if wanted in self.available_themes else DARK.name
        self.set_keymap(dict(self.settings.keys))

    def on_mount(self) -> None:
        """Says what could not be used of the user's keys."""
        if self.settings.complaint:
            self.notify(plain_text(self.settings.complaint), severity="warning", markup=False)

    def action_leave(self) -> None:
        """Quits."""
        self.exit()

    async def action_quit(self) -> None:
        """What the command palette calls quitting."""
        self.action_leave()

    def action_help(self) -> None:
        """All keys."""
        self.push_screen(HelpScreen())

    def action_theme(self) -> None:
        """Dark or light."""
        self.theme = LIGHT.name if self.current_theme.dark else DARK.name

    def action_picture(self) -> None:
        """Saves the screen as SVG."""
        try:
            path = self.save_screenshot()
        except OSError as error:
            self.notify(f"cannot save the picture: {error.strerror}", severity="error", markup=False)
        else:
            self.notify(f"saved {path}", markup=False)
