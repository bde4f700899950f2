"""Every key of Redis that `shop.store.keys.Keys` names: what of a shopper is there, and what an erasure does with it.

Nothing of it is the only copy of anything, so none of it is exported but the events of the last days.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class KeyErasing(StrEnum):
    """How an erasure finds and deletes it."""

    BY_NAME = "the key's name is made of the shopper's actor keys"
    BY_SEARCH = "all keys of this kind are looked at, by their names or what they hold"
    ENTRIES = "entries that name the shopper are deleted one by one"
    NOTHING = "nothing personal is there"


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """A kind of key, by the name of the method or property of Keys."""

    key: str
    holds: str
    erasing: KeyErasing


KEY_PLACES: tuple[KeyPlace, ...] = (
    KeyPlace("session", "the events of the last two days", KeyErasing.BY_NAME),
    KeyPlace("explanation_evidence", "what texts on order rest on", KeyErasing.BY_NAME),
    KeyPlace("automated", "whether the shopper was taken for a program", KeyErasing.BY_NAME),
    KeyPlace("rate", "what the shopper may still spend in this minute", KeyErasing.BY_NAME),
    KeyPlace("pace", "how many events a minute had", KeyErasing.BY_SEARCH),
    KeyPlace("explanation", "a finished text, with the actor key", KeyErasing.BY_SEARCH),
    KeyPlace("explanation_reservation", "that a text is on order; deleted with its text", KeyErasing.BY_SEARCH),
    KeyPlace("job", "a job of arq, with its message", KeyErasing.BY_SEARCH),
    KeyPlace("queue", "the ids of waiting jobs; see job", KeyErasing.ENTRIES),
    KeyPlace("queue_of", "the same of a group", KeyErasing.ENTRIES),
    KeyPlace("events", "pushes, and with them actor keys and texts", KeyErasing.ENTRIES),
    KeyPlace("published", "a job's id, which is a hash or made of random digits", KeyErasing.NOTHING),
    KeyPlace("job_claim", "a job's id, as above, and attempts", KeyErasing.NOTHING),
    KeyPlace("jobs_waiting", "ids of jobs, as above", KeyErasing.NOTHING),
    KeyPlace("worker_health", "that a worker lives", KeyErasing.NOTHING),
    KeyPlace("bandit", "sums over the lists of all shoppers", KeyErasing.NOTHING),
    KeyPlace("bandit_batch", "a random id", KeyErasing.NOTHING),
    KeyPlace("llm_spent", "sums of a day", KeyErasing.NOTHING),
)
