"""Every collection: what of a shopper is there, how it is found, and what an export and an erasure do with it.

Whoever adds a collection adds its line; a test compares this table with `mongo_seed.collections`. The same for keys of
Redis is in `shop/privacy/keys.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Finder(StrEnum):
    """What a field has to hold for a document to be the shopper's."""

    USER = "the shopper's id"
    VISIT = "one of the shopper's anonymous sessions, where nobody was signed in"
    AUDITED = "the shopper's id or an actor key, in an audit entry about people"
    ACTOR = "the shopper's actor key, or that of one of the sessions"
    MESSAGE = "a job's message that names the shopper"
    MESSAGE_TEXT = "the same as text"


# Audit entries of these name no person as their subject. Ids of products may be the same as those of shoppers.
ABOUT_THINGS = (
    "activateModel",
    "createApiKey",
    "deleteMerchandisingRule",
    "deleteProducts",
    "migrate",
    "retryJob",
    "revokeApiKey",
    "saveMerchandisingRule",
    "startTraining",
    "upsertProducts",
)


class Erasing(StrEnum):
    """What an erasure does with a shopper's documents."""

    DELETE = "deleted"
    RENAME = "kept, with a made-up name in the place of the shopper's id"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Found:
    """A field, and what it has to hold."""

    field: str
    by: Finder


@dataclass(frozen=True, slots=True)
class Place:
    """A collection. `why` says why nothing is erased or exported; `secret` fields are in no export."""

    collection: str
    holds: str
    found: tuple[Found, ...] = ()
    erasing: Erasing = Erasing.NOTHING
    export_as: str | None = None
    secret: frozenset[str] = frozenset()
    why: str = ""


def _deleted(
    collection: str, holds: str, *found: Found, export_as: str | None = None, secret: frozenset[str] = frozenset()
) -> Place:
    return Place(collection, holds, found, Erasing.DELETE, export_as, secret)


def _nothing(collection: str, why: str) -> Place:
    return Place(collection, "", why=why)


_BY_USER = Found("userId", Finder.USER)
_BY_ACTOR = Found("actorKey", Finder.ACTOR)
_BY_ID = Found("_id", Finder.USER)

# In the order in which they are erased: first what lets somebody sign in, last what tells whose a session is.
PLACES: tuple[Place, ...] = (
    _deleted("users", "the account: e-mail, name, language, stated tastes", _BY_ID, export_as="user"),
    _deleted(
        "credentials",
        "how the shopper signs in",
        _BY_ID,
        _BY_USER,
        export_as="credentials",
        secret=frozenset({"passwordHash"}),
    ),
    _deleted(
        "sessions",
        "sign-in sessions",
        _BY_USER,
        export_as="signInSessions",
        secret=frozenset({"_id"}),
    ),
    _deleted("refresh_tokens", "tokens that prolong a sign-in session; nothing in them can be shown", _BY_USER),
    Place(
        "api_keys",
        "who has made a program's key",
        (Found("createdBy", Finder.USER),),
        Erasing.RENAME,
        export_as="madeApiKeys",
        secret=frozenset({"secretHash"}),
        why="the key is the shop's",
    ),
    _deleted("user_profiles", "what the behaviour adds up to", _BY_ID, export_as="profile"),
    _deleted("insights", "sentences on the shopper's taste", _BY_USER, export_as="insights"),
    _deleted("explanations", "texts that explain products to the shopper", _BY_ACTOR, export_as="explanations"),
    _deleted("explanation_ratings", "the shopper's opinion of texts", _BY_ACTOR, export_as="explanationRatings"),
    _deleted("exclusions", "events that shall not count, with reason and note", _BY_ACTOR, export_as="exclusions"),
    _deleted(
        "recommendations_log",
        "lists that were shown, and what was clicked in them",
        _BY_USER,
        _BY_ACTOR,
        export_as="recommendationLists",
    ),
    _deleted(
        "interactions",
        "what the shopper did",
        _BY_USER,
        Found("sessionId", Finder.VISIT),
        export_as="interactions",
    ),
    _deleted("export_chunks", "the data of exports", _BY_USER),
    _deleted(
        "exports", "orders of exports", _BY_USER, export_as="exports", secret=frozenset({"tokenHash", "requestedBy"})
    ),
    _deleted(
        "large_messages",
        "jobs about the shopper that were too large for a queue",
        Found("message", Finder.MESSAGE_TEXT),
    ),
    _deleted(
        "jobs",
        "records of jobs about the shopper",
        Found("message", Finder.MESSAGE),
        export_as="jobs",
        secret=frozenset({"requestedBy"}),
    ),
    Place(
        "jobs",
        "who has ordered a job",
        (Found("requestedBy", Finder.USER),),
        Erasing.RENAME,
        export_as="orderedJobs",
        secret=frozenset({"message", "notes"}),
        why="the work itself is about somebody or something else",
    ),
    Place(
        "exports",
        "who has ordered an export of somebody else",
        (Found("requestedBy", Finder.USER),),
        Erasing.RENAME,
        why="the export is about somebody else, and so is not in this one",
    ),
    Place(
        "merchandising_rules",
        "who has changed a rule last",
        (Found("updatedBy", Finder.USER),),
        Erasing.RENAME,
        export_as="changedRules",
        why="the rule is the shop's",
    ),
    Place(
        "audit_log",
        "who has read or changed what of the shopper, and what the shopper has changed",
        (Found("subject", Finder.AUDITED), Found("actorId", Finder.USER)),
        Erasing.RENAME,
        export_as="auditEntries",
        secret=frozenset({"actorId"}),
        why="that something was done stays provable",
    ),
    _deleted("session_owners", "which anonymous sessions are the shopper's", _BY_USER, export_as="anonymousSessions"),
    _nothing("erasures", "a receipt names nobody once its erasure has finished"),
    _nothing("erasure_marks", "salted hashes, by which an old token and a late job are refused; each expires"),
    _nothing("products", "the shop's catalogue; ratings and numbers of buyers are sums over all shoppers"),
    _nothing("categories", "the shop's catalogue"),
    _nothing("bandit_states", "sums over the lists of all shoppers, from which nobody's part can be told"),
    _nothing("llm_usage", "sums of a day"),
    _nothing("explanation_lookups", "sums of a day"),
    _nothing("experiments", "how lists are compared; who has seen which is worked out, not stored"),
    _nothing("experiment_rollups", "sums of a day"),
    _nothing(
        "model_snapshots", "numbers of a training; its file holds what shoppers took as rows without any id, see docs"
    ),
    _nothing("webhook_deliveries", "hashes of messages; each expires"),
    _nothing("webhook_subjects", "products by their names in other systems, and hashes of order numbers"),
    _nothing("schedules", "when a job was started last"),
    _nothing("schema_migrations", "which steps a database has had"),
)
