"""Spans, as the code that is traced sees them. A span says what was done, how long it took and whether it failed; never
a variable, a text, or who somebody is.
"""

from __future__ import annotations

import contextlib
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    Attributes = Mapping[str, str | int]
    Carrier = Mapping[str, str]  # W3C trace context: `traceparent` and perhaps `tracestate`


class Kind(Enum):
    """Which end of a call is measured."""

    SERVER = auto()
    CLIENT = auto()
    CONSUMER = auto()


class Span:
    """Something that is measured. This one is not."""

    __slots__ = ()

    def rename(self, name: str) -> None: ...

    def set(self, attributes: Attributes) -> None: ...

    def fail(self, reason: str) -> None:
        """It has failed; `reason` is one of few: a code, or an error's class."""


class Tracer(Protocol):
    """What makes spans; the functions of this module say of what kind."""

    def span(
        self, name: str, kind: Kind, attributes: Attributes, parent: Carrier | None, *, current: bool
    ) -> AbstractContextManager[Span]: ...

    def current(self) -> Span: ...

    def carried(self) -> dict[str, str]: ...

    def joined(self, carrier: Carrier) -> AbstractContextManager[None]: ...

    def close(self) -> None:
        """Sends what has not been sent yet; may block."""
        ...


class _Process:
    """What this process has one of."""

    tracer: Tracer | None = None


_UNTRACED = Span()


def use(tracer: Tracer | None) -> Tracer | None:
    """From now on this one makes the spans, or none does; returns the one of before."""
    before, _Process.tracer = _Process.tracer, tracer
    return before


def is_on() -> bool:
    return _Process.tracer is not None


def span(
    name: str, kind: Kind, attributes: Attributes, *, parent: Carrier | None = None, current: bool = True
) -> AbstractContextManager[Span]:
    """Measures the block. An error that leaves it fails the span.

    It is a part of the current span; with `parent` of that one, or of none if that is empty. One that is not made
    `current` gets no parts, and may be entered and left in different tasks, as generators are.
    """
    tracer = _Process.tracer
    if tracer is None:
        return contextlib.nullcontext(_UNTRACED)
    return tracer.span(name, kind, attributes, parent, current=current)


def current() -> Span:
    """The span that this task is in the middle of."""
    tracer = _Process.tracer
    return _UNTRACED if tracer is None else tracer.current()


def carried() -> dict[str, str]:
    """The current span for others to continue; empty without one."""
    tracer = _Process.tracer
    return {} if tracer is None else tracer.carried()


def joined(carrier: Carrier) -> AbstractContextManager[None]:
    """Spans that begin in the block are parts of the one that is carried."""
    tracer = _Process.tracer
    return contextlib.nullcontext() if tracer is None else tracer.joined(carrier)
