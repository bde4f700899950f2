"""Small requests that ask for very much, and bodies that are no requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from devstack.fuzz.operations import Case


def _doubling(random: Random) -> str:
    levels = random.choice((5, 20, 40, 90, 150))
    field = random.choice(("", "a: children { ...F%d } b: "))
    on = "Category" if field else "Query"
    inner = (
        (lambda n: f"a: children {{ ...F{n} }} b: children {{ ...F{n} }}") if field else (lambda n: f"...F{n} ...F{n}")
    )
    fragments = " ".join(f"fragment F{n} on {on} {{ {inner(n + 1)} }}" for n in range(levels))
    start = "categories { ...F0 }" if field else "...F0"
    return f"{{ {start} }} {fragments} fragment F{levels} on {on} {{ __typename }}"


def _tree(random: Random) -> str:
    steps = random.randrange(2, 14)
    path = [random.choice(("children", "parent")) for _ in range(steps)]
    return "{ categories { " + " { ".join(path) + " { name path } " + "} " * (steps - 1) + "} }"


def _neighbours(random: Random) -> str:
    steps = random.randrange(1, 5)
    names = [
        f"x{n}: {random.choice(('similar', 'boughtTogether'))}(first: {random.choice((5, 50, 100))})"
        for n in range(steps)
    ]
    return (
        "{ products(first: 50) { nodes { " + " { ".join(names) + " { id description } " + "} " * (steps - 1) + "} } }"
    )


def _overlapping(random: Random) -> str:
    times = random.choice((50, 99, 200, 480, 1_500))
    return "{ " + "categories { name children { name } } " * times + "}"


def _many(random: Random) -> str:
    kind, times = random.randrange(6), random.choice((20, 60, 600))
    if kind == 0:
        return (
            "{ "
            + " ".join(
                f"a{n}: recommendations(input: {{ limit: 100 }}) {{ id items {{ rank }} }}" for n in range(times)
            )
            + " }"
        )
    if kind == 1:
        return "{ __typename " + "@include(if: true) " * times + "}"
    if kind == 2:
        return "query (" + ", ".join(f"$v{n}: Int = {n}" for n in range(times)) + ") { __typename }"
    if kind == 3:
        return (
            "{ "
            + " ".join(f"s{n}: __schema {{ types {{ name fields {{ name type {{ name }} }} }} }}" for n in range(times))
            + " }"
        )
    if kind == 4:
        return "{ nodes(ids: [" + '"UHJvZHVjdDox" ' * times + "]) { id } }"
    return (
        "{ "
        + " ".join(
            f'p{n}: products(search: "a") {{ totalCount facets {{ brands {{ count }} }} }}' for n in range(times)
        )
        + " }"
    )


def _introspection(random: Random) -> str:
    depth = random.choice((3, 6, 20))
    return "{ __schema { types { " + "fields { type { " * depth + "name" + " } }" * depth + " } } }"


def _long(random: Random) -> str:
    size = random.choice((1_000, 39_000, 200_000))
    return random.choice(
        (
            "{ __typename } #" + "x" * size,
            "{" + " " * size + "__typename }",
            '{ product(sku: "' + "s" * size + '") { id } }',
            '{ product(sku: """' + "s\n" * (size // 2) + '""") { id } }',
            "{" + "a" * size + "}",
            "{ products(filter: { tags: " + "[" * (size // 100) + "]" * (size // 100) + " }) { totalCount } }",
            "{" * (size // 10) + "}" * (size // 10),
            "{ products(first: " + "9" * (size // 100) + ") { totalCount } }",
        )
    )


def _circle(_random: Random) -> str:
    return "{ ...A } fragment A on Query { ...B } fragment B on Query { ...C ...A } fragment C on Query { ...A }"


_BOMBS: tuple[Callable[[Random], str], ...] = (
    _doubling, _tree, _neighbours, _overlapping, _many, _introspection, _long, _circle,
)  # fmt: skip


def bomb(random: Random) -> Case:
    return Case(random.choice(_BOMBS)(random), kind="bomb")


def body(random: Random) -> bytes:
    """What a client sends instead of a request."""
    deep = random.choice((100, 2_000, 50_000))
    return random.choice(
        (
            b"", b"{", b"[1,2]", b"null", b"1", b'"x"', b"{}", b'{"query": 1}', b'{"query": null}', b"\xff\xfe{}",
            b"[" * deep, b'{"a":' * deep + b"1" + b"}" * deep, b'[{"query":"{ __typename }"}]',
            b'{"query":"{ __typename }","variables":[]}', b'{"query":"{ __typename }","variables":"x"}',
            b'{"query":"{ __typename }","extensions":[1]}', b'{"query":"{ __typename }","operationName":7}',
            b'{"query":"{ __typename }","operationName":"Nobody"}', b'{"documentId":"sha256:0"}',
            b'{"extensions":{"persistedQuery":{"version":1,"sha256Hash":[]}}}',
            json.dumps({"query": "query ($x: String) { product(sku: $x) { id } }", "variables": {"x": "y" * 2_000_000}}).encode(),
            json.dumps({"query": "{ __typename }", "variables": {str(n): n for n in range(20_000)}}).encode(),
            b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{}\r\n--x--\r\n',
        )
    )  # fmt: skip


def frame(random: Random) -> str | bytes:
    """What a client sends instead of a message of graphql-transport-ws."""
    return random.choice(
        (
            "[1,2]", "null", "1", '"x"', "{", "", "{}", '{"type":1}', '{"type":"connection_init","payload":[]}',
            '{"type":"subscribe"}', '{"type":"subscribe","id":1,"payload":{}}', '{"type":"subscribe","id":"1","payload":[]}',
            '{"type":"complete"}', '{"type":"next","id":"1","payload":{}}', "[" * 10_000, '{"type":"ping","payload":' + "[" * 900 + "]" * 900 + "}",
            json.dumps({"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }", "variables": {"x": "y" * 300_000}}}),
            b"\x00\x01", b"",
        )
    )  # fmt: skip
