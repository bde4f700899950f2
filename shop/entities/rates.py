"""How often somebody may do something."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("cost", "writes")


def viewer_bucket(kind: str, user_id: str) -> str:
    """The name of a viewer's bucket."""
    return f"{kind}:viewer:{user_id}"


def session_bucket(session_id: str | None) -> str:
    """The name of the bucket of what an anonymous session writes."""
    return f"writes:session:{session_id}"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket: it holds `capacity` tokens at most, and gets `per_second` of them."""

    name: str
    capacity: float
    per_second: float


@dataclass(frozen=True, slots=True)
class Want:
    """So many tokens of a bucket."""

    bucket: Bucket
    tokens: float


@dataclass(frozen=True, slots=True)
class Taken:
    """Tokens of several buckets, all or none.

    Without them `wait` is how many seconds it takes until `refused_by` has enough. `given`: for each bucket the tokens
    taken, and those left in it.
    """

    wait: float = 0.0
    refused_by: Bucket | None = None
    given: tuple[tuple[float, float], ...] = ()
