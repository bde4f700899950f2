"""Clients choose the names of operations: only so many are kept, so that metrics and spans have few names."""

from __future__ import annotations

_MOST_NAMES = 200
_LONGEST_NAME = 64
_known: set[str] = set()


def kept(name: str) -> str | None:
    """The name, if it is one of the first that this process has met."""
    if name not in _known:
        if len(_known) >= _MOST_NAMES or len(name) > _LONGEST_NAME:
            return None
        _known.add(name)
    return name
