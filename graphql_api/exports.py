"""Downloading an export of a shopper's data, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse

from graphql_api.errors import refusal
from shop.entities.privacy import ExportState

if TYPE_CHECKING:
    from starlette.requests import Request

    from shop.resources.serving import ServingResources

_HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
_NAME = "whybuy-export.json"
_WAIT_SECONDS = "2"
_UNKNOWN = "There is no export at this address."
_NOT_READY = "The export is not ready yet. Follow its job by `jobProgress`, or try again in a few seconds."
_GONE = "This export was downloaded already, or has expired. Order another one by `exportUserData`."


async def download(request: Request) -> Response:
    """The document for whoever is first to ask with the token; 425 before it is ready, 410 afterwards, else 404.

    Whoever asks for the headers alone gets 405, and the export stays.
    """
    if request.method == "HEAD":
        raise HTTPException(405, headers={"Allow": "GET"})
    exports = _resources(request).user_exports
    token = request.path_params["token"]
    document = await exports.take(token)
    if document is None:
        return _refused(await exports.state(token))
    headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="{_NAME}"'}
    return StreamingResponse(document, media_type="application/json", headers=headers)


def _refused(state: ExportState | None) -> Response:
    if state is None:
        return _answer(404, _UNKNOWN)
    if state is ExportState.ENDED:
        return _answer(410, _GONE)
    return _answer(425, _NOT_READY, {"Retry-After": _WAIT_SECONDS})


def _answer(status: int, message: str, more: dict[str, str] | None = None) -> Response:
    body = {"errors": [{"message": message, "extensions": refusal(404 if status == 410 else status)}]}
    return JSONResponse(body, status, {**_HEADERS, **(more or {})})


def _resources(request: Request) -> ServingResources:
    resources: ServingResources = request.app.state.resources
    return resources
