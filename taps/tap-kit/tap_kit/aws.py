"""AWS through boto3: sessions, clients that leave trying again to the kit, and what their errors mean.

boto3 takes a third of a second to import: nothing here imports it before a client is asked for.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from functools import cached_property

from tap_kit.errors import RefreshCredentials, Retry, SkipStream, Stop, Wait
from tap_kit.http import Unreachable
from tap_kit.redact import impersonal

if t.TYPE_CHECKING:
    from boto3 import Session

    from tap_kit.errors import TapError


# Codes as the services give them: S3, Athena and STS have different words for the same.
def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


THROTTLED = _words(
    "TooManyRequestsException ThrottlingException Throttling ThrottledException RequestLimitExceeded RequestThrottled "
    "RequestThrottledException SlowDown BandwidthLimitExceeded PriorRequestNotComplete"
)
PASSING = _words("InternalServerException InternalServerError InternalError InternalFailure RequestTimeout")
EXPIRED = _words("ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired")
REFUSED = _words(
    "UnrecognizedClientException InvalidSignatureException SignatureDoesNotMatch InvalidAccessKeyId AuthFailure "
    "InvalidClientTokenId MissingAuthenticationToken MissingAuthenticationTokenException InvalidToken "
    "IncompleteSignature RequestTimeTooSkewed NotAuthorized OptInRequired"
)
LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class Access:
    """How AWS is reached; whatever is left out comes from the machine, in boto3's usual order.

    Attributes:
        region: Region of the services.
        access_key_id: Key of a user.
        secret_access_key: Its secret.
        session_token: Third part of temporary keys.
        profile: Profile of the machine's AWS configuration.
        role_arn: Role to take on with these credentials; its keys are renewed by themselves.
        external_id: What the owner of the role asks for.
        endpoints: Other addresses, by service.
        connect_timeout_seconds: How long a connection may take.
        read_timeout_seconds: How long the service may be silent.
        user_agent: Added to the name that boto3 gives itself.
    """

    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    endpoints: t.Mapping[str, str] = field(default_factory=dict)
    connect_timeout_seconds: float = 10
    read_timeout_seconds: float = 60
    user_agent: str | None = None

    def client(self, service: str) -> t.Any:  # noqa: ANN401 - boto3 makes its clients while it runs
        """Return a client of a service.

        Raises:
            Stop: If boto3 is missing, or the settings make no session.
        """
        try:
            return self._client(self._session, service)
        except Exception as error:
            raise error_of(error, service) from error

    def renew(self) -> bool:
        """Forget what the machine gave, so that the next client asks it again; False if the keys are settings."""
        self.__dict__.pop("_session", None)
        return bool(self.role_arn or not self.access_key_id)

    def _client(self, session: Session, service: str) -> t.Any:  # noqa: ANN401 - as above
        from botocore.config import Config  # noqa: PLC0415 - see the module

        config = Config(
            # One attempt: the kit tries again.
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=self.connect_timeout_seconds,
            read_timeout=self.read_timeout_seconds,
            user_agent_extra=self.user_agent,
            # Only where an address of one's own is given: elsewhere AWS decides.
            s3={"addressing_style": "path"} if service in self.endpoints else {},
        )
        make: t.Any = session.client
        return make(service, region_name=self.region, endpoint_url=self.endpoints.get(service), config=config)

    @cached_property
    def _session(self) -> Session:
        try:
            import boto3  # noqa: PLC0415 - see the module
        except ImportError:
            raise Stop("boto3 is not installed, and AWS cannot be reached without: install tap-kit[s3].") from None
        session = boto3.Session(
            aws_access_key_id=self.access_key_id or None,
            aws_secret_access_key=self.secret_access_key or None,
            aws_session_token=self.session_token or None,
            profile_name=self.profile or None,
            region_name=self.region or None,
        )
        return self._with_role(session) if self.role_arn else session

    def _with_role(self, session: Session) -> Session:
        from boto3 import Session as BotoSession  # noqa: PLC0415 - see the module
        from botocore import credentials  # noqa: PLC0415
        from botocore.session import get_session  # noqa: PLC0415

        inner: t.Any = get_session()
        fetcher = credentials.AssumeRoleCredentialFetcher(
            client_creator=lambda service, **_: self._client(session, service),
            source_credentials=t.cast("t.Any", session.get_credentials()),
            role_arn=t.cast("str", self.role_arn),
            extra_args={"RoleSessionName": "crm-warehouse"}
            | ({"ExternalId": self.external_id} if self.external_id else {}),
        )
        inner._credentials = credentials.DeferredRefreshableCredentials(  # noqa: SLF001 - botocore has no other door
            refresh_using=fetcher.fetch_credentials, method="assume-role"
        )
        return BotoSession(botocore_session=inner, region_name=self.region or None)


def error_of(error: Exception, what: str) -> TapError:
    """Return what an error of boto3 means for the run.

    Args:
        error: What was raised.
        what: What was tried, for the sentence: a service, an operation, the address of a file.

    Raises:
        Exception: The very error, if it is none of boto3's.
    """
    from botocore import exceptions as boto  # noqa: PLC0415 - see the module
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    if isinstance(error, boto.ClientError):
        return _error_of_answer(error, what)
    name = type(error).__name__
    if isinstance(error, boto.SSLError):
        return Stop(f"AWS ({what}): the TLS connection failed.", category="connection")
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError | boto.CredentialRetrievalError):
        return Stop(
            f"AWS ({what}): there are no credentials. Set access key and secret, a profile or a role.",
            category="authentication",
        )
    if isinstance(error, boto.HTTPClientError | boto.IncompleteReadError | boto.ConnectionError):
        return Unreachable(f"AWS ({what}): the connection failed ({name}).")
    if isinstance(error, ResponseParserError):
        return Retry(f"AWS ({what}): the answer cannot be understood ({name}).", category="source")
    if isinstance(error, boto.BotoCoreError | ValueError):
        return Stop(f"AWS ({what}): {_shortened(str(error))}")
    raise error


def _error_of_answer(error: t.Any, what: str) -> TapError:  # noqa: ANN401 - botocore.exceptions.ClientError
    """Return what an answer that is an error means; the codes come first, because S3 gives no code for HEAD."""
    told: dict[str, t.Any] = error.response.get("Error", {})
    answer: dict[str, t.Any] = error.response.get("ResponseMetadata", {})
    code, status = str(told.get("Code", "")), int(answer.get("HTTPStatusCode", 0))
    text = f": {_shortened(impersonal(told['Message']))}" if told.get("Message") else ""
    sentence = f"AWS ({what}) answered {code or status}{text}".rstrip(".") + "."
    if code in EXPIRED:
        return RefreshCredentials(sentence)
    if code in REFUSED or status == 401:  # noqa: PLR2004 - an HTTP status, as all below
        return Stop(f"{sentence} The credentials are wrong.", category="authentication")
    headers: dict[str, str] = answer.get("HTTPHeaders", {})
    wait = float(headers["retry-after"]) if headers.get("retry-after", "").isdigit() else 0.0
    if code in THROTTLED or status in (429, 503):
        return Wait(sentence, seconds=wait, category="rate_limit" if code in THROTTLED else "source")
    if code in PASSING or status >= 500 or status == 408:  # noqa: PLR2004
        return Wait(sentence, seconds=wait, category="source") if wait else Retry(sentence, category="source")
    if status == 403 or "AccessDenied" in code:  # noqa: PLR2004
        right = "" if ":" in text[2:] else f" It needs the right {what}."
        return SkipStream(f"{sentence}{right}", category="permission")
    return SkipStream(sentence)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}..."
