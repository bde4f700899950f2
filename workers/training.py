"""Training: everything in the store to an active snapshot. The numbers are crunched in a child process."""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from scoring.state import FORMAT_VERSION
from scoring.types import Component
from shop.entities.models import ModelSnapshot
from shop.errors import BadInputError, ShopError
from shop.services.export import read_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from scoring.dataset import Dataset
    from shop.resources import Resources
    from shop.settings import ModelSettings

_log = structlog.get_logger(__name__)
_EXPORT_SHARE = 0.2


class TrainingError(ShopError):
    """The child process could not finish; the model in use stays."""


@dataclass(frozen=True, slots=True)
class _Trained:
    version: str
    manifest: dict[str, Any]


async def train_and_activate(
    resources: Resources, seed: int | None = None, progress: Callable[[str, float], None] | None = None
) -> ModelSnapshot:
    """Trains on all products and interactions, stores the snapshot and makes it current.

    `progress` hears the stage and the fraction done, 0 to 1. Raises BadInputError when there is nothing to train on.
    """
    tell = progress or (lambda _stage, _fraction: None)
    settings = resources.settings.model
    started = datetime.now(UTC)
    dataset = await read_dataset(
        resources.products, resources.interactions, lambda stage, done: tell(stage, done * _EXPORT_SHARE)
    )
    if len(dataset.catalogue) == 0:
        raise BadInputError("There are no products to train on. Run `whybuy seed`, or import your own.")
    with tempfile.TemporaryDirectory(prefix="whybuy-train-") as folder:
        pack = Path(folder) / "pack"
        trained = await _in_child(
            dataset,
            settings.seed if seed is None else seed,
            component_weights(settings),
            pack,
            lambda stage, done: tell(stage, _EXPORT_SHARE + done * (1 - _EXPORT_SHARE)),
        )
        snapshot = _snapshot(trained, dataset, started)
        await resources.snapshots.save(snapshot, pack)
    await resources.model.activate(snapshot.version)
    await resources.snapshots.prune(settings.snapshots_kept)
    _log.info("model_trained", version=snapshot.version, seconds=snapshot.training_seconds, **snapshot.metrics)
    return snapshot


def component_weights(settings: ModelSettings) -> dict[Component, float]:
    return {
        Component.COLLABORATIVE: settings.weight_collaborative,
        Component.CONTENT: settings.weight_content,
        Component.NEURAL: settings.weight_neural,
        Component.CONTEXTUAL: settings.weight_contextual,
    }


def _snapshot(trained: _Trained, dataset: Dataset, started: datetime) -> ModelSnapshot:
    now = datetime.now(UTC)
    metrics = trained.manifest.get("metrics", {})
    return ModelSnapshot(
        version=trained.version,
        trained_at=now,
        products=len(dataset.catalogue),
        users=dataset.interactions.n_users,
        interactions=len(dataset.interactions.items),
        weights=dict(trained.manifest["weights"]),
        size_bytes=0,
        training_seconds=round((now - started).total_seconds(), 2),
        format=FORMAT_VERSION,
        metrics={name: float(value) for name, value in metrics.items() if isinstance(value, (int, float))},
    )


async def _in_child(
    dataset: Dataset,
    seed: int,
    weights: dict[Component, float],
    pack: Path,
    tell: Callable[[str, float], None],
) -> _Trained:
    """Runs training in a fresh process: the event loop stays free, and its memory goes back to the system."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_train, args=(dataset, seed, weights, str(pack), sender), daemon=True)
    await asyncio.to_thread(process.start)
    sender.close()
    try:
        while (message := await asyncio.to_thread(_receive, receiver)) is not None:
            if isinstance(message, _Trained):
                return message
            tell(*message)
        await asyncio.to_thread(process.join)
        raise TrainingError(
            f"Training ended early (exit code {process.exitcode}); the log above says why. The current model stays."
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


def _train(dataset: Dataset, seed: int, weights: dict[Component, float], pack_path: str, sender: Connection) -> None:
    from scoring.state import pack
    from scoring.training import train

    def tell(stage: str, fraction: float) -> None:
        sender.send((stage, fraction))

    state = train(dataset, weights=weights, seed=seed, progress=tell)
    version = pack(state, Path(pack_path))[:16]
    sender.send(_Trained(version, state.manifest))
