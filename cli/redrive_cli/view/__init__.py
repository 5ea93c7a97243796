"""Views: how things look in a terminal, a pipe and a log."""
