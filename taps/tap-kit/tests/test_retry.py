"""Trying again, and what the errors of AWS mean."""

from __future__ import annotations

import typing as t

import pytest
from botocore import exceptions as boto
from tap_kit import http
from tap_kit.aws import Access, error_of
from tap_kit.errors import RefreshCredentials, Retry, SkipStream, Stop, TapError, Wait
from tap_kit.http import Meter, Unreachable
from tap_kit.report import StreamReport
from tap_kit.retry import Patience
from tap_kit.testing import FakeClock


def failing(*errors: Exception) -> t.Callable[[], str]:
    left = list(errors)

    def attempt() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return attempt


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    monkeypatch.setattr(http, "growing_pauses", lambda: iter([1.0, 2.0, 4.0, 8.0]))
    return FakeClock()


def test_passing_trouble_is_waited_out(clock: FakeClock) -> None:
    report = StreamReport()
    patience = Patience(60, monotonic=clock, pause=clock.sleep)
    attempt = failing(Retry("a"), Wait("b", seconds=7), Wait("c", seconds=0), Unreachable("d"))
    assert patience.run(attempt, Meter(report)) == "done"
    assert clock.slept == [1.0, 7, 2.0, 4.0]
    assert (report.requests, report.retries, report.rate_limited_seconds) == (5, 4, 9)


@pytest.mark.parametrize(
    ("error", "kind"), [(Retry("x"), SkipStream), (Unreachable("x"), Stop), (Wait("x", seconds=100), Stop)]
)
def test_patience_ends(clock: FakeClock, error: TapError, kind: type[TapError]) -> None:
    with pytest.raises(kind, match=r"x It was tried"):
        Patience(5, monotonic=clock, pause=clock.sleep).run(failing(*[error] * 9))


def test_credentials_are_renewed_once(clock: FakeClock) -> None:
    renewed: list[int] = []

    def renew() -> bool:
        renewed.append(1)
        return True

    patience = Patience(5, renew=renew, monotonic=clock, pause=clock.sleep)
    assert patience.run(failing(RefreshCredentials("old"))) == "done"
    assert renewed == [1]
    with pytest.raises(Stop) as caught:
        patience.run(failing(RefreshCredentials("old"), RefreshCredentials("old")))
    assert caught.value.category == "authentication"
    with pytest.raises(Stop):
        Patience(5).run(failing(RefreshCredentials("old")))


def answer(code: str, status: int = 400, message: str = "why", wait: str | None = None) -> boto.ClientError:
    told = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {"retry-after": wait} if wait else {}},
    }
    return boto.ClientError(t.cast("t.Any", told), "StartQueryExecution")


@pytest.mark.parametrize(
    ("error", "kind", "category"),
    [
        (answer("TooManyRequestsException"), Wait, "rate_limit"),
        (answer("ThrottlingException", wait="9"), Wait, "rate_limit"),
        (answer("SlowDown", 503), Wait, "rate_limit"),
        (answer("503", 503), Wait, "source"),
        (answer("InternalServerException", 500), Retry, "source"),
        (answer("InternalError", 500, wait="3"), Wait, "source"),
        (answer("ExpiredTokenException"), RefreshCredentials, "authentication"),
        (answer("UnrecognizedClientException"), Stop, "authentication"),
        (answer("SignatureDoesNotMatch", 403), Stop, "authentication"),
        (answer("AccessDeniedException"), SkipStream, "permission"),
        (answer("403", 403, ""), SkipStream, "permission"),
        (answer("NoSuchKey", 404), SkipStream, "source"),
        (answer("InvalidRequestException"), SkipStream, "source"),
        (boto.NoCredentialsError(), Stop, "authentication"),
        (boto.ProfileNotFound(profile="none"), Stop, "configuration"),
        (boto.NoRegionError(), Stop, "configuration"),
        (boto.EndpointConnectionError(endpoint_url="https://x"), Unreachable, "connection"),
        (boto.ReadTimeoutError(endpoint_url="https://x"), Unreachable, "connection"),
        (boto.SSLError(endpoint_url="https://x", error=OSError("e")), Stop, "connection"),
        (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), Unreachable, "connection"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)[:60]),
)
def test_what_an_error_of_aws_means(error: Exception, kind: type[TapError], category: str) -> None:
    found = error_of(error, "athena:StartQueryExecution")
    assert type(found) is kind
    assert found.category == category
    assert str(found).startswith("AWS (athena:StartQueryExecution)")
    if isinstance(error, boto.ClientError) and kind is Wait:
        headers = error.response["ResponseMetadata"]["HTTPHeaders"]
        assert t.cast("Wait", found).seconds == float(headers.get("retry-after", 0))


def test_a_403_without_a_reason_names_the_right() -> None:
    assert "It needs the right s3:GetObject." in str(error_of(answer("403", 403, ""), "s3:GetObject"))


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(KeyError):
        error_of(KeyError("x"), "s3")


def test_no_secret_is_in_what_is_printed() -> None:
    assert "made-up" not in repr(Access(access_key_id="AK", secret_access_key="made-up", session_token="made-up"))


def test_a_client_does_not_try_again_by_itself() -> None:
    access = Access(
        region="us-east-1", access_key_id="AK", secret_access_key="x", endpoints={"s3": "http://127.0.0.1:9"}
    )
    client = access.client("s3")
    assert client.meta.config.retries["total_max_attempts"] == 1
    assert client.meta.config.s3 == {"addressing_style": "path"}
    with pytest.raises(Stop, match="profile"):
        Access(profile="no-such-profile").client("s3")
