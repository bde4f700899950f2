"""Every collection: its `$jsonSchema` validator and its indexes. Field names are those of `shop.store.documents`.

Validators name what must be there and of which type, and let other fields pass: an older process keeps writing while a
newer one has added a field. Each index is (name, keys, options); whoever adds a query adds its index here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scoring.ranking.rules import RuleAction
from scoring.types import EventType
from shop.entities.corrections import ExclusionReason
from shop.entities.explanations import TextSource, TextStatus
from shop.entities.feedback import RatingReason
from shop.entities.jobs import JobState
from shop.entities.privacy import ExportState
from shop.entities.usage import Purpose
from shop.entities.users import Role
from shop.store.catalog import WITHDRAWN

Schema = dict[str, Any]
Index = tuple[str, list[tuple[str, Any]], dict[str, Any]]

_STRING: Schema = {"bsonType": "string"}
_ID: Schema = {"bsonType": "string", "minLength": 1}
_NULLABLE_STRING: Schema = {"bsonType": ["string", "null"]}
_STRINGS: Schema = {"bsonType": "array", "items": _STRING}
_NUMBERS: Schema = {"bsonType": "array", "items": {"bsonType": ["int", "long"]}}
_DATE: Schema = {"bsonType": "date"}
_NULLABLE_DATE: Schema = {"bsonType": ["date", "null"]}
_BYTES: Schema = {"bsonType": "binData"}
_BOOL: Schema = {"bsonType": "bool"}
_COUNT: Schema = {"bsonType": ["int", "long"], "minimum": 0}
_AMOUNT: Schema = {"bsonType": "number", "minimum": 0}
_SHARE: Schema = {"bsonType": "number", "minimum": 0, "maximum": 1}
_NULLABLE_RATING: Schema = {"bsonType": ["double", "int", "long", "null"], "minimum": 0, "maximum": 5}
_OBJECT: Schema = {"bsonType": "object"}
_COUNTED: Schema = {"bsonType": "array", "items": {"bsonType": "array", "minItems": 2, "maxItems": 2}}
_CURRENCY: Schema = {"bsonType": "string", "minLength": 3, "maxLength": 3}


def _object(properties: dict[str, Schema], optional: dict[str, Schema] | None = None, **more: Any) -> Schema:
    return {
        "bsonType": "object",
        "required": list(properties),
        "properties": {**properties, **(optional or {})},
        **more,
    }


_MONEY = _object({"minor": _COUNT, "currency": _CURRENCY})
_NULLABLE_MONEY: Schema = {**_MONEY, "bsonType": ["object", "null"]}


def _text_fields() -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Required and optional fields that explanations and insights share."""
    required = {"status": {"enum": [status.value for status in TextStatus]}, "language": _STRING, "createdAt": _DATE}
    optional = {
        "text": _NULLABLE_STRING,
        "source": {"enum": [*(source.value for source in TextSource), None]},
        "model": _NULLABLE_STRING,
        "promptVersion": _NULLABLE_STRING,
        "generatedAt": _NULLABLE_DATE,
        "error": _NULLABLE_STRING,
    }
    return required, optional


_TEXT_REQUIRED, _TEXT_OPTIONAL = _text_fields()


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection's name, the schema that its documents must fit, and its indexes."""

    name: str
    schema: Schema
    indexes: tuple[Index, ...] = ()

    @property
    def validator(self) -> dict[str, Any]:
        return {"$jsonSchema": self.schema}


_USERS = Collection(
    "users",
    _object(
        {
            "_id": _ID,
            "email": _NULLABLE_STRING,
            "displayName": _NULLABLE_STRING,
            "locale": _NULLABLE_STRING,
            "role": {"enum": [role.value for role in Role]},
            "preferences": _object({"categories": _STRINGS, "brands": _STRINGS, "tags": _STRINGS}),
            "createdAt": _NULLABLE_DATE,
        },
        {"roleIssuedAt": _DATE},
    ),
    (
        # `$gt ""` means any text but an empty one, and, unlike `$type`, lets a query by e-mail use the index.
        ("email", [("email", 1)], {"unique": True, "partialFilterExpression": {"email": {"$gt": ""}}}),
        ("newest", [("createdAt", -1), ("_id", 1)], {}),
    ),
)

_CREDENTIALS = Collection("credentials", _object({"_id": _ID, "passwordHash": _ID, "updatedAt": _DATE}))

_SESSIONS = Collection(
    "sessions",
    _object(
        {
            "_id": _ID,
            "userId": _ID,
            "createdAt": _DATE,
            "lastUsedAt": _DATE,
            "expiresAt": _DATE,
            "client": _STRING,
            "endedAt": _NULLABLE_DATE,
        }
    ),
    (
        ("user", [("userId", 1), ("lastUsedAt", -1)], {}),
        ("expiry", [("expiresAt", 1)], {"expireAfterSeconds": 0}),
    ),
)

_REFRESH_TOKENS = Collection(
    "refresh_tokens",
    _object(
        {
            "_id": _ID,
            "sessionId": _ID,
            "userId": _ID,
            "createdAt": _DATE,
            "usedAt": _NULLABLE_DATE,
            "expiresAt": _DATE,
        }
    ),
    (
        ("user", [("userId", 1)], {}),
        ("expiry", [("expiresAt", 1)], {"expireAfterSeconds": 0}),
    ),
)

_API_KEYS = Collection(
    "api_keys",
    _object(
        {
            "_id": _ID,
            "name": _ID,
            "secretHash": _ID,
            "scopes": _STRINGS,
            "createdAt": _DATE,
            "createdBy": _NULLABLE_STRING,
            "expiresAt": _NULLABLE_DATE,
            "lastUsedAt": _NULLABLE_DATE,
            "revokedAt": _NULLABLE_DATE,
        }
    ),
)

_PRODUCTS = Collection(
    "products",
    _object(
        {
            "_id": _ID,
            "sku": _ID,
            "name": _ID,
            "description": _STRING,
            "categoryPath": _STRINGS,
            "brand": _STRING,
            "tags": _STRINGS,
            "price": _NULLABLE_MONEY,
            "packageSize": _STRING,
            "imageUrl": _NULLABLE_STRING,
            "inStock": _BOOL,
            "rating": _NULLABLE_RATING,
            "popularity": _SHARE,
            "buyerCount": _COUNT,
            "createdAt": _NULLABLE_DATE,
            "updatedAt": _NULLABLE_DATE,
        },
        {
            "variantSkus": _STRINGS,
            "withdrawnAt": _NULLABLE_DATE,
            "search": _object({"name": _STRINGS, "labels": _STRINGS, "exact": _STRINGS, "words": _STRINGS}),
        },
    ),
    (
        ("sku", [("sku", 1)], {"unique": True}),
        ("variantSkus", [("variantSkus", 1)], {}),
        ("search", [("search.words", 1)], {}),
        ("popular", [("popularity", -1), ("_id", 1)], {}),
        ("price", [("price.minor", 1), ("_id", 1)], {}),
        ("name", [("name", 1), ("_id", 1)], {}),
        ("newest", [("createdAt", -1), ("_id", 1)], {}),
        ("category", [("categoryPath", 1), ("popularity", -1), ("_id", 1)], {}),
        ("brand", [("brand", 1), ("popularity", -1), ("_id", 1)], {}),
        ("tags", [("tags", 1), ("popularity", -1), ("_id", 1)], {}),
        ("stock", [("inStock", 1), ("popularity", -1), ("_id", 1)], {}),
        # As small as there are products withdrawn: these are counted apart and taken off what other indexes count.
        ("withdrawn", [("withdrawnAt", -1), ("_id", 1)], {"partialFilterExpression": WITHDRAWN}),
    ),
)

_CATEGORIES = Collection(
    "categories",
    _object({"_id": _ID, "name": _ID, "parentId": _NULLABLE_STRING, "path": _STRINGS, "productCount": _COUNT}),
    (("children", [("parentId", 1), ("name", 1)], {}),),
)

_INTERACTIONS = Collection(
    "interactions",
    _object(
        {
            "_id": _ID,
            "userId": _NULLABLE_STRING,
            "productId": _ID,
            "type": {"enum": [event.value for event in EventType]},
            "at": _DATE,
            "quantity": _AMOUNT,
        },
        {
            "sessionId": _STRING,
            "price": _MONEY,
            "orderId": _STRING,
            "recommendationId": _STRING,
            "rating": {"bsonType": "number", "minimum": 0, "maximum": 5},
            "automated": _BOOL,
        },
    ),
    (
        ("user", [("userId", 1), ("at", -1), ("_id", -1)], {}),
        (
            "session",
            [("sessionId", 1), ("userId", 1), ("at", -1), ("_id", -1)],
            {"partialFilterExpression": {"sessionId": {"$exists": True}}},
        ),
        ("credited", [("at", 1)], {"partialFilterExpression": {"recommendationId": {"$exists": True}}}),
    ),
)

_SESSION_OWNERS = Collection(
    "session_owners",
    _object({"_id": _ID, "userId": _ID, "at": _DATE}),
    (("user", [("userId", 1), ("at", -1)], {}), ("oldest", [("at", 1)], {})),
)

_EXCLUSIONS = Collection(
    "exclusions",
    _object(
        {
            "_id": _ID,
            "actorKey": _ID,
            "productId": _ID,
            "active": _BOOL,
            "reason": {"enum": [reason.value for reason in ExclusionReason]},
            "note": _NULLABLE_STRING,
            "at": _DATE,
        }
    ),
    (("actor", [("actorKey", 1), ("active", 1)], {}), ("newest", [("at", -1)], {})),
)

_USER_PROFILES = Collection(
    "user_profiles",
    _object(
        {
            "_id": _ID,
            "categories": _COUNTED,
            "brands": _COUNTED,
            "purchaseCount": _COUNT,
            "orderCount": _COUNT,
            "eventCount": _COUNT,
        },
        {
            "averagePrice": {"bsonType": ["object", "null"]},
            "lastEventAt": _NULLABLE_DATE,
            "updatedAt": _NULLABLE_DATE,
        },
    ),
)

_RECOMMENDATIONS_LOG = Collection(
    "recommendations_log",
    _object(
        {
            "_id": _ID,
            "actorKey": _ID,
            "scenario": _STRING,
            "modelVersion": _STRING,
            "at": _DATE,
            "items": {
                "bsonType": "array",
                "items": _object(
                    {
                        "productId": _ID,
                        "rank": _COUNT,
                        "score": {"bsonType": "number"},
                        "exploration": _BOOL,
                        "propensity": _AMOUNT,
                    },
                    {
                        "probability": _AMOUNT,
                        "rewardedAt": _DATE,
                        "explanation": _object(
                            {"source": _STRING, "model": _NULLABLE_STRING, "promptVersion": _STRING}
                        ),
                        "impression": _object({"features": _BYTES, "rivals": _BYTES, "shown": _COUNT}),
                    },
                ),
            },
        },
        {
            "userId": _NULLABLE_STRING,
            "sessionId": _NULLABLE_STRING,
            "weights": _OBJECT,
            "variant": {"bsonType": ["string", "object", "null"]},
            "latencyMs": _AMOUNT,
            "featureLayout": _COUNT,
            "degraded": _STRINGS,
        },
    ),
    (
        ("actor", [("actorKey", 1), ("at", -1)], {}),
        ("user", [("userId", 1)], {"partialFilterExpression": {"userId": {"$type": "string"}}}),
        ("time", [("at", 1)], {}),
    ),
)

_BANDIT_STATES = Collection(
    "bandit_states",
    _object(
        {
            "_id": _ID,
            "layout": _COUNT,
            "batches": _COUNT,
            "impressions": _AMOUNT,
            "sums": _BYTES,
            "savedAt": _DATE,
        }
    ),
)

_EXPLANATIONS = Collection(
    "explanations",
    _object(
        {"_id": _ID, "actorKey": _ID, "productId": _ID, **_TEXT_REQUIRED},
        {**_TEXT_OPTIONAL, "evidence": {"bsonType": "array", "items": _object({"kind": _STRING})}},
    ),
    (("actor", [("actorKey", 1), ("productId", 1), ("createdAt", -1)], {}), ("oldest", [("createdAt", 1)], {})),
)

_INSIGHTS = Collection(
    "insights",
    _object(
        {"_id": _ID, "userId": _ID, **_TEXT_REQUIRED, "basis": _STRING, "eventCount": _COUNT, "edition": _COUNT},
        {**_TEXT_OPTIONAL, "orderedAt": _NULLABLE_DATE},
    ),
    (("user", [("userId", 1), ("_id", 1)], {}),),
)

_EXPLANATION_RATINGS = Collection(
    "explanation_ratings",
    _object(
        {
            "_id": _ID,
            "actorKey": _ID,
            "productId": _ID,
            "helpful": _BOOL,
            "reason": {"enum": [*(reason.value for reason in RatingReason), None]},
            "comment": _NULLABLE_STRING,
            "source": {"enum": [source.value for source in TextSource]},
            "model": _NULLABLE_STRING,
            "promptVersion": _STRING,
            "language": _STRING,
            "at": _DATE,
        }
    ),
    (("time", [("at", 1)], {}), ("actor", [("actorKey", 1)], {})),
)

_DAY: Schema = {"bsonType": "string", "pattern": r"^\d{4}-\d\d-\d\d$"}

_LLM_USAGE = Collection(
    "llm_usage",
    _object(
        {
            "_id": _ID,
            "day": _DAY,
            "purpose": {"enum": [purpose.value for purpose in Purpose]},
            "source": {"enum": [source.value for source in TextSource]},
            "model": _STRING,
            "calls": _COUNT,
            "failures": _COUNT,
            "inputTokens": _COUNT,
            "outputTokens": _COUNT,
            "costMicros": _COUNT,
            "unpricedCalls": _COUNT,
            "seconds": _AMOUNT,
        }
    ),
    (("day", [("day", 1)], {}),),
)

_EXPLANATION_LOOKUPS = Collection(
    "explanation_lookups",
    _object({"_id": _DAY, "memory": _COUNT, "redis": _COUNT, "database": _COUNT, "ordered": _COUNT}),
)

_EXPERIMENTS = Collection("experiments", _object({"_id": _ID}, {"status": _STRING, "createdAt": _DATE}))

_EXPERIMENT_ROLLUPS = Collection(
    "experiment_rollups",
    _object(
        {
            "_id": _ID,
            "day": _DATE,
            "variant": {"bsonType": ["string", "object", "null"]},
            "modelVersion": _STRING,
            "scenario": _STRING,
            "lists": _COUNT,
            "items": _COUNT,
            "clicks": _COUNT,
            "purchases": _COUNT,
            "countedAt": _DATE,
        }
    ),
    (("day", [("day", -1)], {}),),
)

_MERCHANDISING_RULES = Collection(
    "merchandising_rules",
    _object(
        {
            "_id": _ID,
            "name": _STRING,
            "action": {"enum": [action.value for action in RuleAction]},
            "target": _object({"products": _STRINGS, "categories": _STRINGS, "brands": _STRINGS, "tags": _STRINGS}),
            "factor": {"bsonType": "number", "minimum": 0, "exclusiveMinimum": True},
            "position": _COUNT,
            "scope": _object(
                {
                    "scenarios": _STRINGS,
                    "categories": _STRINGS,
                    "segments": _STRINGS,
                    "languages": _STRINGS,
                    "devices": _STRINGS,
                }
            ),
            "schedule": _object(
                {"startsAt": _NULLABLE_DATE, "endsAt": _NULLABLE_DATE, "weekdays": _NUMBERS, "hours": _NUMBERS}
            ),
            "priority": {"bsonType": ["int", "long"]},
            "enabled": _BOOL,
            "createdAt": _DATE,
            "updatedAt": _DATE,
            "updatedBy": _NULLABLE_STRING,
        }
    ),
    (("newest", [("createdAt", -1), ("_id", 1)], {}),),
)

_MODEL_SNAPSHOTS = Collection(
    "model_snapshots",
    _object(
        {
            "_id": _ID,
            "trainedAt": _DATE,
            "products": _COUNT,
            "users": _COUNT,
            "interactions": _COUNT,
            "weights": _OBJECT,
            "sizeBytes": _COUNT,
            "trainingSeconds": _AMOUNT,
            "metrics": _OBJECT,
            "current": _BOOL,
        },
        {"kind": _STRING, "parent": _NULLABLE_STRING, "notes": _STRINGS, "rejection": _NULLABLE_STRING},
    ),
    (
        # At most one snapshot can be the current one, whatever two trainers do at the same time.
        ("current", [("current", 1)], {"unique": True, "partialFilterExpression": {"current": True}}),
        ("newest", [("trainedAt", -1)], {}),
    ),
)

_JOBS = Collection(
    "jobs",
    _object(
        {
            "_id": _ID,
            "name": _ID,
            "message": _OBJECT,
            "createdAt": _DATE,
            "state": {"enum": [state.value for state in JobState]},
            "progress": _SHARE,
            "stage": _STRING,
            "attempt": _COUNT,
            "requestedBy": _NULLABLE_STRING,
            "notes": _OBJECT,
        },
        {
            "activeName": _ID,
            "maxAttempts": _COUNT,
            "startedAt": _DATE,
            "finishedAt": _DATE,
            "errorCode": _STRING,
            "errorMessage": _STRING,
            "result": _STRING,
            "requestId": _STRING,
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

_SCHEDULES = Collection("schedules", _object({"_id": _ID, "startedFor": _DATE}))

_AUDIT_LOG = Collection(
    "audit_log",
    _object(
        {
            "_id": _ID,
            "at": _DATE,
            "action": _STRING,
            "actorId": _NULLABLE_STRING,
            "subject": _STRING,
            "details": _OBJECT,
        }
    ),
    (
        ("newest", [("at", -1), ("_id", 1)], {}),
        ("subject", [("subject", 1), ("at", -1), ("_id", 1)], {}),
        ("action", [("action", 1), ("at", -1), ("_id", 1)], {}),
        ("actor", [("actorId", 1)], {}),
    ),
)

_LARGE_MESSAGES = Collection(
    "large_messages",
    _object({"_id": _ID, "message": _STRING, "createdAt": _DATE}),
    # A day longer than a queue keeps the message that refers to it.
    (("expiry", [("createdAt", 1)], {"expireAfterSeconds": 15 * 86_400}),),
)

_EXPORTS = Collection(
    "exports",
    _object(
        {
            "_id": _ID,
            "userId": _ID,
            "requestedBy": _NULLABLE_STRING,
            "requestedAt": _DATE,
            "tokenHash": _ID,
            "state": {"enum": [state.value for state in ExportState]},
            "expiresAt": _DATE,
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
    _object({"_id": _ID, "exportId": _ID, "userId": _ID, "number": _COUNT, "data": _BYTES, "expiresAt": _DATE}),
    (
        ("export", [("exportId", 1), ("number", 1)], {}),
        ("user", [("userId", 1)], {}),
        ("expiry", [("expiresAt", 1)], {"expireAfterSeconds": 0}),
    ),
)

_ERASURES = Collection(
    "erasures",
    _object(
        {"_id": _ID, "requestedAt": _DATE, "passes": _COUNT, "counts": _OBJECT},
        {"finishedAt": _DATE, "subject": _ID, "sessions": _STRINGS},
    ),
    (
        ("newest", [("requestedAt", -1)], {}),
        # One for each shopper at a time; the subject goes when it has finished.
        ("subject", [("subject", 1)], {"unique": True, "partialFilterExpression": {"subject": {"$exists": True}}}),
    ),
)

_ERASURE_MARKS = Collection(
    "erasure_marks",
    _object({"_id": _ID}, {"at": _DATE, "salt": _BYTES, "expiresAt": _DATE}),
    (("expiry", [("expiresAt", 1)], {"expireAfterSeconds": 0}),),
)

_WEBHOOK_DELIVERIES = Collection(
    "webhook_deliveries",
    _object({"_id": _ID, "digest": _STRING, "expiresAt": _DATE}),
    (("expiry", [("expiresAt", 1)], {"expireAfterSeconds": 0}),),
)

_WEBHOOK_SUBJECTS = Collection(
    "webhook_subjects",
    _object({"_id": _ID, "at": _DATE, "gone": _BOOL}, {"productId": _ID}),
    (("product", [("productId", 1)], {"partialFilterExpression": {"productId": {"$exists": True}}}),),
)

_SCHEMA_MIGRATIONS = Collection("schema_migrations", _object({"_id": {"bsonType": ["int", "long", "string"]}}))

COLLECTIONS: tuple[Collection, ...] = (
    _USERS,
    _CREDENTIALS,
    _SESSIONS,
    _REFRESH_TOKENS,
    _API_KEYS,
    _PRODUCTS,
    _CATEGORIES,
    _INTERACTIONS,
    _SESSION_OWNERS,
    _EXCLUSIONS,
    _USER_PROFILES,
    _RECOMMENDATIONS_LOG,
    _BANDIT_STATES,
    _EXPLANATIONS,
    _EXPLANATION_RATINGS,
    _INSIGHTS,
    _LLM_USAGE,
    _EXPLANATION_LOOKUPS,
    _EXPERIMENTS,
    _EXPERIMENT_ROLLUPS,
    _MERCHANDISING_RULES,
    _MODEL_SNAPSHOTS,
    _JOBS,
    _LARGE_MESSAGES,
    _WEBHOOK_DELIVERIES,
    _WEBHOOK_SUBJECTS,
    _SCHEDULES,
    _AUDIT_LOG,
    _EXPORTS,
    _EXPORT_CHUNKS,
    _ERASURES,
    _ERASURE_MARKS,
    _SCHEMA_MIGRATIONS,
)
