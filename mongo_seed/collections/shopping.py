"""Products, what shoppers do with them, and what other systems tell of both."""

from __future__ import annotations

from mongo_seed.collections.schemas import (
    AMOUNT,
    BOOL,
    COUNT,
    COUNTED,
    DATE,
    ID,
    MONEY,
    NULLABLE_DATE,
    NULLABLE_MONEY,
    NULLABLE_RATING,
    NULLABLE_STRING,
    SHARE,
    STRING,
    STRINGS,
    Collection,
    object_of,
)
from scoring.types import EventType
from shop.entities.corrections import ExclusionReason
from shop.store.catalog import WITHDRAWN

_PRODUCTS = Collection(
    "products",
    object_of(
        {
            "_id": ID,
            "sku": ID,
            "name": ID,
            "description": STRING,
            "categoryPath": STRINGS,
            "brand": STRING,
            "tags": STRINGS,
            "price": NULLABLE_MONEY,
            "packageSize": STRING,
            "imageUrl": NULLABLE_STRING,
            "inStock": BOOL,
            "rating": NULLABLE_RATING,
            "popularity": SHARE,
            "buyerCount": COUNT,
            "createdAt": NULLABLE_DATE,
            "updatedAt": NULLABLE_DATE,
        },
        {
            "variantSkus": STRINGS,
            "withdrawnAt": NULLABLE_DATE,
            "search": object_of({"name": STRINGS, "labels": STRINGS, "exact": STRINGS, "words": STRINGS}),
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
    object_of({"_id": ID, "name": ID, "parentId": NULLABLE_STRING, "path": STRINGS, "productCount": COUNT}),
    (("children", [("parentId", 1), ("name", 1)], {}),),
)

_INTERACTIONS = Collection(
    "interactions",
    object_of(
        {
            "_id": ID,
            "userId": NULLABLE_STRING,
            "productId": ID,
            "type": {"enum": [event.value for event in EventType]},
            "at": DATE,
            "quantity": AMOUNT,
        },
        {
            "sessionId": STRING,
            "price": MONEY,
            "orderId": STRING,
            "recommendationId": STRING,
            "rating": {"bsonType": "number", "minimum": 0, "maximum": 5},
            "automated": BOOL,
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
    object_of({"_id": ID, "userId": ID, "at": DATE}),
    (("user", [("userId", 1), ("at", -1)], {}), ("oldest", [("at", 1)], {})),
)

_EXCLUSIONS = Collection(
    "exclusions",
    object_of(
        {
            "_id": ID,
            "actorKey": ID,
            "productId": ID,
            "active": BOOL,
            "reason": {"enum": [reason.value for reason in ExclusionReason]},
            "note": NULLABLE_STRING,
            "at": DATE,
        }
    ),
    (("actor", [("actorKey", 1), ("active", 1)], {}), ("newest", [("at", -1)], {})),
)

_USER_PROFILES = Collection(
    "user_profiles",
    object_of(
        {
            "_id": ID,
            "categories": COUNTED,
            "brands": COUNTED,
            "purchaseCount": COUNT,
            "orderCount": COUNT,
            "eventCount": COUNT,
        },
        {
            "averagePrice": {"bsonType": ["object", "null"]},
            "lastEventAt": NULLABLE_DATE,
            "updatedAt": NULLABLE_DATE,
        },
    ),
)

_WEBHOOK_DELIVERIES = Collection(
    "webhook_deliveries",
    object_of({"_id": ID, "digest": STRING, "expiresAt": DATE}),
    (("expiry", [("expiresAt", 1)], {"expireAfterSeconds": 0}),),
)

_WEBHOOK_SUBJECTS = Collection(
    "webhook_subjects",
    object_of({"_id": ID, "at": DATE, "gone": BOOL}, {"productId": ID}),
    (("product", [("productId", 1)], {"partialFilterExpression": {"productId": {"$exists": True}}}),),
)

SHOPPING = (
    _PRODUCTS,
    _CATEGORIES,
    _INTERACTIONS,
    _SESSION_OWNERS,
    _EXCLUSIONS,
    _USER_PROFILES,
    _WEBHOOK_DELIVERIES,
    _WEBHOOK_SUBJECTS,
)
