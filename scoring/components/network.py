"""The net of the neural component and its loss: a bag of product vectors, one residual layer, a sampled softmax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.floating]
    Ints = NDArray[np.int64]
    Parameters = Mapping[str, Floats]  # table (features, d), inner (d, hidden), inner_bias (hidden,), outer (hidden, d)

_IMPOSSIBLE = -1e4  # logit of a negative that is the target: it carries no information


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Contexts as weighted entries, the targets that follow each of them, and the negatives that all targets share."""

    rows: Ints  # (entries,): the context of each entry
    items: Ints
    weights: Floats  # sum to 1 in each context
    target_rows: Ints  # (targets,): the context of each target
    targets: Ints
    negatives: Ints


@dataclass(frozen=True, slots=True)
class Activations:
    """What the forward pass computed, as the backward pass needs it."""

    loss: float  # mean over targets
    own: Floats  # (targets,): gradient by the logit of the target
    others: Floats  # (targets, negatives): gradient by the logits of the negatives
    picked: Any  # CSR (products in the batch, used features)
    used: Ints  # rows of the table that the batch uses
    vectors: Floats  # (products in the batch, d)
    bags: Any  # CSR (contexts, products in the batch)
    mean: Floats  # (contexts, d)
    active: Floats  # (contexts, hidden)
    users: Floats  # (targets, d): the user vector before each target
    target_rows: Ints
    target: Ints  # rows of `vectors`
    negative: Ints


def forward(features: Any, parameters: Parameters, batch: TrainingBatch) -> Activations:
    """features: CSR (products, features)."""
    from scipy import sparse

    entries = np.concatenate([batch.items, batch.targets, batch.negatives])
    products, positions = np.unique(entries, return_inverse=True)
    context, target, negative = np.split(positions, [len(batch.items), len(batch.items) + len(batch.targets)])
    picked = features[products]
    used, columns = np.unique(picked.indices, return_inverse=True)
    picked = sparse.csr_matrix((picked.data, columns, picked.indptr), shape=(len(products), len(used)))
    vectors = picked @ parameters["table"][used]
    shape = (int(batch.rows.max()) + 1, len(products))
    bags = sparse.csr_matrix((batch.weights, (batch.rows, context)), shape=shape)
    mean = bags @ vectors
    active = np.tanh(mean @ parameters["inner"] + parameters["inner_bias"])
    users = (mean + active @ parameters["outer"])[batch.target_rows]
    collisions = batch.targets[:, None] == batch.negatives[None, :]
    loss, own, others = sampled_softmax(users, vectors[target], vectors[negative], collisions)
    return Activations(
        loss=loss,
        own=own / len(own),
        others=others / len(own),
        picked=picked,
        used=used,
        vectors=vectors,
        bags=bags,
        mean=mean,
        active=active,
        users=users,
        target_rows=batch.target_rows,
        target=target,
        negative=negative,
    )


def gradients(parameters: Parameters, state: Activations) -> dict[str, Floats]:
    """Of the mean loss by each parameter; that of the table by its rows `state.used` alone."""
    from scipy import sparse

    n_targets = len(state.target_rows)
    by_user = state.own[:, None] * state.vectors[state.target] + state.others @ state.vectors[state.negative]
    gather = sparse.csr_matrix((np.ones(n_targets, np.float32), (state.target_rows, np.arange(n_targets))))
    gather.resize(len(state.mean), n_targets)
    by_context = gather @ by_user
    by_active = (by_context @ parameters["outer"].T) * (1 - state.active**2)
    by_mean = by_context + by_active @ parameters["inner"].T
    by_vectors = state.bags.T @ by_mean
    by_vectors += _summed(state.target, state.own[:, None] * state.users, len(state.vectors))
    by_vectors += _summed(state.negative, state.others.T @ state.users, len(state.vectors))
    return {
        "outer": state.active.T @ by_context,
        "inner": state.mean.T @ by_active,
        "inner_bias": by_active.sum(axis=0),
        "table": state.picked.T @ by_vectors,
    }


def sampled_softmax(
    users: Floats, targets: Floats, negatives: Floats, collisions: NDArray[np.bool_]
) -> tuple[float, Floats, Floats]:
    """Mean cross-entropy of each target against itself and the negatives, and the gradients of the sum of losses by the
    logits of targets (targets,) and negatives (targets, negatives).

    users, targets: (targets, d); negatives: (negatives, d). collisions: where a negative is the target itself.
    """
    own = np.einsum("ij,ij->i", users, targets)
    others = users @ negatives.T
    others[collisions] = _IMPOSSIBLE
    top = np.maximum(own, others.max(axis=1))
    mass, rest = np.exp(own - top), np.exp(others - top[:, None])
    total = mass + rest.sum(axis=1)
    return float(np.mean(np.log(total) - (own - top))), mass / total - 1.0, rest / total[:, None]


def _summed(rows: Ints, values: Floats, n_rows: int) -> Floats:
    """Rows of `values` added up by row number, shape (n_rows, columns)."""
    from scipy import sparse

    ones = np.ones(len(rows), dtype=np.float32)
    spread = sparse.csr_matrix((ones, (rows, np.arange(len(rows)))), shape=(n_rows, len(rows)))
    summed: Floats = spread @ values
    return summed
