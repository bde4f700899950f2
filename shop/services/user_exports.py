"""Everything that is stored of a shopper, as one JSON document, to be downloaded once."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from shop.entities.privacy import ExportState, UserExport
from shop.errors import BadInputError
from shop.jobs import ExportShopper
from shop.privacy.places import PLACES, Finder
from shop.store.documents import stored_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from shop.entities.jobs import JobRecord
    from shop.entities.privacy import Shopper
    from shop.privacy.places import Place
    from shop.services.jobs import JobService
    from shop.settings import PrivacySettings
    from shop.store.exports import ExportStore
    from shop.store.shopper_data import ShopperDataStore
    from shop.store.shopper_keys import ShopperKeyStore

    ReportProgress = Callable[[str, float], Awaitable[None]]

FORMAT, VERSION = "whybuy-user-export", 1
MOST_AT_A_TIME = 3  # exports of one shopper that can be downloaded
_CHUNK_BYTES = 256 * 1024
_TOKEN_BYTES = 32


class UserExportService:
    def __init__(
        self,
        store: ExportStore,
        data: ShopperDataStore,
        keys: ShopperKeyStore,
        jobs: JobService,
        settings: PrivacySettings,
    ) -> None:
        self._store = store
        self._data = data
        self._keys = keys
        self._jobs = jobs
        self._lifetime = timedelta(hours=settings.export_hours)

    async def order(self, user_id: str, requested_by: str) -> tuple[UserExport, str, JobRecord]:
        """The order, the token that its download needs, and the job that gathers the data.

        Raises BadInputError while the shopper has several that can be downloaded, and UnavailableError.
        """
        now = stored_time(datetime.now(UTC))
        export = UserExport(uuid4().hex, user_id, ExportState.WRITING, now, now + self._lifetime, requested_by)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        if not await self._store.order(export, token, MOST_AT_A_TIME):
            raise BadInputError(
                f"There are {MOST_AT_A_TIME} exports of this shopper already. Download one, or wait until it expires.",
                field="userId",
            )
        job = await self._jobs.start(ExportShopper(export.id), requested_by, job_id=export.id)
        return export, token, job

    async def write(self, export_id: str, report: ReportProgress) -> str:
        """Gathers the data; what an interrupted attempt has written is written anew. Returns what was done.

        Raises UnavailableError.
        """
        export = await self._store.get(export_id)
        if export is None or export.state is not ExportState.WRITING:
            return "it has ended before"
        await self._store.delete_chunks(export.id)
        number, size, waiting = 0, 0, bytearray()
        async for piece in self.document(export.user_id, report):
            waiting += piece
            if len(waiting) >= _CHUNK_BYTES:
                await self._store.add_chunk(export, number, bytes(waiting))
                number, size, waiting = number + 1, size + len(waiting), bytearray()
        await self._store.add_chunk(export, number, bytes(waiting))
        if not await self._store.make_ready(export.id):  # the shopper was erased meanwhile
            await self._store.delete_chunks(export.id)
            return "it has ended before"
        return f"{size + len(waiting):,} bytes"

    async def state(self, token: str) -> ExportState | None:
        """What became of the export under this token; None if there is none."""
        export = await self._store.by_token(token)
        if export is not None and export.expires_at <= datetime.now(UTC):
            return ExportState.ENDED
        return export.state if export is not None else None

    async def take(self, token: str) -> AsyncIterator[bytes] | None:
        """The document, for whoever is first to ask; None for others, and unless it is ready."""
        export = await self._store.take(token)
        return None if export is None else self._taken(export)

    async def _taken(self, export: UserExport) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._store.chunks(export.id):
                yield chunk
        finally:
            await self._store.delete_chunks(export.id)

    async def export_now(self, user_id: str) -> AsyncIterator[bytes]:
        """The document, for a command; the audit log has that first."""
        await self._store.note_command(user_id)
        async for piece in self.document(user_id):
            yield piece

    async def document(self, user_id: str, report: ReportProgress | None = None) -> AsyncIterator[bytes]:
        """The JSON document in pieces, see docs/privacy.md; it is never in memory as a whole."""
        shopper = await self._data.shopper(user_id)
        facts = {"format": FORMAT, "version": VERSION, "exportedAt": datetime.now(UTC), "userId": user_id}
        yield orjson.dumps(facts)[:-1]
        shown = [place for place in PLACES if place.export_as is not None]
        for done, place in enumerate(shown):
            if report is not None:
                await report(f"reading {place.collection}", done / len(shown))
            yield f',\n"{place.export_as}":'.encode()
            async for piece in self._part(place, shopper):
                yield piece
        yield b',\n"recentEvents":'
        async for piece in _listed(self._keys.recent_events(shopper)):
            yield piece
        yield b"}\n"

    async def _part(self, place: Place, shopper: Shopper) -> AsyncIterator[bytes]:
        documents = _shown(place, self._data.documents(place, shopper))
        if _is_one(place):
            yield _json(await anext(documents, None))
            return
        async for piece in _listed(documents):
            yield piece


def _is_one(place: Place) -> bool:
    """Whether there is one document for each shopper at most."""
    return all(found.field == "_id" and found.by is Finder.USER for found in place.found)


async def _shown(place: Place, documents: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    async for document in documents:
        shown = {name: value for name, value in document.items() if name not in place.secret}
        if "_id" in shown:
            shown = {"id": shown.pop("_id"), **shown}
        yield shown


async def _listed(documents: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    separator = b"["
    async for document in documents:
        yield separator + _json(document)
        separator = b",\n"
    yield b"[]" if separator == b"[" else b"]"


def _json(document: dict[str, Any] | None) -> bytes:
    return orjson.dumps(document, default=_plain)


def _plain(value: object) -> str:
    """What JSON has no form for: bytes as hex digits."""
    return value.hex() if isinstance(value, bytes) else str(value)
