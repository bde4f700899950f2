"""Every collection: its `$jsonSchema` validator and its indexes. Field names are those of `shop.store.documents`.

Validators name what must be there and of which type, and let other fields pass: an older process keeps writing while a
newer one has added a field. Each index is (name, keys, options); whoever adds a query adds its index here.
"""

from __future__ import annotations

from mongo_seed.collections.accounts import ACCOUNTS
from mongo_seed.collections.recommending import RECOMMENDING
from mongo_seed.collections.running import RUNNING
from mongo_seed.collections.shopping import SHOPPING

COLLECTIONS = (*ACCOUNTS, *SHOPPING, *RECOMMENDING, *RUNNING)
