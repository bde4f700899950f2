"""Explanations: stored in MongoDB, with a typed cache of finished ones in Redis."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import orjson

from scoring.types import ReasonKind
from shop.entities.evidence import Evidence
from shop.entities.explanations import Explanation, TextStatus
from shop.store.bulk import bulk_insert
from shop.store.database import Database, Document, store_errors
from shop.store.documents import text_from_document, text_to_fields
from shop.store.redis import redis_errors

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence
    from datetime import datetime

    from shop.store.keys import Keys
    from shop.store.redis import Redis

_CACHED = timedelta(days=7)
_EVIDENCE_KEPT = timedelta(days=1)
_PREVIOUS = 500  # documents looked at for a list's previous texts


def evidence_document(evidence: Evidence) -> Document:
    document = asdict(evidence)
    document["productId"] = document.pop("product_id")
    document["kind"] = evidence.kind.value
    return document


def _evidence(document: Mapping[str, Any]) -> Evidence:
    return Evidence(
        ReasonKind(document["kind"]), document["productId"], document["label"], document["count"], document["value"]
    )


def _explanation_document(explanation: Explanation) -> Document:
    return {
        "_id": explanation.key,
        "actorKey": explanation.actor_key,
        "productId": explanation.product_id,
        "status": explanation.status.value,
        "language": explanation.language,
        "evidence": [evidence_document(item) for item in explanation.evidence],
        "error": explanation.error,
        **text_to_fields(explanation.text),
    }


def _explanation(document: Mapping[str, Any]) -> Explanation:
    return Explanation(
        key=document["_id"],
        actor_key=document["actorKey"],
        product_id=document["productId"],
        status=TextStatus(document["status"]),
        evidence=tuple(_evidence(item) for item in document["evidence"]),
        language=document["language"],
        text=text_from_document(document),
        error=document["error"],
    )


class ExplanationStore:
    """Finished explanations by key. A key carries the shopper, so two shoppers never share an entry."""

    def __init__(self, database: Database, redis: Redis, keys: Keys) -> None:
        self._database = database
        self._explanations = database["explanations"]
        self._redis = redis
        self._keys = keys

    async def cached(self, keys: Sequence[str]) -> dict[str, Explanation]:
        """Those that Redis holds."""
        with redis_errors():
            values = await self._redis.mget([self._keys.explanation(key) for key in keys])
        return {key: _explanation(orjson.loads(value)) for key, value in zip(keys, values, strict=True) if value}

    async def stored(self, keys: Sequence[str]) -> dict[str, Explanation]:
        """Those that MongoDB holds."""
        with store_errors():
            documents = await self._explanations.find({"_id": {"$in": list(keys)}}).to_list(len(keys))
        return {document["_id"]: _explanation(document) for document in documents}

    async def latest(self, actor_key: str, product_id: str, language: str | None = None) -> Explanation | None:
        """The newest one, in this language if one is named."""
        wanted = {"actorKey": actor_key, "productId": product_id} | ({"language": language} if language else {})
        with store_errors():
            document = await self._explanations.find_one(wanted, sort=[("createdAt", -1)])
        return _explanation(document) if document else None

    async def previous(self, actor_key: str, language: str, product_ids: Sequence[str]) -> dict[str, Explanation]:
        """The newest READY explanation of each product, by the product's id."""
        wanted = {
            "actorKey": actor_key,
            "productId": {"$in": list(product_ids)},
            "language": language,
            "status": TextStatus.READY.value,
        }
        with store_errors():
            newest_first = self._explanations.find(wanted).sort("createdAt", -1).limit(_PREVIOUS)
            documents = (await newest_first.to_list(_PREVIOUS))[::-1]
        return {document["productId"]: _explanation(document) for document in documents}

    async def add(self, explanations: Sequence[Explanation], at: datetime) -> list[Explanation]:
        """Stores what is not there yet, and returns what is there now: of two writers of a key, the first one counts.

        One that has failed makes room: its product may be back. MongoDB comes first, then the cache; a lost cache
        entry is only slower.
        """
        documents = [{**_explanation_document(explanation), "createdAt": at} for explanation in explanations]
        failed = {"_id": {"$in": [explanation.key for explanation in explanations]}, "status": TextStatus.FAILED.value}
        with store_errors():
            await self._explanations.delete_many(failed)
        await bulk_insert(self._database, "explanations", documents)
        stored = list((await self.stored([explanation.key for explanation in explanations])).values())
        await self.cache(stored)
        return stored

    async def cache(self, explanations: Sequence[Explanation]) -> None:
        with redis_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for explanation in explanations:
                value = orjson.dumps(_explanation_document(explanation))
                pipeline.set(self._keys.explanation(explanation.key), value, ex=_CACHED)
                if explanation.status is TextStatus.READY:  # one that failed is not ordered again at once
                    pipeline.delete(self._keys.explanation_reservation(explanation.key))
            await pipeline.execute()

    async def reserve(self, keys: Sequence[str], seconds: int) -> list[str]:
        """Those keys that nobody else has ordered within the last `seconds`; they are this caller's to order."""
        with redis_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for key in keys:
                pipeline.set(self._keys.explanation_reservation(key), b"1", nx=True, ex=seconds)
            results = await pipeline.execute()
        return [key for key, result in zip(keys, results, strict=True) if result]

    async def release(self, keys: Sequence[str]) -> None:
        with redis_errors():
            await self._redis.delete(*(self._keys.explanation_reservation(key) for key in keys))

    async def remember(self, actor_key: str, language: str, evidence: Mapping[str, tuple[Evidence, ...]]) -> None:
        """Keeps for a day what the explanations of these products are about to be written from."""
        values = {
            product_id: orjson.dumps([language, [evidence_document(item) for item in items]])
            for product_id, items in evidence.items()
        }
        key = self._keys.explanation_evidence(actor_key)
        with redis_errors():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.hset(key, mapping=values)
            pipeline.expire(key, _EVIDENCE_KEPT)
            await pipeline.execute()

    async def recall(self, actor_key: str, product_id: str) -> tuple[str, tuple[Evidence, ...]] | None:
        """Language and evidence as remembered, None if it was not, or too long ago."""
        with redis_errors():
            read = self._redis.hget(self._keys.explanation_evidence(actor_key), product_id)
            value = await cast("Awaitable[bytes | None]", read)
        if value is None:
            return None
        language, items = orjson.loads(value)
        return language, tuple(_evidence(item) for item in items)

    async def forget_evidence(self, actor_key: str) -> None:
        with redis_errors():
            await self._redis.delete(self._keys.explanation_evidence(actor_key))

    async def discard(self, key: str) -> None:
        """Forgets an explanation that FAILED, so that it can be written after all."""
        with store_errors():
            await self._explanations.delete_one({"_id": key, "status": TextStatus.FAILED.value})
        with redis_errors():
            await self._redis.delete(self._keys.explanation(key), self._keys.explanation_reservation(key))
