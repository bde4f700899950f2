"""`whybuy replay`: what the log says about exploiting alone and about the bandit, as a table or JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from devstack.stack.databases import open_databases

if TYPE_CHECKING:
    from scoring.exploration.off_policy import Estimate
    from shop.services.replay import ScenarioReplay
    from shop.settings import Settings

_NOTHING = (
    "There is nothing to replay in the last {days} days: no list that was shown holds what a bandit learns from. "
    "Serve lists (`whybuy up`), and send the `id` of a list as `recommendationId` with trackInteraction."
)
_NOTHING_CONTESTED = (
    "No slot was open to exploration, so no other policy can be judged. Set MODEL_EXPLORATION_SHARE above 0."
)


async def replayed(settings: Settings, days: float) -> list[ScenarioReplay]:
    """Raises UnavailableError when a database is away."""
    from shop.resources.stores import open_stores
    from shop.services.bandit import BanditService
    from shop.services.replay import replay
    from shop.store.bandit import BanditStore

    async with open_databases(settings) as found, open_stores(found) as stores:
        store, log = BanditStore(stores.database, stores.redis, stores.keys), stores.recommendation_log
        bandit = BanditService(store, log, found.model.bandit_half_life_days)
        return await replay(log, await bandit.current(), datetime.now(UTC) - timedelta(days=days))


def as_json(report: list[ScenarioReplay], days: float) -> str:
    return json.dumps({"days": days, "scenarios": [asdict(one) for one in report]}, indent=2)


def show(report: list[ScenarioReplay], days: float) -> None:
    """The report as a table on the terminal, or what is missing for one."""
    from rich.console import Console
    from rich.table import Table

    if not report:
        click.echo(_NOTHING.format(days=f"{days:g}"))
        return
    console = Console(highlight=False)
    for one in report:
        console.print(
            f"{one.scenario}: {one.lists:,} lists, {one.impressions:,} impressions, {one.clicks:,} clicks, "
            f"{one.contested:,} contested slots"
        )
        if one.values:
            table = Table("policy", "IPS", "SNIPS", "doubly robust", "effective slots")
            for policy, value in one.values.items():
                cells = map(_cell, (value.ips, value.snips, value.doubly_robust))
                table.add_row(policy, *cells, f"{value.effective:,.0f}")
            console.print(table)
    if any(one.values for one in report):
        console.print("Clicks per contested slot, with 95 % intervals; with few effective slots, wait for more.")
    else:
        console.print(_NOTHING_CONTESTED)


def _cell(estimate: Estimate) -> str:
    return f"{estimate.value:.4f} ({estimate.low:.4f} to {estimate.high:.4f})"
