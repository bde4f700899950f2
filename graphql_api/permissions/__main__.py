"""`python -m graphql_api.permissions`: writes docs/permissions.md from the table."""

from __future__ import annotations

from pathlib import Path

from graphql_api.permissions.document import permissions_document


def main() -> None:
    Path("docs/permissions.md").write_text(permissions_document())


if __name__ == "__main__":
    main()
