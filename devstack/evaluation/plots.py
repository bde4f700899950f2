"""The report's pictures, where matplotlib is installed."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from devstack.evaluation.product import Product

if TYPE_CHECKING:
    from pathlib import Path

    from devstack.evaluation.report import Report

_OURS, _THEIRS = "#c1440e", "#5b6c7d"


def missing() -> str | None:
    """Why nothing can be drawn, None where it can."""
    if importlib.util.find_spec("matplotlib") is None:
        return "matplotlib is not installed. Install it with: pip install 'whybuy[evaluate]'"
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        return f"matplotlib is installed, but cannot be loaded: {error}"
    return None


def draw(report: Report, folder: Path) -> list[str]:
    """Draws what the report has numbers for, as PNG and SVG; the names without extension."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    drawn = []
    for name, plot in (("history-length", _lengths), ("reliability", _reliability), ("coverage", _coverage)):
        figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
        if plot(axes, report):
            for suffix in ("png", "svg"):
                figure.savefig(folder / f"{name}.{suffix}", dpi=144)
            drawn.append(name)
        pyplot.close(figure)
    return drawn


def _lengths(axes: Any, report: Report) -> bool:
    parts = report["by_history_length"]
    names = list(parts[0]["ndcg@10"]) if parts else []
    labels = [f"{part['events_from']}–{part['events_to']}\n({part['cases']} cases)" for part in parts]
    for name in names:
        values = [part["ndcg@10"][name] for part in parts]
        axes.plot(labels, values, marker="o", label=name, color=_OURS if name == Product.name else _THEIRS)
    axes.set(title=f"{report['protocol']}: by length of history", xlabel="events in the history", ylabel="NDCG@10")
    axes.set_ylim(bottom=0)
    if names:
        axes.legend(frameon=False)
    return bool(names)


def _reliability(axes: Any, report: Report) -> bool:
    parts = report["reliability"]
    scores, taken = [part["mean_score"] for part in parts], [part["observed"] for part in parts]
    most = max([*scores, *taken, 0.01])
    axes.plot([0, most], [0, most], linestyle=":", color=_THEIRS, label="score = share taken")
    axes.plot(scores, taken, marker="o", color=_OURS, label=Product.name)
    axes.set(title=f"{report['protocol']}: reliability", xlabel="mean calibrated score", ylabel="share taken")
    axes.legend(frameon=False)
    return bool(parts)


def _coverage(axes: Any, report: Report) -> bool:
    models = [model for model in report["models"] if model["kind"] != "component"]
    for model in models:
        ours = model["kind"] == "product"
        x, y = (model["metrics"][metric]["value"] for metric in ("coverage@10", "ndcg@10"))
        axes.scatter([x], [y], color=_OURS if ours else _THEIRS)
        axes.annotate(model["name"], (x, y), textcoords="offset points", xytext=(5, 3), fontsize=8)
    axes.set(title=f"{report['protocol']}: quality and coverage", xlabel="coverage@10", ylabel="NDCG@10")
    axes.margins(x=0.2)
    return bool(models)
