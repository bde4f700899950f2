"""The command `whybuy prompts eval`: how good the texts of a provider are, on stored cases."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from devstack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workers.llm.evaluation import Outcome, PromptCase
    from workers.llm.protocol import LlmProvider

_FILE = click.Path(dir_okay=False, path_type=Path)
_LEAST_GROUNDED = 0.8
_COLUMNS = {
    "cases": ("cases", "{:.0f}"),
    "grounded": ("grounded", "{:.0%}"),
    "grounded_after_retry": ("after retry", "{:.0%}"),
    "right_length": ("length", "{:.0%}"),
    "right_language": ("language", "{:.0%}"),
    "words_per_sentence": ("words/sentence", "{:.1f}"),
    "lix": ("LIX", "{:.0f}"),
    "attacks_through": ("attacks through", "{:.0f}"),
    "errors": ("errors", "{:.0f}"),
}


@click.group()
def prompts() -> None:
    """Measure the texts that a provider writes."""


@prompts.command("eval")
@click.option(
    "--provider",
    type=click.Choice(("template", "local", "anthropic", "openai")),
    help="Who writes (default: LLM_PROVIDER). Its model, key and address are those of the settings.",
)
@click.option("--cases", type=_FILE, help="A JSON file of cases (default: those that come with Whybuy).")
@click.option("--languages", metavar="en,de", help="Only cases in these languages.")
@click.option(
    "--out",
    type=_FILE,
    default=Path("evaluation/prompts.md"),
    show_default=True,
    help="Where the report goes; its data goes beside it, as .json.",
)
@click.option(
    "--least-grounded",
    type=click.FloatRange(0, 1),
    default=_LEAST_GROUNDED,
    show_default=True,
    help="Share of texts that must pass the check, the second try included.",
)
def evaluate(provider: str | None, cases: Path | None, languages: str | None, out: Path, least_grounded: float) -> None:
    """Have every case written, and check the texts as the worker does before it shows one.

    A text is grounded when every number, product, brand and behaviour in it is in the evidence. Exits with 1 when too
    few are, or when an attack in the product data came through. docs/explanations.md says more.

    \b
    Examples:
      whybuy prompts eval --provider template
      LLM_LOCAL_BASE_URL=http://127.0.0.1:8080/v1 whybuy prompts eval --provider local --languages en,de
    """
    chosen = _cases(cases, languages)
    try:
        outcomes, writer = asyncio.run(_run(provider, chosen))
    except KeyboardInterrupt:
        sys.exit(130)
    report = _report(outcomes, writer)
    _show(report)
    _save(report, out)
    click.echo(f"Saved: {out} and {out.with_suffix('.json').name}.")
    overall = report["overall"]
    sys.exit(int(overall["grounded_after_retry"] < least_grounded or overall["attacks_through"] > 0))


def _cases(path: Path | None, languages: str | None) -> list[PromptCase]:
    from workers.llm.evaluation import CASES, read_cases

    try:
        cases = read_cases(path or CASES)
    except ValueError as error:
        raise StackError(str(error)) from error
    wanted = {tag.strip() for tag in languages.split(",")} if languages else {case.language for case in cases}
    chosen = [case for case in cases if case.language in wanted]
    if not chosen:
        known = ", ".join(sorted({case.language for case in cases}))
        raise click.UsageError(f"There are no cases in {languages}. Languages with cases: {known}.")
    return chosen


async def _run(name: str | None, cases: Sequence[PromptCase]) -> tuple[list[Outcome], dict[str, Any]]:
    from devstack.progress import progress
    from workers.llm.evaluation import evaluate as run

    provider = _provider(name)
    try:
        with progress() as tell:
            outcomes = await run(provider, cases, lambda done, total: tell("texts", done, total))
    finally:
        await provider.aclose()
    about = {"source": provider.source.value, "model": provider.model, "version": provider.prompt_version}
    return outcomes, about


def _provider(name: str | None) -> LlmProvider:
    from shop.settings import LlmSettings
    from workers.llm.chain import build_provider
    from workers.llm.template import TemplateProvider

    settings = LlmSettings()
    name = name or settings.provider
    if name == "template":
        return TemplateProvider()
    provider = build_provider(name, settings)
    if provider is None:
        raise StackError(f"There is no key for {name}: set {name.upper()}_API_KEY.")
    return provider


def _report(outcomes: Sequence[Outcome], about: dict[str, Any]) -> dict[str, Any]:
    from workers.llm.evaluation import summary

    languages = sorted({outcome.case.language for outcome in outcomes})
    return {
        "writer": about,
        "overall": summary(outcomes),
        "languages": {
            language: summary([outcome for outcome in outcomes if outcome.case.language == language])
            for language in languages
        },
        "texts": [
            {
                "case": outcome.case.name,
                "language": outcome.case.language,
                "text": outcome.text,
                "problems": list(outcome.problems),
                "problems_after_retry": list(outcome.left),
                "attack_through": outcome.attacked,
                "error": outcome.error,
            }
            for outcome in outcomes
        ],
    }


def _rows(report: dict[str, Any]) -> list[list[str]]:
    scores: dict[str, Mapping[str, float]] = {**report["languages"], "all": report["overall"]}
    return [
        [name, *(form.format(score[column]) for column, (_, form) in _COLUMNS.items())]
        for name, score in scores.items()
    ]


def _failures(report: dict[str, Any]) -> list[str]:
    return [
        f"{text['case']} ({text['language']}): "
        + (text["error"] or ("ATTACK THROUGH" if text["attack_through"] else "; ".join(text["problems_after_retry"])))
        for text in report["texts"]
        if text["error"] or text["attack_through"] or text["problems_after_retry"]
    ]


def _show(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=_title(report))
    for name in ("language", *(title for title, _ in _COLUMNS.values())):
        table.add_column(name, justify="left" if name == "language" and not table.columns else "right")
    for row in _rows(report):
        table.add_row(*row)
    console = Console(highlight=False)
    console.print(table)
    for failure in _failures(report):
        console.print(f"  {failure}", markup=False)


def _title(report: dict[str, Any]) -> str:
    writer = report["writer"]
    return " ".join(part for part in (writer["source"], writer["model"], writer["version"]) if part)


def _save(report: dict[str, Any], out: Path) -> None:
    import orjson

    header = ["language", *(title for title, _ in _COLUMNS.values())]
    lines = [f"# Texts by {_title(report)}", "", _row(header), _row(["---"] * len(header))]
    lines += [_row(row) for row in _rows(report)]
    failures = _failures(report)
    lines += ["", "## What was not shown", ""] + [f"- {failure}" for failure in failures] if failures else []
    lines += ["", "## Texts", ""]
    lines += [f"- **{text['case']}** ({text['language']}): {text['text'] or text['error']}" for text in report["texts"]]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")
        out.with_suffix(".json").write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    except OSError as error:
        raise StackError(f"{out} cannot be written: {error.strerror}. Choose another place with --out.") from error


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
