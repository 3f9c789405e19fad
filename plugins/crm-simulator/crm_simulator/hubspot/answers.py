"""What HubSpot says when it refuses: one envelope with a category, and some bodies that are not its own."""

from __future__ import annotations

import itertools
import typing as t

from starlette.responses import JSONResponse, PlainTextResponse, Response

if t.TYPE_CHECKING:
    from collections.abc import Iterable

SCOPES_PAGE = "https://developers.hubspot.com/scopes"
CATEGORIES: t.Final = {
    400: "VALIDATION_ERROR",
    401: "EXPIRED_AUTHENTICATION",
    403: "MISSING_SCOPES",
    404: "OBJECT_NOT_FOUND",
    423: "LOCKED",
    429: "RATE_LIMITS",
}
MESSAGES: t.Final = {
    401: "The OAuth token used to make this call expired 5 minute(s) ago.",
    403: "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: "
    f"{SCOPES_PAGE}.",
    404: "Resource not found",
    500: "internal error",
}
_numbers = itertools.count(1)


class Refusal(Exception):  # noqa: N818 - an answer, not a failure of ours
    """Ends an endpoint with an answer."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer
        super().__init__(answer.status_code)


def correlation() -> str:
    """Return the id of a request."""
    return f"00000000-0000-0000-0000-{next(_numbers):012}"


def error(status: int, message: str = "", category: str = "", **more: t.Any) -> Response:  # noqa: ANN401 - any JSON
    """Return an error in HubSpot's envelope."""
    body = {
        "status": "error",
        "message": message or MESSAGES.get(status, "There was a problem with the request."),
        "correlationId": correlation(),
        "category": category or CATEGORIES.get(status, "INTERNAL_ERROR"),
    }
    return JSONResponse(body | more, status)


def invalid(message: str) -> Refusal:
    """Return the refusal of a request that cannot be understood."""
    return Refusal(error(400, message))


def missing_scopes(scopes: Iterable[str]) -> Response:
    """Return the answer to a token that lacks scopes."""
    needed = sorted(scopes)
    detail = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": needed},
    }
    return error(403, errors=[detail], context={"missingScopes": needed}, links={"scopes": SCOPES_PAGE})


def too_many(policy: str) -> Response:
    """Return the answer to too many requests."""
    body = {
        "status": "error",
        "message": f"You have reached your {policy.lower()} limit.",
        "errorType": "RATE_LIMIT",
        "correlationId": correlation(),
        "policyName": policy,
        "requestId": correlation(),
    }
    return JSONResponse(body, 429)


def refuse(status: int) -> Response:
    """Return the answer of a status: those of gateways are pages or plain text, as nobody behind them answers."""
    if status in (502, 503, 504):
        page = f"<html>\r\n<head><title>{status}</title></head>\r\n<body><center>cloudflare</center></body></html>"
        return Response(page, status, media_type="text/html")
    if status == 414:  # noqa: PLR2004 - the status
        return Response("<html><body><h1>414 Request-URI Too Large</h1></body></html>", status, media_type="text/html")
    if status == 530:  # noqa: PLR2004 - the status
        return PlainTextResponse("error code: 1033", status)
    return error(status)
