"""What schemas of collections are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
Index = tuple[str, list[tuple[str, Any]], dict[str, Any]]

STRING: Schema = {"bsonType": "string"}
ID: Schema = {"bsonType": "string", "minLength": 1}
NULLABLE_STRING: Schema = {"bsonType": ["string", "null"]}
STRINGS: Schema = {"bsonType": "array", "items": STRING}
NUMBERS: Schema = {"bsonType": "array", "items": {"bsonType": ["int", "long"]}}
DATE: Schema = {"bsonType": "date"}
NULLABLE_DATE: Schema = {"bsonType": ["date", "null"]}
BYTES: Schema = {"bsonType": "binData"}
BOOL: Schema = {"bsonType": "bool"}
COUNT: Schema = {"bsonType": ["int", "long"], "minimum": 0}
AMOUNT: Schema = {"bsonType": "number", "minimum": 0}
SHARE: Schema = {"bsonType": "number", "minimum": 0, "maximum": 1}
NULLABLE_RATING: Schema = {"bsonType": ["double", "int", "long", "null"], "minimum": 0, "maximum": 5}
OBJECT: Schema = {"bsonType": "object"}
COUNTED: Schema = {"bsonType": "array", "items": {"bsonType": "array", "minItems": 2, "maxItems": 2}}
CURRENCY: Schema = {"bsonType": "string", "minLength": 3, "maxLength": 3}


def object_of(properties: dict[str, Schema], optional: dict[str, Schema] | None = None, **more: Any) -> Schema:
    return {
        "bsonType": "object",
        "required": list(properties),
        "properties": {**properties, **(optional or {})},
        **more,
    }


MONEY = object_of({"minor": COUNT, "currency": CURRENCY})
NULLABLE_MONEY: Schema = {**MONEY, "bsonType": ["object", "null"]}


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection's name, the schema that its documents must fit, and its indexes."""

    name: str
    schema: Schema
    indexes: tuple[Index, ...] = ()

    @property
    def validator(self) -> dict[str, Any]:
        return {"$jsonSchema": self.schema}
