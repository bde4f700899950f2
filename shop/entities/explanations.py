"""Explanations of items and insights on shoppers: texts that a worker writes later."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from shop.entities.evidence import Evidence


# Raised with every word that a model reads, or that the template says. Both are part of every text's key: whatever is
# shown afterwards is written anew, and a template text may stand under a model's key as its fallback.
PROMPT_VERSION = "prompt-5"
TEMPLATE_VERSION = "template-4"
TEXT_VERSION = f"{PROMPT_VERSION}/{TEMPLATE_VERSION}"


class TextStatus(StrEnum):
    PENDING = "PENDING"
    READY = "READY"
    STALE = "STALE"  # true when it was written; its numbers have changed since, and a new text is on order
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
class WantedExplanation:
    """An item whose explanation is wanted, and the key that says on what the text depends.

    `turn` is its place in the list, from 0, by which neighbours are told in different words; the key has it not: a text
    that is there is shown wherever its product stands.
    """

    key: str
    product_id: str
    evidence: tuple[Evidence, ...]
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Insight:
    """One sentence on a shopper's taste; a shopper has one in each language asked for. While a new one is written,
    `text` is the last one, as long as it holds; None if something that it rested on turned out wrong."""

    user_id: str
    status: TextStatus
    language: str = "en"
    text: Text | None = None
    error: str | None = None
    basis: str = ""  # hashes the profile that the text rests on, coarsely
    event_count: int = 0  # the events that it rests on
    edition: int = 0  # raised when the text was withdrawn: what was begun for an earlier one is not shown
    ordered_at: datetime | None = None
