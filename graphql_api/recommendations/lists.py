"""Lists, as queries and subscriptions of several domains ask for them."""

from __future__ import annotations

from dataclasses import replace

from graphql_api.actors import actor_of
from graphql_api.catalog.types import require_categories
from graphql_api.context import Info
from graphql_api.recommendations.types import RecommendationInput, RecommendationList
from shop.entities.recommendations import RecommendationRequest
from shop.entities.users import Actor, User
from shop.errors import BadInputError, NotFoundError
from shop.values import RefusedValueError, clean_id


async def shopper_of(info: Info, input_: RecommendationInput) -> Actor:
    """Whom the list is for. Raises ForbiddenError for somebody else, NotFoundError for an unknown one."""
    session = input_.session_id or (input_.behavior.session_id if input_.behavior else None)
    return await actor_of(info, input_.user_id, session)


async def recommend(info: Info, input_: RecommendationInput, actor: Actor) -> RecommendationList:
    request = await _with_skus(info, input_, input_.to_request(actor))
    await require_categories(info.context.resources.catalog, request.filter.categories)
    page = {request.context.category_id} if request.context.category_id is not None else set()
    await require_categories(info.context.resources.catalog, page, "context.categoryId")
    user = await info.context.user(actor.user_id) if actor.user_id is not None else None
    if actor.user_id is not None and user is None:  # erased since a subscription began
        raise NotFoundError("user", actor.user_id)
    return await _recommend(info, request, user)


async def _with_skus(info: Info, input_: RecommendationInput, request: RecommendationRequest) -> RecommendationRequest:
    """The request with the products too that SKUs name. Raises NotFoundError for a seed product that does not exist."""
    seeds = _clean(input_.product_skus, "productSkus")
    excluded = _clean(input_.exclude_product_skus, "excludeProductSkus")
    if not seeds and not excluded:
        return request
    by_sku = await info.context.resources.catalog.by_skus({*seeds, *excluded})
    for sku in seeds:
        if sku not in by_sku:
            raise NotFoundError("product", sku, named_by="SKU", field="productSkus")
    named = [by_sku[sku].id for sku in seeds]
    return replace(
        request,
        product_ids=tuple(dict.fromkeys([*request.product_ids, *named])),
        exclude_product_ids=(*request.exclude_product_ids, *(by_sku[sku].id for sku in excluded if sku in by_sku)),
    )


def _clean(skus: list[str] | None, field: str) -> list[str]:
    """Raises BadInputError for what no SKU can be."""
    try:
        return [clean_id(sku) for sku in skus or ()]
    except RefusedValueError as error:
        raise BadInputError(f"{field}: {error.message}", field=field) from error


async def recommend_for(info: Info, user: User, limit: int) -> RecommendationList:
    return await _recommend(info, RecommendationRequest(Actor(user_id=user.id), limit=limit), user)


async def _recommend(info: Info, request: RecommendationRequest, user: User | None) -> RecommendationList:
    context = replace(request.context, locale=info.context.locale(request.context.locale, user))
    request = replace(request, context=context)
    return RecommendationList.of(await info.context.resources.recommendations.recommend(request, user))
