"""Jobs, schedules and migrations."""

from __future__ import annotations

from mongo_seed.collections.schemas import (
    COUNT,
    DATE,
    ID,
    NULLABLE_STRING,
    OBJECT,
    SHARE,
    STRING,
    Collection,
    object_of,
)
from shop.entities.jobs import JobState

_JOBS = Collection(
    "jobs",
    object_of(
        {
            "_id": ID,
            "name": ID,
            "message": OBJECT,
            "createdAt": DATE,
            "state": {"enum": [state.value for state in JobState]},
            "progress": SHARE,
            "stage": STRING,
            "attempt": COUNT,
            "requestedBy": NULLABLE_STRING,
            "notes": OBJECT,
        },
        {
            "activeName": ID,
            "maxAttempts": COUNT,
            "startedAt": DATE,
            "finishedAt": DATE,
            "errorCode": STRING,
            "errorMessage": STRING,
            "result": STRING,
            "requestId": STRING,
        },
    ),
    (
        ("newest", [("createdAt", -1), ("_id", 1)], {}),
        ("name", [("name", 1), ("createdAt", -1), ("_id", 1)], {}),
        ("state", [("state", 1), ("createdAt", -1), ("_id", 1)], {}),
        ("ended", [("finishedAt", 1)], {}),
        # At most one job of a name is queued or running, of those that run one at a time, whoever starts one.
        ("active", [("activeName", 1)], {"unique": True, "partialFilterExpression": {"activeName": {"$exists": True}}}),
    ),
)

_SCHEDULES = Collection("schedules", object_of({"_id": ID, "startedFor": DATE}))

_LARGE_MESSAGES = Collection(
    "large_messages",
    object_of({"_id": ID, "message": STRING, "createdAt": DATE}),
    # A day longer than a queue keeps the message that refers to it.
    (("expiry", [("createdAt", 1)], {"expireAfterSeconds": 15 * 86_400}),),
)

_SCHEMA_MIGRATIONS = Collection("schema_migrations", object_of({"_id": {"bsonType": ["int", "long", "string"]}}))

RUNNING = (
    _JOBS,
    _SCHEDULES,
    _LARGE_MESSAGES,
    _SCHEMA_MIGRATIONS,
)
