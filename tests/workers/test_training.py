"""The training pipeline on a real database: it goes on after interruptions, refreshes, and guards the model in use."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from scoring.data.state import load
from scoring.types import Scenario
from shop.entities.jobs import JobState
from shop.entities.models import SnapshotStatus, TrainingKind
from shop.errors import BadInputError
from shop.jobs import TrainModel
from shop.resources.serving import open_serving
from shop.services.models import TRAINING_FOLDER
from tests.fixtures.models import model_of_same_data
from tests.fixtures.shop import working
from tests.fixtures.small_shop import product, purchase, stock
from tests.fixtures.waiting import until
from tests.scoring.synthetic import Shape
from workers.training.pipeline import TrainingError, TrainingInterruptedError, data_mark, train_and_activate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from scoring.data.dataset import Dataset
    from shop.entities.jobs import JobRecord
    from shop.entities.models import ModelSnapshot
    from shop.resources.serving import ServingResources
    from shop.settings import Settings
    from shop.store.database import Database

SLOW_SHAPE = Shape(users=120, items=600)  # some seconds: time to be interrupted


@pytest.fixture
async def stored(database: Database) -> Dataset:
    return await stock(database)


@pytest.fixture
async def resources(settings: Settings, stored: Dataset) -> AsyncIterator[ServingResources]:
    assert stored
    async with open_serving(settings, start=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


async def trained(resources: ServingResources, models: Path) -> ModelSnapshot:
    """The model of what `stored` holds, in use."""
    return await model_of_same_data(resources.training, models)


def with_model(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"model": settings.model.model_copy(update=changes)})


def folders(settings: Settings) -> list[Path]:
    root = settings.model.cache_dir / TRAINING_FOLDER
    return [path for path in root.iterdir() if path.is_dir()] if root.exists() else []


def files(settings: Settings) -> dict[str, tuple[int, int]]:
    """Finished pieces of work and when they were written."""
    (folder,) = folders(settings)
    found = [*folder.rglob("*.npz"), *folder.rglob("*.npy")]
    return {str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def stages(settings: Settings) -> set[str]:
    """What the numbers' part of the training has finished."""
    return {path.name for folder in folders(settings) for path in folder.glob("stage-*.npz")}


def killing(settings: Settings, at: str | None = None) -> Callable[[str, float], Awaitable[None]]:
    """Progress that kills the training's child process at a stage; if none is named, when it has finished some."""

    async def tell(stage: str, _fraction: float) -> None:
        if stage == at if at else stages(settings):
            for child in multiprocessing.active_children():
                assert child.pid
                os.kill(child.pid, signal.SIGKILL)

    return tell


def kept(logs: Sequence[Mapping[str, Any]]) -> set[str]:
    """The stages that a training found finished."""
    return {log["stage"] for log in logs if log["event"] == "training_stage_reused"}


async def test_a_killed_child_is_gone_on_from_and_gives_the_same_snapshot(
    resources: ServingResources, models: Path, tmp_path: Path
) -> None:
    settings = resources.settings
    async with open_serving(with_model(settings, cache_dir=tmp_path / "undisturbed"), start=False) as undisturbed:
        expected = await trained(undisturbed, models)

    with pytest.raises(TrainingInterruptedError, match="goes on from its last finished stage"):
        await train_and_activate(resources.training, progress=killing(settings), guarded=False)
    finished = files(settings)
    stages: list[str] = []
    seen: dict[str, tuple[int, int]] = {}

    async def tell(stage: str, _fraction: float) -> None:
        stages.append(stage)
        if stage == "storing":
            seen.update(files(settings))

    with capture_logs() as logs:
        snapshot = await train_and_activate(resources.training, progress=tell, guarded=False)

    assert snapshot.version == expected.version
    assert {"export/interactions-000000.npz", "export/columns/users.npy", "stage-neural.npz"} <= set(finished)
    assert seen.items() >= finished.items(), "what was finished was not done again"
    assert "neural" in kept(logs)
    assert "Reading interactions" not in stages
    assert folders(settings) == [], "nothing is left behind"


async def test_a_training_that_only_had_to_be_stored_is_not_trained_again(resources: ServingResources) -> None:
    with pytest.raises(TrainingInterruptedError):
        await train_and_activate(
            resources.training, progress=killing(resources.settings, "comparing with the model in use")
        )

    with capture_logs() as logs:
        snapshot = await train_and_activate(resources.training)

    assert snapshot.status is SnapshotStatus.ACTIVE
    assert kept(logs) == {"pack"}


async def test_work_on_other_data_is_not_gone_on_with(resources: ServingResources, stored: Dataset) -> None:
    with pytest.raises(TrainingInterruptedError):
        await train_and_activate(resources.training, progress=killing(resources.settings))
    (stale,) = folders(resources.settings)
    await resources.stores.interactions.append(
        [purchase("shopper-1", "sku-0003", int(stored.interactions.times.max()), "x")]
    )

    with pytest.raises(TrainingInterruptedError):
        await train_and_activate(resources.training, progress=killing(resources.settings))

    (fresh,) = folders(resources.settings)
    assert fresh != stale


async def test_damaged_work_is_thrown_away(resources: ServingResources) -> None:
    with pytest.raises(TrainingInterruptedError):
        await train_and_activate(resources.training, progress=killing(resources.settings))
    (folder,) = folders(resources.settings)
    (folder / "stage-neural.npz").write_bytes(b"half of a file")

    with pytest.raises(TrainingError, match="The current model stays"):
        await train_and_activate(resources.training)

    assert (await train_and_activate(resources.training)).status is SnapshotStatus.ACTIVE


async def test_events_of_the_future_wait(resources: ServingResources, stored: Dataset) -> None:
    before = await data_mark(resources.training)
    await resources.stores.interactions.append([purchase("shopper-1", "sku-0001", 4_000_000_000, "typo")])

    assert await data_mark(resources.training) == before
    assert before.interactions == len(stored.interactions.users)


async def test_an_empty_shop_is_told_to_import(settings: Settings, database: Database) -> None:
    assert database is not None
    async with open_serving(settings, start=False) as resources:
        with pytest.raises(BadInputError, match="no products to train on"):
            await train_and_activate(resources.training)


async def test_a_refresh_needs_a_model(resources: ServingResources) -> None:
    with pytest.raises(BadInputError, match="train one in full first"):
        await train_and_activate(resources.training, kind=TrainingKind.EMBEDDINGS)


async def buy_more(resources: ServingResources, stored: Dataset) -> None:
    """A week in which everybody buys three products of one category."""
    time = int(stored.interactions.times.max())
    bought = [
        purchase(
            f"shopper-{user}", f"sku-{(user % 8) + 8 * step:04d}", time + 86_400 * (1 + step), f"new-{user}-{step}"
        )
        for user in range(stored.interactions.n_users)
        for step in range(3)
    ]
    await resources.stores.interactions.append(bought)


async def test_embeddings_learn_from_new_events_alone(
    resources: ServingResources, stored: Dataset, models: Path
) -> None:
    first = await trained(resources, models)

    unchanged = await train_and_activate(resources.training, kind=TrainingKind.EMBEDDINGS)
    await buy_more(resources, stored)
    refreshed = await train_and_activate(resources.training, kind=TrainingKind.EMBEDDINGS)

    assert unchanged.version == first.version, "there was nothing to learn"
    assert refreshed.version != first.version
    assert (refreshed.kind, refreshed.parent, refreshed.current) == (TrainingKind.EMBEDDINGS, first.version, True)
    manifest = load(await resources.models.fetch(refreshed.version)).manifest
    assert manifest["parent"] == first.version
    again = await train_and_activate(resources.training, kind=TrainingKind.EMBEDDINGS)
    assert again.version == refreshed.version


async def test_new_products_appear_with_a_content_refresh(
    resources: ServingResources, stored: Dataset, models: Path
) -> None:
    first = await trained(resources, models)
    newcomer = replace(product(stored.catalogue, 8), id="newcomer", sku="newcomer")
    await resources.stores.catalog.upsert([newcomer])

    refreshed = await train_and_activate(resources.training, kind=TrainingKind.CONTENT)

    assert (refreshed.products, refreshed.parent, refreshed.current) == (first.products + 1, first.version, True)
    await resources.models.refresh()
    alike = await resources.neighbours.of([newcomer.id], Scenario.SIMILAR, 5)
    assert stored.catalogue.ids[8] in [one.id for one in alike[0]]


async def test_a_worse_model_is_kept_inactive_and_says_why(resources: ServingResources, models: Path) -> None:
    good = await trained(resources, models)
    blind = with_model(
        resources.settings, weight_collaborative=0.0, weight_content=0.0, weight_neural=0.0, weight_contextual=1.0
    )

    async with open_serving(blind, start=False) as worse:
        rejected = await train_and_activate(worse.training)
        current = await worse.stores.snapshots.current()

    assert rejected.status is SnapshotStatus.REJECTED
    assert rejected.rejection
    assert "worse by more than the margin of 5%" in rejected.rejection
    assert rejected.metrics["guard.ndcg@10"] < rejected.metrics["guard.current.ndcg@10"]
    assert current
    assert current.version == good.version
    listed = {one.version: one for one in await resources.models.recent()}
    assert listed[rejected.version].rejection == rejected.rejection
    assert listed[good.version].status is SnapshotStatus.ACTIVE


async def whybuy(settings: Settings, *arguments: str, **environment: str) -> tuple[int, str]:
    """A command's exit status and what it said, on either output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "devstack", *arguments,
        env=environment_of(settings) | environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


def environment_of(settings: Settings) -> dict[str, str]:
    return os.environ | {
        "MONGODB_URI": settings.mongo.uri or "",
        "MONGODB_DATABASE": settings.mongo.database,
        "REDIS_URL": settings.redis.url or "",
        "REDIS_PREFIX": settings.redis.prefix,
        "MODEL_CACHE_DIR": str(settings.model.cache_dir),
        "WHYBUY_DATA_DIR": str(settings.model.cache_dir.parent / "stack"),
    }


@pytest.mark.slow
async def test_the_command_line_trains_lists_and_goes_back(resources: ServingResources, models: Path) -> None:
    settings = resources.settings
    good = await trained(resources, models)
    blind = {f"MODEL_WEIGHT_{name}": "0" for name in ("COLLABORATIVE", "CONTENT", "NEURAL")}

    status, said = await whybuy(settings, "train", **blind)
    assert status == 1
    assert "is kept inactive: NDCG@10 is" in said
    _, listed = await whybuy(settings, "models", COLUMNS="200")
    assert "REJECTED" in listed
    assert "ACTIVE" in listed
    status, _ = await whybuy(settings, "train", "--no-guard", **blind)
    current = await resources.stores.snapshots.current()
    assert status == 0
    assert current
    assert current.version != good.version
    status, said = await whybuy(settings, "activate", good.version)
    current = await resources.stores.snapshots.current()
    assert (status, current.version if current else None) == (0, good.version)
    status, said = await whybuy(settings, "activate", "nonsense")
    assert status == 1
    assert "No model has the id 'nonsense'" in said


def trainers_of(pid: int) -> list[int]:
    """The training processes of a worker; multiprocessing's resource tracker is no matter."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in path.read_text().split()]
    return [child for child in found if b"spawn_main" in command_of(child)]


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def interrupted(resources: ServingResources, number: signal.Signals) -> list[int]:
    """Has a worker train until a stage is done, ends it by the signal, and returns its training processes."""
    settings = resources.settings
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "workers", env=environment_of(settings) | {"OPENBLAS_NUM_THREADS": "1"}
    )

    async def half_way() -> bool:
        return bool(stages(settings))

    try:
        await until(half_way, "the first of its stages")
        trainers = trainers_of(worker.pid)
        if number is signal.SIGTERM:
            for trainer in trainers:
                os.kill(trainer, signal.SIGSTOP)  # else it might be done before the worker stops waiting for it
    finally:
        worker.send_signal(number)
        await worker.wait()
    return trainers


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_training_outlives_its_worker(settings: Settings, database: Database, number: signal.Signals) -> None:
    await stock(database, SLOW_SHAPE)
    async with open_serving(settings, start=False) as resources:
        job = await resources.jobs.start(TrainModel(TrainingKind.FULL, seed=5))

        async def record() -> JobRecord:
            found = await resources.jobs.get(job.id)
            assert found
            return found

        async def done() -> bool:
            return (await record()).state is JobState.SUCCEEDED

        trainers = await interrupted(resources, number)

        async def alone() -> bool:
            return not any(command_of(trainer) for trainer in trainers)

        assert trainers
        await until(alone, "the training process to end with its worker")
        assert (await record()).state is (JobState.QUEUED if number is signal.SIGTERM else JobState.RUNNING)
        with capture_logs() as logs:
            async with working(settings):
                await until(done, "another worker to finish the training", 400)
        ended = await record()
        assert (ended.progress, ended.attempt) == (1.0, 2)
        assert ended.result
        assert kept(logs)
