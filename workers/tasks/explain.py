"""Writes the explanations of a list, stores them, and tells whoever is waiting."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shop.entities.events import Event, Topic
from shop.entities.explanations import Explanation, Text, TextStatus
from workers.llm.protocol import ExplanationTask, Fact, ItemTask, ProductFacts, ShopperFacts
from workers.tasks.facts import labels_of, price_text, taste_names

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
    store = context.resources.explanation_store
    done = await store.stored([item.key for item in job.items])
    todo = [item for item in job.items if item.key not in done]
    products = await context.resources.catalog.get_many(_product_ids(todo))
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


def _product_ids(items: Sequence[ExplainItem]) -> set[str]:
    subjects = {reason.product_id for item in items for reason in item.evidence if reason.product_id is not None}
    return subjects | {item.product_id for item in items}


async def _task(
    context: WorkerContext, job: ExplainList, items: Sequence[ExplainItem], products: Mapping[str, Product]
) -> ExplanationTask:
    labels = await labels_of(context.resources.catalog)
    names = {id_: product.name for id_, product in products.items()}
    return ExplanationTask(
        language=job.language,
        items=tuple(
            ItemTask(
                product=_facts(products[item.product_id], labels),
                facts=tuple(Fact.of(reason, names, labels) for reason in item.evidence),
            )
            for item in items
        ),
        shopper=await _shopper(context, job.actor_key, labels),
    )


def _facts(product: Product, labels: Mapping[str, str]) -> ProductFacts:
    return ProductFacts(
        name=product.name,
        brand=product.brand,
        category=labels.get(product.category_id or "", ""),
        price=price_text(product.price),
        package_size=product.package_size,
        description=product.description,
    )


async def _shopper(context: WorkerContext, actor_key: str, labels: Mapping[str, str]) -> ShopperFacts:
    if not actor_key.startswith("u:"):
        return ShopperFacts()
    user_id = actor_key.removeprefix("u:")
    profile = await context.resources.users.profile(user_id)
    user = await context.resources.users.get(user_id)
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
