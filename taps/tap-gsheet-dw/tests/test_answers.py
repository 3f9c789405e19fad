"""What single answers mean."""

from __future__ import annotations

import json
import typing as t

import pytest
import requests
from tap_gsheet_dw.api import is_quota, judge_answer, judge_token
from tap_gsheet_dw.streams import type_of_cell
from tap_kit.errors import RefreshCredentials, Retry, SkipStream, Stop, Wait


def answer(status: int, body: t.Any, **headers: str) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    made.url = "https://example.com/v4/spreadsheets/S?fields=a"
    made.request = requests.Request("GET", made.url).prepare()
    return made


def error(status: int, name: str, **more: t.Any) -> requests.Response:
    return answer(status, {"error": {"code": status, "message": "Told.", "status": name, **more}})


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (error(400, "INVALID_ARGUMENT"), SkipStream),
        (error(401, "UNAUTHENTICATED"), RefreshCredentials),
        (error(403, "PERMISSION_DENIED"), SkipStream),
        (error(403, "RESOURCE_EXHAUSTED"), Wait),
        (error(403, "PERMISSION_DENIED", details=[{"reason": "rateLimitExceeded"}]), Wait),
        (error(404, "NOT_FOUND"), SkipStream),
        (error(429, "RESOURCE_EXHAUSTED"), Wait),
        (error(500, "INTERNAL"), Retry),
        (answer(200, b""), Retry),
        (answer(200, b"<html>"), Retry),
        (answer(403, b"<html>"), SkipStream),
    ],
)
def test_answers_of_sheets(given: requests.Response, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="GET /v4/spreadsheets/S answered") as caught:
        judge_answer(given, stream="crews", login="somebody")
    assert "fields=a" not in str(caught.value)


def test_a_wait_that_is_named_is_kept() -> None:
    with pytest.raises(Wait) as caught:
        judge_answer(answer(403, {"error": {"status": "RESOURCE_EXHAUSTED"}}, Retry_After="7"), stream="x", login="y")
    assert caught.value.seconds == 7


@pytest.mark.parametrize("body", [b"", b"<html>", [], {"error": "text"}, {"error": {"message": "no"}}])
def test_what_says_nothing_is_no_quota(body: t.Any) -> None:
    assert is_quota(answer(403, body)) is False


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (answer(400, {"error": "invalid_grant", "error_description": "Bad Request"}), Stop),
        (answer(400, {"error": "temporarily_unavailable"}), Retry),
        (answer(401, b""), Stop),
        (answer(429, b"", Retry_After="3"), Wait),
        (answer(503, b"<html>"), Retry),
        (answer(200, {"expires_in": 5}), Retry),
        (answer(200, b"<html>"), Retry),
    ],
)
def test_answers_of_the_token_endpoint(given: requests.Response, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        judge_token(given)


def test_a_token_is_good() -> None:
    judge_token(answer(200, {"access_token": "t"}))


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ({}, "text"),
        ({"effectiveValue": {"stringValue": "x"}}, "text"),
        ({"effectiveValue": {"errorValue": {"type": "REF"}}}, "text"),
        ({"effectiveValue": {"boolValue": False}}, "boolean"),
        ({"effectiveValue": {"numberValue": 1}}, "number"),
        ({"effectiveValue": {"numberValue": 1}, "effectiveFormat": {"numberFormat": {"type": "CURRENCY"}}}, "number"),
        ({"effectiveValue": {"numberValue": 1}, "effectiveFormat": {"numberFormat": {"type": "DATE"}}}, "date"),
        (
            {"effectiveValue": {"numberValue": 1}, "effectiveFormat": {"numberFormat": {"type": "DATE_TIME"}}},
            "datetime",
        ),
        ({"effectiveValue": {"numberValue": 1}, "effectiveFormat": {"numberFormat": {"type": "TIME"}}}, "text"),
    ],
)
def test_types_of_cells(cell: dict[str, t.Any], kind: str) -> None:
    assert type_of_cell(cell) == kind
