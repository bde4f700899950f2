"""The commands `whybuy evaluate` and `whybuy synthesize`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from devstack.errors import StackError
from mongo_seed.files.options import parsed_options, reading_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devstack.evaluation.report import Report
    from devstack.evaluation.run import EvaluationConfig, Results
    from mongo_seed.files.dataset import FileData
    from scoring.evaluation.baselines import Baseline

PROTOCOLS = ("leave-last-out", "next-basket", "temporal", "cold-users", "new-items")
_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)

_EVALUATE_HELP = """Measure recommendations on your own data, from files alone: no database, no server.

The product is trained as a shop trains it, on what the protocol leaves, and asked for what was hidden. The baselines
of the literature are tuned on a validation split. docs/evaluation.md says how to read the report, docs/data.md lists
the columns.

\b
  leave-last-out   the last newly met product of each user with five or more
  next-basket      all products of each user's last shopping day, repeats too
  temporal         products new to the user in the last fifth of the time
  cold-users       the next five products of users of whom three are known
  new-items        products first met in the last fifth of the time, among themselves

\b
Examples:
  whybuy evaluate --demo --protocol temporal
  whybuy evaluate --interactions i.csv --products p.csv --protocol leave-last-out
  whybuy evaluate --interactions clicks.jsonl.gz --protocol next-basket --max-users 500
  whybuy evaluate --interactions i.csv --protocol cold-users --only whybuy --only EASE
"""


@click.command(help=_EVALUATE_HELP)
@click.option("--interactions", type=_FILE, help="Interactions (.csv, .jsonl, either with .gz).")
@click.option("--products", type=_FILE, help="Products; without it they have an id and nothing else.")
@reading_options
@click.option("--demo", is_flag=True, help="The demo shop's data instead of files (needs whybuy[demo]).")
@click.option("--protocol", type=click.Choice(PROTOCOLS), required=True, help="What is hidden and to be found.")
@click.option("--seeds", type=click.IntRange(1, 100), default=3, show_default=True, help="Trainings, pooled.")
@click.option("--max-users", type=click.IntRange(min=1), metavar="N", help="Test N users only, drawn evenly.")
@click.option("--tuned-for-protocol", is_flag=True, help="Choose the product's plan for this protocol alone.")
@click.option("--no-baselines", is_flag=True, help="The product alone.")
@click.option("--only", multiple=True, metavar="NAME", help="Only this model; may be repeated.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Of the numerical libraries.")
@click.option("--out", type=_FOLDER, help="Where the report goes (default: ./evaluation/<protocol>).")
@click.option("--dump", type=_FILE, help="Write the product's 100 best of every user, as JSON lines.")
@click.option("--dump-all", is_flag=True, help="With --dump: the lists of every model.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, and progress on stderr.")
@click.option("--full", is_flag=True, help="Print the ratios of all metrics and the chosen settings too.")
def evaluate(**options: Any) -> None:
    try:
        _evaluate(**options)
    except KeyboardInterrupt:
        sys.exit(130)


def _evaluate(  # noqa: PLR0913
    *,
    interactions: Path | None,
    products: Path | None,
    demo: bool,
    protocol: str,
    seeds: int,
    max_users: int | None,
    tuned_for_protocol: bool,
    no_baselines: bool,
    only: tuple[str, ...],
    threads: int,
    out: Path | None,
    dump: Path | None,
    dump_all: bool,
    as_json: bool,
    full: bool,
    **reading: Any,
) -> None:
    if demo == (interactions is not None) or (demo and products):
        raise click.UsageError("Name a file with --interactions (and --products), or say --demo.")
    # Loaded before the limit is set, which holds only for libraries that are there.
    import scipy.linalg  # noqa: F401
    import sklearn.decomposition  # noqa: F401
    from threadpoolctl import threadpool_limits

    from devstack.evaluation.run import EvaluationConfig
    from scoring.evaluation.protocol import EvaluationProtocol

    chosen = [] if no_baselines else _models(only)
    config = EvaluationConfig(
        EvaluationProtocol(protocol),
        seeds,
        max_users,
        chosen,
        product=not only or "whybuy" in only,
        tuned=tuned_for_protocol,
    )
    folder = _folder(out or Path("evaluation") / protocol)
    with threadpool_limits(limits=threads):
        data = _read(interactions, products, reading)
        results = _results(data, config, dump, dump_all=dump_all, err=as_json)
        report = _report(results, data, folder)
    _print(report, folder, as_json=as_json, full=full)


def _models(only: Sequence[str]) -> list[type[Baseline]]:
    """The baselines of these names, all without a name. Raises a usage error for a name that is none."""
    from devstack.evaluation.models import all_baselines

    known = {kind.name: kind for kind in all_baselines()}
    for name in only:
        if name not in (*known, "whybuy"):
            raise click.UsageError(f"There is no model {name!r}. Models: whybuy, {', '.join(known)}.")
    return [known[name] for name in known if not only or name in only]


def _folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StackError(f"{folder} cannot be made: {error.strerror}. Choose another place with --out.") from error
    return folder


def _read(interactions: Path | None, products: Path | None, reading: dict[str, Any]) -> FileData:
    from mongo_seed.console import progress_display
    from mongo_seed.files.dataset import read_demo, read_files

    if interactions is None:
        return read_demo()
    with progress_display(in_bytes=True) as report:
        return read_files(interactions, products, report, parsed_options(reading))


def _results(data: FileData, config: EvaluationConfig, dump: Path | None, *, dump_all: bool, err: bool) -> Results:
    from devstack.evaluation.dump import Dump
    from devstack.evaluation.product import Product
    from devstack.evaluation.report import how_read
    from devstack.evaluation.run import evaluate as run
    from devstack.progress import progress
    from shop.errors import BadInputError

    watched = (sys.stderr if err else sys.stdout).isatty()
    with ExitStack() as stack:
        report = stack.enter_context(progress(together=True, err=err))
        file = stack.enter_context(Dump(dump, data.users, data.dataset.catalogue.ids)) if dump else None

        def show(stage: str, detail: str, done: int, total: int) -> None:
            report(f"{stage}: {detail}" if watched and detail else stage, done, total)

        def keep(model: str, *rest: Any) -> None:
            if file is not None and (dump_all or model == Product.name):
                file.add(model, *rest)

        try:
            return run(data.dataset, data.keys, config, show, keep)
        except BadInputError as error:
            raise StackError("\n".join([error.message, *how_read(data.tables)])) from error


def _report(results: Results, data: FileData, folder: Path) -> Report:
    from devstack.evaluation import plots
    from devstack.evaluation.report import build, save

    report = build(results, data)
    if not any(model["kind"] != "chance" for model in report["models"]):
        reasons = "".join(f"\n{name} was left out: {why}." for name, why in results.skipped.items())
        raise StackError(f"Nothing was measured: none of the models can learn from this data.{reasons}")
    report["no_plots"] = plots.missing()
    report["plots"] = [] if report["no_plots"] else plots.draw(report, folder)
    save(report, folder)
    return report


def _print(report: Report, folder: Path, *, as_json: bool, full: bool) -> None:
    import orjson

    from devstack.evaluation.models import IMPLICIT, has_implicit
    from devstack.evaluation.report import show

    if as_json:
        click.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
        return
    show(report, every=full)
    click.echo(f"Saved: {folder / 'report.md'} and report.json{' with plots' if report['plots'] else ''}.")
    if report["no_plots"]:
        click.echo(f"No plots: {report['no_plots']}")
    if not has_implicit():
        click.echo(IMPLICIT)


@click.command()
@click.option("--products", type=click.IntRange(100, 1_000_000), default=10_000, show_default=True)
@click.option("--users", type=click.IntRange(1, 10_000_000), default=1_000, show_default=True)
@click.option("--interactions", type=click.IntRange(1, 1_000_000_000), default=100_000, show_default=True)
@click.option("--kind", type=click.Choice(("purchases", "clicks", "ratings")), default="purchases", show_default=True)
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="Time that the data spans.")
@click.option("--no-text", is_flag=True, help="Products without name and description.")
@click.option("--no-prices", is_flag=True, help="Products without a price.")
@click.option("--no-categories", is_flag=True, help="Products without category, brand and tags.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", type=_FOLDER, required=True, help="Folder for products.csv and interactions.csv.")
def synthesize(**options: Any) -> None:
    """Make up a shop of any size, for tests of scale and of `evaluate`.

    Popularity is a power law, users have tastes over categories and products, baskets and sessions share a taste, and
    products come and go: there is something to learn. The same options give the same files.

    \b
    Examples:
      whybuy synthesize --products 100000 --users 20000 --interactions 2000000 --out big
      whybuy synthesize --products 500 --users 200 --interactions 9000 --kind clicks --no-text --out clicks
    """
    try:
        _synthesize(**options)
    except KeyboardInterrupt:
        sys.exit(130)


def _synthesize(*, out: Path, **options: Any) -> None:
    from devstack.evaluation.synthetic import Shape, write
    from devstack.progress import progress

    folder = _folder(out)
    with progress() as report:
        shape = Shape(
            products=options["products"],
            users=options["users"],
            interactions=options["interactions"],
            kind=options["kind"],
            days=options["days"],
            text=not options["no_text"],
            prices=not options["no_prices"],
            categories=not options["no_categories"],
        )
        write(shape, options["seed"], folder, report)
    click.echo(f"Written: {folder / 'products.csv'} and {folder / 'interactions.csv'}.")
