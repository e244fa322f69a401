"""The loop as a tree with live counts; the open nodes say "you are here"."""

from tracer.analyze.loops import LoopNode
from tui.groups import is_group
from tui.text import Line
from tui.view import LoopView, here_index, loop_header, loop_line, parents, visible_nodes
from tui.widgets.rows import RowsPane


class LoopPane(RowsPane):
    """Shows a `LoopView`. It follows the open hook until the user moves."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.border_title = "the loop"
        self.follow = True
        self._view = LoopView()
        self._shown: tuple[LoopNode, ...] = ()
        self._parents: frozenset[int] = frozenset()
        self._turned: set[int] = set()  # nodes that the user has folded, and groups that the user has unfolded

    @property
    def head_rows(self) -> int:
        """The header of the columns."""
        return 1

    def show(self, view: LoopView) -> None:
        """Shows the loop as it is now; keeps the cursor on its node while others appear around it."""
        if view == self._view:
            return
        selected = self._selected_node()
        new_nodes = view.nodes is not self._view.nodes
        if len(view.nodes) < len(self._view.nodes):
            self._turned &= {node.id for node in view.nodes}
        self._view = view
        if new_nodes:
            self._parents = parents(view.nodes)
            self._arrange(selected)
        if self.follow:
            self._go_here()
        self.repaint()

    def set_follow(self, follow: bool) -> None:
        """Whether the open hook is kept in sight."""
        self.follow = follow
        self.border_title = "the loop" if follow else "the loop · f follows the open hook"
        if follow:
            self._go_here()
            self.repaint()
            self.tell_selected()

    def row_count(self) -> int:
        """Nodes that are not folded away."""
        return len(self._shown)

    def row_line(self, index: int, width: int) -> Line:
        """One node."""
        node = self._shown[index]
        folded = self._is_folded(node.id) if node.id in self._parents else None
        return loop_line(self._view, node, width, folded)

    def row_role(self, index: int) -> str:
        """The cursor, else the light of an open node."""
        if index == self.cursor and not self.follow:
            return "cursor" if self.has_focus else "cursor-dim"
        return "here" if self._shown[index].id in self._view.open else ""

    def head_lines(self, width: int) -> tuple[Line, ...]:
        """What the columns are."""
        return (loop_header(width),)

    @property
    def selected_action(self) -> int:
        """Number of the action in the selected row; -1 for a loop."""
        node = self._selected_node()
        return -1 if node is None else node.action

    def tell_selected(self) -> None:
        """Posts what the user points at: while the pane follows, whatever is open."""
        self.post_message(self.Selected(self, -1 if self.follow else self.selected_action))

    def action_select(self, index: int) -> None:
        """Moves the cursor; from now on the pane stays where the user is."""
        self.set_follow(False)
        super().action_select(index)

    def action_fold(self) -> None:
        """Hides or shows what is inside the selected node."""
        node = self._selected_node()
        if node is not None and node.id in self._parents:
            self.set_follow(False)
            self._turned ^= {node.id}
            self._arrange(node)
            self.repaint()

    def action_fold_all(self) -> None:
        """Folds down to the outline, then unfolds everything, then goes back to how it was at first."""
        node = self._selected_node()
        spans = {entry.id for entry in self._view.nodes if entry.kind == "span" and entry.id in self._parents}
        groups = {entry for entry in spans if is_group(entry)}
        outline = {entry for entry in spans - groups if not self._contains_loop(entry)}
        self._turned = groups if self._turned & outline else set() if self._turned else outline
        self._arrange(node)
        self.repaint()

    def _is_folded(self, identifier: int) -> bool:
        """Groups are folded until the user unfolds them, everything else the other way round."""
        return (identifier in self._turned) != is_group(identifier)

    def _contains_loop(self, identifier: int) -> bool:
        """Whether a loop lies somewhere below a node."""
        inside = {identifier}
        for node in self._view.nodes:
            if node.parent in inside:
                if node.kind != "span":
                    return True
                inside.add(node.id)
        return False

    def _selected_node(self) -> LoopNode | None:
        return self._shown[self.cursor] if self.cursor < len(self._shown) else None

    def _arrange(self, selected: LoopNode | None) -> None:
        """Works out the visible rows anew and puts the cursor back on its node, or on what now hides it."""
        self._shown = visible_nodes(self._view.nodes, {node for node in self._parents if self._is_folded(node)})
        places = {node.id: index for index, node in enumerate(self._shown)}
        by_id = {node.id: node for node in self._view.nodes}
        identifier = -1 if selected is None else selected.id
        while identifier not in places and identifier in by_id:
            identifier = by_id[identifier].parent
        self.move_to(places.get(identifier, self.cursor))

    def _go_here(self) -> None:
        here = here_index(self._shown, self._view.open)
        if here is not None:
            self.cursor = here
            around = self.page // 4  # what it lies in is of interest, and what comes next
            self.keep_in_sight(max(0, here - around))
            self.keep_in_sight(min(here + around, len(self._shown) - 1))
            self.keep_in_sight(here)
