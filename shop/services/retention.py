"""How long what is kept for; see RetentionSettings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shop.settings import RetentionSettings
    from shop.store.exports import ExportStore
    from shop.store.retention import RetentionStore

_MOST = 100_000  # documents of a collection that one run deletes; the next one goes on


class RetentionService:
    def __init__(self, store: RetentionStore, exports: ExportStore, settings: RetentionSettings) -> None:
        self._store = store
        self._exports = exports
        self._periods = (
            ("recommendations_log", "at", settings.list_log_days),
            ("explanations", "createdAt", settings.explanation_days),
            ("audit_log", "at", settings.audit_log_days),
            ("session_owners", "at", settings.session_days),
            ("exports", "expiresAt", settings.export_days),
        )

    async def apply(self) -> dict[str, int]:
        """Deletes what is too old, and ends exports that have expired; how much of each, where there was any. Raises
        UnavailableError."""
        ended = await self._exports.end_expired()
        done = {"expired exports": ended} if ended else {}
        now = datetime.now(UTC)
        for collection, field, days in self._periods:
            if days == 0:
                continue
            deleted = await self._store.delete_older(collection, field, now - timedelta(days=days), _MOST)
            if deleted:
                done[collection] = deleted
        return done
