"""Expected errors of the commands; the message says what to do."""

from __future__ import annotations


class StackError(Exception):
    """The command cannot go on. The message is shown as it is, without a traceback."""
