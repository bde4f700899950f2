"""The table of permissions as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql_api.permissions.rules import OPEN, May
from graphql_api.permissions.table import PERMISSIONS
from shop.entities.access import Scope

if TYPE_CHECKING:
    from graphql_api.permissions.rules import Rule

_HEAD = """# Who may do what

Made by `make permissions` from `graphql_api/permissions/table.py`, the one place that decides; a test compares them.

- **yes**: with anybody's. **own**: with what is one's own, or of the visit that `sessionId` names. **no**: an error
  with the code `UNAUTHENTICATED` for anonymous visitors, `FORBIDDEN` for others.
- A *service* is a program with an API key, and needs the scope besides.
- Staff who read or change what is a shopper's are on record in the audit log.
"""
_ROLES = ("anonymous", "shopper", "staff", "service", "admin")
_TITLES = {"Query": "Queries", "Mutation": "Mutations", "Subscription": "Subscriptions"}


def permissions_document() -> str:
    parts = [_HEAD]
    for name, title in _TITLES.items():
        parts.append(f"## {title}\n\n" + _table("field", PERMISSIONS[name]))
    others = {name: fields for name, fields in PERMISSIONS.items() if name not in _TITLES}
    closed = {
        f"{name}.{field}": rule for name, fields in others.items() for field, rule in fields.items() if rule != OPEN
    }
    parts.append("## Fields of objects that not everybody may read who gets the object\n\n" + _table("field", closed))
    opened = [
        f"- `{name}`: {', '.join(f'`{field}`' for field, rule in fields.items() if rule == OPEN)}\n"
        for name, fields in sorted(others.items())
        if OPEN in fields.values()
    ]
    parts.append("## Fields of objects that whoever gets the object may read\n\n" + "".join(opened))
    scopes = "".join(f"- `{scope.name}`: {_opened_by(scope)}\n" for scope in Scope)
    parts.append("## What each scope opens\n\n" + scopes)
    return "\n".join(parts)


def _table(what: str, rules: dict[str, Rule]) -> str:
    head = f"| {what} | {' | '.join(_ROLES)} | scope |\n|{'---|' * (len(_ROLES) + 2)}\n"
    rows = (
        f"| `{field}` | {' | '.join(getattr(rule, role).value for role in _ROLES)} | {_scope(rule)} |\n"
        for field, rule in sorted(rules.items())
    )
    return head + "".join(rows)


def _scope(rule: Rule) -> str:
    return f"`{rule.scope.name}`" if rule.scope is not None and rule.service is not May.NO else ""


def _opened_by(scope: Scope) -> str:
    names = [
        f"`{field}`" for root in _TITLES for field, rule in sorted(PERMISSIONS[root].items()) if rule.scope is scope
    ]
    return ", ".join(names) or "nothing yet"
