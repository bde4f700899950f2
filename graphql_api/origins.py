"""Pages of which other origins may call the API."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strawberry.http.websocket_origin import normalize_allowed_origins, normalize_origin

from shop.errors import BadInputError

if TYPE_CHECKING:
    from shop.settings import Settings

# In development a page is served by a server of its own on this machine, on any port.
_LOCAL = r"https?://(localhost|[a-z0-9-]+\.localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?"


@dataclass(frozen=True, slots=True)
class Origins:
    """Those that are listed, `*` for all, and with `pattern` those that match it wholly."""

    listed: tuple[str, ...]
    pattern: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Origins:
        """Those of the settings, as browsers write them; in development also this machine's. Raises BadInputError."""
        pattern = _LOCAL if settings.stack.env == "development" else None
        try:
            listed = normalize_allowed_origins(settings.api.cors_origins)
        except ValueError as error:
            raise BadInputError(f"API_CORS_ORIGINS: {error}") from error
        return cls(tuple(sorted(listed)), pattern)

    def allow(self, origin: str) -> bool:
        if "*" in self.listed or (self.pattern is not None and re.fullmatch(self.pattern, origin)):
            return True
        return normalize_origin(origin) in self.listed

    def trust(self, origin: str) -> bool:
        """Whether its pages may use cookies: `*` names none."""
        if self.pattern is not None and re.fullmatch(self.pattern, origin):
            return True
        return origin != "*" and normalize_origin(origin) in self.listed

    @property
    def lets_in_cookies(self) -> bool:
        """Whether browsers may send cookies from other origins at all: those that are listed by name."""
        return "*" not in self.listed
