"""Lists, their texts, models, rules and experiments."""

from __future__ import annotations

from mongo_seed.collections.schemas import (
    AMOUNT,
    BOOL,
    BYTES,
    COUNT,
    DATE,
    ID,
    NULLABLE_DATE,
    NULLABLE_STRING,
    NUMBERS,
    OBJECT,
    STRING,
    STRINGS,
    Collection,
    Schema,
    object_of,
)
from scoring.ranking.rules import RuleAction
from shop.entities.explanations import TextSource, TextStatus
from shop.entities.feedback import RatingReason
from shop.entities.usage import Purpose


def _text_fields() -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Required and optional fields that explanations and insights share."""
    required = {"status": {"enum": [status.value for status in TextStatus]}, "language": STRING, "createdAt": DATE}
    optional = {
        "text": NULLABLE_STRING,
        "source": {"enum": [*(source.value for source in TextSource), None]},
        "model": NULLABLE_STRING,
        "promptVersion": NULLABLE_STRING,
        "generatedAt": NULLABLE_DATE,
        "error": NULLABLE_STRING,
    }
    return required, optional


_TEXT_REQUIRED, _TEXT_OPTIONAL = _text_fields()

_RECOMMENDATIONS_LOG = Collection(
    "recommendations_log",
    object_of(
        {
            "_id": ID,
            "actorKey": ID,
            "scenario": STRING,
            "modelVersion": STRING,
            "at": DATE,
            "items": {
                "bsonType": "array",
                "items": object_of(
                    {
                        "productId": ID,
                        "rank": COUNT,
                        "score": {"bsonType": "number"},
                        "exploration": BOOL,
                        "propensity": AMOUNT,
                    },
                    {
                        "probability": AMOUNT,
                        "rewardedAt": DATE,
                        "explanation": object_of({"source": STRING, "model": NULLABLE_STRING, "promptVersion": STRING}),
                        "impression": object_of({"features": BYTES, "rivals": BYTES, "shown": COUNT}),
                    },
                ),
            },
        },
        {
            "userId": NULLABLE_STRING,
            "sessionId": NULLABLE_STRING,
            "weights": OBJECT,
            "variant": {"bsonType": ["string", "object", "null"]},
            "latencyMs": AMOUNT,
            "featureLayout": COUNT,
            "degraded": STRINGS,
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
    object_of(
        {
            "_id": ID,
            "layout": COUNT,
            "batches": COUNT,
            "impressions": AMOUNT,
            "sums": BYTES,
            "savedAt": DATE,
        }
    ),
)

_EXPLANATIONS = Collection(
    "explanations",
    object_of(
        {"_id": ID, "actorKey": ID, "productId": ID, **_TEXT_REQUIRED},
        {**_TEXT_OPTIONAL, "evidence": {"bsonType": "array", "items": object_of({"kind": STRING})}},
    ),
    (("actor", [("actorKey", 1), ("productId", 1), ("createdAt", -1)], {}), ("oldest", [("createdAt", 1)], {})),
)

_INSIGHTS = Collection(
    "insights",
    object_of(
        {"_id": ID, "userId": ID, **_TEXT_REQUIRED, "basis": STRING, "eventCount": COUNT, "edition": COUNT},
        {**_TEXT_OPTIONAL, "orderedAt": NULLABLE_DATE},
    ),
    (("user", [("userId", 1), ("_id", 1)], {}),),
)

_EXPLANATION_RATINGS = Collection(
    "explanation_ratings",
    object_of(
        {
            "_id": ID,
            "actorKey": ID,
            "productId": ID,
            "helpful": BOOL,
            "reason": {"enum": [*(reason.value for reason in RatingReason), None]},
            "comment": NULLABLE_STRING,
            "source": {"enum": [source.value for source in TextSource]},
            "model": NULLABLE_STRING,
            "promptVersion": STRING,
            "language": STRING,
            "at": DATE,
        }
    ),
    (("time", [("at", 1)], {}), ("actor", [("actorKey", 1)], {})),
)

_DAY: Schema = {"bsonType": "string", "pattern": r"^\d{4}-\d\d-\d\d$"}

_LLM_USAGE = Collection(
    "llm_usage",
    object_of(
        {
            "_id": ID,
            "day": _DAY,
            "purpose": {"enum": [purpose.value for purpose in Purpose]},
            "source": {"enum": [source.value for source in TextSource]},
            "model": STRING,
            "calls": COUNT,
            "failures": COUNT,
            "inputTokens": COUNT,
            "outputTokens": COUNT,
            "costMicros": COUNT,
            "unpricedCalls": COUNT,
            "seconds": AMOUNT,
        }
    ),
    (("day", [("day", 1)], {}),),
)

_EXPLANATION_LOOKUPS = Collection(
    "explanation_lookups",
    object_of({"_id": _DAY, "memory": COUNT, "redis": COUNT, "database": COUNT, "ordered": COUNT}),
)

_EXPERIMENTS = Collection("experiments", object_of({"_id": ID}, {"status": STRING, "createdAt": DATE}))

_EXPERIMENT_ROLLUPS = Collection(
    "experiment_rollups",
    object_of(
        {
            "_id": ID,
            "day": DATE,
            "variant": {"bsonType": ["string", "object", "null"]},
            "modelVersion": STRING,
            "scenario": STRING,
            "lists": COUNT,
            "items": COUNT,
            "clicks": COUNT,
            "purchases": COUNT,
            "countedAt": DATE,
        }
    ),
    (("day", [("day", -1)], {}),),
)

_MERCHANDISING_RULES = Collection(
    "merchandising_rules",
    object_of(
        {
            "_id": ID,
            "name": STRING,
            "action": {"enum": [action.value for action in RuleAction]},
            "target": object_of({"products": STRINGS, "categories": STRINGS, "brands": STRINGS, "tags": STRINGS}),
            "factor": {"bsonType": "number", "minimum": 0, "exclusiveMinimum": True},
            "position": COUNT,
            "scope": object_of(
                {
                    "scenarios": STRINGS,
                    "categories": STRINGS,
                    "segments": STRINGS,
                    "languages": STRINGS,
                    "devices": STRINGS,
                }
            ),
            "schedule": object_of(
                {"startsAt": NULLABLE_DATE, "endsAt": NULLABLE_DATE, "weekdays": NUMBERS, "hours": NUMBERS}
            ),
            "priority": {"bsonType": ["int", "long"]},
            "enabled": BOOL,
            "createdAt": DATE,
            "updatedAt": DATE,
            "updatedBy": NULLABLE_STRING,
        }
    ),
    (("newest", [("createdAt", -1), ("_id", 1)], {}),),
)

_MODEL_SNAPSHOTS = Collection(
    "model_snapshots",
    object_of(
        {
            "_id": ID,
            "trainedAt": DATE,
            "products": COUNT,
            "users": COUNT,
            "interactions": COUNT,
            "weights": OBJECT,
            "sizeBytes": COUNT,
            "trainingSeconds": AMOUNT,
            "metrics": OBJECT,
            "current": BOOL,
        },
        {"kind": STRING, "parent": NULLABLE_STRING, "notes": STRINGS, "rejection": NULLABLE_STRING},
    ),
    (
        # At most one snapshot can be the current one, whatever two trainers do at the same time.
        ("current", [("current", 1)], {"unique": True, "partialFilterExpression": {"current": True}}),
        ("newest", [("trainedAt", -1)], {}),
    ),
)

RECOMMENDING = (
    _RECOMMENDATIONS_LOG,
    _BANDIT_STATES,
    _EXPLANATIONS,
    _INSIGHTS,
    _EXPLANATION_RATINGS,
    _LLM_USAGE,
    _EXPLANATION_LOOKUPS,
    _EXPERIMENTS,
    _EXPERIMENT_ROLLUPS,
    _MERCHANDISING_RULES,
    _MODEL_SNAPSHOTS,
)
