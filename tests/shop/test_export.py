"""The export: all that is in the store, in chunks, and no chunk twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from shop.entities.corrections import Correction
from shop.entities.users import Actor, User
from shop.services import export as exporting
from shop.services.export import export, key_of, read_export
from shop.store.audit import AuditStore
from shop.store.catalog import CatalogStore
from shop.store.corrections import CorrectionStore
from shop.store.insights import InsightStore
from shop.store.interactions import InteractionStore
from shop.store.session_owners import SessionOwnerStore
from tests.fixtures.small_shop import purchase, stock

if TYPE_CHECKING:
    from pathlib import Path

    from scoring.data.dataset import Dataset
    from shop.services.export import Exported
    from shop.store.database import Database


class BreakOffError(Exception):
    """Stands for whatever ends an export."""


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "INTERACTIONS_PER_CHUNK", 1_000)
    monkeypatch.setattr(exporting, "PRODUCTS_PER_CHUNK", 50)


async def write(database: Database, folder: Path, until: datetime | None = None) -> Exported:
    await export(CatalogStore(database), InteractionStore(database), folder, until)
    return read_export(folder)


def events(dataset: Dataset) -> Counter[tuple[str, int, int]]:
    """What was bought when, and in how large an order: the same however shoppers and orders are numbered."""
    columns = dataset.interactions
    sizes = Counter(columns.orders.tolist())
    ids = dataset.catalogue.ids
    return Counter(
        (ids[item], time, sizes[order])
        for item, time, order in zip(
            columns.items.tolist(), columns.times.tolist(), columns.orders.tolist(), strict=True
        )
    )


def changed(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.glob("*.npz")}


async def test_an_export_holds_what_is_in_the_store(database: Database, tmp_path: Path) -> None:
    stored = await stock(database)

    exported = (await write(database, tmp_path)).dataset

    assert exported.catalogue.ids == stored.catalogue.ids
    assert exported.catalogue.names == stored.catalogue.names
    assert exported.catalogue.categories == stored.catalogue.categories
    assert exported.catalogue.tags == stored.catalogue.tags
    np.testing.assert_allclose(exported.catalogue.prices, stored.catalogue.prices, atol=0.006)
    assert exported.interactions.n_users == stored.interactions.n_users
    assert events(exported) == events(stored)
    assert (np.diff(exported.interactions.times) >= 0).all()


async def test_an_interrupted_export_goes_on_from_its_last_chunk(database: Database, tmp_path: Path) -> None:
    await stock(database)
    whole = await write(database, tmp_path / "whole")

    async def break_off(_stage: str, done: float) -> None:
        if done > 0.4:
            raise BreakOffError

    stores = CatalogStore(database), InteractionStore(database)
    with pytest.raises(BreakOffError):
        await export(*stores, tmp_path / "broken", progress=break_off)
    before = changed(tmp_path / "broken")
    resumed = await write(database, tmp_path / "broken")

    assert len(before) > 4
    assert len(changed(tmp_path / "broken")) > len(before)
    assert changed(tmp_path / "broken").items() >= before.items(), "no chunk was written twice"
    np.testing.assert_array_equal(resumed.keys, whole.keys)
    for name in ("users", "items", "events", "times", "quantities", "orders"):
        np.testing.assert_array_equal(
            getattr(resumed.dataset.interactions, name), getattr(whole.dataset.interactions, name), err_msg=name
        )


async def test_what_came_later_or_has_no_product_is_left_out(database: Database, tmp_path: Path) -> None:
    stored = await stock(database)
    latest = int(stored.interactions.times.max())
    await InteractionStore(database).append(
        [purchase("shopper-1", "sku-0001", latest + 60, "late"), purchase("shopper-1", "gone", latest - 60, "gone")]
    )

    exported = await write(database, tmp_path, datetime.fromtimestamp(latest, UTC))

    assert len(exported.dataset.interactions.users) == len(stored.interactions.users)


async def test_what_a_shopper_left_out_is_not_learned_from_until_it_counts_again(
    database: Database, tmp_path: Path
) -> None:
    stored = await stock(database)
    columns = stored.interactions
    mine = columns.users == columns.users[-1]
    user = User(f"shopper-{columns.users[-1]}")
    actor, interactions = Actor(user_id=user.id), InteractionStore(database)
    corrections = CorrectionStore(database, InsightStore(database), AuditStore(database))
    events_of_mine = {event.id: event.product_id async for event in interactions.all(actor)}
    assert len(events_of_mine) == mine.sum() > 3
    unchanged = await corrections.newest_change()

    await corrections.apply(actor, user, events_of_mine, (), Correction())
    without = await write(database, tmp_path / "without")
    changed_once = await corrections.newest_change()
    first, *_ = events_of_mine
    await corrections.apply(actor, user, {}, (first,), Correction())
    with_one = await write(database, tmp_path / "with one")

    assert len(without.dataset.interactions.users) == len(columns.users) - mine.sum()
    assert len(without.keys) == len(np.unique(columns.users)) - 1, "the others are all there"
    assert len(with_one.dataset.interactions.users) == len(without.dataset.interactions.users) + 1
    # a training that was interrupted before an edit does not go on with the old data
    assert unchanged is None
    assert changed_once != await corrections.newest_change()


async def test_a_session_is_learned_from_as_the_users_whose_it_is(database: Database, tmp_path: Path) -> None:
    stored = await stock(database)
    time = int(stored.interactions.times.max())
    bought = purchase("nobody", "sku-0001", time, "visit")
    visits = [replace(bought, actor=Actor(session_id=session)) for session in ("of-1", "nobodys")]
    await InteractionStore(database).append(visits)
    before = await write(database, tmp_path / "before")

    assert await SessionOwnerStore(database).claim("of-1", "shopper-1") == "shopper-1"
    after = await write(database, tmp_path / "after")

    assert len(after.keys) == len(before.keys) - 1
    row = int(np.flatnonzero(after.keys == key_of("u:shopper-1"))[0])
    own = (stored.interactions.users == 1).sum()
    assert (after.dataset.interactions.users == row).sum() == own + 1


async def test_shoppers_keep_their_keys(database: Database, tmp_path: Path) -> None:
    """The guard's shoppers are the same ones at every training."""
    stored = await stock(database)
    before = await write(database, tmp_path / "before")
    time = int(stored.interactions.times.max()) + 60
    await InteractionStore(database).append([purchase("newcomer", "sku-0001", time, "first")])

    after = await write(database, tmp_path / "after")

    assert len(after.keys) == len(before.keys) + 1
    assert np.isin(before.keys, after.keys).all()


async def test_an_empty_shop_is_an_empty_data_set(database: Database, tmp_path: Path) -> None:
    exported = await write(database, tmp_path)

    assert len(exported.dataset.catalogue) == 0
    assert len(exported.dataset.interactions.users) == 0
