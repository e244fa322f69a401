"""What fills the terminal: the session, and the dialogs that are put over it."""
