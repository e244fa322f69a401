"""The transport bar: paints the line that `tui.transport` makes, and says where somebody clicked or dragged to."""

from textual import events
from textual.message import Message

from tui.transport import Transport, time_at, transport_line
from tui.widgets.lines import Lines


class TransportBar(Lines):
    """One line along the recording."""

    DEFAULT_CSS = "TransportBar { height: 1; }"

    class Sought(Message):
        """The user wants to see another moment."""

        def __init__(self, time_ns: int) -> None:
            super().__init__()
            self.time_ns = time_ns

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._transport: Transport | None = None

    def show(self, transport: Transport) -> None:
        """Shows where the recording is."""
        self._transport = transport
        self.put([(transport_line(transport, self.size.width), "")])

    def on_resize(self) -> None:
        """Paints the line anew: its width is part of what it says."""
        if self._transport is not None:
            self.show(self._transport)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Goes to where it was pressed, and wherever the mouse is dragged to."""
        self.capture_mouse()
        self._seek(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Goes along while the button is held."""
        if event.button and self.app.mouse_captured is self:
            self._seek(event.x)

    def on_mouse_up(self) -> None:
        """Lets go."""
        self.release_mouse()

    def _seek(self, column: int) -> None:
        transport = self._transport
        time_ns = None if transport is None else time_at(transport, self.size.width, column)
        if time_ns is not None:
            self.post_message(self.Sought(time_ns))
