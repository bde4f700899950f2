"""Training: makes a snapshot of everything in the store, and the current one of it if the guard accepts it.

The store is exported to a folder and a child process trains on it. What each step has finished is kept there until the
snapshot is stored: after an interruption the same training continues from there.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import shutil
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from scoring.data.state import FORMAT_VERSION, BrokenSnapshotError, load
from scoring.learning.refresh import learned_until
from scoring.types import Component
from shop.entities.models import ModelSnapshot, TrainingKind
from shop.errors import BadInputError, ShopError, SnapshotError
from shop.services.export import export
from shop.services.models import TRAINING_FOLDER
from workers.training.checkpoints import work_folder
from workers.training.child_process import (
    EXPORT,
    PACK,
    Checkpointed,
    Failed,
    Progress,
    Trained,
    TrainingRequest,
    run_child,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

    from shop.resources.training import TrainingResources
    from shop.settings import ModelSettings

    ReportProgress = Callable[[str, float], Awaitable[None]]

_log = structlog.get_logger(__name__)
_EXPORT_SHARE = 0.2
_TRAINED_SHARE = 0.97
_READ_BEFORE_AN_ERASURE = (
    "A shopper was erased while this was trained: what the shopper took may be in it, as numbers without any id, until "
    "the next full training."
)


class TrainingError(ShopError):
    """The child process failed; the model in use stays."""


class TrainingInterruptedError(ShopError):
    """Something ended the child process from outside. The same training continues from its last finished stage."""

    code = "UNAVAILABLE"
    retryable = True


@dataclass(frozen=True, slots=True)
class DataMark:
    """The state of the data that a training reads: the interactions up to `until`, and the products."""

    until: datetime | None
    interactions: int
    products: int
    products_changed: datetime | None
    exclusions_changed: datetime | None = None
    erasures_ordered: datetime | None = None


async def data_mark(resources: TrainingResources) -> DataMark:
    """The data as they are now, without events that are dated in the future.

    Raises BadInputError when there is nothing to train on.
    """
    stores = resources.stores
    until, interactions = await stores.interactions.newest(datetime.now(UTC))
    products = await stores.catalog.size()
    if products == 0:
        raise BadInputError("There are no products to train on. Run `whybuy seed`, or import your own.")
    products_changed, corrected = await stores.catalog.newest_change(), await stores.corrections.newest_change()
    erased = await stores.erasures.newest_order()
    return DataMark(until, interactions, products, products_changed, corrected, erased)


async def train_and_activate(
    resources: TrainingResources,
    seed: int | None = None,
    progress: ReportProgress | None = None,
    *,
    kind: TrainingKind = TrainingKind.FULL,
    guarded: bool = True,
    mark: DataMark | None = None,
) -> ModelSnapshot:
    """Trains on all products and interactions, stores the snapshot, and makes it current if the guard accepts it.

    Returns the snapshot, whose status says what became of it; the current one when EMBEDDINGS have nothing new to
    learn from. `progress` is called with the stage and the fraction done, 0 to 1. With `guarded` the new model is
    compared with the one in use. `mark` is that of an earlier attempt, to continue on its data.

    When a shopper's erasure was ordered after the data were read, it trains once more, on data without that shopper;
    when that happens again, the snapshot is used, and a note in it says so.

    Raises BadInputError when there is nothing to train on or no model to refresh, TrainingInterruptedError when the
    same call may continue, TrainingError when it would fail again.
    """
    report_progress = progress or _ignore_progress
    first = await _trained(resources, seed, report_progress, mark, kind=kind, guarded=guarded)
    snapshot = first or await _trained(resources, seed, report_progress, None, kind=kind, guarded=guarded, again=True)
    await report_progress("done", 1.0)
    assert snapshot is not None  # noqa: S101 (of the second turn it is)
    return snapshot


async def _trained(
    resources: TrainingResources,
    seed: int | None,
    report_progress: ReportProgress,
    mark: DataMark | None,
    *,
    kind: TrainingKind,
    guarded: bool,
    again: bool = False,
) -> ModelSnapshot | None:
    """One training; None when an erasure was ordered after its data were read, unless it is done `again`."""
    started = datetime.now(UTC)
    current = await _current(resources, kind)
    mark = mark or await data_mark(resources)
    request = _request(resources.settings.model, kind, seed, mark, current, guarded=guarded)
    if kind is TrainingKind.EMBEDDINGS and current and await asyncio.to_thread(_is_up_to_date, request):
        _log.info("model_up_to_date", version=current[0].version)
        return current[0]
    root = resources.settings.model.cache_dir / TRAINING_FOLDER
    name = _fingerprint(request, mark, current[0].version if current and kind is not TrainingKind.FULL else None)
    async with work_folder(root, name, lambda: report_progress("waiting for another training to end", 0.0)) as folder:
        await export(
            resources.stores.catalog,
            resources.stores.interactions,
            folder / EXPORT,
            mark.until,
            _part(report_progress, 0.0, _EXPORT_SHARE),
        )
        try:
            trained = await _in_child(request, folder, _part(report_progress, _EXPORT_SHARE, _TRAINED_SHARE))
        except TrainingError:
            # A file in this folder may be the cause: the next attempt starts from an empty one.
            await asyncio.to_thread(shutil.rmtree, folder)
            raise
        await report_progress("storing", _TRAINED_SHARE)
        snapshot = _snapshot(trained, kind, started)
        if await resources.stores.erasures.newest_order() != mark.erasures_ordered:
            if not again:
                _log.info("training_starts_anew", reason="a shopper was erased after the data were read")
                return None
            snapshot = replace(snapshot, notes=(*snapshot.notes, _READ_BEFORE_AN_ERASURE))
        await resources.stores.snapshots.save(snapshot, folder / PACK)
        snapshot = await _activated(resources, snapshot, trained)
    await resources.models.prune(resources.settings.model.snapshots_kept)
    return snapshot


def configured_weights(settings: ModelSettings) -> dict[Component, float]:
    return {
        Component.COLLABORATIVE: settings.weight_collaborative,
        Component.CONTENT: settings.weight_content,
        Component.NEURAL: settings.weight_neural,
        Component.CONTEXTUAL: settings.weight_contextual,
    }


async def _ignore_progress(_stage: str, _fraction: float) -> None:
    """ReportProgress for a caller that does not want any."""


def _part(report_progress: ReportProgress, start: float, end: float) -> ReportProgress:
    """ReportProgress of a step that goes from `start` to `end` of the whole."""

    def report_part(stage: str, fraction: float) -> Awaitable[None]:
        return report_progress(stage, start + fraction * (end - start))

    return report_part


async def _current(resources: TrainingResources, kind: TrainingKind) -> tuple[ModelSnapshot, Path] | None:
    """The model in use and its folder; None when there is none that this version can read."""
    snapshot = await resources.stores.snapshots.current()
    if snapshot is not None and snapshot.format == FORMAT_VERSION:
        try:
            return snapshot, await resources.models.fetch(snapshot.version)
        except (SnapshotError, BrokenSnapshotError) as error:
            _log.warning("current_model_unusable", version=snapshot.version, reason=str(error))
    if kind is not TrainingKind.FULL:
        raise BadInputError(f"There is no model for {kind.value} to start from: train one in full first.")
    return None


def _request(
    settings: ModelSettings,
    kind: TrainingKind,
    seed: int | None,
    mark: DataMark,
    current: tuple[ModelSnapshot, Path] | None,
    *,
    guarded: bool,
) -> TrainingRequest:
    return TrainingRequest(
        kind=kind,
        seed=settings.seed if seed is None else seed,
        weights=configured_weights(settings),
        now=int(mark.until.timestamp()) if mark.until else None,
        current=current[1] if current else None,
        guarded=guarded,
        margin=settings.guard_margin,
        fewest_shoppers=settings.fewest_shoppers,
    )


def _is_up_to_date(request: TrainingRequest) -> bool:
    """Whether there are no interactions that the model in use was not trained on or refreshed with."""
    return request.current is not None and learned_until(load(request.current).manifest) >= (request.now or 0)


def _fingerprint(request: TrainingRequest, mark: DataMark, parent: str | None) -> str:
    """The name of the work folder, made of everything that changes the outcome."""
    facts = [FORMAT_VERSION, request.kind, request.seed, request.weights, request.fewest_shoppers, asdict(mark), parent]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _snapshot(trained: Trained, kind: TrainingKind, started: datetime) -> ModelSnapshot:
    now = datetime.now(UTC)
    manifest = trained.manifest
    metrics = {**manifest.get("metrics", {}), **trained.decision.metrics}
    return ModelSnapshot(
        version=trained.version,
        trained_at=now,
        products=manifest["products"],
        users=manifest["users"],
        interactions=manifest["interactions"],
        weights=dict(manifest["weights"]),
        size_bytes=0,
        training_seconds=round((now - started).total_seconds(), 2),
        format=FORMAT_VERSION,
        metrics={name: float(value) for name, value in metrics.items() if isinstance(value, (int, float))},
        kind=kind,
        parent=manifest.get("parent"),
        notes=tuple(manifest.get("notes", ())),
    )


async def _activated(resources: TrainingResources, snapshot: ModelSnapshot, trained: Trained) -> ModelSnapshot:
    decision = trained.decision
    if not decision.accepted:
        await resources.stores.snapshots.reject(snapshot.version, decision.reason)
        _log.warning("model_rejected", version=snapshot.version, reason=decision.reason)
        return replace(snapshot, rejection=decision.reason)
    await resources.models.activate(snapshot.version)
    _log.info(
        "model_trained",
        version=snapshot.version,
        kind=snapshot.kind.value,
        seconds=snapshot.training_seconds,
        decision=decision.reason,
        **snapshot.metrics,
    )
    return replace(snapshot, current=True)


async def _in_child(request: TrainingRequest, folder: Path, report_progress: ReportProgress) -> Trained:
    """Runs the training in a new process: the event loop stays free, and its memory goes back to the system."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=run_child, args=(request, folder, sender), daemon=True)
    await asyncio.to_thread(process.start)
    sender.close()
    try:
        while (message := await asyncio.to_thread(_receive, receiver)) is not None:
            match message:
                case Trained():
                    return message
                case Failed():
                    raise TrainingError(f"Training failed: {message.reason} The current model stays.")
                case Checkpointed():
                    _log.info("training_stage_reused", stage=message.stage)
                case Progress():
                    await report_progress(message.stage, message.fraction)
        await asyncio.to_thread(process.join)
        raise TrainingInterruptedError(
            f"Training was interrupted (exit code {process.exitcode}). The current model stays; start the same "
            "training again, and it goes on from its last finished stage."
        )
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
        process.close()
        receiver.close()


def _receive(receiver: Connection) -> Any:
    try:
        return receiver.recv()
    except EOFError:
        return None
