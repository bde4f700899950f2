"""Errors of providers, one type for each way to handle them. `workers.llm.breaker` counts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.errors import ShopError

if TYPE_CHECKING:
    from shop.entities.explanations import TextSource


class ProviderError(ShopError):
    """A provider did not give a usable text. `retryable` says whether the same call may succeed later.

    Its message has nothing of a prompt or an answer. The errors of SDKs and parsers have, and a trace shows causes:
    where one of those is the cause, this is raised `from None`.
    """

    code = "UNAVAILABLE"

    def __init__(self, source: TextSource, message: str) -> None:
        super().__init__(f"{source.value}: {message}")
        self.source = source


class RateLimitedError(ProviderError):
    """Too many calls; `retry_after` is in seconds where the provider named it."""

    retryable = True

    def __init__(self, source: TextSource, retry_after: float | None = None) -> None:
        wait = "a while" if retry_after is None else f"{retry_after:g} seconds"
        super().__init__(source, f"the rate limit is reached. Wait {wait}, or raise the account's limit.")
        self.retry_after = retry_after


class OverloadedError(ProviderError):
    """The provider has no capacity or failed inside; `status` is its HTTP status."""

    retryable = True

    def __init__(self, source: TextSource, status: int, retry_after: float | None = None) -> None:
        super().__init__(source, f"the service is overloaded or failing (HTTP {status}). Try again later.")
        self.status = status
        self.retry_after = retry_after


class UnreachableError(ProviderError):
    """No answer came: the connection was refused or cut."""

    retryable = True

    def __init__(self, source: TextSource, detail: str) -> None:
        super().__init__(source, f"the connection failed ({detail}). Check the base URL and the network.")


class ProviderTimeoutError(ProviderError):
    """The answer did not come within LLM_TIMEOUT_SECONDS."""

    retryable = True

    def __init__(self, source: TextSource, seconds: float) -> None:
        super().__init__(source, f"no answer within {seconds:g} seconds. LLM_TIMEOUT_SECONDS sets the limit.")


class MalformedAnswerError(ProviderError):
    """The answer is not in the form that was asked for; another try may give one that is."""

    retryable = True

    def __init__(self, source: TextSource, detail: str) -> None:
        super().__init__(source, f"the answer cannot be used: {detail}.")


class NotTheApiError(MalformedAnswerError):
    """The response is not of the provider's protocol: a proxy's page, or another service at the base URL."""

    def __init__(self, source: TextSource) -> None:
        super().__init__(source, "the response is not that of the API; check the base URL")


class BadKeyError(ProviderError):
    """The key is wrong, or may not use this model."""

    def __init__(self, source: TextSource, status: int) -> None:
        super().__init__(source, f"the API key was not accepted (HTTP {status}). Check the key in the settings.")


class RefusedError(ProviderError):
    """The model declined to answer."""

    def __init__(self, source: TextSource) -> None:
        super().__init__(source, "the model refused to write this text.")


class RejectedRequestError(ProviderError):
    """The provider will not take this request, now or later: an unknown model, an empty account."""

    def __init__(self, source: TextSource, status: int, reason: str | None) -> None:
        super().__init__(
            source, f"the request was rejected (HTTP {status}, {reason or 'no reason given'}). Check model and account."
        )
        self.status = status
        self.reason = reason


class PausedError(ProviderError):
    """The provider is left alone for a while, after errors that another call would only repeat."""

    retryable = True

    def __init__(self, source: TextSource, seconds: float) -> None:
        super().__init__(source, f"it is not asked for the next {seconds:.0f} seconds, because it failed before.")
        self.seconds = seconds


class BusyError(ProviderError):
    """All calls that may run at once were taken for too long."""

    retryable = True

    def __init__(self, source: TextSource, limit: int) -> None:
        super().__init__(
            source, f"all {limit} calls that may run at once are taken. LLM_MAX_CONCURRENCY sets the limit."
        )


class OverBudgetError(ProviderError):
    """The provider is not asked, because of what it would cost."""
