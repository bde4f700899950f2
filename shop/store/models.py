"""Model snapshots: files in GridFS under their content hash, and which one is current."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridfs.errors import GridFSError
from motor.motor_asyncio import AsyncIOMotorGridFSBucket

from shop.entities.models import ModelSnapshot, TrainingKind
from shop.errors import NotFoundError, SnapshotError
from shop.store.audit import AuditStore
from shop.store.database import Database, in_transaction, store_errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from shop.store.database import Session


class SnapshotStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._snapshots = database["model_snapshots"]
        self._audit_log = AuditStore(database)
        self._files = AsyncIOMotorGridFSBucket(database, bucket_name="model_files")

    async def save(self, snapshot: ModelSnapshot, file: Path) -> None:
        """Stores the file, then the manifest that names it: a manifest never points to half a file."""
        with store_errors():
            if await self._snapshots.find_one({"_id": snapshot.version}, {"_id": 1}):
                return
            with file.open("rb") as source:
                file_id = await self._files.upload_from_stream(snapshot.version, source)
            await self._snapshots.insert_one(
                {
                    "_id": snapshot.version,
                    "trainedAt": snapshot.trained_at,
                    "products": snapshot.products,
                    "users": snapshot.users,
                    "interactions": snapshot.interactions,
                    "weights": snapshot.weights,
                    "sizeBytes": file.stat().st_size,
                    "trainingSeconds": snapshot.training_seconds,
                    "metrics": snapshot.metrics,
                    "format": snapshot.format,
                    "fileId": file_id,
                    "current": False,
                    "kind": snapshot.kind.value,
                    "parent": snapshot.parent,
                    "notes": list(snapshot.notes),
                }
            )

    async def activate(self, version: str, actor_id: str | None = None) -> None:
        """Makes a stored snapshot the current one and puts that on record, in one transaction. Raises NotFoundError.

        `actor_id` is the user who wants it, None for a training. What the guard had against it no longer counts.
        """

        async def write(session: Session) -> None:
            before = await self._snapshots.find_one({"current": True}, {"_id": 1}, session=session)
            await self._snapshots.update_many(
                {"current": True, "_id": {"$ne": version}}, {"$set": {"current": False}}, session=session
            )
            result = await self._snapshots.update_one(
                {"_id": version}, {"$set": {"current": True, "rejection": None}}, session=session
            )
            if result.matched_count == 0:
                raise NotFoundError("model", version)
            details = {"previous": before["_id"] if before else None}
            await self._audit_log.add("activateModel", actor_id, version, details, session)

        await in_transaction(self._database, write)

    async def reject(self, version: str, reason: str) -> None:
        """Says why a snapshot is not activated; the current one is left alone."""
        with store_errors():
            await self._snapshots.update_one(
                {"_id": version, "current": {"$ne": True}}, {"$set": {"rejection": reason}}
            )

    async def get(self, version: str) -> ModelSnapshot | None:
        with store_errors():
            document = await self._snapshots.find_one({"_id": version})
        return _snapshot(document) if document else None

    async def current(self) -> ModelSnapshot | None:
        with store_errors():
            document = await self._snapshots.find_one({"current": True})
        return _snapshot(document) if document else None

    async def recent(self, limit: int = 20) -> list[ModelSnapshot]:
        """The newest ones first."""
        with store_errors():
            documents = await self._snapshots.find().sort([("trainedAt", -1)]).limit(limit).to_list(limit)
        return [_snapshot(document) for document in documents]

    async def download(self, version: str, file: Path) -> None:
        """Writes the snapshot's file. Raises SnapshotError when it is missing or shorter than its manifest says."""
        with store_errors():
            document = await self._snapshots.find_one({"_id": version})
            if document is None:
                raise SnapshotError(f"There is no model snapshot {version}.")
            try:
                with file.open("wb") as target:
                    await self._files.download_to_stream(document["fileId"], target)
            except GridFSError as error:
                raise SnapshotError(f"The file of model snapshot {version} is missing or damaged.") from error
        if file.stat().st_size != document["sizeBytes"]:
            raise SnapshotError(f"The file of model snapshot {version} is incomplete.")

    async def prune(self, keep: int) -> None:
        """Deletes all but the newest `keep` and the current one."""
        with store_errors():
            old = self._snapshots.find({"current": {"$ne": True}}).sort([("trainedAt", -1)]).skip(keep)
            async for document in old:
                await self._snapshots.delete_one({"_id": document["_id"]})
                await self._files.delete(document["fileId"])


def _snapshot(document: Mapping[str, Any]) -> ModelSnapshot:
    return ModelSnapshot(
        version=document["_id"],
        trained_at=document["trainedAt"],
        products=document["products"],
        users=document["users"],
        interactions=document["interactions"],
        weights=document["weights"],
        size_bytes=document["sizeBytes"],
        training_seconds=document["trainingSeconds"],
        metrics=document["metrics"],
        format=document["format"],
        current=document["current"],
        kind=TrainingKind(document.get("kind", TrainingKind.FULL)),
        parent=document.get("parent"),
        notes=tuple(document.get("notes", ())),
        rejection=document.get("rejection"),
    )
