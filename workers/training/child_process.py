"""The child process of a training: from the exported columns to a packed snapshot and the guard's decision.

It has no connection to anything but its parent, and ends with it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from scoring.types import Component  # noqa: TC001 (unpickled at run time)
from shop.entities.models import TrainingKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

    from scoring.data.dataset import Dataset
    from scoring.data.state import ModelState
    from scoring.learning.guard import GuardDecision


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What to train. `now` is the time of the newest event in unix seconds; `current` is the unpacked model in use."""

    kind: TrainingKind
    seed: int
    weights: dict[Component, float]
    now: int | None
    current: Path | None
    guarded: bool
    margin: float
    fewest_shoppers: int


@dataclass(frozen=True, slots=True)
class Trained:
    version: str
    manifest: dict[str, Any]
    decision: GuardDecision


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress, 0 to 1."""

    stage: str
    fraction: float


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """A stage that is read from a checkpoint, because an earlier run had finished it."""

    stage: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Why the child process failed, for people; the traceback is on its standard error."""

    reason: str


EXPORT, PACK = "export", "pack"
_MODEL_SHARE = 0.9


def run_child(request: TrainingRequest, folder: Path, sender: Connection) -> None:
    """Entry point of the process: sends Progress and Checkpointed, in the end Trained or Failed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides what it means
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        sender.send(_trained(request, folder, sender.send))
    except Exception as error:  # noqa: BLE001 (whatever it is, the parent reports it)
        traceback.print_exc(file=sys.stderr)
        # The errors of scoring are written for people; any other belongs in the log alone.
        sender.send(Failed(str(error) if isinstance(error, ValueError) else "The worker's log says why."))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _trained(request: TrainingRequest, folder: Path, send: Callable[[object], None]) -> Trained:
    from scoring.data.state import load, pack, unpack
    from scoring.data.ties import tie_hashes
    from scoring.learning.guard import hide_cases, judge, marked
    from shop.services.export import read_export

    send(Progress("preparing", 0.0))
    exported = read_export(folder / EXPORT)
    cases = hide_cases(exported.dataset, exported.keys, tie_hashes(exported.dataset.catalogue.ids))
    file = folder / PACK
    if file.exists():
        send(Checkpointed(PACK))
        version = unpack(file, folder / "model")
        state = load(folder / "model")
    else:
        state = marked(_state(request, cases.dataset, folder, send), cases)
        version = pack(state, folder / f"{PACK}.new")
        (folder / f"{PACK}.new").rename(file)
    send(Progress("comparing with the model in use", _MODEL_SHARE))
    current = load(request.current) if request.current and request.guarded else None
    decision = judge(state, current, cases, request.now or int(state.manifest["now"]), request.margin)
    return Trained(version[:16], state.manifest, decision)


def _state(request: TrainingRequest, dataset: Dataset, folder: Path, send: Callable[[object], None]) -> ModelState:
    from scoring.data.state import load
    from scoring.learning.refresh import refresh_content, refresh_embeddings
    from scoring.learning.training import train
    from workers.training.checkpoints import FolderCheckpoint

    def report_progress(stage: str, fraction: float) -> None:
        send(Progress(stage, fraction * _MODEL_SHARE))

    if request.kind is not TrainingKind.FULL and request.current is not None:
        refresh = refresh_content if request.kind is TrainingKind.CONTENT else refresh_embeddings
        return refresh(load(request.current), dataset, seed=request.seed, now=request.now, progress=report_progress)
    checkpoint = FolderCheckpoint(folder, lambda stage: send(Checkpointed(stage)))
    return train(
        dataset,
        weights=request.weights,
        seed=request.seed,
        now=request.now,
        progress=report_progress,
        checkpoint=checkpoint,
        fewest_shoppers=request.fewest_shoppers,
    )
