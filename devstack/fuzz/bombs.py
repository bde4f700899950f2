"""Small requests that ask for very much, and bodies that are no requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devstack.fuzz.operations import Case

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random


def _doubling(random: Random) -> str:
    levels = random.choice((5, 20, 40, 90, 150))
    if random.random() < 0.5:
        fragments = (f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels))
        return f"{{ ...F0 }} {' '.join(fragments)} fragment F{levels} on Query {{ __typename }}"
    fragments = (
        f"fragment F{n} on Category {{ a: children {{ ...F{n + 1} }} b: children {{ ...F{n + 1} }} }}"
        for n in range(levels)
    )
    return f"{{ categories {{ ...F0 }} }} {' '.join(fragments)} fragment F{levels} on Category {{ name }}"


def _tree(random: Random) -> str:
    steps = random.randrange(2, 14)
    path = [random.choice(("children", "parent")) for _ in range(steps)]
    return "{ categories { " + " { ".join(path) + " { name path } " + "} " * (steps - 1) + "} }"


def _neighbours(random: Random) -> str:
    steps, first = random.randrange(1, 5), random.choice((5, 50, 100))
    names = [f"x{n}: {random.choice(('similar', 'boughtTogether'))}(first: {first})" for n in range(steps)]
    inner = " { ".join(names) + " { id description } " + "} " * (steps - 1)
    return f"{{ products(first: 50) {{ nodes {{ {inner} }} }} }}"


def _overlapping(random: Random) -> str:
    times = random.choice((50, 99, 200, 480, 1_500))
    return "{ " + "categories { name children { name } } " * times + "}"


def _lists(random: Random) -> str:
    return _numbered(random, "a{n}: recommendations(input: {{ limit: 100 }}) {{ id items {{ rank }} }}")


def _facets(random: Random) -> str:
    return _numbered(random, 'a{n}: products(search: "a") {{ totalCount facets {{ brands {{ count }} }} }}')


def _schemas(random: Random) -> str:
    return _numbered(random, "a{n}: __schema {{ types {{ name fields {{ name type {{ name }} }} }} }}")


def _numbered(random: Random, field: str) -> str:
    return "{ " + " ".join(field.format(n=n) for n in range(random.choice((3, 20, 60, 600)))) + " }"


def _directives(random: Random) -> str:
    return "{ __typename " + "@include(if: true) " * random.choice((20, 60, 600)) + "}"


def _variables(random: Random) -> str:
    return "query (" + ", ".join(f"$v{n}: Int = {n}" for n in range(random.choice((20, 600)))) + ") { __typename }"


def _ids(random: Random) -> str:
    return "{ nodes(ids: [" + '"UHJvZHVjdDox" ' * random.choice((20, 100, 600)) + "]) { id } }"


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
    _doubling, _tree, _neighbours, _overlapping, _lists, _facets, _schemas, _directives, _variables, _ids,
    _introspection, _long, _circle,
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
            b'{"query":"{ __typename }","variables":{"x":"' + b"y" * 2_000_000 + b'"}}',
            b'{"query":"{ __typename }","variables":{' + b",".join(b'"%d":1' % n for n in range(20_000)) + b"}}",
            b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{}\r\n--x--\r\n',
        )
    )  # fmt: skip


def frame(random: Random) -> str | bytes:
    """What a client sends instead of a message of graphql-transport-ws."""
    return random.choice(
        (
            "[1,2]", "null", "1", '"x"', "{", "", "{}", '{"type":1}', '{"type":"connection_init","payload":[]}',
            '{"type":"subscribe"}', '{"type":"subscribe","id":1,"payload":{}}', '{"type":"complete"}',
            '{"type":"subscribe","id":"1","payload":[]}', '{"type":"next","id":"1","payload":{}}', "[" * 10_000,
            '{"type":"ping","payload":' + "[" * 900 + "]" * 900 + "}", "x" * 300_000, b"\x00\x01", b"",
        )
    )  # fmt: skip
