"""Between two full trainings: a new state made from an old one and fresh data, in a fraction of the time.

`refresh_embeddings` moves the embeddings of known products towards what shoppers did lately; all else is kept.
`refresh_content` takes in the catalogue as it is now, so that new products can appear; what the net has learned and the
settings that were chosen are kept. docs/adr/0007-refresh.md says why each is as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.components.network import sampled_softmax
from scoring.data.interactions import DAY, FEWEST_SHOPPERS, TrainingSet, fewest_shoppers, fold
from scoring.data.items import ItemIndex, unpack_strings
from scoring.data.state import ModelState, digest
from scoring.evaluation.splitting import select
from scoring.learning.reference import with_scales
from scoring.learning.training import model_arrays
from scoring.ranking.ensemble import weight_vector
from scoring.ranking.model import Scorers
from scoring.types import Component

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.components.neural import Neural
    from scoring.data.dataset import Catalogue, Dataset, Interactions
    from scoring.data.interactions import Pairs

    Floats = NDArray[np.float32]
    Ints = NDArray[np.int64]
    Progress = Callable[[str, float], None]

_RECENT = 28 * DAY  # what is learned from, up to the newest event
_CONTEXT = 50  # last products of a shopper that a context holds
_TARGETS = 8  # products of the next basket that are predicted from one context
_BATCH = 64
_STEPS = 200
_NEGATIVES = 512
_RATE = 0.02
_MIN_CONTEXTS = 20
# The arrays of the neural component that have an entry per product.
_VECTORS, _LEVELS = "embeddings", "bias"


def refresh_embeddings(
    state: ModelState, dataset: Dataset, *, seed: int = 0, now: int | None = None, progress: Progress | None = None
) -> ModelState:
    """The state with embeddings that have learned from the last four weeks of `dataset`, on the catalogue of the state.

    Products that the state does not know stay unknown until the next content refresh. The embeddings are left as they
    were when the new ones predict held-out baskets no better. now: unix seconds up to which the data goes.
    """
    report = progress or (lambda _stage, _fraction: None)
    report("reading", 0.0)
    rng = np.random.default_rng(seed)
    neural = Scorers.from_state(state).neural
    ids = unpack_strings(state.part("items"), "ids")
    data = TrainingSet(dataset, now)
    pairs = fold(_mapped(dataset, ids), len(ids))
    report("embeddings", 0.2)
    vectors = _tuned(neural, _contexts(pairs, int(pairs.first.max(initial=0)) - _RECENT, rng), pairs, rng)
    known = np.bincount(pairs.items, minlength=len(ids))
    rare = known < fewest_shoppers(_fewest(state), data.n_users)
    vectors[rare] = neural.embeddings[rare]  # what hardly anybody met learns no habits of theirs
    arrays = state.arrays | {f"{Component.NEURAL}.{_VECTORS}": vectors}
    report("done", 1.0)
    return ModelState(arrays, _manifest(state, "embeddings", seed, {"embeddings_now": data.now}))


def refresh_content(
    state: ModelState, dataset: Dataset, *, seed: int = 0, now: int | None = None, progress: Progress | None = None
) -> ModelState:
    """The state on the catalogue of `dataset`: products added, changed and removed.

    Everything that is computed rather than learned step by step is computed again from the data, with the settings that
    the state's training chose. The net is kept; a new product's embedding is the mean of those in its category and of
    its brand. Raises ValueError when the catalogue is empty, or when the state holds arrays that cannot be carried
    over.
    """
    if not len(dataset.catalogue):
        raise ValueError("Cannot refresh onto an empty catalogue: import products first.")
    report = progress or (lambda _stage, _fraction: None)
    report("reading", 0.0)
    rng = np.random.default_rng(seed)
    old = Scorers.from_state(state)
    data = TrainingSet(dataset, now, _fewest(state))
    ids = unpack_strings(state.part("items"), "ids")
    index = ItemIndex.of(dataset.catalogue)
    report("content", 0.1)
    content = type(old.content).fit(data, old.content.config, rng)
    report("collaborative", 0.3)
    scorers = Scorers(
        collaborative=type(old.collaborative).fit(data, old.collaborative.config, rng),
        content=content,
        neural=_extended(old.neural, ids, dataset.catalogue),
        contextual=type(old.contextual).fit(data, old.contextual.config, rng),
    )
    report("neighbours", 0.6)
    fresh = model_arrays(data, index, scorers, _weights(state), rng)
    parts = {name.split(".")[0] for name in fresh}
    carried = {name: array for name, array in state.arrays.items() if name.split(".")[0] not in parts}
    _require_general(carried, len(ids), len(index))
    counts = {
        "users": data.n_users,
        "products": data.n_items,
        "interactions": len(data.interactions.users),
        "now": data.now,
        "fewest_shoppers": data.fewest_shoppers,
        "fewest_wanted": data.fewest_wanted,  # which holds again once the shop has grown
    }
    refreshed = ModelState(carried | fresh, _manifest(state, "content", seed, counts))
    report("measuring scores", 0.9)
    refreshed = with_scales(refreshed, data, seed)
    report("done", 1.0)
    return refreshed


def learned_until(manifest: dict[str, Any]) -> int:
    """Unix seconds up to which the embeddings of a state have seen the data."""
    return int(max(manifest["now"], manifest.get("embeddings_now", 0)))


def _manifest(parent: ModelState, kind: str, seed: int, changes: dict[str, Any]) -> dict[str, Any]:
    """The parent's measurements are not those of the new state."""
    return {**parent.manifest, **changes, "kind": kind, "parent": digest(parent)[:16], "seed": seed, "metrics": {}}


def _weights(state: ModelState) -> NDArray[np.float32]:
    return weight_vector({Component(name): float(value) for name, value in state.manifest["weights"].items()})


def _fewest(state: ModelState) -> int:
    return int(state.manifest.get("fewest_wanted", FEWEST_SHOPPERS))


def _require_general(carried: dict[str, NDArray[Any]], before: int, after: int) -> None:
    """An array with an entry per old product would be wrong for the new ones."""
    for name, array in carried.items():
        if before != after and before in array.shape:
            raise ValueError(f"The array {name} has an entry per product and cannot be carried over: train in full.")


def _mapped(dataset: Dataset, ids: list[str]) -> Interactions:
    """The events of known products, numbered as in `ids`."""
    row_of = {id_: index for index, id_ in enumerate(ids)}
    codes = np.array([row_of.get(id_, -1) for id_ in dataset.catalogue.ids], dtype=np.int32)
    columns = replace(dataset.interactions, items=codes[dataset.interactions.items])
    return select(columns, columns.items >= 0)


def _extended(neural: Neural, ids: list[str], catalogue: Catalogue) -> Neural:
    """The component on another catalogue. A new product gets the mean vector of its deepest category's products and of
    its brand's, and the bias of the least popular product."""
    row_of = {id_: index for index, id_ in enumerate(ids)}
    codes = np.array([row_of.get(id_, -1) for id_ in catalogue.ids], dtype=np.int64)
    known = codes >= 0
    arrays = neural.to_arrays()
    vectors = np.zeros((len(codes), arrays[_VECTORS].shape[1]), dtype=np.float32)
    vectors[known] = arrays[_VECTORS][codes[known]]
    levels = np.full(len(codes), arrays[_LEVELS].min(initial=0.0), dtype=np.float32)
    levels[known] = arrays[_LEVELS][codes[known]]
    whole = vectors[known].mean(axis=0) if known.any() else vectors[:0].sum(axis=0)
    means: dict[str, Floats] = {}
    members: dict[str, list[int]] = {}
    labels = [_labels(catalogue, item) for item in range(len(codes))]
    for item in np.flatnonzero(known).tolist():
        for label in labels[item]:
            members.setdefault(label, []).append(item)
    for item in np.flatnonzero(~known).tolist():
        for label in labels[item]:
            if label not in means and label in members:
                means[label] = vectors[members[label]].mean(axis=0)
        found = [means[label] for label in labels[item] if label in means]
        vectors[item] = np.mean(found, axis=0) if found else whole
    return type(neural).from_arrays(arrays | {_VECTORS: vectors, _LEVELS: levels}, neural.config)


def _labels(catalogue: Catalogue, item: int) -> list[str]:
    path, brand = catalogue.categories[item], catalogue.brands[item]
    return ([f"c:{path[-1]}"] if path else []) + ([f"b:{brand}"] if brand else [])


@dataclass(frozen=True, slots=True)
class _Contexts:
    """Recent baskets of newly met products with what came before them; positions in `order`, arrays (contexts,)."""

    order: Ints  # (pairs,): pairs by shopper and first meeting
    begins: Ints  # the context is begins:cuts
    cuts: Ints  # the basket is cuts:ends
    ends: Ints

    def __len__(self) -> int:
        return len(self.cuts)

    def take(self, chosen: Ints) -> _Contexts:
        return _Contexts(self.order, self.begins[chosen], self.cuts[chosen], self.ends[chosen])


def _contexts(pairs: Pairs, since: int, rng: Generator) -> _Contexts:
    """In random order. Products of one basket share its context, so none of them gives away another."""
    order = np.lexsort((pairs.first, pairs.users))
    users, times = pairs.users[order], pairs.first[order]
    new_user = np.r_[True, users[1:] != users[:-1]] if len(users) else np.zeros(0, bool)
    new_basket = new_user | np.r_[True, times[1:] != times[:-1]][: len(users)]
    cuts = np.flatnonzero(new_basket)
    ends = np.r_[cuts[1:], len(users)][: len(cuts)]
    starts = np.maximum.accumulate(np.where(new_user, np.arange(len(users)), 0)) if len(users) else cuts
    wanted = np.flatnonzero((cuts > starts[cuts]) & (times[cuts] > since))
    rng.shuffle(wanted)
    cuts = cuts[wanted]
    return _Contexts(order, np.maximum(starts[cuts], cuts - _CONTEXT), cuts, np.minimum(ends[wanted], cuts + _TARGETS))


def _tuned(neural: Neural, contexts: _Contexts, pairs: Pairs, rng: Generator) -> Floats:
    """The embeddings after a few steps of the sampled softmax that the net was trained with, the net itself kept fixed.

    Only the predicted side moves in a step: the taste that a history gives is read from the embeddings as they are.
    """
    before = np.asarray(neural.embeddings, dtype=np.float32)
    if len(contexts) < _MIN_CONTEXTS:
        return before.copy()
    # The component over an array that the steps change in place.
    vectors = before.copy()
    live = type(neural).from_arrays(neural.to_arrays() | {_VECTORS: vectors}, neural.config)
    held_out = contexts.take(np.arange(len(contexts) // 10 + 1))
    rest = np.arange(len(contexts) // 10 + 1, len(contexts))
    checks = _draw(pairs, held_out, rng)
    loss = _gradients(live, checks)[0]
    squares = np.full(len(vectors), 0.05, dtype=np.float32)
    steps = min(_STEPS, 2 * (len(rest) // _BATCH + 1))
    for step in range(steps):
        batch = _draw(pairs, contexts.take(rng.choice(rest, min(_BATCH, len(rest)), replace=False)), rng)
        _, items, gradient = _gradients(live, batch)
        gradient *= len(batch.targets)
        squares[items] += np.einsum("ij,ij->i", gradient, gradient) / gradient.shape[1]
        vectors[items] -= _RATE * (1 - step / steps) * gradient / np.sqrt(squares[items])[:, None]
    return vectors if _gradients(live, checks)[0] < loss else before.copy()


@dataclass(frozen=True, slots=True)
class _Batch:
    histories: list[tuple[NDArray[np.int32], Floats]]  # items and weights of each context
    rows: Ints  # (targets,): the context of each target
    targets: Ints
    negatives: Ints


def _draw(pairs: Pairs, contexts: _Contexts, rng: Generator) -> _Batch:
    histories, rows, targets = [], [], []
    spans = zip(contexts.begins.tolist(), contexts.cuts.tolist(), contexts.ends.tolist(), strict=True)
    for row, (begin, cut, end) in enumerate(spans):
        own = contexts.order[begin:cut]
        ages = (pairs.first[own[-1]] - pairs.first[own]).astype(np.float32)
        histories.append((pairs.items[own], pairs.strengths[own] * np.exp2(-ages / np.float32(7 * DAY)) + 1e-3))
        targets.append(pairs.items[contexts.order[cut:end]])
        rows.append(np.full(end - cut, row))
    # Drawn from the pairs: by popularity.
    negatives = pairs.items[rng.integers(0, len(pairs.items), _NEGATIVES)]
    return _Batch(histories, np.concatenate(rows), np.concatenate(targets).astype(np.int64), negatives.astype(np.int64))


def _gradients(neural: Neural, batch: _Batch) -> tuple[float, Ints, Floats]:
    """Mean loss, the products it depends on, and its gradient by their vectors."""
    vectors = neural.embeddings
    users = np.stack([neural.user_vector(items, weights) for items, weights in batch.histories])[batch.rows]
    collisions = batch.targets[:, None] == batch.negatives[None, :]
    loss, own, others = sampled_softmax(users, vectors[batch.targets], vectors[batch.negatives], collisions)
    items, rows = np.unique(np.concatenate([batch.targets, batch.negatives]), return_inverse=True)
    gradient = np.zeros((len(items), vectors.shape[1]), dtype=np.float32)
    np.add.at(gradient, rows[: len(batch.targets)], own[:, None] * users / len(own))
    np.add.at(gradient, rows[len(batch.targets) :], others.T @ users / len(own))
    return loss, items, gradient
