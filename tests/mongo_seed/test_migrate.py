"""Collections, validators and indexes come into being once, whoever starts them and however often."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from mongo_seed.collections import COLLECTIONS
from mongo_seed.migrate import MIGRATIONS, migrate
from scoring.ranking.rules import Rule, RuleAction, RuleSchedule, Target
from scoring.types import EventType
from shop.entities.catalog import Category, Money, Product
from shop.entities.interactions import Interaction
from shop.entities.merchandising import MerchandisingRule
from shop.entities.users import Actor, User
from shop.store.bulk import BulkError, bulk_insert
from shop.store.documents import (
    category_to_document,
    interaction_to_document,
    product_to_document,
    user_to_document,
)
from shop.store.lease import lease
from shop.store.merchandising import rule_to_document

if TYPE_CHECKING:
    from shop.store.database import Database

ALL_VERSIONS = [migration.version for migration in MIGRATIONS]
NOW = datetime(2026, 5, 14, 9, 30, tzinfo=UTC)

TEA = product_to_document(Product("tea", "tea", "Tea", price=Money.from_minor(350, "EUR"), created_at=NOW))
DRINKS = category_to_document(Category("drinks", "Drinks", None, ("drinks",)))
ANNA = user_to_document(User("anna", "anna@shop.example", "Anna", created_at=NOW))
PURCHASE = interaction_to_document(
    Interaction("k1", Actor("anna"), "tea", EventType.PURCHASE, NOW, price=Money.from_minor(350, "EUR"))
)

RULE = rule_to_document(
    MerchandisingRule(
        Rule("r1", RuleAction.PIN, Target(products=("tea",)), position=1, schedule=RuleSchedule(ends_at=1_900_000_000)),
        created_at=NOW,
        updated_at=NOW,
    )
)


async def test_every_collection_of_the_architecture_is_created_once(database: Database) -> None:
    # when it runs twice
    first = await migrate(database)
    second = await migrate(database)

    # then all is there, and the second run had nothing left to do
    assert (first, second) == (ALL_VERSIONS, [])
    assert set(await database.list_collection_names()) == {
        "users", "credentials", "products", "categories", "interactions", "user_profiles", "recommendations_log",
        "bandit_states",
        "explanations", "insights", "llm_usage", "explanation_lookups",
        "experiments", "experiment_rollups", "merchandising_rules", "model_snapshots", "jobs", "large_messages",
        "schedules", "audit_log",
        "schema_migrations", "exclusions", "explanation_ratings", "session_owners",
        "exports", "export_chunks", "erasures", "erasure_marks", "sessions", "refresh_tokens", "api_keys",
        "webhook_deliveries", "webhook_subjects",
    }  # fmt: skip
    for spec in COLLECTIONS:
        names = set(await database[spec.name].index_information())
        assert names == {"_id_", *(name for name, _, _ in spec.indexes)}


async def test_runs_at_the_same_time_do_not_break_each_other(database: Database) -> None:
    applied = await asyncio.gather(*(migrate(database) for _ in range(5)))

    # each version was applied by exactly one of them
    assert sorted(version for versions in applied for version in versions) == ALL_VERSIONS
    assert await database["products"].index_information()


async def test_the_lock_of_a_dead_process_is_taken_over(database: Database) -> None:
    # given a lock whose holder never released it
    await database["schema_migrations"].insert_one({"_id": "migration-lock", "holder": "dead", "expiresAt": NOW})

    assert await migrate(database) == ALL_VERSIONS


async def test_a_lease_excludes_others_and_is_released(database: Database) -> None:
    order: list[str] = []

    async def use(name: str) -> None:
        async with lease(database, "locks", "one"):
            order.append(f"{name} in")
            await asyncio.sleep(0)
            order.append(f"{name} out")

    await asyncio.gather(use("a"), use("b"))

    assert order in (["a in", "a out", "b in", "b out"], ["b in", "b out", "a in", "a out"])
    assert await database["locks"].count_documents({}) == 0


async def test_a_changed_index_is_rebuilt(database: Database) -> None:
    # given an index of ours with other keys than the code now says
    await database["categories"].create_index([("name", 1)], name="children")

    await migrate(database)

    information = await database["categories"].index_information()
    assert [field for field, _ in information["children"]["key"]] == ["parentId", "name"]


async def test_documents_of_the_store_fit(database: Database) -> None:
    await migrate(database)

    for collection, document in (
        ("products", TEA),
        ("categories", DRINKS),
        ("users", ANNA),
        ("interactions", PURCHASE),
        ("merchandising_rules", RULE),
    ):
        assert await bulk_insert(database, collection, [document]) == 1
        # an older validator must not stop a newer process that writes one field more
        newer = {**document, "_id": "x", "sku": "x", "email": None, "new": 1}
        assert await bulk_insert(database, collection, [newer]) == 1


UNFIT: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("products", TEA, {"name": ""}),
    ("products", TEA, {"price": {"minor": 3.5, "currency": "EUR"}}),
    ("products", TEA, {"price": {"minor": -1, "currency": "EUR"}}),
    ("products", TEA, {"popularity": 1.5}),
    ("products", TEA, {"tags": "green"}),
    ("categories", DRINKS, {"productCount": -1}),
    ("users", ANNA, {"role": "king"}),
    ("interactions", PURCHASE, {"type": "theft"}),
    ("interactions", PURCHASE, {"at": "yesterday"}),
    ("interactions", PURCHASE, {"quantity": -2}),
    ("interactions", PURCHASE, {"rating": 6}),
    ("merchandising_rules", RULE, {"action": "GUESS"}),
    ("merchandising_rules", RULE, {"factor": 0}),
    ("merchandising_rules", RULE, {"target": {"products": ["tea"]}}),
    ("merchandising_rules", RULE, {"schedule": {**RULE["schedule"], "startsAt": "soon"}}),
]


async def test_documents_that_do_not_fit_are_refused(database: Database) -> None:
    await migrate(database)

    for number, (collection, document, wrong) in enumerate(UNFIT):
        bad = {**document, **wrong, "_id": "bad"}
        good = {**document, "_id": f"good {number}", "sku": f"good {number}", "email": None}
        # when a bad one and a good one come in one batch
        with pytest.raises(BulkError, match="does not fit") as caught:
            await bulk_insert(database, collection, [bad, good])

        # then the good one is in, and the error says which one is not
        assert [position for position, _ in caught.value.failures] == [0], wrong
        assert caught.value.stored == 1


async def test_a_missing_field_is_refused(database: Database) -> None:
    await migrate(database)
    incomplete = {name: value for name, value in PURCHASE.items() if name != "productId"}

    with pytest.raises(BulkError, match="productId"):
        await bulk_insert(database, "interactions", [incomplete])


async def test_a_second_product_with_the_same_sku_is_an_error_not_a_silence(database: Database) -> None:
    await migrate(database)
    await bulk_insert(database, "products", [TEA])

    with pytest.raises(BulkError, match="another document already has sku 'tea'"):
        await bulk_insert(database, "products", [{**TEA, "_id": "tea-2"}])


async def test_two_users_cannot_share_an_email_but_many_have_none(database: Database) -> None:
    await migrate(database)
    without = [{**ANNA, "_id": f"u{number}", "email": None} for number in range(3)]

    assert await bulk_insert(database, "users", [ANNA, *without]) == 4
    with pytest.raises(BulkError, match="email"):
        await bulk_insert(database, "users", [{**ANNA, "_id": "other"}])


def _stages(plan: dict[str, Any]) -> set[str]:
    inner = [plan["inputStage"]] if "inputStage" in plan else plan.get("inputStages", [])
    return {plan["stage"]}.union(*(_stages(stage) for stage in inner))


QUERIES: list[tuple[str, dict[str, Any], list[tuple[str, int]] | None]] = [
    ("products", {"sku": "a"}, None),
    ("products", {"search.words": {"$in": ["a", "b"]}}, None),
    ("products", {"$or": [{"search.words": {"$in": ["a"]}}, {"categoryPath": {"$in": ["c"]}}]}, None),
    ("products", {"price.minor": {"$ne": None}}, [("price.minor", 1), ("_id", 1)]),
    ("products", {"price.minor": None}, [("price.minor", 1), ("_id", 1)]),
    ("products", {}, [("popularity", -1), ("_id", 1)]),
    ("products", {}, [("price.minor", 1), ("_id", 1)]),
    ("products", {}, [("price.minor", -1), ("_id", -1)]),
    ("products", {}, [("name", 1), ("_id", 1)]),
    ("products", {}, [("name", -1), ("_id", -1)]),
    ("products", {}, [("createdAt", -1), ("_id", 1)]),
    ("products", {"categoryPath": "a"}, [("popularity", -1), ("_id", 1)]),
    ("products", {"brand": "a"}, [("popularity", -1), ("_id", 1)]),
    ("products", {"tags": "a"}, [("popularity", -1), ("_id", 1)]),
    ("products", {"$or": [{"sku": {"$in": ["a", "b"]}}, {"variantSkus": {"$in": ["a", "b"]}}]}, None),
    ("categories", {"parentId": None}, [("name", 1)]),
    ("categories", {}, [("parentId", 1), ("name", 1)]),
    ("users", {"email": "a@b.example"}, None),
    ("users", {}, [("createdAt", -1), ("_id", 1)]),
    ("interactions", {"userId": "a"}, [("at", -1), ("_id", -1)]),
    ("interactions", {"sessionId": "a", "userId": None}, [("at", -1), ("_id", -1)]),
    (
        "interactions",
        {"$or": [{"userId": "a"}, {"sessionId": {"$in": ["a", "b"]}, "userId": None}]},
        [("at", -1), ("_id", -1)],
    ),
    ("interactions", {"sessionId": "a", "userId": {"$nin": [None, "a"]}}, None),
    ("session_owners", {"userId": "a"}, [("at", -1)]),
    ("recommendations_log", {"actorKey": "u:a"}, [("at", -1)]),
    ("recommendations_log", {"at": {"$gte": NOW}}, None),
    ("explanations", {"actorKey": "u:a", "productId": "p"}, [("createdAt", -1)]),
    ("explanation_ratings", {"at": {"$gte": NOW}}, None),
    ("explanation_ratings", {"actorKey": "u:a"}, None),
    ("exclusions", {"actorKey": "u:a", "active": True}, None),
    ("exclusions", {}, [("at", -1)]),
    ("insights", {"userId": "a"}, [("_id", 1)]),
    ("interactions", {"recommendationId": {"$exists": True}, "at": {"$gte": NOW}}, None),
    ("merchandising_rules", {}, [("createdAt", -1), ("_id", 1)]),
    ("audit_log", {}, [("at", -1), ("_id", 1)]),
    ("audit_log", {"subject": "a"}, [("at", -1), ("_id", 1)]),
    ("audit_log", {"action": "a"}, [("at", -1), ("_id", 1)]),
    ("model_snapshots", {"current": True}, None),
    ("model_snapshots", {}, [("trainedAt", -1)]),
]


async def test_queries_use_an_index_and_sort_nothing_in_memory(database: Database) -> None:
    await migrate(database)

    slow = []
    for collection, query, sort in QUERIES:
        found = database[collection].find(query)
        explained = await (found.sort(sort) if sort else found).explain()
        stages = _stages(explained["queryPlanner"]["winningPlan"])
        if "IXSCAN" not in stages or stages & {"COLLSCAN", "SORT"}:
            slow.append((collection, query, sort, stages))

    assert slow == []


async def test_products_of_older_versions_are_found_after_the_migration(database: Database) -> None:
    # given what version 3 has left: products without words, and an index of text
    await migrate(database)
    await database["schema_migrations"].delete_one({"_id": 4})
    await database["products"].drop_index("search")
    await database["products"].create_index([("name", "text"), ("brand", "text")], name="search")
    older = {name: value for name, value in TEA.items() if name != "search"}
    await bulk_insert(database, "products", [older, {**TEA, "_id": "cup", "sku": "cup", "name": "Cup"}])

    assert await migrate(database) == [4]

    assert await database["products"].find_one({"search.words": "tea"}) == {**older, "search": TEA["search"]}
    information = await database["products"].index_information()
    assert information["search"]["key"] == [("search.words", 1)]


async def test_older_insights_and_audit_entries_take_their_new_form(database: Database) -> None:
    # given what version 1 has left
    await migrate(database)
    await database["schema_migrations"].delete_one({"_id": 2})
    insight = {"_id": "0f3a", "userId": "anna", "status": "READY", "language": "en", "createdAt": NOW, "text": "Tea."}
    activated = {"at": NOW, "action": "activate_model", "actorId": None, "version": "m2", "previous": "m1"}
    for name, document in (("insights", insight), ("audit_log", activated)):
        await database[name].insert_one(document, bypass_document_validation=True)

    assert await migrate(database) == [2]

    (entry,) = await database["audit_log"].find().to_list(None)
    assert isinstance(entry["_id"], str)
    assert (entry["action"], entry["subject"], entry["details"]) == ("activateModel", "m2", {"previous": "m1"})
    assert await database["insights"].count_documents({}) == 0, "they are written anew when somebody looks"


async def test_older_products_get_a_list_for_the_skus_of_their_variants(database: Database) -> None:
    # given what version 2 has left
    await migrate(database)
    await database["schema_migrations"].delete_one({"_id": 3})
    older = {name: value for name, value in TEA.items() if name != "variantSkus"}
    await bulk_insert(database, "products", [older])

    assert await migrate(database) == [3]

    assert await database["products"].find_one({"_id": "tea"}) == TEA
