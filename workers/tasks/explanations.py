"""Writes the explanations of a list, stores them, and tells whoever is waiting."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shop.entities.events import Event, Topic
from shop.entities.explanations import Explanation, Text, TextStatus
from shop.texts.facts import ExplanationTask, ShopperFacts
from shop.texts.gather import item_task, labels_of, subjects, taste_names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from shop.entities.catalog import Product
    from shop.jobs import ExplainItem, ExplainList
    from workers.context import WorkerContext
    from workers.llm.protocol import WrittenText


async def explain_list(context: WorkerContext, job: ExplainList) -> int:
    """Returns how many texts were written; those that are already there are not written again."""
    return await write_missing(context, job, context.writer.explain)


async def write_missing(
    context: WorkerContext, job: ExplainList, write: Callable[[ExplanationTask], Awaitable[list[WrittenText]]]
) -> int:
    """Has `write` write the texts that are not there yet, stores them, and tells of all. Returns how many it wrote."""
    store = context.resources.stores.explanations
    stored = await store.stored([item.key for item in job.items])
    done = {key: text for key, text in stored.items() if text.status is not TextStatus.FAILED}
    todo = [item for item in job.items if item.key not in done]
    products = await context.resources.catalog.get_many(
        {id_ for item in todo for id_ in subjects(item.product_id, item.evidence)}
    )
    writable = [item for item in todo if item.product_id in products]
    texts = await write(await _task(context, job, writable, products)) if writable else []
    written = [_ready(job, item, text) for item, text in zip(writable, texts, strict=True)]
    gone = [_gone(job, item) for item in todo if item.product_id not in products]
    added = await store.add([*written, *gone], datetime.now(UTC)) if written or gone else []
    finished = [*done.values(), *added]
    await context.resources.hub.publish(
        [
            Event(Topic.EXPLANATION_READY, job.actor_key, {"key": text.key, "product_id": text.product_id})
            for text in finished
        ]
    )
    return len(written)


async def _task(
    context: WorkerContext, job: ExplainList, items: Sequence[ExplainItem], products: Mapping[str, Product]
) -> ExplanationTask:
    labels = await labels_of(context.resources.catalog)
    return ExplanationTask(
        language=job.language,
        items=tuple(
            item_task(products[item.product_id], item.evidence, products, labels, job.language) for item in items
        ),
        shopper=await _shopper(context, job.actor_key, labels),
        shelves=frozenset(labels.values()),
    )


async def _shopper(context: WorkerContext, actor_key: str, labels: Mapping[str, str]) -> ShopperFacts:
    if not actor_key.startswith("u:"):
        return ShopperFacts()
    user_id = actor_key.removeprefix("u:")
    profile = await context.resources.stores.users.profile(user_id)
    user = await context.resources.stores.users.get(user_id)
    return ShopperFacts(
        recent_categories=tuple(labels.get(id_, id_) for id_, _ in profile.categories) if profile else (),
        tastes=taste_names(user, labels),
    )


def _ready(job: ExplainList, item: ExplainItem, written: WrittenText) -> Explanation:
    text = Text(written.text, written.source, written.model, written.prompt_version, datetime.now(UTC))
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
