"""`python -m graphql_api.print_schema`: the schema as SDL, for `schema.graphql`."""

from __future__ import annotations

import sys

from graphql_api.schema import build_schema


def main() -> None:
    sys.stdout.write(build_schema().as_str() + "\n")


if __name__ == "__main__":
    main()
