"""Explanations of items and insights on shoppers: texts that a worker writes later."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from shop.entities.recommendations import Evidence


# Part of every explanation's key: raise it when prompts or templates change, and texts are written anew.
TEXT_VERSION = "2"


class TextStatus(StrEnum):
    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"


class TextSource(StrEnum):
    ANTHROPIC = "ANTHROPIC"
    OPENAI = "OPENAI"
    LOCAL = "LOCAL"
    TEMPLATE = "TEMPLATE"


@dataclass(frozen=True, slots=True)
class Text:
    """A finished text and who wrote it."""

    text: str
    source: TextSource
    model: str | None
    prompt_version: str
    generated_at: datetime


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why this product is shown to this shopper. `key` hashes all that the text depends on."""

    key: str
    actor_key: str
    product_id: str
    status: TextStatus
    evidence: tuple[Evidence, ...]
    language: str = "en"
    text: Text | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Insight:
    """One sentence on a shopper's taste; each shopper has one. While a new one is written, `text` is the last one, as
    long as it holds; None if something that it rested on turned out wrong."""

    user_id: str
    status: TextStatus
    language: str = "en"
    text: Text | None = None
    error: str | None = None
    basis: str = ""  # hashes the profile that the text rests on, coarsely
    event_count: int = 0  # the events that it rests on
    edition: int = 0  # raised when the text was withdrawn: what was begun for an earlier one is not shown
    ordered_at: datetime | None = None
