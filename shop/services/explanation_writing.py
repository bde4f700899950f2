"""The worker's half of explanations: what is still to be written, from which facts, and what becomes of the texts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shop.entities.events import Event, Topic
from shop.entities.explanations import Explanation, TextStatus
from shop.entities.users import Actor, Preferences
from shop.texts.facts import ExplanationTask, ShopperFacts
from shop.texts.tasks import item_task, named_products, shopper_facts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shop.entities.catalog import Product
    from shop.entities.explanations import Text
    from shop.jobs import ExplainItem, ExplainList
    from shop.services.catalog import CatalogService
    from shop.services.events import EventHub
    from shop.store.erasures import ErasureStore
    from shop.store.explanations import ExplanationStore
    from shop.store.users import UserStore
    from shop.texts.labels import CategoryLabels


@dataclass(frozen=True, slots=True)
class MissingExplanations:
    """What is left of a job: `items` to write by `task`, which is None without any; `gone` have lost their product."""

    job: ExplainList
    written: tuple[Explanation, ...]
    items: tuple[ExplainItem, ...]
    gone: tuple[ExplainItem, ...]
    task: ExplanationTask | None
    began: datetime


class ExplanationWriting:
    def __init__(
        self,
        store: ExplanationStore,
        users: UserStore,
        erasures: ErasureStore,
        catalog: CatalogService,
        hub: EventHub,
    ) -> None:
        self._store = store
        self._users = users
        self._erasures = erasures
        self._catalog = catalog
        self._hub = hub

    async def missing(self, job: ExplainList) -> MissingExplanations:
        """Those of the job's items that are not written yet, or FAILED. Raises UnavailableError."""
        began = datetime.now(UTC)
        stored = await self._store.stored([item.key for item in job.items])
        written = {key: text for key, text in stored.items() if text.status is not TextStatus.FAILED}
        unwritten = [item for item in job.items if item.key not in written]
        products = await self._catalog.get_many(
            {id_ for item in unwritten for id_ in named_products(item.product_id, item.evidence)}
        )
        items = tuple(item for item in unwritten if item.product_id in products)
        gone = tuple(item for item in unwritten if item.product_id not in products)
        task = await self._task(job, items, products) if items else None
        return MissingExplanations(job, tuple(written.values()), items, gone, task, began)

    async def keep(self, missing: MissingExplanations, texts: Sequence[Text], once: str | None = None) -> None:
        """Stores the texts, one for each of `missing.items`, and announces every explanation of the job; not again if
        an attempt under the same name `once` did. For a shopper who was erased since the job began nothing is stored.

        Raises UnavailableError.
        """
        if await self._erasures.actor_erased_since(missing.job.actor_key, missing.began):
            return
        ready = [_ready(missing.job, item, text) for item, text in zip(missing.items, texts, strict=True)]
        new = [*ready, *(_gone(missing.job, item) for item in missing.gone)]
        added = await self._store.add(new, datetime.now(UTC)) if new else []
        await self._hub.publish(
            [
                Event(Topic.EXPLANATION_READY, missing.job.actor_key, {"key": text.key, "product_id": text.product_id})
                for text in (*missing.written, *added)
            ],
            once,
        )

    async def show(self, key: str, text: str, actor_key: str) -> None:
        """Publishes an explanation as far as it is written, not yet checked. Raises UnavailableError."""
        await self._hub.publish([Event(Topic.EXPLANATION_CHUNK, key, {"text": text, "actor": actor_key})])

    async def _task(
        self, job: ExplainList, items: Sequence[ExplainItem], products: Mapping[str, Product]
    ) -> ExplanationTask:
        categories = await self._catalog.category_labels()
        return ExplanationTask(
            language=job.language,
            items=tuple(item_task(item, products, categories, job.language) for item in items),
            shopper=await self._shopper(job.actor_key, categories),
            shelves=frozenset(categories),
        )

    async def _shopper(self, actor_key: str, categories: CategoryLabels) -> ShopperFacts:
        user_id = Actor.from_key(actor_key).user_id
        if user_id is None:
            return ShopperFacts()
        user = await self._users.get(user_id)
        tastes = await self._catalog.known_tastes(user.preferences if user else Preferences())
        return shopper_facts(tastes, await self._users.profile(user_id), categories)


def _ready(job: ExplainList, item: ExplainItem, text: Text) -> Explanation:
    return Explanation(
        item.key, job.actor_key, item.product_id, TextStatus.READY, item.evidence, job.language, text=text
    )


def _gone(job: ExplainList, item: ExplainItem) -> Explanation:
    return Explanation(
        item.key,
        job.actor_key,
        item.product_id,
        TextStatus.FAILED,
        item.evidence,
        job.language,
        error="The product is no longer in the catalogue.",
    )
