"""One request to one explained list: resolved, ranked, explained, logged."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shop.entities.recommendations import Degradation, Freshness, Recommendation, RecommendationList
from shop.store.documents import stored_time
from shop.texts.wording import is_written, text_language

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scoring.types import Component
    from shop.entities.explanations import Explanation
    from shop.entities.recommendations import RecommendationRequest
    from shop.entities.users import User
    from shop.services.bandit import BanditService
    from shop.services.explanations import ExplanationService
    from shop.services.ranking import Ranker, Ranking
    from shop.services.resolution import RequestResolver, ResolvedRequest
    from shop.store.recommendation_log import RecommendationLog


class RecommendationService:
    def __init__(
        self,
        resolver: RequestResolver,
        ranker: Ranker,
        explanations: ExplanationService,
        log: RecommendationLog,
        bandit: BanditService,
    ) -> None:
        self._resolver = resolver
        self._ranker = ranker
        self._explanations = explanations
        self._recommendation_log = log
        self._bandit = bandit

    async def recommend(self, request: RecommendationRequest, user: User | None = None) -> RecommendationList:
        """`user` adds stated preferences and language.

        Raises BadInputError or NotFoundError for what the caller can correct, UnavailableError while there is no model.
        """
        started = time.perf_counter()
        asked = await self._resolver.resolve(request, user)
        ranking = await self._ranker.rank(asked)
        explanations, ordered = await self._explanations.lookup(
            asked.actor, asked.language, [entry.wanted for entry in ranking.ranked]
        )
        degraded = _degradations(
            {
                Degradation.SESSION: asked.history.session_missing,
                Degradation.HISTORY: asked.history.past_missing,
                Degradation.CATALOG: ranking.memory_only,
                Degradation.EXPLANATIONS: not ordered,
                Degradation.LANGUAGE: not is_written(asked.language),
                Degradation.LLM_BUDGET: self._explanations.budget_exhausted,
            }
        )
        shown = _assembled(asked, ranking, explanations, degraded)
        return self._logged(shown, asked.model.recommender.weights, started)

    def _logged(
        self, shown: RecommendationList, weights: Mapping[Component, float], started: float
    ) -> RecommendationList:
        self._bandit.shown(shown)
        latency_ms = (time.perf_counter() - started) * 1000
        named = {component.value: weight for component, weight in weights.items()}
        if self._recommendation_log.append(shown, named, latency_ms):
            return shown
        return replace(shown, degraded=(*shown.degraded, Degradation.LOG))


def _degradations(missing: Mapping[Degradation, bool]) -> tuple[Degradation, ...]:
    return tuple(part for part, is_missing in missing.items() if is_missing)


def _assembled(
    asked: ResolvedRequest,
    ranking: Ranking,
    explanations: Mapping[str, Explanation],
    degraded: Iterable[Degradation],
) -> RecommendationList:
    return RecommendationList(
        id=uuid.uuid4().hex,
        actor=asked.actor,
        scenario=asked.request.scenario,
        items=_items(ranking, explanations),
        insight=None,
        model_version=asked.model.version,
        generated_at=stored_time(datetime.now(UTC)),
        freshness=Freshness(asked.history.last_event_at, asked.model.snapshot.trained_at),
        degraded=tuple(degraded),
        language=text_language(asked.language),
    )


def _items(ranking: Ranking, explanations: Mapping[str, Explanation]) -> tuple[Recommendation, ...]:
    return tuple(
        Recommendation(
            product=ranking.products[entry.product_id],
            rank=rank,
            score=entry.item.score,
            breakdown=entry.item.breakdown,
            reasons=entry.wanted.evidence,
            explanation=explanations[entry.wanted.key],
            exploration=entry.item.exploration,
            propensity=entry.item.propensity,
            impression=entry.item.impression,
            probability=entry.item.probability,
        )
        for rank, entry in enumerate(ranking.ranked, start=1)
    )
