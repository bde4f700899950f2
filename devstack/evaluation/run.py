"""One evaluation: the splits of each seed, every model tuned, fitted and ranked, and the results."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from devstack.evaluation.lists import DEPTH, SHOWN
from devstack.evaluation.measures import ListMetrics, hits, measure, random_metrics, self_information
from devstack.evaluation.phases import Phase, phase
from devstack.evaluation.product import Product
from devstack.evaluation.rankers import BaselineRanker, ProductRanker
from devstack.evaluation.tuning import Tuned, Tuner
from scoring.data.interactions import TrainingSet
from scoring.data.items import ItemIndex
from scoring.evaluation.baselines.baseline import NothingToLearnError
from scoring.evaluation.protocol import EvaluationProtocol
from scoring.evaluation.splitting import VALIDATION_SHARE, Split, split
from shop.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from devstack.evaluation.lists import Lists, Ranker
    from scoring.data.dataset import Dataset
    from scoring.evaluation.baselines import Baseline
    from scoring.evaluation.splitting import EvaluationCases

    Progress = Callable[[str, str, int, int], None]  # stage, detail, steps done, steps in all
    Keep = Callable[[str, int, EvaluationCases, Lists], None]

MAX_VALIDATION_USERS = 1_000
RANDOM = "random (expected)"
_NEEDS = {
    EvaluationProtocol.LEAVE_LAST_OUT: "users with at least five different products",
    EvaluationProtocol.NEXT_BASKET: "users with at least three shopping days",
    EvaluationProtocol.TEMPORAL: (
        "users with events in the first four fifths of the time and products new to them in the last"
    ),
    EvaluationProtocol.COLD_USERS: "at least three users with more than three different products",
    EvaluationProtocol.NEW_ITEMS: "products that are first met in the last fifth of the time, by users known before",
}
# These draw by the seed which products or users are hidden; the others hide the same under every seed.
_DRAWN = frozenset({EvaluationProtocol.LEAVE_LAST_OUT, EvaluationProtocol.COLD_USERS})


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """What is to be evaluated, and how."""

    protocol: EvaluationProtocol
    seeds: int = 3
    max_users: int | None = None
    baselines: Sequence[type[Baseline]] = ()
    product: bool = True
    tuned: bool = False  # the product is trained for the protocol alone, not as a shop trains it


@dataclass(slots=True)
class Outcome:
    """One model under all seeds."""

    name: str
    kind: str  # product, component, baseline or chance (random lists)
    metrics: list[ListMetrics] = field(default_factory=list)
    setting: dict[str, Any] = field(default_factory=dict)
    tuned: Tuned | None = None
    fit_seconds: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)  # median of each seed
    peak_mib: float = 0.0


@dataclass(frozen=True, slots=True)
class CalibrationSample:
    """The product's first ten of every case: calibrated scores, and whether the user took the product."""

    scores: NDArray[np.float32]
    hits: NDArray[np.bool_]


@dataclass(slots=True)
class Results:
    """All that a report is made of."""

    config: EvaluationConfig
    n_items: int
    runs: list[NDArray[np.int32]] = field(default_factory=list)  # users of the cases of each seed
    lengths: list[NDArray[np.int64]] = field(default_factory=list)  # events in the history of each case
    held_out: int = 0  # products to be found, over all seeds
    candidates: int = 0
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    calibration: list[CalibrationSample] = field(default_factory=list)
    validation_users: int = 0
    versions: list[str] = field(default_factory=list)  # of the product's model under each seed


def evaluate(
    dataset: Dataset, keys: NDArray[np.uint64], config: EvaluationConfig, progress: Progress, keep: Keep
) -> Results:
    """Runs an evaluation. keys: hashes of the users, ascending, shape (users,). `keep` is given every model's lists as
    they come: (model, seed, cases, lists).

    Settings are chosen on the validation split of the first seed. Raises BadInputError where nobody can be tested.
    """
    return _Run(dataset, keys, config, progress, keep).all()


def _check_suited(kind: type[Baseline], protocol: EvaluationProtocol) -> None:
    """Raises NothingToLearnError for a model that could only give random lists."""
    if kind.for_repeats and not protocol.repeats:
        raise NothingToLearnError("it ranks what the user had before, which is not asked for here")
    if protocol is EvaluationProtocol.NEW_ITEMS and not kind.knows_new:
        raise NothingToLearnError("it knows products by who took them, and nobody has taken these")


class _Run:
    def __init__(
        self, dataset: Dataset, keys: NDArray[np.uint64], config: EvaluationConfig, progress: Progress, keep: Keep
    ) -> None:
        self._dataset = dataset
        self._keys = keys
        self._config = config
        self._ties = ItemIndex.of(dataset.catalogue).ties
        self._keep = keep
        self._results = Results(config, len(dataset.catalogue))
        self._progress = progress
        self._done = 0
        self._steps = len(config.baselines) * (1 + config.seeds) + config.seeds * config.product

    def all(self) -> Results:
        first = self._split(0)
        settings = self._tune(first) if self._config.baselines else {}
        for seed in range(self._config.seeds):
            self._seed(seed, first if seed == 0 or self._config.protocol not in _DRAWN else self._split(seed), settings)
        self._at("done")
        return self._results

    def _split(self, seed: int) -> Split:
        whole = split(self._dataset, self._config.protocol, self._ties, seed)
        if not len(whole.cases):
            needs = _NEEDS[self._config.protocol]
            raise BadInputError(f"Nobody can be tested: the protocol {self._config.protocol} needs {needs}.")
        most = self._config.max_users or len(whole.cases)
        return replace(whole, cases=whole.cases.some(most, 0))

    def _tune(self, first: Split) -> dict[type[Baseline], Any]:
        protocol = self._config.protocol
        validation = split(first.train, protocol, self._ties, 0, VALIDATION_SHARE)
        validation = replace(validation, cases=validation.cases.some(MAX_VALIDATION_USERS, 0))
        self._results.validation_users = len(validation.cases)
        tuner = Tuner(validation, self._ties, 0)
        settings = {}
        for kind in self._config.baselines:
            try:
                _check_suited(kind, protocol)
                tuned = tuner.tune(kind, partial(self._at, f"tuning {kind.name}"))
            except NothingToLearnError as error:
                self._results.skipped[kind.name] = str(error)
                self._done += 1 + self._config.seeds
                continue
            self._outcome(kind.name, "baseline").tuned = tuned
            self._results.outcomes[kind.name].setting = asdict(tuned.setting)
            settings[kind] = tuned.setting
            self._done += 1
        return settings

    def _seed(self, seed: int, drawn: Split, settings: dict[type[Baseline], Any]) -> None:
        results, cases = self._results, drawn.cases
        data = TrainingSet(drawn.train)
        information = self_information(data.shoppers, int(np.count_nonzero(np.bincount(data.interactions.users))))
        results.runs.append(cases.users)
        results.lengths.append(np.array([len(case.history.items) for case in cases]))
        results.held_out += len(cases.held_out)
        results.candidates = len(self._ties) if cases.candidates is None else int(cases.candidates.sum())
        if self._config.protocol is EvaluationProtocol.NEW_ITEMS:
            self._outcome(RANDOM, "chance").metrics.append(random_metrics(cases, information))
        for kind, setting in settings.items():
            self._baseline(kind, setting, seed, data, cases, information)
            self._done += 1
        if self._config.product:
            self._product(seed, drawn, information)
            self._done += 1

    def _baseline(
        self,
        kind: type[Baseline],
        setting: Any,
        seed: int,
        data: TrainingSet,
        cases: EvaluationCases,
        information: NDArray[np.float64],
    ) -> None:
        once = not kind.stochastic and self._config.protocol not in _DRAWN  # the same under every seed
        if once and seed > 0:
            return
        self._at(f"seed {seed}: {kind.name}", "fitting")
        try:
            with phase() as fitting:
                fitted = kind.fit(data, setting, np.random.default_rng([seed, 13]))
        except NothingToLearnError as error:  # where there were too few cases to tune on, this is the first fit
            self._results.skipped[kind.name] = str(error)
            self._results.outcomes.pop(kind.name, None)
            return
        seeds = range(self._config.seeds) if once else (seed,)
        self._measure(BaselineRanker(fitted, self._ties), seeds, cases, information, fitting)

    def _product(self, seed: int, drawn: Split, information: NDArray[np.float64]) -> None:
        with phase() as fitting:
            product = Product.fit(
                drawn.train,
                self._keys,
                self._config.protocol,
                seed,
                lambda stage, _: self._at(f"seed {seed}: {Product.name}", stage),
                tuned=self._config.tuned,
            )
        self._results.versions.append(product.version)
        self._measure(ProductRanker(product, self._ties), (seed,), drawn.cases, information, fitting)

    def _measure(
        self,
        ranker: Ranker,
        seeds: Sequence[int],
        cases: EvaluationCases,
        information: NDArray[np.float64],
        fitting: Phase,
    ) -> None:
        """`seeds` are those that the lists stand for."""
        with phase() as ranking:
            lists = ranker.rank(
                cases,
                DEPTH,
                lambda done: self._at(f"seed {seeds[0]}: {ranker.name}", f"{done:,} of {len(cases):,} users"),
            )
        for name, own in lists.items():
            kind = "baseline" if isinstance(ranker, BaselineRanker) else "product"
            outcome = self._outcome(name, kind if name == ranker.name else "component")
            outcome.metrics += [measure(own, cases, information)] * len(seeds)
            if len(own.milliseconds):
                outcome.milliseconds.append(float(np.median(own.milliseconds)))
            if name == ranker.name:
                outcome.fit_seconds.append(fitting.seconds)
                outcome.peak_mib = max(outcome.peak_mib, fitting.peak_mib, ranking.peak_mib)
            if own.calibrated is not None:
                self._results.calibration.append(CalibrationSample(own.calibrated, hits(own, cases)[:, :SHOWN]))
            for seed in seeds:
                self._keep(name, seed, cases, own)

    def _outcome(self, name: str, kind: str) -> Outcome:
        return self._results.outcomes.setdefault(name, Outcome(name, kind))

    def _at(self, stage: str, detail: str = "") -> None:
        self._progress(stage, detail, self._done, self._steps)
