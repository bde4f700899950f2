"""Item neighbours: for every product, the nearest by content and by embedding, ordered by all four components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.components.cooccurrence import list_length

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.components.cooccurrence import Cooccurrence

_BLOCK = 2_048
_MAX_STANDARDISED = 3.0  # no standardised part counts for more: a best seller is not more similar for selling well


@dataclass(frozen=True, slots=True)
class Similar:
    """Lists of similar products, best first under the trained weights; shape (items, length), padded with item -1."""

    items: NDArray[np.int32]
    cosines: NDArray[np.float16]  # of content, 0 to 1
    parts: NDArray[np.float16]  # (items, length, 4): standardised value of each component


@dataclass(frozen=True, slots=True)
class SimilarityInputs:
    """What similarity is computed from: one entry per product in each."""

    content: Any  # CSR (items, features), rows of unit length
    embeddings: NDArray[np.float32]  # (items, dimensions)
    demand: NDArray[np.float32]  # (items,)
    cooccurrence: Cooccurrence


def similar(inputs: SimilarityInputs, weights: NDArray[np.float32], rng: Generator) -> Similar:
    unit = unit_rows(inputs.embeddings)
    found = nearest(np.hstack([embed(inputs.content, rng), unit]), list_length(len(unit)), rng)
    n_items = len(found)
    parts = np.zeros((*found.shape, 4), dtype=np.float32)
    for start in range(0, n_items, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, n_items))
        listed = np.maximum(found[rows], 0)
        pairs = (np.repeat(rows, listed.shape[1]), listed.ravel())
        cosine = inputs.content[pairs[0]].multiply(inputs.content[pairs[1]]).sum(axis=1)
        parts[rows, :, 0] = _affinities(inputs.cooccurrence, rows, listed)
        parts[rows, :, 1] = np.clip(np.asarray(cosine).reshape(listed.shape), 0.0, 1.0)
        parts[rows, :, 2] = np.einsum("id,ikd->ik", unit[rows], unit[listed])
        parts[rows, :, 3] = inputs.demand[listed]
    cosines = parts[..., 1].copy()
    known = found >= 0
    for component in range(4):
        parts[..., component] = np.minimum(_standardised(parts[..., component], known), _MAX_STANDARDISED)
    order = np.argsort(np.where(known, -(parts @ weights), np.inf), axis=1, kind="stable")
    return Similar(
        np.take_along_axis(found, order, axis=1),
        np.take_along_axis(cosines, order, axis=1).astype(np.float16),
        np.take_along_axis(parts, order[..., None], axis=1).astype(np.float16),
    )


def _standardised(values: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    chosen = values[known]
    spread = float(chosen.std()) if len(chosen) else 0.0
    if spread < 1e-6:
        return np.zeros_like(values)
    standardised: NDArray[np.float32] = (values - chosen.mean()) / spread
    return standardised


def _affinities(cooccurrence: Cooccurrence, rows: NDArray[np.int64], listed: NDArray[np.int32]) -> NDArray[np.float32]:
    """Basket affinity of each listed product to its row's product, 0 where they do not share baskets."""
    n_items = np.int64(len(cooccurrence.items))
    keys = ((rows - rows[0])[:, None] * n_items + cooccurrence.items[rows]).ravel()
    keys[cooccurrence.items[rows].ravel() < 0] = -1
    order = np.argsort(keys, kind="stable")
    wanted = ((rows - rows[0])[:, None] * n_items + listed).ravel()
    positions = order[np.minimum(np.searchsorted(keys[order], wanted), len(order) - 1)]
    values = np.where(keys[positions] == wanted, cooccurrence.affinities[rows].ravel()[positions], 0.0)
    return values.reshape(listed.shape).astype(np.float32)


def embed(matrix: Any, rng: Generator, rank: int = 48) -> NDArray[np.float32]:
    """Unit rows of a truncated SVD (randomised range finder with two power steps; Halko et al. 2011)."""
    width = min(rank, *matrix.shape)
    probe = rng.standard_normal((matrix.shape[1], width)).astype(np.float32)
    for _ in range(2):
        basis, _ = np.linalg.qr(matrix @ probe)
        probe = matrix.T @ basis
    basis, _ = np.linalg.qr(probe)
    return unit_rows(matrix @ basis)


def nearest(vectors: NDArray[np.float32], count: int, rng: Generator) -> NDArray[np.int32]:
    """The `count` nearest other rows by inner product, shape (rows, count), padded with -1.

    Exact up to a few thousand rows. Beyond, rows are grouped around random centres and each is compared with the
    groups nearest its own (an inverted file index), so the cost grows as n * sqrt(n).
    """
    n_rows = len(vectors)
    found = np.full((n_rows, count), -1, dtype=np.int32)
    n_groups = int(np.sqrt(n_rows)) if n_rows > 4_000 else 1
    centres = vectors[np.sort(rng.choice(n_rows, n_groups, replace=False))] if n_rows else vectors
    group = np.concatenate(
        [np.argmax(vectors[at : at + 4_096] @ centres.T, axis=1) for at in range(0, n_rows, 4_096)]
        or [np.zeros(0, int)]
    )
    members = np.split(np.argsort(group, kind="stable"), np.searchsorted(np.sort(group), np.arange(1, n_groups)))
    for number, rows in enumerate(members):
        order = np.argsort(-(centres @ centres[number]), kind="stable")
        pool: list[NDArray[np.int64]] = []
        size = 0
        for other in order:
            pool.append(members[other])
            size += len(members[other])
            if size >= 1_200 and n_groups > 1:
                break
        for at in range(0, len(rows), 1_024):
            _fill_nearest(found, vectors, rows[at : at + 1_024], np.sort(np.concatenate(pool)))
    return found


def _fill_nearest(
    found: NDArray[np.int32], vectors: NDArray[np.float32], rows: NDArray[np.int64], pool: NDArray[np.int64]
) -> None:
    similarities = vectors[rows] @ vectors[pool].T
    similarities[np.arange(len(rows)), np.searchsorted(pool, rows)] = -np.inf  # itself; the pool is sorted and holds it
    count = min(found.shape[1], len(pool) - 1)
    if count < 1:
        return
    top = np.argpartition(-similarities, count - 1, axis=1)[:, :count]
    found[rows, :count] = pool[top]


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    unit: NDArray[np.float32] = (rows / np.where(norms > 0, norms, 1)).astype(np.float32)
    return unit
