"""The trained model at work: one query in, one list out. Pure, deterministic, and safe to share between threads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from scoring.components.collaborative import Collaborative, CollaborativeConfig
from scoring.components.content import Content, ContentConfig
from scoring.components.contextual import Contextual, ContextualConfig
from scoring.components.demand import Demand
from scoring.components.neighbours import Similar
from scoring.components.neural import Neural, NeuralConfig
from scoring.data.interactions import DAY
from scoring.data.items import ItemIndex
from scoring.data.profile import Profile, View, fold_history, last_viewed, seeds_profile, session_profile
from scoring.data.state import BrokenSnapshotError
from scoring.evaluation.splitting import EvaluationProtocol
from scoring.exploration.bandit import bandit_scores, draw_probabilities
from scoring.exploration.features import Traits, encode, impression
from scoring.ranking.calibration import SHOWN, level_of
from scoring.ranking.ensemble import COMPONENTS, breakdowns, score_all, shares, signal_weights
from scoring.ranking.plans import FusionPlan, FusionPlans
from scoring.ranking.reasons import Facts, Sources, Witness, due_again
from scoring.ranking.repeats import repeats
from scoring.ranking.rerank import Slot, diversify, explore, relaxations, within_caps
from scoring.ranking.rules import place_pins
from scoring.ranking.scenarios import Scenarios
from scoring.ranking.slate import Slate, best_first
from scoring.types import (
    Component,
    History,
    ItemFilter,
    Query,
    RankedItem,
    Reason,
    ReasonKind,
    Scenario,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scoring.components.component import Scorer
    from scoring.data.state import ModelState
    from scoring.exploration.bandit import BanditState
    from scoring.ranking.ensemble import Fusion

    Calibrate = Callable[[NDArray[np.float32]], NDArray[np.float32]]

_HARDLY_KNOWN = 3  # products met: with no more, someone is new
_STATED_SHARE = 0.3  # least weight of content, which hears stated tastes, for someone who stated some
_ONLY_STATED_SHARE = 0.6  # and for someone of whom nothing else is known
_VISIT = 1_800  # seconds since the last event: a visit that goes on
_POOL = 100  # candidates that diversity and exploration choose from
_PERSONAL = frozenset({Scenario.FOR_YOU, Scenario.NEXT_IN_SESSION})
_RERANKED = _PERSONAL | {Scenario.CART}
_SEEDED = frozenset({Scenario.SIMILAR, Scenario.BOUGHT_TOGETHER, Scenario.CART})
_NO_HISTORY = History(np.zeros(0, np.int32), np.zeros(0, np.int8), np.zeros(0, np.int64))
_NO_FILTER = ItemFilter()


@dataclass(frozen=True, slots=True)
class Scorers:
    """The four fitted components."""

    collaborative: Collaborative
    content: Content
    neural: Neural
    contextual: Contextual

    def by_component(self) -> dict[Component, Scorer]:
        return dict(zip(COMPONENTS, (self.collaborative, self.content, self.neural, self.contextual), strict=True))

    @classmethod
    def from_state(cls, state: ModelState) -> Scorers:
        configs = state.manifest["components"]
        return cls(
            Collaborative.from_arrays(state.part("collaborative"), CollaborativeConfig.of(configs["collaborative"])),
            Content.from_arrays(state.part("content"), ContentConfig(**configs["content"])),
            Neural.from_arrays(state.part("neural"), NeuralConfig(**configs["neural"])),
            Contextual.from_arrays(state.part("contextual"), ContextualConfig(**configs["contextual"])),
        )


class Recommender:
    """Ranks the catalogue of one snapshot. Items are numbered by their place in `catalogue_ids`."""

    def __init__(
        self, scorers: Scorers, facts: Facts, weights: dict[Component, float], plans: FusionPlans, n_users: int
    ) -> None:
        self.scorers = scorers
        self.facts = facts
        self.weights = weights
        self.plans = plans
        self.n_users = n_users
        self.index = facts.index
        self.catalogue_ids = facts.index.ids
        self.index_of = {name: item for item, name in enumerate(facts.index.ids)}
        self.n_items = len(facts.index)
        self.category_labels = facts.index.categories.names
        self.brand_labels = facts.index.brands.names
        self.traits = Traits.of(facts.index, facts.demand)
        self._components = scorers.by_component()
        self._scenarios = Scenarios(facts, scorers.content, weights)
        own = self._scenarios
        self._personal: dict[Scenario, Callable[[Query, Profile, NDArray[np.bool_]], Slate]] = {
            Scenario.FOR_YOU: self._for_you,
            Scenario.NEXT_IN_SESSION: self._next_in_session,
        }
        self._routes: dict[Scenario, Callable[[Query, NDArray[np.bool_]], Slate]] = {
            Scenario.SIMILAR: own.similar,
            Scenario.BOUGHT_TOGETHER: own.together,
            Scenario.CART: own.together,
            Scenario.POPULAR: own.popular,
            Scenario.TRENDING: own.trending,
            Scenario.BUY_AGAIN: own.buy_again,
            Scenario.RECENTLY_VIEWED: own.recently_viewed,
        }

    @classmethod
    def from_state(cls, state: ModelState) -> Recommender:
        """Raises BrokenSnapshotError for a state that lacks something, say one of another version's training."""
        try:
            return cls._from_state(state)
        except (KeyError, TypeError, AttributeError) as error:
            raise BrokenSnapshotError("in memory", f"it does not hold what this version needs ({error!r})") from error

    @classmethod
    def _from_state(cls, state: ModelState) -> Recommender:
        manifest = state.manifest
        scorers = Scorers.from_state(state)
        facts = Facts(
            index=ItemIndex.from_arrays(state.part("items")),
            together=scorers.collaborative.cooccurrence,
            similar=Similar(**state.part("similar")),
            demand=Demand.from_arrays(state.part("demand")),
            brand_share=state.arrays["brand_share"],
            repeat_gap=float(manifest["repeat_gap"]),
        )
        weights = {Component(name): float(value) for name, value in manifest["weights"].items()}
        return cls(scorers, facts, weights, FusionPlans.from_json(manifest["plans"]), int(manifest["users"]))

    def recommend(self, query: Query) -> list[RankedItem]:
        """The list for a query, best first: `limit` products, fewer only where the filters leave fewer.

        What the scenario itself cannot fill, popular products fill, scored below the rest and with that reason. Only
        FOR_YOU, NEXT_IN_SESSION and CART are diversified and explored. Pinned products are laid over all that.
        """
        if query.limit < 1 or not self.n_items:
            return []
        profile = self._profile(query)
        allowed = self._allowed(query, profile)
        pins = self._pins(query, profile, allowed)
        promoted = self._promoted(query, profile, list(pins.values()))
        listed = self._within_caps(replace(query, limit=query.limit - len(pins)), profile, allowed, list(promoted))
        for position in sorted(pins):
            listed.insert(position - 1, promoted[pins[position]])
        return listed

    def similar(self, item: int, limit: int) -> list[RankedItem]:
        """Products that resemble this one, the same for every shopper."""
        return self.recommend(Query(Scenario.SIMILAR, _NO_HISTORY, 0, limit, seeds=(item,)))

    def bought_together(self, item: int, limit: int) -> list[RankedItem]:
        """Products that share baskets with this one more often than chance, the same for every shopper."""
        return self.recommend(Query(Scenario.BOUGHT_TOGETHER, _NO_HISTORY, 0, limit, seeds=(item,)))

    def _profile(self, query: Query) -> Profile:
        profile = fold_history(query.history, self.n_items, query.now)
        tastes, index = query.tastes, self.index
        kinds = ((index.categories, tastes.categories), (index.brands, tastes.brands), (index.tags, tastes.tags))
        stated = [labels.members(names) for labels, names in kinds if names]
        if stated:
            profile = replace(profile, stated=np.concatenate(stated))
        return replace(profile, local_hour=query.local_hour) if query.local_hour is not None else profile

    def _allowed(self, query: Query, profile: Profile) -> NDArray[np.bool_]:
        allowed = np.ones(self.n_items, dtype=bool) if query.filter == _NO_FILTER else self.index.mask(query.filter)
        for items in (query.exclude, query.seeds if query.scenario in _SEEDED else ()):
            if items:
                allowed[[item for item in items if 0 <= item < self.n_items]] = False
        if query.scenario in _PERSONAL and not query.include_purchased:
            allowed[profile.bought] = False
        if query.available is not None:
            allowed &= query.available
        if query.rules is not None:
            allowed &= ~query.rules.excluded
        return allowed

    def _pins(self, query: Query, profile: Profile, allowed: NDArray[np.bool_]) -> dict[int, int]:
        """Position to item. What the shopper has is not pinned, unless asked for."""
        if query.rules is None or not query.rules.pins:
            return {}
        showable = allowed
        if not query.include_purchased and query.scenario is not Scenario.BUY_AGAIN:
            showable = allowed.copy()
            showable[profile.bought] = False
        return place_pins(query.rules, query.limit, showable)

    def _promoted(self, query: Query, profile: Profile, items: list[int]) -> dict[int, RankedItem]:
        """Pinned products with the scores that the scenario, or else their popularity, gives them."""
        if not items:
            return {}
        among = np.zeros(self.n_items, dtype=bool)
        among[items] = True
        asked = replace(query, limit=len(items))
        slate = self._route(query.scenario, profile, asked, among)
        among[slate.items] = False
        slate = slate.followed_by(self._scenarios.popular(asked, among))
        slots = [Slot(place, exploration=False, propensity=1.0) for place in range(len(slate))]
        return {one.item: one for one in _ranked(slate, slots, [[Reason(ReasonKind.PROMOTED)] for _ in slots])}

    def _within_caps(
        self, query: Query, profile: Profile, allowed: NDArray[np.bool_], already_listed: list[int]
    ) -> list[RankedItem]:
        """The list around the products that are held already, by ever weaker caps until it is full."""
        listed: list[RankedItem] = []
        for caps in relaxations(query.caps):
            missing = query.limit - len(listed)
            if missing < 1:
                break
            allowed[already_listed] = False
            step = replace(query, limit=missing, caps=caps)
            if listed:  # what follows only fills up
                step = replace(step, diversity=0.0, exploration_share=0.0)
            more = self._listed(step, profile, allowed, already_listed)
            ceiling = min((one.score for one in listed), default=1.0)
            listed += [replace(one, score=one.score * ceiling) for one in more] if listed else more
            already_listed = already_listed + [one.item for one in more]
        return listed

    def _listed(
        self, query: Query, profile: Profile, allowed: NDArray[np.bool_], already_listed: list[int]
    ) -> list[RankedItem]:
        """What the scenario and popular products give within the caps; `held` counts towards these."""
        slate, slots = self._arrange(self._candidates(query, profile, allowed, already_listed), query, profile)
        reasons = self._reasons(slate, slots, query, profile)
        if len(slate) < query.limit:
            outside = allowed.copy()
            outside[slate.items] = False
            asked = replace(query, scenario=Scenario.POPULAR, limit=query.limit - len(slate))
            filler = self._candidates(asked, profile, outside, [*already_listed, *slate.items.tolist()])
            filler = filler.take(np.arange(min(asked.limit, len(filler))))
            reasons += [[self.facts.popular(item)] for item in filler.items.tolist()]
            slots += [Slot(place, exploration=False, propensity=1.0) for place in range(len(filler))]
            slate = slate.followed_by(filler)
        return _ranked(slate, slots, reasons)

    def _candidates(
        self, query: Query, profile: Profile, allowed: NDArray[np.bool_], already_listed: list[int]
    ) -> Slate:
        """The scenario's candidates, weighed by the rules. Any choice among them keeps the caps."""
        slate = self._weighed(query, profile, allowed)
        capped = [
            (codes, cap)
            for codes, cap in ((self.index.leaf, query.caps.per_category), (self.index.brand, query.caps.per_brand))
            if cap > 0
        ]
        if not capped:
            return slate
        places = within_caps(slate.items, already_listed, capped, len(slate))
        for wider in (20 * _POOL, self.n_items):
            if len(places) >= query.limit or len(slate) >= self.n_items:
                break
            # The shortlist is too much of a kind.
            slate = self._weighed(replace(query, limit=wider), profile, allowed)
            places = within_caps(slate.items, already_listed, capped, max(_POOL, query.limit))
        return slate.take(places)

    def _weighed(self, query: Query, profile: Profile, allowed: NDArray[np.bool_]) -> Slate:
        """Any product with a factor may become the best, so all of them are asked for, not only a shortlist."""
        route = partial(self._route, query.scenario, profile)
        heavier = allowed & (query.rules.factors != 1.0) if query.rules is not None else None
        if query.rules is None or heavier is None or not heavier.any():
            return route(query, allowed)
        plain = route(query, allowed & ~heavier)
        own = route(replace(query, limit=int(np.count_nonzero(heavier))), heavier)
        return plain.mixed_with(own.weighed(query.rules.factors), max(len(plain), _POOL, query.limit))

    def _route(self, scenario: Scenario, profile: Profile, query: Query, allowed: NDArray[np.bool_]) -> Slate:
        """The scenario's own candidates, best first."""
        personal = self._personal.get(scenario)
        return personal(query, profile, allowed) if personal else self._routes[scenario](query, allowed)

    def plan_of(self, query: Query, profile: Profile) -> FusionPlan:
        """What is asked decides: someone new, a visit that goes on, a repeat, or the next visit."""
        if len(profile) <= _HARDLY_KNOWN:
            protocol = EvaluationProtocol.COLD_USERS
        elif query.include_purchased and query.scenario is Scenario.FOR_YOU:
            protocol = EvaluationProtocol.NEXT_BASKET
        elif query.scenario is Scenario.NEXT_IN_SESSION or query.now - query.history.times.max() < _VISIT:
            protocol = EvaluationProtocol.LEAVE_LAST_OUT
        else:
            protocol = EvaluationProtocol.TEMPORAL
        return self.plans.of(protocol, len(profile))

    def fusion(self, profile: Profile, plan: FusionPlan, weights: dict[Component, float] | None = None) -> Fusion:
        """All products scored for a profile. `weights` of components override the plan's, not its signals."""
        chosen = signal_weights(weights, plan.weights) if weights else plan.weights
        if not len(profile) and not weights:  # whatever is personal has nothing to say
            chosen = signal_weights({Component.CONTEXTUAL: 1.0}, plan.weights)
        if len(profile.stated):
            chosen = _with_content(chosen, _STATED_SHARE if len(profile) else _ONLY_STATED_SHARE)
        return score_all(self._components, profile, chosen)

    def _for_you(self, query: Query, profile: Profile, allowed: NDArray[np.bool_]) -> Slate:
        plan = self.plan_of(query, profile)
        fusion = self.fusion(profile, plan, query.weights)
        level = self._level(fusion.fused, () if query.include_purchased else profile.items)
        np.putmask(fusion.fused, ~allowed, -np.inf)
        items = best_first(fusion.fused, self.index.ties, max(_POOL, query.limit + _POOL // 2))
        weights = np.broadcast_to(fusion.weights, (len(items), len(COMPONENTS)))
        fused = fusion.fused[items]
        return Slate(items, plan.calibration(fused, level, len(profile)), fusion.parts(items), weights)

    def _level(self, fused: NDArray[np.float32], closed: NDArray[np.int32] | tuple[()]) -> float:
        """Of the list that the shopper would get without filters and rules: these change no chance."""
        open_ = fused.copy()
        if len(closed):
            open_[closed] = -np.inf
        return level_of(open_[best_first(open_, self.index.ties, SHOWN)])

    def _next_in_session(self, query: Query, profile: Profile, allowed: NDArray[np.bool_]) -> Slate:
        return self._for_you(query, session_profile(profile, query.history), allowed)

    def _arrange(self, slate: Slate, query: Query, profile: Profile) -> tuple[Slate, list[Slot]]:
        rows = encode(query, self.traits, slate.items, slate.scores)
        if query.bandit is not None and query.bandit.weight > 0 and query.scenario in _PERSONAL:
            fused = (slate.parts * slate.weights).sum(axis=1)
            level = level_of(np.sort(fused)[::-1])
            calibrate = partial(self.plan_of(query, profile).calibration, level=level, n_products=len(profile))
            slate, rows = self._learned(slate, query.bandit, rows, calibrate)
        if query.scenario in _RERANKED:
            order = np.arange(min(query.limit, len(slate)))
            if query.diversity > 0:
                vectors = self.scorers.neural.embeddings[slate.items]
                order = diversify(slate.scores, vectors, query.limit, query.diversity)
            slots = explore(
                order,
                len(slate),
                query.limit,
                query.exploration_share,
                query.seed,
                lambda places: draw_probabilities(query.bandit, rows[places]),
            )
        else:
            slots = [Slot(place, exploration=False, propensity=1.0) for place in range(min(query.limit, len(slate)))]
        slots = [replace(slot, impression=impression(rows, slot.place, slot.rivals)) for slot in slots]
        return slate.take(np.array([slot.place for slot in slots], dtype=np.int64)), slots

    def _learned(
        self, slate: Slate, bandit: BanditState, rows: NDArray[np.float64], calibrate: Calibrate
    ) -> tuple[Slate, NDArray[np.float64]]:
        """The slate in its new order once the contextual component also says what clicks in this context taught."""
        parts, contextual = slate.parts.copy(), COMPONENTS.index(Component.CONTEXTUAL)
        before = calibrate((parts * slate.weights).sum(axis=1))
        parts[:, contextual] += bandit_scores(bandit, rows)
        after = calibrate((parts * slate.weights).sum(axis=1))
        # As a ratio: whatever else has scaled the scores stays.
        scores: NDArray[np.float32] = slate.scores * (after / np.maximum(before, 1e-12)).astype(np.float32)
        order = np.lexsort((np.arange(len(scores)), -scores))
        return Slate(slate.items, scores, parts, slate.weights).take(order), rows[order]

    def _reasons(self, slate: Slate, slots: list[Slot], query: Query, profile: Profile) -> list[list[Reason]]:
        """The scenario's own reason where it has one, else the evidence on each product."""
        items = slate.items.tolist()
        if query.scenario is Scenario.POPULAR:
            return [[self.facts.popular(item)] for item in items]
        if query.scenario is Scenario.TRENDING:
            return [[self.facts.trending(item)] for item in items]
        if query.scenario is Scenario.RECENTLY_VIEWED:
            viewed, times = last_viewed(query.history, self.n_items)
            days = dict(zip(viewed.tolist(), ((query.now - times) / DAY).tolist(), strict=True))
            return [[Reason(ReasonKind.RECENTLY_VIEWED, value=max(days[item], 0.0))] for item in items]
        seeded = query.scenario in _SEEDED
        shown = seeds_profile(tuple(self._scenarios.seeds(query).tolist()), query.now) if seeded else profile
        sources = Sources(shown.items, shown.weights(View.RECENT))
        witness = Witness(self.facts, profile, sources, query.tastes)
        if query.scenario is Scenario.BUY_AGAIN:
            again = repeats(query.history, query.now, self.facts.repeat_gap, self.n_items)
            return [[*witness.bought_before(item), *due_again(again, item)] for item in items]
        found = witness.evidence(slate.items, shares(slate.parts, slate.weights))
        for own, slot in zip(found, slots, strict=True):
            if slot.exploration:
                own[:] = [Reason(ReasonKind.EXPLORATION, value=slot.propensity), *own[:2]]
        return found


def _with_content(weights: dict[str, float], share: float) -> dict[str, float]:
    """The same weights with at least this share of content, in the proportions that each side has."""
    content = {name: value for name, value in weights.items() if name in Content.SIGNALS} or Content.DEFAULTS
    rest = {name: value for name, value in weights.items() if name not in Content.SIGNALS}
    total = sum(content.values()) if content is not Content.DEFAULTS else 0.0
    if total >= share or not rest:
        return weights
    kept, whole = sum(rest.values()), sum(content.values())
    return {name: (1 - share) * value / kept for name, value in rest.items()} | {
        name: share * value / whole for name, value in content.items()
    }


def _ranked(slate: Slate, slots: list[Slot], reasons: list[list[Reason]]) -> list[RankedItem]:
    scores = np.clip(slate.scores, 0.0, 1.0).tolist()
    rows = zip(slate.items.tolist(), scores, breakdowns(slate.parts, slate.weights), reasons, slots, strict=True)
    return [
        RankedItem(item, score, breakdown, tuple(own), slot.exploration, slot.propensity, slot.impression)
        for item, score, breakdown, own, slot in rows
    ]
