"""A short attack on a small shop; `make fuzz` makes a long one on an API process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devstack.fuzz.operations import Case
from devstack.fuzz.run import Fuzzer, Target, host_and_port
from devstack.fuzz.shop import target_of
from devstack.fuzz.slow import slow_connections
from devstack.fuzz.viewers import Viewer, viewer
from graphql_api.schema import build_schema
from shop.resources.serving import open_serving
from shop.settings import ApiSettings
from tests.fixtures.shop import NOBODY_WAITS, open_shop, variant
from tests.fixtures.small_shop import stock
from tests.scoring.synthetic import Shape
from workers.training.pipeline import train_and_activate

if TYPE_CHECKING:
    from shop.settings import Settings
    from shop.store.database import Database

CASES = 400


@pytest.mark.slow
async def test_strangers_break_nothing_and_read_nothing(settings: Settings, database: Database) -> None:
    await stock(database, Shape(users=40, items=60, orders_per_user=4))
    api = ApiSettings(trusted_proxies=["127.0.0.1"])
    served = variant(settings.model_copy(update={"api": api}), rate=NOBODY_WAITS)
    async with open_serving(served, start=False) as resources:
        await train_and_activate(resources.training)
    async with open_shop(served) as shop:
        target = await target_of(shop.url, shop.resources)
        async with slow_connections(*host_and_port(shop.url), 5):
            report = await Fuzzer(target, seed=1).run(CASES, connections=4)

    assert report.total == CASES
    assert report.faults == {}, report.examples
    assert {"BAD_USER_INPUT", "COST_EXCEEDED", "UNAUTHENTICATED", "FORBIDDEN"} <= set(report.codes)
    assert report.statuses["200"] > CASES / 4


def test_what_must_not_be_is_found() -> None:
    mine, other = viewer("a", "token-a", ["mail-of-a"]), viewer("b", "token-b", ["mail-of-b"])
    staff = Viewer("boss", {}, sees_all=True)
    schema = build_schema()._schema
    fuzzer = Fuzzer(Target("", {}, schema, (mine, other, staff), {}, mine.marks | other.marks), seed=0)
    answer = '{"errors":[{"extensions":{"code":"INTERNAL"}}],"data":"mail-of-b@example.org"}'

    fuzzer._judge(answer, Case("{ users { nodes { email } } }"), other)
    assert fuzzer.report.faults == {"INTERNAL": 1}
    fuzzer._judge(answer, Case("{ users { nodes { email } } }"), staff)
    fuzzer._judge(answer, Case("{ users { nodes { email } } }"), mine)
    fuzzer._judge(answer, Case("{ x }", {"sent": "mail-of-b"}), mine)  # the client's own words
    assert fuzzer.report.faults == {"INTERNAL": 4, "read across viewers": 1}
