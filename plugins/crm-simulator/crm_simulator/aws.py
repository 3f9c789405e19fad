"""How AWS words its answers and errors, and how it checks signatures; for simulators of its services."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import typing as t
from urllib.parse import quote
from xml.sax.saxutils import escape

from starlette.responses import Response

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request


def answer(document: Mapping[str, t.Any]) -> Response:
    """Return a good answer of Athena."""
    return Response(json.dumps(document), media_type="application/x-amz-json-1.1")


def failure(code: str, message: str, status: int = 400, **more: str) -> Response:
    """Return an error of Athena."""
    return Response(
        json.dumps({"__type": code, "message": message, **more}), status, media_type="application/x-amz-json-1.1"
    )


def invalid(message: str, code: str = "INVALID_INPUT") -> Response:
    """Return Athena's word for everything that was asked wrongly."""
    return failure("InvalidRequestException", message, AthenaErrorCode=code)


def xml_error(code: str, message: str, status: int) -> Response:
    """Return an error of S3 or STS."""
    inner = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    return Response(f"<Error>{inner}<Error>{inner}</Error></Error>", status, media_type="application/xml")


def is_signed(request: Request, secret: str, body: bytes | None) -> bool:
    """Tell whether a request carries the signature (version 4) of a secret.

    Args:
        request: The request.
        secret: The secret.
        body: Its body; None takes the hash that S3 is sent as a header.
    """
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=[^/]+/([^,]+), ?SignedHeaders=([^,]+), ?Signature=(\w+)",
        request.headers.get("Authorization", ""),
    )
    if found is None:
        return False
    scope, names, signature = found.groups()
    payload = request.headers.get("X-Amz-Content-SHA256", "") if body is None else hashlib.sha256(body).hexdigest()
    path = t.cast("bytes", request.scope["raw_path"]).decode()
    query = "&".join(
        sorted(f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in request.query_params.multi_items())
    )
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names.split(";"))
    canonical = f"{request.method}\n{path}\n{query}\n{headers}\n{names}\n{payload}"
    moment = request.headers.get("X-Amz-Date", "")
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature)
