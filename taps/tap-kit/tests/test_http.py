from __future__ import annotations

import io
import logging
import typing as t
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest
import requests
from requests.adapters import BaseAdapter
from singer_sdk.streams.rest import HTTPRequest
from tap_kit.auth import BearerToken, Headers
from tap_kit.errors import SkipStream, Stop
from tap_kit.http import ClientClosedError, HttpClient, Meter, http_date, retry_after
from tap_kit.limits import Limit
from tap_kit.report import StreamReport
from tap_kit.rest import check_json, error_of
from tap_kit.testing import FakeClock
from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_kit.auth import Credentials

Answer: t.TypeAlias = "Exception | tuple[int, str] | tuple[int, str, dict[str, str]]"


class Script(BaseAdapter):
    """Answers with what it was given, in order; the last answer repeats."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self.answers = list(answers)
        self.sent: list[requests.PreparedRequest] = []

    @override
    def send(self, request: requests.PreparedRequest, *_: t.Any, **__: t.Any) -> requests.Response:
        self.sent.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        response = requests.Response()
        response.status_code = answer[0]
        response.reason = HTTPStatus(answer[0]).phrase
        response.raw = io.BytesIO(answer[1].encode())
        response.headers.update(answer[2] if len(answer) > 2 else {})
        response.url, response.request = request.url or "", request
        return response

    @override
    def close(self) -> None:
        pass


def judge(response: requests.Response) -> None:
    if response.status_code != 200:
        raise error_of(response, stream="calls", permission="the scope calls.read")
    check_json(response)


class Bench:
    """A client whose server is a script and whose clock is not real."""

    def __init__(self, *answers: Answer, credentials: Credentials | None = None, retry_seconds: float = 600) -> None:
        self.clock = FakeClock()
        self.script = Script(*answers)
        self.report = StreamReport()
        self.client = HttpClient(
            credentials=credentials or Headers({"X-Auth-Key": "k"}),
            limits={"default": Limit(1000, 1)},
            retry_seconds=retry_seconds,
            monotonic=self.clock,
            pause=self.clock.sleep,
        )
        self.client.session.mount("http://", self.script)

    def get(self, params: Mapping[str, t.Any] | None = None) -> requests.Response:
        request = HTTPRequest(url="http://crm.example/calls", params=dict(params or {}))
        return self.client.send(request, limit="default", judge=judge, meter=Meter(self.report))


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param((500, ""), id="500"),
        pytest.param((503, "<html>"), id="503 with a page"),
        pytest.param((408, ""), id="408"),
        pytest.param((200, "<html>We will be back soon"), id="no JSON"),
        pytest.param((200, '{"calls": ['), id="cut JSON"),
        pytest.param(requests.exceptions.ChunkedEncodingError("IncompleteRead(3 bytes read)"), id="cut body"),
        pytest.param(requests.exceptions.ContentDecodingError(), id="broken compression"),
        pytest.param(requests.exceptions.ConnectionError(ConnectionResetError()), id="reset"),
        pytest.param(requests.exceptions.ReadTimeout(), id="time-out"),
    ],
)
def test_passing_trouble_is_tried_again_with_growing_pauses(trouble: Answer) -> None:
    bench = Bench(trouble, trouble, trouble, (200, "[]"))
    assert bench.get().status_code == 200
    assert (bench.report.requests, bench.report.retries) == (4, 3)
    pauses = [pause for pause in bench.clock.slept if pause > 0.1]
    assert [0.5, 1, 2] <= pauses <= [1, 2, 4]


def test_it_is_not_tried_for_ever() -> None:
    bench = Bench((502, '{"message": "bad gateway"}'), retry_seconds=20)
    with pytest.raises(SkipStream, match=r"GET /calls answered 502: bad gateway\. It was tried \d+ times\.") as caught:
        bench.get()
    assert caught.value.category == "source"
    assert bench.clock.seconds <= 20


def test_a_vendor_that_cannot_be_reached_ends_the_run() -> None:
    refused = requests.exceptions.ConnectionError("/calls?token=geheim")
    with pytest.raises(Stop, match=r"the connection failed: /calls\.") as caught:
        Bench(refused, retry_seconds=0).get()
    assert caught.value.category == "connection"
    assert "geheim" not in str(caught.value)


def test_a_broken_certificate_ends_the_run_at_once() -> None:
    bench = Bench(requests.exceptions.SSLError("certificate verify failed"))
    with pytest.raises(Stop, match="TLS connection failed: certificate verify failed"):
        bench.get()
    assert bench.report.requests == 1


def test_an_address_that_is_none_ends_the_run() -> None:
    with pytest.raises(Stop, match="cannot be requested"):
        Bench(requests.exceptions.InvalidURL("no host")).get()


def test_retry_after_is_waited_for() -> None:
    bench = Bench((429, "{}", {"Retry-After": "7"}), (200, "[]"))
    bench.get()
    assert bench.clock.seconds == pytest.approx(7, abs=0.1)
    assert (bench.report.retries, bench.report.rate_limited_seconds) == (1, 7)
    assert bench.client.budgets.of("default").pace < 1


def test_without_retry_after_the_pauses_grow() -> None:
    bench = Bench((429, "{}"), (429, "{}"), (200, "[]"))
    bench.get()
    assert 1.5 <= bench.clock.seconds <= 3.5


def test_an_unavailable_server_may_name_the_pause_too() -> None:
    bench = Bench((503, "{}", {"Retry-After": "11"}), (200, "[]"))
    bench.get()
    assert bench.clock.seconds == pytest.approx(11, abs=0.1)


def test_a_wait_beyond_the_budget_ends_the_run_at_once() -> None:
    bench = Bench((429, "{}", {"Retry-After": "3600"}))
    with pytest.raises(Stop, match="The wait of 3600 s is longer than this run may wait") as caught:
        bench.get()
    assert caught.value.category == "rate_limit"
    assert bench.clock.seconds == 0


def test_wrong_credentials_end_the_run() -> None:
    with pytest.raises(Stop, match=r"answered 401: no such key. The credentials are wrong or have expired") as caught:
        Bench((401, '{"error": "no such key"}')).get()
    assert caught.value.category == "authentication"


def test_an_expired_token_is_renewed_once() -> None:
    tokens = iter(["one", "two", "three"])
    bench = Bench((401, "{}"), (200, "[]"), (401, "{}"), credentials=BearerToken(lambda: (next(tokens), 1800)))
    bench.get()
    assert [request.headers["Authorization"] for request in bench.script.sent] == ["Bearer one", "Bearer two"]
    with pytest.raises(Stop, match="expired"):
        bench.get()


def test_a_token_is_renewed_before_it_ends() -> None:
    clock = FakeClock()
    tokens = iter(["one", "two"])
    token = BearerToken(lambda: (next(tokens), 1800), monotonic=clock)
    request = requests.PreparedRequest()
    request.headers = requests.structures.CaseInsensitiveDict()
    assert token(request).headers["Authorization"] == "Bearer one"
    clock.seconds = 1700
    assert token(request).headers["Authorization"] == "Bearer one"
    clock.seconds = 1741
    assert token(request).headers["Authorization"] == "Bearer two"


def test_a_token_that_cannot_be_renewed_ends_the_run() -> None:
    bench = Bench((401, "{}"), credentials=BearerToken(lambda: ("one", 1800)))
    request = HTTPRequest(url="http://crm.example/token", method="POST", data={"refresh_token": "r"})
    with pytest.raises(Stop, match="POST /token answered 401") as caught:
        bench.client.send(request, limit="default", judge=judge, meter=Meter(bench.report), json=False, sign=False)
    assert caught.value.category == "authentication"
    assert bench.script.sent[0].body == "refresh_token=r"
    assert "Authorization" not in bench.script.sent[0].headers


def test_a_token_that_another_thread_renewed_is_not_renewed_again() -> None:
    tokens = iter(["one", "two"])
    token = BearerToken(lambda: (next(tokens), 1800))
    first, second = requests.PreparedRequest(), requests.PreparedRequest()
    first.headers = requests.structures.CaseInsensitiveDict()
    second.headers = requests.structures.CaseInsensitiveDict()
    token(first)
    token(second)
    assert token.renew(first)
    assert token.renew(second)
    assert token(first).headers["Authorization"] == "Bearer two"


def test_a_missing_scope_is_named() -> None:
    with pytest.raises(
        SkipStream, match=r"calls may not be read: it needs the scope calls.read\. GET /calls answered 403"
    ) as caught:
        Bench((403, "{}")).get()
    assert caught.value.category == "permission"


def test_without_a_known_scope_it_says_what_it_can() -> None:
    response = Bench((200, "[]")).get()
    response.status_code = 403
    assert "the credentials do not allow it" in str(error_of(response, stream="calls"))


def test_a_message_within_an_error_is_found() -> None:
    with pytest.raises(SkipStream, match=r"GET /calls answered 400: no such range\.$"):
        Bench((400, '{"error": {"code": 400, "message": "no such range.", "status": "INVALID"}}')).get()


def test_a_vendor_may_read_its_own_error_bodies() -> None:
    response = Bench((200, '{"error": {"code": ""}}')).get()
    response.status_code = 400
    assert str(error_of(response, stream="calls", message="no such field")).endswith("answered 400: no such field.")
    assert str(error_of(response, stream="calls", message="")).endswith("answered 400.")
    assert len(str(error_of(response, stream="calls", message="x" * 999))) < 400


@pytest.mark.parametrize("status", [302, 400, 404, 422])
def test_other_answers_fail_the_stream_without_another_try(status: int) -> None:
    bench = Bench((status, '{"errors": [{"code": 7}]}', {"Location": "http://elsewhere.example/"}))
    with pytest.raises(SkipStream, match=rf"GET /calls answered {status}: \[{{\"code\":7}}\]\."):
        bench.get()
    assert bench.report.requests == 1


def test_what_is_no_explanation_is_not_shown() -> None:
    with pytest.raises(SkipStream, match=r"answered 400\.$"):
        Bench((400, "<html>")).get()
    with pytest.raises(SkipStream, match=r"answered 400\.$"):
        Bench((400, "[1]")).get()
    with pytest.raises(SkipStream, match=r"answered 400\.$"):
        Bench((400, '{"code": 1}')).get()


def test_parameters_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench((500, ""), (200, "[]"))
    with caplog.at_level(logging.DEBUG):
        bench.get({"api_key": "geheim", "page": [1, 2]})
    assert (bench.script.sent[0].url or "").endswith("?api_key=geheim&page=1&page=2")
    assert "GET /calls answered 500" in caplog.text
    assert "geheim" not in caplog.text


def test_the_clock_is_the_vendors() -> None:
    ahead = datetime.now(UTC) + timedelta(hours=2)
    date = ahead.strftime("%a, %d %b %Y %H:%M:%S GMT")
    bench = Bench((200, "[]", {"Date": date}))
    bench.get()
    assert ahead - timedelta(seconds=2) < bench.client.clock() < ahead + timedelta(seconds=5)


def test_closing_ends_a_pause() -> None:
    client = HttpClient(credentials=Headers({}), limits={"default": Limit(1, 3600)})
    client.budgets.of("default").acquire()
    client.close()
    with pytest.raises(ClientClosedError):
        client.budgets.of("default").acquire()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", None), ("12", 12), ("0.5", 0.5), ("-3", 0), ("Wed, 01 Jan 2025 00:01:00 GMT", 60), ("soon", None)],
)
def test_retry_after_comes_as_seconds_or_as_a_date(text: str, seconds: float | None) -> None:
    response = requests.Response()
    response.headers["Retry-After"] = text
    assert retry_after(response, datetime(2025, 1, 1, tzinfo=UTC)) == seconds


def test_a_date_without_a_zone_is_utc() -> None:
    assert http_date("Wed, 01 Jan 2025 00:01:00 -0000") == datetime(2025, 1, 1, 0, 1, tzinfo=UTC)
