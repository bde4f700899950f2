"""An evaluation measures the model that a shop would serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from devstack.evaluation.product import Product
from mongo_seed.files.dataset import read_files
from mongo_seed.files.importer import import_files
from scoring.evaluation.protocol import EvaluationProtocol
from shop.resources.training import open_training
from tests.devstack.evaluation.conftest import whybuy
from workers.training.pipeline import train_and_activate

if TYPE_CHECKING:
    from pathlib import Path

    from shop.settings import Settings
    from shop.store.database import Database

COLD = EvaluationProtocol.COLD_USERS


async def test_an_evaluation_trains_the_snapshot_of_a_shop_with_the_same_data(
    settings: Settings, database: Database, purchases: Path
) -> None:
    interactions, products = purchases / "interactions.csv", purchases / "products.csv"
    data = read_files(interactions, products)

    evaluated = Product.fit(data.dataset, data.keys, COLD, settings.model.seed, lambda _stage, _done: None)
    await import_files(database, interactions=interactions, products=products)
    async with open_training(settings) as resources:
        served = await train_and_activate(resources)

    assert served.version == evaluated.version[:16]


def test_the_report_names_the_snapshot_and_how_it_was_trained(purchases: Path, tmp_path: Path) -> None:
    options = ("--interactions", purchases / "interactions.csv", "--products", purchases / "products.csv")
    run = ("evaluate", *options, "--protocol", COLD, "--seeds", "1", "--no-baselines")

    as_served, tuned = (
        whybuy(*run, *more, "--out", tmp_path / name)
        for name, more in (("as-served", ()), ("tuned", ("--tuned-for-protocol",)))
    )

    reports = [orjson.loads((tmp_path / name / "report.json").read_bytes()) for name in ("as-served", "tuned")]
    assert [len(report["versions"][0]) for report in reports] == [64, 64]
    assert reports[0]["versions"] != reports[1]["versions"]
    assert "trained as a shop trains it" in as_served.output
    assert "trained for this protocol alone" in tuned.output
