"""Users, how they get in, and what becomes of their data."""

from __future__ import annotations

from mongo_seed.collections.schemas import (
    BYTES,
    COUNT,
    DATE,
    ID,
    NULLABLE_DATE,
    NULLABLE_STRING,
    OBJECT,
    STRING,
    STRINGS,
    Collection,
    object_of,
)
from shop.entities.privacy import ExportState
from shop.entities.users import Role

_USERS = Collection(
    "users",
    object_of(
        {
            "_id": ID,
            "email": NULLABLE_STRING,
            "displayName": NULLABLE_STRING,
            "locale": NULLABLE_STRING,
            "role": {"enum": [role.value for role in Role]},
            "preferences": object_of({"categories": STRINGS, "brands": STRINGS, "tags": STRINGS}),
            "createdAt": NULLABLE_DATE,
        },
        {"roleIssuedAt": DATE},
    ),
    (
        # `$gt ""` means any text but an empty one, and, unlike `$type`, lets a query by e-mail use the index.
        ("email", [("email", 1)], {"unique": True, "partialFilterExpression": {"email": {"$gt": ""}}}),
        ("newest", [("createdAt", -1), ("_id", 1)], {}),
    ),
)

_CREDENTIALS = Collection("credentials", object_of({"_id": ID, "passwordHash": ID, "updatedAt": DATE}))

_SESSIONS = Collection(
    "sessions",
    object_of(
        {
            "_id": ID,
            "userId": ID,
            "createdAt": DATE,
            "lastUsedAt": DATE,
            "expiresAt": DATE,
            "client": STRING,
            "endedAt": NULLABLE_DATE,
        }
    ),
    (
        ("user", [("userId", 1), ("lastUsedAt", -1)], {}),
        ("expiry", [("expiresAt", 1)], {"expireAfterSeconds": 0}),
    ),
)

_REFRESH_TOKENS = Collection(
    "refresh_tokens",
    object_of(
        {
            "_id": ID,
            "sessionId": ID,
            "userId": ID,
            "createdAt": DATE,
            "usedAt": NULLABLE_DATE,
            "expiresAt": DATE,
        }
    ),
    (
        ("user", [("userId", 1)], {}),
        ("expiry", [("expiresAt", 1)], {"expireAfterSeconds": 0}),
    ),
)

_API_KEYS = Collection(
    "api_keys",
    object_of(
        {
            "_id": ID,
            "name": ID,
            "secretHash": ID,
            "scopes": STRINGS,
            "createdAt": DATE,
            "createdBy": NULLABLE_STRING,
            "expiresAt": NULLABLE_DATE,
            "lastUsedAt": NULLABLE_DATE,
            "revokedAt": NULLABLE_DATE,
        }
    ),
)

_AUDIT_LOG = Collection(
    "audit_log",
    object_of(
        {
            "_id": ID,
            "at": DATE,
            "action": STRING,
            "actorId": NULLABLE_STRING,
            "subject": STRING,
            "details": OBJECT,
        }
    ),
    (
        ("newest", [("at", -1), ("_id", 1)], {}),
        ("subject", [("subject", 1), ("at", -1), ("_id", 1)], {}),
        ("action", [("action", 1), ("at", -1), ("_id", 1)], {}),
        ("actor", [("actorId", 1)], {}),
    ),
)

_EXPORTS = Collection(
    "exports",
    object_of(
        {
            "_id": ID,
            "userId": ID,
            "requestedBy": NULLABLE_STRING,
            "requestedAt": DATE,
            "tokenHash": ID,
            "state": {"enum": [state.value for state in ExportState]},
            "expiresAt": DATE,
        }
    ),
    (
        ("token", [("tokenHash", 1)], {"unique": True}),
        ("user", [("userId", 1)], {}),
        ("expiry", [("expiresAt", 1)], {}),
    ),
)

_EXPORT_CHUNKS = Collection(
    "export_chunks",
    object_of({"_id": ID, "exportId": ID, "userId": ID, "number": COUNT, "data": BYTES, "expiresAt": DATE}),
    (
        ("export", [("exportId", 1), ("number", 1)], {}),
        ("user", [("userId", 1)], {}),
        ("expiry", [("expiresAt", 1)], {"expireAfterSeconds": 0}),
    ),
)

_ERASURES = Collection(
    "erasures",
    object_of(
        {"_id": ID, "requestedAt": DATE, "passes": COUNT, "counts": OBJECT},
        {"finishedAt": DATE, "subject": ID, "sessions": STRINGS},
    ),
    (
        ("newest", [("requestedAt", -1)], {}),
        # One for each shopper at a time; the subject goes when it has finished.
        ("subject", [("subject", 1)], {"unique": True, "partialFilterExpression": {"subject": {"$exists": True}}}),
    ),
)

_ERASURE_MARKS = Collection(
    "erasure_marks",
    object_of({"_id": ID}, {"at": DATE, "salt": BYTES, "expiresAt": DATE}),
    (("expiry", [("expiresAt", 1)], {"expireAfterSeconds": 0}),),
)

ACCOUNTS = (
    _USERS,
    _CREDENTIALS,
    _SESSIONS,
    _REFRESH_TOKENS,
    _API_KEYS,
    _AUDIT_LOG,
    _EXPORTS,
    _EXPORT_CHUNKS,
    _ERASURES,
    _ERASURE_MARKS,
)
