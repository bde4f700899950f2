"""`whybuy evaluate` from the outside: what it says, what it writes, and that its numbers can be had again."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import sys
from statistics import mean
from typing import TYPE_CHECKING, Any

import pytest

from devstack.evaluation.command import PROTOCOLS
from scoring.evaluation.baselines import BASELINES
from tests.devstack.evaluation.conftest import whybuy

if TYPE_CHECKING:
    from pathlib import Path

QUICK = (
    "--seeds",
    "1",
    "--only",
    "popularity",
    "--only",
    "EASE",
    "--only",
    "own frequency",
    "--only",
    "TF-IDF content",
)


def evaluate(folder: Path, protocol: str, out: Path, *options: str | Path) -> dict[str, Any]:
    """The report of a run that must succeed."""
    files = ("--interactions", folder / "interactions.csv", "--products", folder / "products.csv")
    result = whybuy("evaluate", *files, "--protocol", protocol, "--out", out, *options)
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return report


def metric(report: dict[str, Any], model: str, name: str = "ndcg@10") -> float:
    found = next(one for one in report["models"] if one["name"] == model)
    value: float = found["metrics"][name]["value"]
    return value


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_is_reported(protocol: str, purchases: Path, tmp_path: Path) -> None:
    report = evaluate(purchases, protocol, tmp_path, *QUICK)
    names = {model["name"] for model in report["models"]}
    if protocol == "new-items":
        assert names == {"TF-IDF content", "random (expected)"}
        assert "nobody has taken these" in report["skipped"]["EASE"]
    else:
        assert {"popularity", "EASE", "TF-IDF content"} <= names
        assert ("own frequency" in names) == (protocol == "next-basket")
        assert report["best_baseline"] == max(names, key=lambda name: metric(report, name))
    assert all(0 <= one["metrics"]["ndcg@10"]["value"] <= 1 for one in report["models"])
    assert report["data"]["interactions"] == 3000


def test_there_is_something_to_learn_in_a_made_up_shop(purchases: Path, tmp_path: Path) -> None:
    report = evaluate(purchases, "leave-last-out", tmp_path, *QUICK)
    assert metric(report, "TF-IDF content") > 1.2 * metric(report, "popularity")
    assert metric(report, "EASE") > metric(report, "popularity")


def test_the_dump_gives_the_reported_numbers_again(purchases: Path, tmp_path: Path) -> None:
    dump = tmp_path / "lists.jsonl"
    options = ("--seeds", "2", "--only", "whybuy", "--only", "EASE", "--dump", dump, "--dump-all")
    report = evaluate(purchases, "next-basket", tmp_path, *options)
    lines = [json.loads(line) for line in dump.read_text(encoding="utf-8").splitlines()]

    for model in ("whybuy", "EASE"):
        own = [line for line in lines if line["model"] == model]
        assert metric(report, model) == pytest.approx(mean(ndcg(line["ranked"][:10], line["held"]) for line in own))
        recalls = [len({*line["ranked"][:20]} & {*line["held"]}) / len(line["held"]) for line in own]
        assert metric(report, model, "recall@20") == pytest.approx(mean(recalls))
        assert all(line["scores"] == sorted(line["scores"], reverse=True) for line in own)
        assert all(len({*line["ranked"]}) == len(line["ranked"]) == 100 for line in own)
    assert {(line["model"].split(":")[0], line["seed"]) for line in lines} == {
        (model, seed) for model in ("whybuy", "EASE") for seed in (0, 1)
    }
    keys = [(line["model"], line["seed"], line["user"]) for line in lines]
    assert len({*keys}) == len(keys)


def ndcg(ranked: list[str], held_out: list[str]) -> float:
    gain = sum(1 / math.log2(index + 2) for index, product in enumerate(ranked) if product in held_out)
    return gain / sum(1 / math.log2(index + 2) for index in range(min(10, len(held_out))))


def test_the_product_is_compared_and_its_scores_are_checked(purchases: Path, tmp_path: Path) -> None:
    options = ("--seeds", "1", "--only", "whybuy", "--only", "popularity")
    report = evaluate(purchases, "temporal", tmp_path, *options)
    against = report["comparisons"][0]
    assert against["against"] == report["best_baseline"] == "popularity"
    assert against["ndcg@10"]["ratio"] == pytest.approx(metric(report, "whybuy") / metric(report, "popularity"))
    assert against["ndcg@10"]["low"] <= against["ndcg@10"]["ratio"] <= against["ndcg@10"]["high"]
    shown = sum(part["shown"] for part in report["reliability"])
    assert shown == 10 * report["data"]["cases"]
    assert 0 <= report["calibration_error"] < 1
    assert all(0 <= part["mean_score"] <= 1 for part in report["reliability"])
    assert {"product", "component", "baseline"} == {model["kind"] for model in report["models"]}
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| popularity * |" in page
    assert all((tmp_path / f"{name}.{kind}").exists() for name in report["plots"] for kind in ("png", "svg"))
    assert report["plots"] == ["history-length", "reliability", "coverage"]


@pytest.mark.parametrize("kind", ["clicks", "ratings"])
def test_bare_clicks_and_ratings_are_enough(kind: str, tmp_path: Path) -> None:
    bare = ("--no-text", "--no-prices", "--no-categories")
    size = ("--products", "100", "--users", "60", "--interactions", "2000", "--kind", kind)
    whybuy("synthesize", *size, *bare, "--out", tmp_path)
    options = ("--protocol", "leave-last-out", "--seeds", "1", "--json", "--out", tmp_path)
    names = [value for kind in ("whybuy", "EASE", "TF-IDF content") for value in ("--only", kind)]
    result = whybuy("evaluate", "--interactions", tmp_path / "interactions.csv", *options, *names)
    report = json.loads(result.stdout)
    assert report["data"]["products_without_a_row"] == report["data"]["products"]
    assert metric(report, "whybuy", "coverage@10") > 0
    assert "no two products share" in report["skipped"]["TF-IDF content"]


def test_one_seed_gives_the_same_report_again(purchases: Path, tmp_path: Path) -> None:
    first, second = (evaluate(purchases, "cold-users", tmp_path, *QUICK) for _ in range(2))
    assert [model["metrics"] for model in first["models"]] == [model["metrics"] for model in second["models"]]


def test_fewer_users_can_be_tested(purchases: Path, tmp_path: Path) -> None:
    report = evaluate(purchases, "leave-last-out", tmp_path, *QUICK, "--max-users", "7")
    assert report["data"]["cases"] == 7


@pytest.mark.parametrize(
    "said", ["is not installed. Install it with: pip install 'whybuy[evaluate]'", "cannot be loaded"]
)
def test_without_plots_the_true_reason_is_said(
    said: str, purchases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "installed" in said:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    else:
        monkeypatch.setitem(sys.modules, "matplotlib", None)  # importing it fails
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    options = ("--protocol", "temporal", "--seeds", "1", "--only", "popularity", "--out", tmp_path)
    result = whybuy("evaluate", "--interactions", purchases / "interactions.csv", *options)
    assert result.exit_code == 0
    assert f"No plots: matplotlib {said}" in " ".join(result.output.split()).replace("is installed, but ", "")
    assert not list(tmp_path.glob("*.png"))


def test_errors_say_what_to_do(purchases: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.csv"
    few.write_text("user_id,product_id,timestamp\nanna,tea,1700000000\n", encoding="utf-8")
    protocol = ("--protocol", "next-basket", "--out", tmp_path / "out")
    given = ("--interactions", purchases / "interactions.csv")
    for arguments, status, said in (
        ((*protocol,), 2, "--interactions"),
        (("--demo", *given, *protocol), 2, "--demo"),
        (("--interactions", tmp_path / "no.csv", *protocol), 1, "No such file"),
        (("--interactions", few, *protocol), 1, "needs users with at least three shopping days"),
        ((*given, "--only", "Ease", *protocol), 2, "There is no model 'Ease'. Models: whybuy, popularity"),
        ((*given, "--dump", tmp_path / "no" / "d.jsonl", *protocol), 1, "cannot be written"),
        ((*given, "--protocol", "next-basket", "--out", few / "out"), 1, "--out"),
    ):
        result = whybuy("evaluate", *arguments)
        assert (result.exit_code, said in " ".join(result.output.split())) == (status, True), result.output


def test_refused_rows_are_counted_and_the_first_are_shown(purchases: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "interactions.csv"
    good = (purchases / "interactions.csv").read_text(encoding="utf-8")
    spoilt.write_text(good + "u1,p0000001,purchase,yesterday,1,b1\nu1,p0000001,bought,1700000000,1,b1\n", "utf-8")
    options = ("--protocol", "temporal", "--seeds", "1", "--only", "popularity", "--out", tmp_path)
    result = whybuy("evaluate", "--interactions", spoilt, *options)
    said = " ".join(result.output.split())
    assert "2 of 3,002 rows refused." in said
    assert "under 1 seed," in said
    assert re.search(r"reading interactions.* bytes", said)
    assert "line 3002: timestamp: Unix seconds or RFC 3339" in said


def test_what_is_refused_is_said_where_it_leaves_nobody_to_test(tmp_path: Path) -> None:
    spoilt = tmp_path / "interactions.csv"
    rows = [f"u{row % 9},p{row % 7},rating,{1_700_000_000 + 90_000 * row},\n" for row in range(80)]
    spoilt.write_text("user_id,product_id,type,timestamp,rating\n" + "".join(rows), "utf-8")

    result = whybuy("evaluate", "--interactions", spoilt, "--protocol", "leave-last-out", "--out", tmp_path)

    said = " ".join(result.output.split())
    assert result.exit_code == 1
    assert "Nobody can be tested" in said
    assert "80 of 80 rows refused. line 2 and 79 more: " in said


def test_a_file_of_another_program_is_read_as_an_import_reads_it(purchases: Path, tmp_path: Path) -> None:
    """Semicolons are found out, another name is told, a column that means nothing is ignored and named."""
    lines = (purchases / "interactions.csv").read_text(encoding="utf-8").splitlines()
    header = lines[0].replace("user_id", "customer").replace(",", ";")
    rows = [f"{line.replace(',', ';')};north" for line in lines[1:]]
    foreign = tmp_path / "orders.csv"
    foreign.write_text("\n".join([f"{header};warehouse", *rows]), "utf-8")

    options = ("--protocol", "temporal", "--seeds", "1", "--only", "popularity", "--out", tmp_path)
    result = whybuy("evaluate", "--interactions", foreign, "--map", "user_id=customer", *options)

    said = " ".join(result.output.split())
    assert result.exit_code == 0, said
    assert "3,000 interactions" in said
    assert "0 of 3,000 rows refused." in said
    assert "warehouse" in said


def test_a_run_that_measures_nothing_fails_and_says_why(purchases: Path, tmp_path: Path) -> None:
    options = ("--protocol", "new-items", "--seeds", "1", "--only", "EASE", "--out", tmp_path)
    result = whybuy("evaluate", "--interactions", purchases / "interactions.csv", *options)

    assert result.exit_code == 1
    assert "EASE was left out: it knows products by who took them" in " ".join(result.output.split())


def test_a_setting_with_nothing_to_learn_from_leaves_the_others(purchases: Path, tmp_path: Path) -> None:
    """Products with names alone: without their words, TF-IDF has an empty vocabulary."""
    named = tmp_path / "products.csv"
    names = [
        f"p{number:07d},{('red', 'blue')[number % 2]} {('tea', 'jam', 'oil')[number % 3]}" for number in range(1, 151)
    ]
    named.write_text("\n".join(["id,name", *names]), "utf-8")
    files = ("--interactions", purchases / "interactions.csv", "--products", named)
    options = ("--protocol", "leave-last-out", "--seeds", "1", "--only", "TF-IDF content", "--json", "--out", tmp_path)

    report = json.loads(whybuy("evaluate", *files, *options).stdout)

    assert not report["skipped"]
    assert metric(report, "TF-IDF content") > 0
    assert report["models"][0]["setting"]["words"]


def test_nothing_is_cut_in_a_pipe(purchases: Path, tmp_path: Path) -> None:
    options = (
        "--protocol",
        "temporal",
        "--seeds",
        "1",
        "--only",
        "whybuy",
        "--only",
        "EASE",
        "--out",
        tmp_path,
        "--full",
    )
    result = whybuy("evaluate", "--interactions", purchases / "interactions.csv", *options)

    tables = result.output[result.output.index("Results") :]
    assert "…" not in tables
    assert "whybuy: balanced" in tables
    assert len(max(tables.splitlines(), key=len)) > 100, "as wide as it has to be"


def test_an_interrupted_run_leaves_no_half_dump(
    purchases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("devstack.evaluation.dump.Dump.add", interrupted)
    options = ("--protocol", "temporal", "--only", "whybuy", "--dump", tmp_path / "d.jsonl", "--out", tmp_path / "out")
    result = whybuy("evaluate", "--interactions", purchases / "interactions.csv", *options)
    assert result.exit_code == 130
    assert not list(tmp_path.glob("*d.jsonl*"))


def test_help_shows_examples_and_every_protocol() -> None:
    said = whybuy("evaluate", "--help").output
    assert all(protocol in said for protocol in PROTOCOLS)
    assert "whybuy evaluate --demo --protocol temporal" in said
    assert "Examples:" in whybuy("synthesize", "--help").output


def test_names_of_baselines_are_different() -> None:
    assert len({kind.name for kind in BASELINES}) == len(BASELINES)
