"""Merchandising rules in MongoDB, each change in one transaction with its entry in the audit log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scoring.ranking.rules import Rule, RuleAction, RuleSchedule, Scope, Segment, Target
from scoring.types import Scenario
from shop.entities.merchandising import MerchandisingRule
from shop.store.audit import AuditStore
from shop.store.database import Database, Document, in_transaction, store_errors
from shop.store.paging import SortKey, find_page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.entities.paging import Page, PageRequest
    from shop.store.database import Session

_NEWEST = SortKey("NEWEST", "createdAt", -1, 1)


class MerchandisingStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._rules = database["merchandising_rules"]
        self._audit_log = AuditStore(database)

    async def all(self) -> list[MerchandisingRule]:
        with store_errors():
            documents = await self._rules.find().sort("_id", 1).to_list(None)
        return [rule_from_document(document) for document in documents]

    async def get(self, rule_id: str) -> MerchandisingRule | None:
        with store_errors():
            document = await self._rules.find_one({"_id": rule_id})
        return rule_from_document(document) if document else None

    async def page(self, request: PageRequest, active: bool | None, now: datetime) -> Page[MerchandisingRule]:
        """Newest first; `active` takes those that hold at `now`, or those that do not."""
        with store_errors():
            return await find_page(self._rules, _query(active, now), _NEWEST, request, rule_from_document)

    async def count(self, active: bool | None = None, now: datetime | None = None) -> int:
        query = _query(active, now or datetime.now(UTC))
        with store_errors():
            return await (self._rules.count_documents(query) if query else self._rules.estimated_document_count())

    async def save(self, saved: MerchandisingRule) -> None:
        """Inserts or replaces; the audit log keeps the rule as it was saved."""
        document = rule_to_document(saved)

        async def write(session: Session) -> None:
            await self._rules.replace_one({"_id": saved.id}, document, upsert=True, session=session)
            await self._audit_log.add("saveMerchandisingRule", saved.updated_by, saved.id, {"after": document}, session)

        await in_transaction(self._database, write)

    async def delete(self, rule_id: str, by: str) -> bool:
        """False if there is no such rule; the audit log keeps what was deleted."""

        async def write(session: Session) -> bool:
            before = await self._rules.find_one_and_delete({"_id": rule_id}, session=session)
            if not before:
                return False
            await self._audit_log.add("deleteMerchandisingRule", by, rule_id, {"before": before}, session)
            return True

        return await in_transaction(self._database, write)


def _query(active: bool | None, now: datetime) -> Document:
    """The same as `RuleSchedule.holds` of an enabled rule, in MongoDB's words."""
    if active is None:
        return {}
    holds: list[Document] = [
        {"enabled": True},
        {"$or": [{"schedule.startsAt": None}, {"schedule.startsAt": {"$lte": now}}]},
        {"$or": [{"schedule.endsAt": None}, {"schedule.endsAt": {"$gt": now}}]},
        {"$or": [{"schedule.weekdays": {"$size": 0}}, {"schedule.weekdays": now.isoweekday()}]},
        {"$or": [{"schedule.hours": {"$size": 0}}, {"schedule.hours": now.hour}]},
    ]
    return {"$and": holds} if active else {"$nor": [{"$and": holds}]}


def rule_to_document(saved: MerchandisingRule) -> Document:
    rule = saved.rule
    return {
        "_id": rule.id,
        "name": saved.name,
        "action": rule.action.value,
        "target": {
            "products": list(rule.target.products),
            "categories": list(rule.target.categories),
            "brands": list(rule.target.brands),
            "tags": list(rule.target.tags),
        },
        "factor": rule.factor,
        "position": rule.position,
        "scope": {
            "scenarios": sorted(rule.scope.scenarios),
            "categories": sorted(rule.scope.categories),
            "segments": sorted(rule.scope.segments),
            "languages": sorted(rule.scope.languages),
            "devices": sorted(rule.scope.devices),
        },
        "schedule": {
            "startsAt": _moment(rule.schedule.starts_at),
            "endsAt": _moment(rule.schedule.ends_at),
            "weekdays": sorted(rule.schedule.weekdays),
            "hours": sorted(rule.schedule.hours),
        },
        "priority": rule.priority,
        "enabled": rule.enabled,
        "createdAt": saved.created_at,
        "updatedAt": saved.updated_at,
        "updatedBy": saved.updated_by,
    }


def rule_from_document(document: Mapping[str, Any]) -> MerchandisingRule:
    scope, schedule = document["scope"], document["schedule"]
    rule = Rule(
        id=document["_id"],
        action=RuleAction(document["action"]),
        target=Target(**{name: tuple(values) for name, values in document["target"].items()}),
        factor=document["factor"],
        position=document["position"],
        scope=Scope(
            scenarios=frozenset(map(Scenario, scope["scenarios"])),
            categories=frozenset(scope["categories"]),
            segments=frozenset(map(Segment, scope["segments"])),
            languages=frozenset(scope["languages"]),
            devices=frozenset(scope["devices"]),
        ),
        schedule=RuleSchedule(
            starts_at=_seconds(schedule["startsAt"]),
            ends_at=_seconds(schedule["endsAt"]),
            weekdays=frozenset(schedule["weekdays"]),
            hours=frozenset(schedule["hours"]),
        ),
        priority=document["priority"],
        enabled=document["enabled"],
    )
    return MerchandisingRule(
        rule, document["name"], document["createdAt"], document["updatedAt"], document["updatedBy"]
    )


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
