"""Documents as clients send them: read, checked and priced once, and kept while they are asked for.

Only valid ones are kept, up to a number of bytes: what strangers make up must not displace what pages ask, nor fill
the memory.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphql import GraphQLError, OperationDefinitionNode, parse

from graphql_api.admission.cost import CostOf, Costs
from graphql_api.admission.shape import ShapeLimits, introspects, require_shape
from graphql_api.admission.validation import validated
from graphql_api.errors import RequestError
from shop.errors import CostExceededError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql import DocumentNode, GraphQLSchema, Token

    from graphql_api.limits.sizes import Arguments

_BYTES_PER_CHARACTER = 200  # of a document in memory: nodes and tokens; measured 57 to 180


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document, and what it costs."""

    node: OperationDefinitionNode
    cost: CostOf
    sent: Arguments  # of the whole document


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was read. With `errors` it is not valid, and must not run."""

    text: str
    node: DocumentNode
    errors: tuple[GraphQLError, ...]
    operations: Mapping[str, Operation]
    introspects: bool = False

    def operation(self, name: str | None) -> Operation:
        """The one of this name, or the only one. Raises RequestError."""
        if name:
            found = self.operations.get(name)
        else:
            found = next(iter(self.operations.values())) if len(self.operations) == 1 else None
        if found is None:
            hint = f"has none of the name {name[:100]!r}" if name else "does not hold exactly one: name it"
            raise RequestError(f"Which operation is to run? The document {hint}.", field="operationName")
        return found


class Documents:
    """Reads documents of one schema. Call it in an event loop."""

    def __init__(
        self,
        schema: GraphQLSchema,
        shape: ShapeLimits,
        *,
        max_length: int,
        max_tokens: int,
        kept_bytes: int,
        hide_suggestions: bool = False,
    ) -> None:
        self._schema = schema
        self._shape = shape
        self._max_length = max_length
        self._max_tokens = max_tokens
        self._hide_suggestions = hide_suggestions
        self._costs = Costs(schema)
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._by_hash: dict[str, str] = {}
        self._free = self._kept_bytes = kept_bytes
        # One at a time: documents that were not seen before wait for each other, and nobody else for them.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="documents")

    @property
    def bytes_kept(self) -> int:
        """About how much memory the documents take."""
        return self._kept_bytes - self._free

    def knows(self, text: str) -> bool:
        """Whether it is kept, and costs nothing to read."""
        return text in self._kept

    async def read(self, text: str) -> Document:
        """Raises GraphQLError for a document that cannot be parsed, CostExceededError for one that is too large."""
        known = self._kept.get(text)
        if known is not None:
            self._kept.move_to_end(text)
            return known
        if len(text) > self._max_length:
            raise CostExceededError(f"The document has {len(text)} characters; {self._max_length} at most.")
        document = await asyncio.get_running_loop().run_in_executor(self._reader, self._read, text)
        if not document.errors:
            self._keep(document)
        return document

    def find(self, sha256: str) -> str | None:
        """The text of a document that is kept, by its hash in hexadecimal digits."""
        return self._by_hash.get(sha256)

    def _read(self, text: str) -> Document:
        try:
            node = parse(text, max_tokens=self._max_tokens)
            _without_circles(node)
            require_shape(node, self._shape)
            errors, sent = validated(self._schema, node, hide_suggestions=self._hide_suggestions)
        except RecursionError:
            raise CostExceededError(f"{self._shape.depth} levels at most. Ask for less at once.") from None
        operations = [each for each in node.definitions if isinstance(each, OperationDefinitionNode)]
        return Document(
            text,
            node,
            tuple(errors),
            {
                each.name.value if each.name else "": Operation(each, self._costs.of(node, each), sent)
                for each in operations
            },
            introspects(node),
        )

    def _keep(self, document: Document) -> None:
        size = _size(document)
        if size > self._kept_bytes or document.text in self._kept:
            return
        self._kept[document.text] = document
        self._by_hash[_sha256(document.text)] = document.text
        self._free -= size
        while self._free < 0:
            _, oldest = self._kept.popitem(last=False)
            del self._by_hash[_sha256(oldest.text)]
            self._free += _size(oldest)


def _without_circles(document: DocumentNode) -> None:
    """A token knows the next one and the one before; a document that is forgotten shall be gone at once."""
    token: Token | None = document.loc.start_token if document.loc else None
    while token is not None:
        token.prev = None
        token = token.next


def _size(document: Document) -> int:
    return len(document.text) * _BYTES_PER_CHARACTER + 2_000


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
