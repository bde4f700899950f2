"""Messages of jobs: what was put by older code is read, and what is wrong is refused by the name of its field."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from scoring.types import ReasonKind
from shop.entities.evidence import Evidence
from shop.entities.models import TrainingKind
from shop.errors import BadInputError
from shop.jobs import (
    MESSAGE_VERSION,
    ExplainItem,
    ExplainList,
    Job,
    RollUpExperiments,
    RollUpSession,
    StreamExplanation,
    Sweep,
    TrainModel,
    WriteInsight,
    to_json,
)

EVIDENCE = (Evidence(ReasonKind.POPULAR, count=12), Evidence(ReasonKind.SIMILAR_TO, "p2", "Tea", value=0.5))
ITEM = ExplainItem("key", "p1", EVIDENCE)
ITEM_JSON = {
    "key": "key",
    "product_id": "p1",
    "evidence": [
        {"kind": "POPULAR", "product_id": None, "label": None, "count": 12, "value": None},
        {"kind": "SIMILAR_TO", "product_id": "p2", "label": "Tea", "count": None, "value": 0.5},
    ],
    "turn": 0,
}
# Each job and its message as code without versions has put it.
WITHOUT_VERSION: list[tuple[Job, dict[str, Any]]] = [
    (ExplainList("u:anna", "de", (ITEM,)), {"actor_key": "u:anna", "language": "de", "items": [ITEM_JSON]}),
    (StreamExplanation("s:1", "en", ITEM), {"actor_key": "s:1", "language": "en", "item": ITEM_JSON}),
    (WriteInsight("anna", "de"), {"user_id": "anna", "language": "de"}),
    (TrainModel(TrainingKind.CONTENT, 7), {"kind": "CONTENT", "seed": 7}),
    (TrainModel(), {"kind": "FULL", "seed": None}),
    (RollUpSession("anna"), {"user_id": "anna"}),
    (RollUpExperiments(), {}),
    (Sweep(), {}),
]


@pytest.mark.parametrize(("job", "stored"), WITHOUT_VERSION, ids=lambda value: getattr(value, "name", ""))
def test_a_message_is_its_fields_and_a_version(job: Job, stored: dict[str, Any]) -> None:
    sent = orjson.loads(orjson.dumps(to_json(job)))

    assert sent == {"version": MESSAGE_VERSION, **stored}
    assert type(job).from_json(sent) == job


@pytest.mark.parametrize(("job", "stored"), WITHOUT_VERSION, ids=lambda value: getattr(value, "name", ""))
def test_a_message_without_a_version_is_read(job: Job, stored: dict[str, Any]) -> None:
    assert type(job).from_json(stored) == job


def test_a_message_of_before_texts_had_turns_and_insights_languages_is_read() -> None:
    item = {name: value for name, value in ITEM_JSON.items() if name != "turn"}
    explain = ExplainList.from_json({"actor_key": "u:anna", "language": "de", "items": [item]})

    assert explain == ExplainList("u:anna", "de", (ITEM,))
    assert WriteInsight.from_json({"user_id": "anna"}) == WriteInsight("anna", "en")


def spoiled(path: list[str | int], value: object) -> dict[str, Any]:
    """A list's message in which one value is another."""
    message: dict[str, Any] = orjson.loads(orjson.dumps(to_json(ExplainList("u:anna", "en", (ITEM,)))))
    inner: Any = message
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return message


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (["items", 0, "evidence", 1, "kind"], "MAGIC", "items.0.evidence.1.kind: Input should be 'BOUGHT_TOGETHER'"),
        (["items", 0, "evidence", 0, "count"], "12", "items.0.evidence.0.count: Input should be a valid integer"),
        (["items", 0, "evidence", 0, "cuont"], 12, "items.0.evidence.0.cuont: Unexpected"),
        (["items", 0, "product_id"], 7, "items.0.product_id: Input should be a valid string"),
        (["items", 0], "p1", "items.0: Input should be an object"),
        (["items"], 3, "items: Input should be a valid array"),
        (["language"], None, "language: Input should be a valid string"),
        (["extra"], 1, "extra: Unexpected"),
        (["version"], "1", "version: Input should be a valid integer"),
        (["version"], 0, "version: Input should be greater than 0"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(path: list[str | int], value: object, expected: str) -> None:
    with pytest.raises(BadInputError) as caught:
        ExplainList.from_json(spoiled(path, value))

    assert expected in caught.value.message
    assert caught.value.field == ".".join(map(str, path))


def test_missing_fields_are_named_and_the_message_stays_short() -> None:
    with pytest.raises(BadInputError) as caught:
        ExplainList.from_json({"items": [{}]})

    assert caught.value.message.startswith("actor_key: Field required; language: Field required; items.0.key: ")
    assert caught.value.message.endswith("; and 2 more")


def test_what_a_message_says_is_not_in_the_error() -> None:
    with pytest.raises(BadInputError) as caught:
        WriteInsight.from_json({"user_id": ["anna@example.org"]})

    assert "anna" not in caught.value.message


def test_a_message_of_newer_code_is_refused_before_its_fields_are_read() -> None:
    newer = {"version": MESSAGE_VERSION + 1, "users": ["anna"]}

    with pytest.raises(BadInputError, match="Update the worker") as caught:
        RollUpSession.from_json(newer)

    assert caught.value.field == "version"
