"""What an evaluation found: one structure, shown on the terminal and written as JSON and Markdown."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from devstack.evaluation.measures import METRICS, RESAMPLES, Bootstrap, interval, ratio
from devstack.evaluation.product import Product
from mongo_seed.files.refusals import describe_refusals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from devstack.evaluation.run import CalibrationSample, Outcome, Results
    from mongo_seed.files.dataset import FileData, TableSummary

Report = dict[str, Any]

_BINS = 10
_UNCUT = 10_000  # columns
_HEADERS = {
    "ndcg@10": "NDCG@10",
    "hr@10": "HR@10",
    "recall@20": "Recall@20",
    "mrr@10": "MRR@10",
    "coverage@10": "coverage@10",
    "novelty@10": "novelty, bits",
}
AS_SERVED = "as a shop trains it: one model, whose plan for a list is chosen by the request"
TUNED = "for this protocol alone, which is not what a shop serves"
NOTES = (
    "The best baseline (*) is the one with the highest NDCG@10 on the test itself: a choice in its favour.",
    "Baselines were tuned on the validation split of the first seed by NDCG@10; no setting has seen the test.",
    "The whole catalogue is ranked, without products of the history except where repeats are to be found.",
    "Equal scores are ordered by a hash of user and product.",
    f"Intervals: 95 %, {RESAMPLES:,} paired bootstrap resamples over users, all seeds of one together (coverage: 200).",
)


def build(results: Results, data: FileData) -> Report:
    """The report as JSON-ready values; NaN becomes null when it is written."""
    bootstrap = Bootstrap(results.runs, results.n_items)
    averages = {
        name: {metric: bootstrap.averages(outcome.metrics, metric) for metric in METRICS}
        for name, outcome in results.outcomes.items()
    }
    best = _best(results, averages)
    return {
        "protocol": results.config.protocol.value,
        "data": _data(results, data),
        "seeds": list(range(results.config.seeds)),
        "trained": TUNED if results.config.tuned else AS_SERVED,
        "versions": results.versions,
        "best_baseline": best,
        "models": [_model(outcome, averages[name]) for name, outcome in results.outcomes.items()],
        "comparisons": _comparisons(results, averages),
        "skipped": results.skipped,
        "reliability": reliability(results.calibration),
        "calibration_error": calibration_error(results.calibration),
        "by_history_length": _by_length(results, best),
        "notes": [f"The product was trained {TUNED if results.config.tuned else AS_SERVED}.", *NOTES],
    }


def _best(results: Results, averages: dict[str, dict[str, Any]]) -> str | None:
    names = [name for name, outcome in results.outcomes.items() if outcome.kind == "baseline"]
    return max(names, key=lambda name: float(averages[name]["ndcg@10"][0]), default=None)


def _data(results: Results, data: FileData) -> Report:
    columns = data.dataset.interactions
    return {
        "users": columns.n_users,
        "products": results.n_items,
        "products_without_a_row": data.products_without_row,
        "interactions": len(columns.users),
        "cases": sum(map(len, results.runs)),
        "validation_cases": results.validation_users,
        "held_products": results.held_out,
        "candidates": results.candidates,
        "files": [
            {
                "file": str(table.file),
                "read_as": table.description,
                "rows": table.rows,
                "refused": table.refused,
                "reasons": [asdict(reason) for reason in table.refusals.reasons],
            }
            for table in data.tables
        ],
        "how_read": how_read(data.tables),
    }


def _model(outcome: Outcome, averages: dict[str, Any]) -> Report:
    return {
        "name": outcome.name,
        "kind": outcome.kind,
        "setting": outcome.setting,
        "settings_tried": outcome.tuned.tried if outcome.tuned else 0,
        "validation_ndcg@10": outcome.tuned.ndcg if outcome.tuned else None,
        "metrics": {metric: _interval(averages[metric]) for metric in METRICS},
        "fit_seconds": float(np.mean(outcome.fit_seconds)) if outcome.fit_seconds else None,
        "ms_per_user": float(np.median(outcome.milliseconds)) if outcome.milliseconds else None,
        "peak_mib": outcome.peak_mib or None,
    }


def _interval(averages: Any) -> Report:
    found = interval(averages)
    return {"value": found.value, "low": found.low, "high": found.high}


def _comparisons(results: Results, averages: dict[str, dict[str, Any]]) -> list[Report]:
    """The product against each baseline: ratios of every metric."""
    if Product.name not in averages:
        return []
    found = []
    for name, outcome in results.outcomes.items():
        if outcome.kind not in ("baseline", "chance"):
            continue
        row: Report = {"against": name}
        for metric in METRICS:
            one = ratio(averages[Product.name][metric], averages[name][metric])
            row[metric] = {"ratio": one.value, "low": one.low, "high": one.high}
        found.append(row)
    return found


def reliability(samples: Sequence[CalibrationSample]) -> list[Report]:
    """Calibrated scores of shown products against observed hits, in ten equally large parts by score."""
    if not samples:
        return []
    scores = np.concatenate([one.scores.ravel() for one in samples])
    hits = np.concatenate([one.hits.ravel() for one in samples])
    order = np.argsort(scores, kind="stable")
    return [
        {
            "from": float(scores[part[0]]),
            "to": float(scores[part[-1]]),
            "mean_score": float(scores[part].mean()),
            "observed": float(hits[part].mean()),
            "shown": len(part),
        }
        for part in np.array_split(order, _BINS)
        if len(part)
    ]


def calibration_error(samples: Sequence[CalibrationSample]) -> float | None:
    """Mean distance of score and share taken over the parts of `reliability`, weighted by size."""
    parts = reliability(samples)
    if not parts:
        return None
    weights = [part["shown"] for part in parts]
    return float(np.average([abs(part["mean_score"] - part["observed"]) for part in parts], weights=weights))


def _by_length(results: Results, best: str | None) -> list[Report]:
    """NDCG@10 of the product and the best baseline by the number of events in the history."""
    names = [name for name in (Product.name, best) if name in results.outcomes]
    lengths = np.concatenate(results.lengths)
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, 6)).astype(np.int64))
    parts = np.clip(np.searchsorted(edges, lengths, side="right") - 1, 0, max(len(edges) - 2, 0))
    values = {
        name: np.concatenate([run.values["ndcg@10"] for run in results.outcomes[str(name)].metrics]) for name in names
    }
    return [
        {
            "events_from": int(lengths[parts == part].min()),
            "events_to": int(lengths[parts == part].max()),
            "cases": int((parts == part).sum()),
            "ndcg@10": {str(name): float(own[parts == part].mean()) for name, own in values.items()},
        }
        for part in np.unique(parts)
    ]


def save(report: Report, folder: Path) -> None:
    """Writes report.json and report.md; each takes its name when it is complete."""
    for name, content in (
        ("report.json", orjson.dumps(report, option=orjson.OPT_INDENT_2)),
        ("report.md", markdown(report).encode()),
    ):
        part = folder / f".{name}.part"
        part.write_bytes(content)
        part.replace(folder / name)


def result_rows(report: Report) -> tuple[list[str], list[list[str]]]:
    """How many of the held-out products each model found, best first; a star marks the best baseline."""
    against = {row["against"]: row["ndcg@10"] for row in report["comparisons"]}
    metrics = ("ndcg@10", "hr@10", "recall@20", "mrr@10")
    header = ["model", *(_HEADERS[metric] for metric in metrics), "whybuy ÷ it"]
    rows = []
    for model in _best_first(report):
        star = " *" if model["name"] == report["best_baseline"] else ""
        values = [f"{model['metrics'][metric]['value']:.4f}" for metric in metrics]
        rows.append([f"{model['name']}{star}", *values, _ratio(against.get(model["name"]))])
    return header, rows


def cost_rows(report: Report) -> tuple[list[str], list[list[str]]]:
    """What else a model is like, and what it costs."""
    header = ["model", _HEADERS["coverage@10"], _HEADERS["novelty@10"], "fit, s", "ms/user", "peak MiB"]
    rows = [
        [
            model["name"],
            f"{model['metrics']['coverage@10']['value']:.4f}",
            f"{model['metrics']['novelty@10']['value']:.2f}",
            _plain(model["fit_seconds"], 1),
            _plain(model["ms_per_user"], 2),
            _plain(model["peak_mib"], 0),
        ]
        for model in _best_first(report)
    ]
    return header, rows


def _best_first(report: Report) -> list[Report]:
    return sorted(report["models"], key=lambda model: -model["metrics"]["ndcg@10"]["value"])


def comparison_rows(report: Report) -> tuple[list[str], list[list[str]]]:
    """All ratios, a row per baseline."""
    header = ["whybuy ÷", *(_HEADERS[metric] for metric in METRICS)]
    rows = [
        [row["against"], *(_ratio(row[metric]) for metric in METRICS)]
        for row in sorted(report["comparisons"], key=lambda row: row["ndcg@10"]["ratio"])
    ]
    return header, rows


def reliability_rows(report: Report) -> tuple[list[str], list[list[str]]]:
    """Scores against hits."""
    rows = [
        [
            f"{part['from']:.3f} to {part['to']:.3f}",
            f"{part['mean_score']:.4f}",
            f"{part['observed']:.4f}",
            f"{part['shown']:,}",
        ]
        for part in report["reliability"]
    ]
    if rows:
        sizes = [part["shown"] for part in report["reliability"]]
        means = [
            f"{np.average([part[name] for part in report['reliability']], weights=sizes):.4f}"
            for name in ("mean_score", "observed")
        ]
        rows.append([f"all (mean distance {report['calibration_error']:.4f})", *means, f"{sum(sizes):,}"])
    return ["score", "mean score", "taken", "shown"], rows


def length_rows(report: Report) -> tuple[list[str], list[list[str]]]:
    """NDCG@10 by history length."""
    parts = report["by_history_length"]
    names = list(parts[0]["ndcg@10"]) if parts else []
    rows = [
        [
            f"{part['events_from']:,} to {part['events_to']:,}",
            f"{part['cases']:,}",
            *(f"{part['ndcg@10'][name]:.4f}" for name in names),
        ]
        for part in parts
    ]
    return ["events in the history", "cases", *names], rows


def setting_rows(report: Report) -> tuple[list[str], list[list[str]]]:
    """What tuning chose."""
    rows = [
        [
            model["name"],
            ", ".join(f"{name} {value}" for name, value in model["setting"].items()),
            str(model["settings_tried"]),
            _plain(model["validation_ndcg@10"], 4),
        ]
        for model in report["models"]
        if model["setting"]
    ]
    return ["baseline", "setting", "tried", "validation NDCG@10"], rows


SECTIONS = (
    ("Results", result_rows),
    ("Variety and cost", cost_rows),
    ("The product against each baseline: ratios", comparison_rows),
    ("NDCG@10 by length of history", length_rows),
    ("Calibrated scores against what was taken", reliability_rows),
    ("Settings that tuning chose", setting_rows),
)


def summary(report: Report) -> str:
    """One paragraph on the data."""
    data = report["data"]
    text = (
        f"{data['interactions']:,} interactions of {data['users']:,} users with {data['products']:,} products; "
        f"{data['cases']:,} cases under {_counted(len(report['seeds']), 'seed')}, "
        f"{data['held_products']:,} products to be found "
        f"among {data['candidates']:,}"
    )
    if data["products_without_a_row"]:
        text += f"; {data['products_without_a_row']:,} products are known from interactions alone"
    skipped = [f"{name} was left out: {why}." for name, why in report["skipped"].items()]
    return "\n\n".join([f"{text}.", *data["how_read"], *skipped])


def how_read(tables: Sequence[TableSummary]) -> list[str]:
    """A paragraph for each file: as what it was read, what of it means nothing here, and what was refused and why."""
    return [" ".join(_how_read(table)) for table in tables]


def _how_read(table: TableSummary) -> list[str]:
    said = [f"{table.file} ({table.description}): {table.refused:,} of {_counted(table.rows, 'row')} refused."]
    said += [f"{reason.rstrip('.')}." for reason in describe_refusals(table.refusals)]
    return [*said, *([table.ignored] if table.ignored else [])]


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def markdown(report: Report) -> str:
    """The report as a page."""
    lines = [f"# Evaluation: {report['protocol']}", "", summary(report), ""]
    for title, section in SECTIONS:
        header, rows = section(report)
        if rows:
            lines += [f"## {title}", "", f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
            lines += [f"| {' | '.join(row)} |" for row in rows]
            lines.append("")
    lines += ["## How it was measured", "", *(f"- {note}" for note in report["notes"]), ""]
    for plot in report.get("plots", []):
        lines += [f"![{plot}]({plot}.png)", ""]
    return "\n".join(lines)


def show(report: Report, *, every: bool = False) -> None:
    """Prints the tables; `every` also the settings and the ratios of all metrics."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:  # a pipe has no edge at which to cut or to wrap
        console = Console(width=_UNCUT)
    console.print(f"\n[bold]{report['protocol']}[/bold]: {summary(report)}\n", highlight=False)
    for title, section in SECTIONS:
        header, rows = section(report)
        if not rows or (section in (comparison_rows, setting_rows) and not every):
            continue
        table = Table(
            title=title,
            title_justify="left",
            title_style="bold",
            box=SIMPLE_HEAD,
            pad_edge=False,
            collapse_padding=True,
        )
        for column, name in enumerate(header):
            table.add_column(name, justify="left" if column == 0 else "right", no_wrap=True)
        for row in rows:
            ours = row[0].split(" ")[0].rstrip(":") == Product.name
            table.add_row(*row, style="bold" if ours else None)
        console.print(table)
    for note in report["notes"]:
        console.print(f"• {note}", style="dim", highlight=False)


def _plain(value: float | None, digits: int) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:,.{digits}f}"


def _ratio(found: Report | None) -> str:
    if found is None or math.isnan(found["ratio"]):
        return "–"
    if math.isnan(found["low"]):
        return f"{found['ratio']:.2f}"
    return f"{found['ratio']:.2f} ({found['low']:.2f}–{found['high']:.2f})"
