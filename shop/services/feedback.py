"""Feedback: ratings of explanations by shoppers, and a report on what explanations bring about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shop.entities.feedback import ClickRow, ExplanationRating, ExplanationReport, RatingRow
from shop.errors import BadInputError, Problem
from shop.store.documents import stored_time
from shop.values import EARLIEST

if TYPE_CHECKING:
    from shop.entities.explanations import Explanation
    from shop.entities.feedback import RatingReason, ReportGroup
    from shop.entities.users import Actor
    from shop.services.explanations import ExplanationService
    from shop.store.feedback import FeedbackStore

MAX_COMMENT = 1_000
_LONGEST = timedelta(days=366)
_USUAL = timedelta(days=30)


def _span(start: datetime | None, end: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """Nothing was shown after now, and times far from it have no neighbours to compute with. Raises BadInputError."""
    end = now if end is None else min(end, now)
    if end < EARLIEST or (start is not None and start < EARLIEST):
        field = "to" if end < EARLIEST else "from"
        raise BadInputError(f"{field}: there is nothing before {EARLIEST.year}.", field=field)
    start = end - _USUAL if start is None else start
    if not start < end or end - start > _LONGEST:
        raise BadInputError(f"The report must end after it starts, {_LONGEST.days} days later at most.", field="to")
    return start, end


class FeedbackService:
    def __init__(self, store: FeedbackStore, explanations: ExplanationService) -> None:
        self._store = store
        self._explanations = explanations

    async def rate(
        self,
        actor: Actor,
        product_id: str,
        key: str | None,
        *,
        helpful: bool,
        reason: RatingReason | None = None,
        comment: str | None = None,
    ) -> ExplanationRating | Problem:
        """Stores what the actor thinks of one of their explanations: the one with this key, or else the product's
        newest. A later rating replaces an earlier one. Raises UnavailableError when MongoDB is away."""
        comment = (comment or "").strip() or None
        if len(comment or "") > MAX_COMMENT:
            return Problem("comment", "TOO_LONG", f"A comment has {MAX_COMMENT:,} characters at most.")
        explanation = await self._find(actor, product_id, key)
        if explanation is None or explanation.text is None:
            field = "productId" if key is None else "explanationId"
            return Problem(field, "NOT_FOUND", "You were shown no such explanation, or it is not written yet.")
        rating = ExplanationRating(
            key=explanation.key,
            actor_key=actor.key,
            product_id=product_id,
            helpful=helpful,
            reason=reason,
            comment=comment,
            source=explanation.text.source,
            model=explanation.text.model,
            prompt_version=explanation.text.prompt_version,
            language=explanation.language,
            at=stored_time(datetime.now(UTC)),
        )
        await self._store.save(rating)
        return rating

    async def _find(self, actor: Actor, product_id: str, key: str | None) -> Explanation | None:
        if key is None:
            found = await self._explanations.latest(actor, product_id)
        else:
            found = await self._explanations.by_key(key)
        if found is None:  # a text may be shown before it is stored
            found = await self._explanations.request(actor, product_id)
        if found is None or (found.actor_key, found.product_id) != (actor.key, product_id):
            return None
        return found if key in {None, found.key} else None

    async def report(self, start: datetime | None, end: datetime | None, group: ReportGroup) -> ExplanationReport:
        """What was shown, rated and clicked in that time; the most frequent rows first. The last 30 days if left out.

        Raises BadInputError for a time that ends before it starts, is longer than a year or older than all shops.
        """
        start, end = _span(start, end, datetime.now(UTC))
        impressions = await self._store.impressions(start, end, group)
        clicks = await self._store.clicks(start, end, group)
        ratings = await self._store.ratings(start, end, group)
        shown: dict[str | None, int] = {}
        for (source, name), count in impressions.items():
            if source is not None:
                shown[name] = shown.get(name, 0) + count
        rated = [RatingRow(name, shown.get(name, 0), *ratings.get(name, (0, 0))) for name in shown | ratings]
        clicked = [ClickRow(*shown_with, count, clicks.get(shown_with, 0)) for shown_with, count in impressions.items()]
        return ExplanationReport(
            tuple(sorted(rated, key=lambda row: (-row.ratings, -row.shown, row.group or ""))),
            tuple(sorted(clicked, key=lambda row: (-row.impressions, row.source or "", row.group or ""))),
        )
