"""Transitions: which products shoppers meet soon after one another, in the order in which they first met them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.components.item_lists import strongest
from scoring.data.ties import tie_breaker

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet

_GAPS = 10  # products between two that count as near each other
_FADING = 0.7  # weight of a transition with one product more in between
_MIN_SHOPPERS = 2
_PRIOR = 5.0  # shoppers added to both products, so that two chance meetings are no strong association
_OWN, _OTHER = 0.5, 0.3  # exponents of the shoppers of the earlier and the later product, which divide
_LIST_LENGTH = 100


def count_transitions(data: TrainingSet) -> Any:
    """CSR (items, items): rows are the earlier products. Each shopper counts once for a pair.

    What was met at one time (a basket) has no order: it counts in both directions.
    """
    from scipy import sparse

    users, items, times = _first_meetings(data)
    shape = (data.n_items, data.n_items)
    earlier, later, weights = [], [], []
    for gap in range(1, min(_GAPS, len(items) - 1) + 1):
        same = users[:-gap] == users[gap:]
        one, other = items[:-gap][same], items[gap:][same]
        together = times[:-gap][same] == times[gap:][same]
        earlier += [one, other[together]]
        later += [other, one[together]]
        weights.append(np.full(len(one) + int(together.sum()), _FADING ** (gap - 1), np.float32))
    if not earlier:
        return sparse.csr_matrix(shape, dtype=np.float32)
    where = (np.concatenate(earlier), np.concatenate(later))
    counts = sparse.csr_matrix((np.ones(len(where[0]), np.int32), where), shape=shape)
    summed = sparse.csr_matrix((np.concatenate(weights), where), shape=shape)
    counts.sort_indices()
    summed.sort_indices()
    summed.data[counts.data < _MIN_SHOPPERS] = 0
    met = (data.shoppers + np.float32(_PRIOR)).astype(np.float32)
    summed.data /= np.repeat(met**_OWN, np.diff(summed.indptr)) * met[summed.indices] ** _OTHER
    return strongest(summed, _LIST_LENGTH)


def _first_meetings(data: TrainingSet) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Of products that enough shoppers met, by shopper and time; ties by a hash."""
    pairs = data.pairs
    kept = data.shared[pairs.items]
    users, items, first = pairs.users[kept], pairs.items[kept], pairs.first[kept]
    order = np.lexsort((tie_breaker(users.astype(np.int64), data.ties[items]), first, users))
    return users[order], items[order], first[order]
