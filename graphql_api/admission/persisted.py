"""Documents that a request names instead of sending them: automatic persisted queries, and trusted documents.

The first are Apollo's protocol: a client sends the hash alone, and the text with it once when the hash is not known.
Every valid document that is kept is known by its hash. Trusted documents are those of a file, made when a page is
built; where there is one, nothing else runs.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson

from graphql_api.errors import RequestError
from shop.errors import BadInputError, ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from graphql_api.admission.documents import Documents

_NOT_FOUND = "PersistedQueryNotFound"  # clients look for this very message


class PersistedQueryNotFoundError(RequestError):
    code = "PERSISTED_QUERY_NOT_FOUND"
    retryable = True

    def __init__(self) -> None:
        super().__init__(_NOT_FOUND, status=200)  # Apollo Client reads no other


class TrustedDocuments:
    """The texts of a file, by the hashes that their build has given them."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._by_hash = {_digest(name): text for name, text in texts.items()}
        self._texts = frozenset(texts.values())

    @classmethod
    def load(cls, path: Path) -> TrustedDocuments:
        """Raises BadInputError for a file that is none."""
        try:
            texts = orjson.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise BadInputError(f"API_TRUSTED_DOCUMENTS: {path} cannot be read: {error}") from error
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise BadInputError(f'API_TRUSTED_DOCUMENTS: {path} is no JSON object such as {{"<hash>": "query …"}}.')
        return cls(texts)

    def find(self, sha256: str) -> str | None:
        return self._by_hash.get(sha256)

    def require(self, text: str) -> None:
        """Raises ForbiddenError for a text that is not of the file."""
        if text not in self._texts:
            raise ForbiddenError("Only the documents that this server was given are run here.")


def query_of(asked: Mapping[str, Any], documents: Documents, trusted: TrustedDocuments | None) -> str | None:
    """The document's text: as sent, or as the hash names it; None for neither. Raises RequestError."""
    query, digest = asked.get("query"), _named(asked)
    if digest is None:
        return query if isinstance(query, str) else None
    if isinstance(query, str) and query:
        if trusted is None and hashlib.sha256(query.encode(errors="surrogatepass")).hexdigest() != digest:
            raise RequestError("The hash is not that of the query: `sha256Hash` is its SHA-256 in hexadecimal digits.")
        return query
    found = trusted.find(digest) if trusted is not None else documents.find(digest)
    if found is None:
        raise PersistedQueryNotFoundError
    return found


def _named(asked: Mapping[str, Any]) -> str | None:
    """The hash that the request names its document by."""
    document_id = asked.get("documentId")
    if isinstance(document_id, str):
        return _digest(document_id)
    extensions = asked.get("extensions")
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    if not isinstance(persisted, dict):
        return None
    if persisted.get("version") != 1 or not isinstance(persisted.get("sha256Hash"), str):
        raise RequestError('Persisted queries are `{"version": 1, "sha256Hash": "…"}`.', field="extensions")
    return _digest(persisted["sha256Hash"])


def _digest(name: str) -> str:
    return name.removeprefix("sha256:").lower()
