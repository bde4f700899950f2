"""Clients of AWS's services. The SDK's errors become ours here."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

from shop.errors import UnavailableError

_DENIED = {"AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "UnrecognizedClientException"}
_MISSING = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}
_PASSING = {"RequestThrottled", "ThrottlingException", "Throttling", "ServiceUnavailable", "InternalError"}


class AwsClient:
    """A client of one service, made at its first call, whose calls take so many seconds at most. Region, credentials
    and endpoint are those of AWS's variables.

    The SDK is imported then as well: it takes half a second.
    """

    def __init__(self, service: str, timeout_seconds: float) -> None:
        self._service = service
        self._timeout = timeout_seconds
        self._making = asyncio.Lock()
        self._open = contextlib.AsyncExitStack()
        self._client: Any = None

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """One call of the operation, named as a method of the SDK's. Raises UnavailableError when the service cannot be
        reached or does not let us in; a wrong call is a bug and goes on as it is."""
        client = await self._made()
        with _aws_errors(self._service.upper()):
            async with asyncio.timeout(self._timeout):
                answer: dict[str, Any] = await getattr(client, operation)(**parameters)
        return answer

    async def aclose(self) -> None:
        await self._open.aclose()
        self._client = None

    async def _made(self) -> Any:
        async with self._making:
            if self._client is None:
                sdk = await asyncio.to_thread(importlib.import_module, "aiobotocore.session")
                config = importlib.import_module("aiobotocore.config").AioConfig(
                    connect_timeout=self._timeout,
                    read_timeout=self._timeout,
                    retries={"mode": "standard", "total_max_attempts": 3},
                    max_pool_connections=50,
                )
                with _aws_errors(self._service.upper()):
                    self._client = await self._open.enter_async_context(
                        sdk.get_session().create_client(self._service, config=config)
                    )
        return self._client


@contextlib.contextmanager
def _aws_errors(part: str) -> Iterator[None]:
    from botocore import exceptions

    try:
        yield
    except exceptions.ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise _typed(part, error.response["Error"].get("Code", ""), status) or error from error
    except (exceptions.NoRegionError, exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
        problem = "cannot be called without a region and credentials."
        raise UnavailableError(part, "Set AWS_REGION and a role or keys.", problem=problem) from error
    except (
        exceptions.CredentialRetrievalError,
        exceptions.MetadataRetrievalError,
        exceptions.TokenRetrievalError,
        exceptions.HTTPClientError,
        exceptions.ConnectionError,
        OSError,
        TimeoutError,
    ) as error:
        raise UnavailableError(part) from error


def _typed(part: str, code: str, status: int) -> UnavailableError | None:
    """What the operator has to correct, or what passes by itself; None for a bug of ours."""
    if code in _DENIED or status in {401, 403}:
        hint = "Check the role's policy and the credentials."
        return UnavailableError(part, hint, problem="gives this process too few rights.")
    if code in _MISSING:
        return UnavailableError(part, "Check QUEUE_URL_… and the region.", problem="has no queue of this URL.")
    if code in _PASSING or status == 429 or status >= 500:
        return UnavailableError(part)
    return None
