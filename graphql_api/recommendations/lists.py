"""Lists, as queries and subscriptions of several domains ask for them."""

from __future__ import annotations

from dataclasses import replace

from graphql_api.actors import actor_of
from graphql_api.catalog.types import require_categories
from graphql_api.context import Info
from graphql_api.recommendations.types import RecommendationInput, RecommendationList
from shop.entities.recommendations import RecommendationRequest
from shop.entities.users import Actor, User


async def shopper_of(info: Info, input_: RecommendationInput) -> Actor:
    """Whom the list is for. Raises ForbiddenError for somebody else, NotFoundError for an unknown one."""
    session = input_.session_id or (input_.behavior.session_id if input_.behavior else None)
    return await actor_of(info, input_.user_id, session)


async def recommend(info: Info, input_: RecommendationInput, actor: Actor) -> RecommendationList:
    request = input_.to_request(actor)
    await require_categories(info.context.resources.catalog, request.filter.categories)
    page = {request.context.category_id} if request.context.category_id is not None else set()
    await require_categories(info.context.resources.catalog, page, "context.categoryId")
    user = await info.context.user(actor.user_id) if actor.user_id is not None else None
    return await _recommend(info, request, user)


async def recommend_for(info: Info, user: User, limit: int) -> RecommendationList:
    return await _recommend(info, RecommendationRequest(Actor(user_id=user.id), limit=limit), user)


async def _recommend(info: Info, request: RecommendationRequest, user: User | None) -> RecommendationList:
    context = replace(request.context, locale=info.context.locale(request.context.locale, user))
    request = replace(request, context=context)
    return RecommendationList.of(await info.context.resources.recommendations.recommend(request, user))
