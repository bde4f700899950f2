"""Replay: what the logged lists say about policies that were never shown."""

from __future__ import annotations

import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from scoring.exploration.bandit import BanditState, update
from scoring.exploration.features import unpack_rows
from scoring.exploration.off_policy import (
    LoggedSlots,
    bandit_policy,
    evaluate,
    greedy_policy,
    replay_slot,
    uniform_policy,
)
from scoring.types import Impression

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from numpy.typing import NDArray

    from scoring.exploration.off_policy import PolicyValue
    from shop.store.recommendation_log import RecommendationLog

POLICIES = ("logged", "list only", "even", "bandit", "bandit, held out")
_CHUNK = 2_000
_HALVES = 2


@dataclass(frozen=True, slots=True)
class ScenarioReplay:
    """One scenario's log. Values are clicks per contested slot: one in which exploration could have shown another
    product. In all others every policy here shows what was shown."""

    scenario: str
    lists: int
    impressions: int
    clicks: int
    contested: int
    values: dict[str, PolicyValue]  # by POLICIES; empty without contested slots


@dataclass(slots=True)
class _Tally:
    lists: int = 0
    impressions: int = 0
    clicks: int = 0
    rewards: list[float] = field(default_factory=list)
    propensities: list[float] = field(default_factory=list)
    seen: list[NDArray[np.float64]] = field(default_factory=list)  # (policies, 3) each
    actors: list[int] = field(default_factory=list)


async def replay(log: RecommendationLog, bandit: BanditState, since: datetime) -> list[ScenarioReplay]:
    """Each scenario shown since then, judged under POLICIES. Raises UnavailableError when MongoDB is away.

    "bandit" is the given one, which has learned from these lists itself and so looks a little better than it is; "held
    out" is one that learned from the other half of the shoppers. The reward model of the doubly robust estimate is
    learned likewise.
    """
    models = await _learn(log, since)
    tallies: dict[str, _Tally] = defaultdict(_Tally)
    async for shown in log.since(since):
        tally = tallies[shown["scenario"]]
        tally.lists += 1
        actor = zlib.crc32(shown["actorKey"].encode())
        model = models[1 - actor % _HALVES]
        policies = (None, greedy_policy, uniform_policy, bandit_policy(bandit), bandit_policy(model))
        for item in shown["items"]:
            if "impression" not in item:
                continue
            reward = _reward(item)
            tally.impressions += 1
            tally.clicks += int(reward)
            impression = Impression(**item["impression"])
            if impression.rivals:
                tally.rewards.append(reward)
                tally.propensities.append(item["propensity"])
                tally.seen.append(replay_slot(impression, item["propensity"], policies, model))
                tally.actors.append(actor)
    return [_judged(scenario, tally) for scenario, tally in sorted(tallies.items())]


async def _learn(log: RecommendationLog, since: datetime) -> tuple[BanditState, BanditState]:
    """What each half of the shoppers teaches."""
    states = [BanditState.empty(), BanditState.empty()]
    waiting: tuple[list[bytes], list[bytes]] = ([], [])
    rewards: tuple[list[float], list[float]] = ([], [])

    def learn(half: int) -> None:
        if waiting[half]:
            states[half] = update(states[half], unpack_rows(b"".join(waiting[half])), np.array(rewards[half]))
        waiting[half].clear()
        rewards[half].clear()

    async for shown in log.since(since):
        half = zlib.crc32(shown["actorKey"].encode()) % _HALVES
        learnable = [item for item in shown["items"] if "impression" in item]
        waiting[half].extend(item["impression"]["features"] for item in learnable)
        rewards[half].extend(map(_reward, learnable))
        if len(waiting[half]) > _CHUNK:
            learn(half)
    for half in range(_HALVES):
        learn(half)
    return states[0], states[1]


def _reward(item: Mapping[str, Any]) -> float:
    return 1.0 if item.get("rewardedAt") else 0.0


def _judged(scenario: str, tally: _Tally) -> ScenarioReplay:
    values: dict[str, PolicyValue] = {}
    if tally.seen:
        rewards, propensities, seen = np.array(tally.rewards), np.array(tally.propensities), np.stack(tally.seen)
        _, groups = np.unique(tally.actors, return_inverse=True)
        for index, name in enumerate(POLICIES):
            value = evaluate(
                LoggedSlots(rewards, propensities, *seen[:, index].T), groups, np.random.default_rng(index)
            )
            if value is not None:
                values[name] = value
    return ScenarioReplay(scenario, tally.lists, tally.impressions, tally.clicks, len(tally.rewards), values)
