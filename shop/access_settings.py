"""Who gets in, and how often: limits, sign-ins, issuers and webhooks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

from shop.connection_settings import config
from shop.oidc_issuer import OidcIssuer, from_json, unlike_each_other


class RateSettings(BaseSettings):
    """A bucket holds what a minute brings, and is shared by all processes."""

    model_config = config("RATE_")

    cost_per_minute: float = Field(120_000, gt=0, description="Cost that one shopper's queries may have in a minute.")
    writes_per_minute: float = Field(
        1_000, gt=0, description="Records that one shopper or anonymous session may write in a minute."
    )
    address_factor: float = Field(5, gt=0, description="An address may do so many times as much as one shopper.")
    staff_factor: float = Field(20, gt=0, description="Staff and services may do so many times as much, each.")
    attempts_per_account: float = Field(
        20, gt=0, description="Wrong passwords that one e-mail address may get in an hour, from everywhere."
    )
    attempts_per_address: float = Field(
        200, gt=0, description="Wrong passwords, and new accounts, that may come from one address in an hour."
    )
    sign_ins_per_account: float = Field(
        100, gt=0, description="Sign-ins that one e-mail address may have in an hour, with the right password too."
    )
    refused_per_address: float = Field(
        3_000,
        gt=0,
        description="Access tokens and API keys that let nobody in, of those that one address may send in a minute.",
    )
    events_per_minute: int = Field(
        120,
        gt=0,
        description="Events of one minute above which a shopper or a session is taken for a program: what it does is "
        "stored, and not learned from.",
    )


class AuthSettings(BaseSettings):
    model_config = config("AUTH_")

    signing_keys: Path | None = Field(
        None,
        description="File of the private keys that sign access tokens; needed in production. `whybuy signing-keys "
        "FILE` makes it, and adds a new key to it. Running processes read it again when it changes.",
    )
    access_minutes: float = Field(10, gt=0, description="How long an access token is valid.")
    refresh_days: float = Field(
        30, gt=0, description="How long somebody stays signed in without coming back: the life of a refresh token."
    )
    token_hours: float = Field(12, gt=0, description="How long a token of `whybuy token` is valid, in hours.")
    sign_up: bool = Field(True, description="Whether anybody may make an account with `signUp`.")
    password_threads: int = Field(
        1, ge=1, description="Threads of one process that hash passwords: about 40 sign-ins a second each."
    )
    cookie_secure: bool | None = Field(
        None, description="Whether browsers keep cookies for HTTPS alone; empty: not in development."
    )


class OidcSettings(BaseSettings):
    """OpenID Connect. What each issuer has is in `shop.oidc_issuer`."""

    model_config = config("OIDC_")

    issuers: Annotated[list[OidcIssuer], NoDecode] = Field(
        [],
        description="Issuers whose access tokens are accepted beside the shop's own, as a JSON list; "
        "docs/accounts-oidc.md has examples.",
    )

    _read = field_validator("issuers", mode="before")(from_json)
    _unlike = field_validator("issuers")(unlike_each_other)


class WebhookSettings(BaseSettings):
    """Which other shop systems may tell of products and orders."""

    model_config = config("WEBHOOK_")

    shopify_secret: SecretStr | None = Field(
        None, description="Secret that Shopify signs webhooks with; empty: there is no /webhooks/shopify."
    )
    shopify_secret_before: SecretStr | None = Field(
        None, description="The one before it, which is accepted too while the secret is being changed."
    )
    woocommerce_secret: SecretStr | None = Field(
        None, description="Secret of the webhooks of WooCommerce; empty: there is no /webhooks/woocommerce."
    )
    woocommerce_secret_before: SecretStr | None = Field(None, description="The one before it, likewise.")
    currency: str = Field(
        "USD",
        pattern="^[A-Z]{3}$",
        description="Currency (ISO 4217) of what is told without one, as prices of products are.",
    )
    shopify_users: Literal["id", "email"] = Field(
        "id",
        description="What makes the user id of Shopify's customers: their `id`, or the pseudonym of their e-mail "
        "address that `whybuy import` gives to those of an orders export.",
    )
    max_body_bytes: int = Field(4 << 20, gt=0, description="Largest message.")
    max_age_hours: float = Field(
        72, gt=0, le=240, description="Age above which a message of Shopify is refused as sent again by somebody else."
    )
    bad_signatures_per_minute: float = Field(
        30, gt=0, description="Messages with a wrong signature that one address may send in a minute."
    )

    @property
    def shopify_secrets(self) -> tuple[bytes, ...]:
        return _secrets(self.shopify_secret, self.shopify_secret_before)

    @property
    def woocommerce_secrets(self) -> tuple[bytes, ...]:
        return _secrets(self.woocommerce_secret, self.woocommerce_secret_before)


def _secrets(secret: SecretStr | None, before: SecretStr | None) -> tuple[bytes, ...]:
    """None at all without the first: one that was taken back must not go on alone."""
    named = (secret, before) if secret else ()
    return tuple(each.get_secret_value().encode() for each in named if each)
