"""The model in use: downloaded once per machine, memory-mapped, swapped between two requests."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import structlog

from scoring.data.state import FORMAT_VERSION, BrokenSnapshotError, load, unpack
from scoring.ranking.query import Query
from scoring.ranking.recommender import Recommender
from scoring.types import History, Scenario
from shop.entities.events import Event, Topic
from shop.errors import BadInputError, SnapshotError, UnavailableError

if TYPE_CHECKING:
    from shop.entities.models import ModelSnapshot
    from shop.services.events import EventHub
    from shop.store.models import SnapshotStore

_log = structlog.get_logger(__name__)
TRAINING_FOLDER = "training"  # beside the snapshots: what trainings have done so far


@dataclass(frozen=True, slots=True)
class ActiveModel:
    snapshot: ModelSnapshot
    recommender: Recommender

    @property
    def version(self) -> str:
        return self.snapshot.version


class ModelService:
    def __init__(self, store: SnapshotStore, hub: EventHub, cache_dir: Path) -> None:
        self._store = store
        self._hub = hub
        self._cache_dir = cache_dir
        self._active: ActiveModel | None = None
        self._loading = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None

    def follow(self) -> None:
        """Has this process load every model that is activated; call before the hub starts."""
        self._hub.listen(Topic.MODEL_ACTIVATED, self._on_activated)

    @property
    def active(self) -> ActiveModel | None:
        return self._active

    def require(self) -> ActiveModel:
        """Raises UnavailableError while there is no model."""
        if self._active is None:
            raise UnavailableError("A trained model", "Train one with `whybuy train`; it is picked up by itself.")
        return self._active

    async def refresh(self) -> bool:
        """Loads the current snapshot if it is another one; True if it was swapped. A broken one is refused."""
        async with self._loading:
            snapshot = await self._store.current()
            if snapshot is None or (self._active and self._active.version == snapshot.version):
                return False
            started = time.monotonic()
            try:
                folder = await self.fetch(snapshot.version)
                recommender = await asyncio.to_thread(_load, folder)
            except (SnapshotError, BrokenSnapshotError, OSError) as error:
                _log.error("model_refused", version=snapshot.version, reason=str(error))
                return False
            self._active = ActiveModel(snapshot, recommender)
            await self._forget_pruned()
            _log.info("model_loaded", version=snapshot.version, seconds=round(time.monotonic() - started, 2))
            return True

    async def activate(self, version: str, actor_id: str | None = None) -> None:
        """Makes a stored snapshot the current one everywhere; `actor_id` is who wants it.

        Raises NotFoundError, and BadInputError for one that an older version has made and this one cannot read.
        """
        snapshot = await self._store.get(version)
        if snapshot is not None and snapshot.format != FORMAT_VERSION:
            raise BadInputError(
                f"Model {version} has format {snapshot.format}, this version reads {FORMAT_VERSION}: train a new one.",
                field="version",
            )
        await self._store.activate(version, actor_id)
        await self._hub.publish([Event(Topic.MODEL_ACTIVATED, version)])

    async def recent(self, limit: int = 20) -> list[ModelSnapshot]:
        """The newest ones first."""
        return await self._store.recent(limit)

    async def prune(self, keep: int) -> None:
        """Deletes all but the newest `keep` and the current one, here and in the store."""
        await self._store.prune(keep)
        await self._forget_pruned()

    async def get(self, version: str) -> ModelSnapshot | None:
        return await self._store.get(version)

    async def fetch(self, version: str) -> Path:
        """The unpacked snapshot's folder, for `scoring.data.state.load`. Raises SnapshotError or BrokenSnapshotError.

        Several processes may fetch at once, the first one's folder stays."""
        folder = self._cache_dir / version
        if folder.is_dir():
            return folder
        self._cache_dir.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{version}-", dir=self._cache_dir))
        try:
            await self._store.download(version, work / "pack")
            await asyncio.to_thread(unpack, work / "pack", work / "model")
            try:
                (work / "model").rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return folder

    async def _forget_pruned(self) -> None:
        await asyncio.to_thread(
            _forget_others, self._cache_dir, {found.version for found in await self._store.recent()}
        )

    async def _on_activated(self, _event: Event) -> None:
        """Loads in the background: other events must not wait for it."""
        self._refreshing = asyncio.create_task(self.try_refresh())

    async def try_refresh(self) -> None:
        """As refresh, but what goes wrong is only logged: the model in use stays."""
        try:
            await self.refresh()
        except Exception as error:  # noqa: BLE001 (whatever it is, the old model still serves)
            _log.warning("model_refresh_failed", reason=repr(error))


def _forget_others(cache_dir: Path, known: set[str]) -> None:
    """Deletes unpacked snapshots that the store has pruned; a process that still maps one keeps its pages."""
    for folder in cache_dir.iterdir():
        if not folder.name.startswith(".") and folder.name not in known | {TRAINING_FOLDER}:
            shutil.rmtree(folder, ignore_errors=True)


def _load(folder: Path) -> Recommender:
    """Loads, and ranks once: the first list would otherwise wait for lazy imports and cold pages."""
    recommender = Recommender.from_state(load(folder, mmap=True))
    nobody = History(np.zeros(0, np.int32), np.zeros(0, np.int8), np.zeros(0, np.int64))
    recommender.recommend(Query(Scenario.FOR_YOU, nobody, now=0, limit=1))
    return recommender
