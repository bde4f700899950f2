"""Signing up, in and out."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import strawberry
from starlette.responses import Response

from graphql_api.accounts.types import AccessTokens
from graphql_api.actors import visit_of
from graphql_api.arguments import LOCALE, OF_THE_VISIT
from graphql_api.context import Info
from graphql_api.cookies import forget_tokens, set_tokens
from graphql_api.limits.prices import costs
from graphql_api.limits.sizes import LONGEST_SESSION, LONGEST_SHORT, sizes
from graphql_api.negotiation import GRAPHQL_RESPONSE, JSON, chosen
from graphql_api.payloads import INPUT, UserError
from graphql_api.relay import decode_id
from graphql_api.users.types import User
from shop.entities.access import SignUpDraft, Tokens
from shop.entities.users import Actor
from shop.errors import BadInputError, UnauthenticatedError
from shop.services.passwords import LONGEST, SHORTEST
from shop.services.sign_ins import Door
from shop.values import LONGEST_EMAIL, LONGEST_LABEL

_LONGEST_TOKEN = 200
_PASSWORD = sizes(length=LONGEST, told=True)
_EMAIL = sizes(length=LONGEST_EMAIL, told=True)


@strawberry.enum(description="How a sign-in's tokens are kept.")
class TokenDelivery(Enum):
    BEARER = strawberry.enum_value("bearer", description="In the answer: for apps and servers.")
    COOKIE = strawberry.enum_value(
        "cookie",
        description="As cookies that no script can read, and not in the answer: for pages of the API's own origin, or "
        "of one of API_CORS_ORIGINS on the same site.",
    )


@strawberry.input(description="A new account.")
class SignUpInput:
    email: str = strawberry.field(
        description="Names the account; large and small letters are the same.", metadata=_EMAIL
    )
    password: str = strawberry.field(description=f"{SHORTEST} characters at least.", metadata=_PASSWORD)
    display_name: str | None = strawberry.field(
        default=None, description="As the shopper wants to be called.", metadata=sizes(length=LONGEST_LABEL)
    )
    locale: str | None = strawberry.field(default=None, description=LOCALE, metadata=sizes(length=LONGEST_SHORT))


@strawberry.type(description="What became of it.")
class SignUpPayload:
    accepted: bool = strawberry.field(
        description="Whether `signIn` with the same e-mail and password is the next step, which may come in the same "
        "request. An address that has an account already is accepted too, and nothing is changed: who has one is not "
        "told here."
    )
    user_errors: list[UserError] = strawberry.field(description="What to correct.")


@strawberry.input(description="Who wants to get in.")
class SignInInput:
    email: str = strawberry.field(description="Of the account.", metadata=_EMAIL)
    password: str = strawberry.field(description="Of the account.", metadata=_PASSWORD)
    session_id: str | None = strawberry.field(
        default=None,
        description=f"The visit so far, which goes on as theirs. {OF_THE_VISIT}",
        metadata=sizes(length=LONGEST_SESSION),
    )
    delivery: TokenDelivery = strawberry.field(default=TokenDelivery.BEARER, description="How the tokens are kept.")


@strawberry.type(description="What became of it.")
class SignInPayload:
    user: User | None = strawberry.field(description="Who has signed in; what follows in this request is theirs.")
    tokens: AccessTokens | None = strawberry.field(description="Null with COOKIE.")
    merged_session: bool = strawberry.field(
        description="Whether what was done in `sessionId` is theirs now; not if it is somebody else's."
    )
    user_errors: list[UserError] = strawberry.field(
        description="UNAUTHENTICATED: the e-mail or the password is wrong, and which of them is not told."
    )


@strawberry.input(description="Which sign-in goes on.")
class RefreshSessionInput:
    refresh_token: str | None = strawberry.field(
        default=None,
        description="The last one; left out, the browser's cookie is taken. It is used up: one that is used twice ends "
        "the sign-in, so let one request at a time refresh.",
        metadata=sizes(length=_LONGEST_TOKEN),
    )


@strawberry.type(description="The next pair of tokens.")
class RefreshSessionPayload:
    user: User | None = strawberry.field(description="Whose they are.")
    tokens: AccessTokens | None = strawberry.field(description="Null when they came, and go, as cookies.")


@strawberry.input(description="Which sign-ins end: this one, if nothing is said.")
class SignOutInput:
    everywhere: bool = strawberry.field(default=False, description="All of them, on all devices.")
    session_id: strawberry.ID | None = strawberry.field(
        default=None, description="That one, as `sessions` lists it: a device that was lost."
    )
    refresh_token: str | None = strawberry.field(
        default=None,
        description="The one that it is of, for somebody whose access token has expired; also the browser's cookie.",
        metadata=sizes(length=_LONGEST_TOKEN),
    )


@strawberry.type(description="What became of it.")
class SignOutPayload:
    ended_count: int = strawberry.field(
        description="How many sign-ins have ended. Their tokens open nothing, and what they have open is closed."
    )


@strawberry.input(description="A new password.")
class ChangePasswordInput:
    current_password: str = strawberry.field(description="The one of now.", metadata=_PASSWORD)
    new_password: str = strawberry.field(description=f"{SHORTEST} characters at least.", metadata=_PASSWORD)


@strawberry.type(description="What became of it.")
class ChangePasswordPayload:
    changed: bool = strawberry.field(description="Whether the new one counts; all other sign-ins have ended then.")
    user_errors: list[UserError] = strawberry.field(description="What to correct.")


_WRONG = UserError(field="password", code="UNAUTHENTICATED", message="The e-mail address or the password is wrong.")


@strawberry.type
class AccountMutation:
    @strawberry.mutation(description="Makes an account. Sign in next.", directives=costs(100))
    async def sign_up(self, info: Info, input: Annotated[SignUpInput, INPUT]) -> SignUpPayload:
        draft = SignUpDraft(input.email, input.password, input.display_name, input.locale)
        problems = await info.context.resources.accounts.sign_up(draft, _door(info))
        return SignUpPayload(accepted=not problems, user_errors=[UserError.of(problem) for problem in problems])

    @strawberry.mutation(
        description="Signs in. Over HTTP; a WebSocket is opened with the token that this gives.", directives=costs(100)
    )
    async def sign_in(self, info: Info, input: Annotated[SignInInput, INPUT]) -> SignInPayload:
        response, visit = _response(info, input.delivery), visit_of(info, input.session_id)
        signed_in = await info.context.resources.accounts.sign_in(input.email, input.password, _door(info))
        if signed_in is None:
            return SignInPayload(user=None, tokens=None, merged_session=False, user_errors=[_WRONG])
        user, tokens = signed_in
        info.context.viewer = await info.context.resources.access.of_token(tokens.access_token)
        merged = visit is not None and await _merge(info, user.id, visit)
        given = _deliver(info, response, tokens, input.delivery)
        return SignInPayload(user=User.of(user), tokens=given, merged_session=merged, user_errors=[])

    @strawberry.mutation(
        description="The next pair of tokens, while the last refresh token is valid. Send it without the access token "
        "that has expired. Raises UNAUTHENTICATED for a token that is not valid: sign in again.",
        directives=costs(20),
    )
    async def refresh_session(
        self, info: Info, input: Annotated[RefreshSessionInput | None, INPUT] = None
    ) -> RefreshSessionPayload:
        response = _response(info)
        given = input.refresh_token if input else None
        token = given or info.context.cookies.refresh_token
        if token is None:
            raise UnauthenticatedError("Pass the refreshToken of the last sign-in or refresh.")
        try:
            user_id, tokens = await info.context.resources.sign_ins.refresh(token)
        except UnauthenticatedError:
            if given is None:
                forget_tokens(response, secure=info.context.resources.settings.secure_cookies)
            raise
        info.context.viewer = await info.context.resources.access.of_token(tokens.access_token)
        delivery = TokenDelivery.BEARER if given else TokenDelivery.COOKIE
        user = await info.context.user(user_id)
        return RefreshSessionPayload(
            user=User.of(user) if user else None, tokens=_deliver(info, response, tokens, delivery)
        )

    @strawberry.mutation(description="Ends sign-ins, and what is open with them within seconds.", directives=costs(20))
    async def sign_out(self, info: Info, input: Annotated[SignOutInput | None, INPUT] = None) -> SignOutPayload:
        wanted, response = input or SignOutInput(), info.context.response
        ended = await _sign_out(info, wanted)
        by_cookie = "authorization" not in info.context.request.headers  # else the cookies are of another sign-in
        is_own = wanted.everywhere or (wanted.session_id is None and wanted.refresh_token is None)
        if by_cookie and is_own and isinstance(response, Response) and info.context.cookies.refresh_token is not None:
            forget_tokens(response, secure=info.context.resources.settings.secure_cookies)
        return SignOutPayload(ended_count=ended)

    @strawberry.mutation(
        description="Changes the viewer's password. All other sign-ins end.",
        directives=costs(100),
    )
    async def change_password(self, info: Info, input: Annotated[ChangePasswordInput, INPUT]) -> ChangePasswordPayload:
        viewer = info.context.require_viewer()
        user = await info.context.user(viewer.user_id)
        if user is None:
            raise UnauthenticatedError("There is no such account any more; sign in again.")
        current, new = input.current_password, input.new_password
        accounts = info.context.resources.accounts
        problem = await accounts.change_password(user, current, new, _door(info), viewer.session_id)
        return ChangePasswordPayload(changed=problem is None, user_errors=[UserError.of(problem)] if problem else [])


async def _sign_out(info: Info, wanted: SignOutInput) -> int:
    """Raises UnauthenticatedError for somebody who has not said who they are."""
    sign_ins, viewer, given = info.context.resources.sign_ins, info.context.viewer, wanted.refresh_token
    if given is None and viewer is None and wanted.session_id is None:
        given = info.context.cookies.refresh_token
    if given is not None:
        return await sign_ins.end_of(given, everywhere=wanted.everywhere)
    if viewer is None:
        raise UnauthenticatedError("Pass the refreshToken, or send the access token, of the sign-in that ends.")
    if wanted.everywhere:
        return await sign_ins.end(viewer.user_id)
    only = decode_id("SignInSession", wanted.session_id, "sessionId") if wanted.session_id else viewer.session_id
    return await sign_ins.end(viewer.user_id, only=only) if only else 0


async def _merge(info: Info, user_id: str, visit: str) -> bool:
    """Whether the visit is the user's now."""
    owners = info.context.resources.session_owners
    await owners.try_named(Actor(user_id=user_id, session_id=visit))
    return await owners.owner_of(visit) == user_id


def _deliver(info: Info, response: Response, tokens: Tokens, delivery: TokenDelivery) -> AccessTokens | None:
    if delivery is TokenDelivery.BEARER:
        return AccessTokens.of(tokens)
    set_tokens(response, tokens, secure=info.context.resources.settings.secure_cookies)
    return None


def _response(info: Info, delivery: TokenDelivery = TokenDelivery.BEARER) -> Response:
    """Raises BadInputError on a WebSocket, which goes on as who it was opened by, and for a page that may not use
    cookies: it would sign a browser in as somebody else."""
    response = info.context.response
    if not isinstance(response, Response):
        raise BadInputError("Sign in over HTTP, and open the WebSocket with the token that it gives.")
    if chosen(info.context.request.headers.get("accept"), (JSON, GRAPHQL_RESPONSE)) is None:
        raise BadInputError(f"Signing in is answered by one body, which a stream is not: send `Accept: {JSON}`.")
    if delivery is TokenDelivery.COOKIE and not info.context.cookies.may_be_used:
        raise BadInputError("Cookies are for pages of the API's own origin, and of those that API_CORS_ORIGINS lists.")
    return response


def _door(info: Info) -> Door:
    return Door(info.context.address, info.context.request.headers.get("user-agent", ""))
