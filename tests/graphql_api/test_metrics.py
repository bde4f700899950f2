"""What the API tells of itself, and that rules and dashboard ask for what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations"


async def scraped(shop: Shop) -> dict[str, dict[tuple[str, ...], float]]:
    """Samples by name, each by the values of its labels."""
    async with shop.http.get(f"{shop.url}/metrics") as response:
        text = await response.text()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        found.setdefault(family.name, {})
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


async def test_operations_are_counted_by_the_names_that_clients_give(shop: Shop) -> None:
    before = (await scraped(shop)).get("whybuy_operation_seconds_count", {})
    for query in ("query Counted { model { version } }", "query Counted { __typename }", "{ __typename }"):
        await shop.ask(query)
    after = await scraped(shop)

    counted = after["whybuy_operation_seconds_count"]
    assert counted["query", "Counted"] - before.get(("query", "Counted"), 0) == 2
    assert counted["query", "(unnamed)"] - before.get(("query", "(unnamed)"), 0) >= 1
    assert after["whybuy_operation_cost_total"]["query", "Counted"] >= 3


async def test_refusals_are_counted_by_code(shop: Shop) -> None:
    before = (await scraped(shop)).get("whybuy_errors_total", {}).get(("COST_EXCEEDED",), 0)
    await shop.ask("{ products(first: 100) { nodes { similar(first: 100) { similar(first: 100) { id } } } } }")
    after = (await scraped(shop))["whybuy_errors_total"]["COST_EXCEEDED",]

    assert after == before + 1


async def test_the_queue_the_model_and_the_event_loop_are_told(shop: Shop) -> None:
    found = await scraped(shop)

    assert {group for (group,) in found["whybuy_queue_jobs"]} == {"general", "llm", "training"}
    assert set(found["whybuy_queue_oldest_seconds"]) == set(found["whybuy_queue_jobs"])
    assert 0 < found["whybuy_model_age_seconds"][()] < 86_400
    assert found["whybuy_event_loop_stall_seconds_count"][()] > 0
    assert found["whybuy_documents_bytes"][()] > 0


@pytest.mark.parametrize("name", ["alerts.yaml", "dashboard.json"])
async def test_rules_and_dashboard_ask_for_metrics_that_there_are(shop: Shop, name: str) -> None:
    text = (OPERATIONS / name).read_text()
    asked = set(re.findall(r"whybuy_[a-z_0-9]+", text))
    await shop.ask("{ model { version } }")
    found = {_family(name) for name in await scraped(shop)}  # what was not counted yet has no samples

    assert len(asked) > 8
    assert {_family(name) for name in asked} - found == set()


def _family(name: str) -> str:
    return re.sub("_(total|bucket|count|sum|created)$", "", name)


def test_rules_and_dashboard_can_be_read() -> None:
    rules = yaml.safe_load((OPERATIONS / "alerts.yaml").read_text())["groups"][0]["rules"]
    dashboard = json.loads((OPERATIONS / "dashboard.json").read_text())

    documented = (OPERATIONS.parent / "operations.md").read_text()
    for rule in rules:
        assert rule["expr"]
        assert rule["annotations"]["summary"]
        assert rule["alert"] in documented
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"]) > 10
    assert all(panel["targets"][0]["expr"] for panel in dashboard["panels"])
