"""Accounts to try the shop with. The three households are real histories of different length under an invented name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.entities.users import Role, User

if TYPE_CHECKING:
    from datetime import datetime

NEWCOMER = "demo-newcomer"  # no history at all
STAFF = "demo-staff"
SERVICE = "demo-service"

HOUSEHOLD_PREFIX = "household-"
# Household number: (e-mail, name).
HOUSEHOLDS: dict[int, tuple[str, str]] = {
    250: ("anna@demo.whybuy.example", "Anna"),  # a full year, about 1,370 lines
    391: ("ben@demo.whybuy.example", "Ben"),  # about 400 lines
    82: ("cleo@demo.whybuy.example", "Cleo"),  # about 60 lines
}


def household_id(number: int) -> str:
    return f"{HOUSEHOLD_PREFIX}{number}"


def order_id(basket: int) -> str:
    return f"cj-{basket}"


def household(number: int, created_at: datetime) -> User:
    """A household's account; e-mail and a friendly name only for those of HOUSEHOLDS."""
    email, name = HOUSEHOLDS.get(number, (None, f"Household {number}"))
    return User(household_id(number), email, name, created_at=created_at)


def special_accounts(created_at: datetime) -> list[User]:
    """The newcomer, the shop's staff, and a service."""
    return [
        User(NEWCOMER, "newcomer@demo.whybuy.example", "Nora Newcomer", created_at=created_at),
        User(STAFF, "staff@demo.whybuy.example", "Sam Staff", role=Role.STAFF, created_at=created_at),
        User(SERVICE, None, "Demo Service", role=Role.SERVICE, created_at=created_at),
    ]
