"""The configuration web service: its WSDL, its calls, its faults, its session.

zeep knows the types and writes the envelopes; everything that travels goes through the kit's HTTP client, so that its
limits, attempts and time-outs hold. zeep is imported when the first call is made: it takes longer to load than all
else that ``--help`` needs.

An answer is parsed strictly and only here. zeep's own way to read an unstrict answer repairs it, so that a body cut in
the middle would look like a short list.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import logging
import os
import re
import tempfile
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import requests
from lxml import etree
from singer_sdk.streams.rest import HTTPRequest
from tap_kit.errors import Retry, SkipStream, Stop, TapError, Wait
from tap_kit.http import Meter
from tap_kit.redact import impersonal
from tap_kit.report import StreamReport
from tap_kit.rest import error_of, place_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_kit.http import HttpClient

logger = logging.getLogger("tap-five9.soap")

SOAP: t.Final = "{http://schemas.xmlsoap.org/soap/envelope/}"
LIMIT: t.Final = "default"
LONGEST_MESSAGE: t.Final = 300
# The real WSDL imports one schema of another site, for a type that we never use. It stands here, so that nothing but
# the WSDL itself is ever fetched.
KNOWN_SCHEMAS: t.Final[Mapping[str, bytes]] = {
    "http://ws-i.org/profiles/basic/1.1/swaref.xsd": (
        b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        b'targetNamespace="http://ws-i.org/profiles/basic/1.1/xsd">'
        b'<xs:simpleType name="swaRef"><xs:restriction base="xs:anyURI"/></xs:simpleType></xs:schema>'
    )
}
# A message may quote what was looked up: numbers of people do not belong into a log.
_NUMBER: t.Final = re.compile(r"\d{6,}")
# How often, and how patiently, a session is closed at the end.
CLOSING_ATTEMPTS: t.Final = 3
CLOSING_SECONDS: t.Final = 5.0
CLOSING_PAUSE_SECONDS: t.Final = 0.3


class ReportLostError(SkipStream):
    """Five9 does not know the identifier of a report any more; it may be run again."""


@dataclass(frozen=True)
class Fault:
    """What a fault says.

    Attributes:
        name: Its name without the ending, for example OperationsLimitExceeded.
        message: What it says in words.
        details: Its further elements, for example the limit.
    """

    name: str
    message: str
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Caller:
    """On whose behalf a call is made.

    Attributes:
        stream: Name of the stream, for messages.
        meter: Counts the requests.
        permission: What the user needs for it, named when access is disallowed.
    """

    stream: str
    meter: Meter
    permission: str = "the administrator role"


@dataclass(frozen=True)
class Answer:
    """A good answer.

    Attributes:
        value: What the operation returns, as zeep's objects; lists are lists, whatever their length.
        response: What came.
    """

    value: t.Any
    response: requests.Response = field(repr=False)


class WsdlFile:
    """The copy of a WSDL on the disk; without a folder there is none.

    Args:
        folder: Where it lies.
        address: Where it comes from; another address is another file.
        seconds: How old it may be.
    """

    def __init__(self, folder: Path | None, address: str, seconds: float) -> None:
        name = hashlib.sha256(address.encode()).hexdigest()[:16]
        self._file = None if folder is None or seconds <= 0 else folder / f"five9-{name}.wsdl"
        self._seconds = seconds

    def read(self) -> bytes | None:
        """Return the copy, None if there is no fresh one."""
        if self._file is None:
            return None
        try:
            fresh = time.time() - self._file.stat().st_mtime < self._seconds
            return self._file.read_bytes() if fresh else None
        except OSError:
            return None

    def write(self, content: bytes) -> None:
        """Keep a copy; a folder that cannot be written is no failure."""
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # Two runs may write at once: a reader sees one copy or the other, never a half.
            with tempfile.NamedTemporaryFile(dir=self._file.parent, delete=False) as copy:
                copy.write(content)
            Path(copy.name).replace(self._file)
        except OSError as error:
            logger.warning("The WSDL is not kept in %s (%s); it is fetched in each run.", self._file.parent, error)

    def forget(self) -> None:
        """Remove the copy."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.unlink()


def cache_folder(setting: str | None) -> Path | None:
    """Return the folder for copies of the WSDL: that of the setting, else the user's cache."""
    if setting:
        return Path(setting)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tap-five9-dw"
    except RuntimeError:
        return None


class Service:
    """The web service, for one request at a time: Five9 serves a user no more than that.

    Args:
        client: Sends the requests.
        endpoint: Where calls are posted to. The address inside the WSDL is never used: the public one is plain http.
        username: Part of the address of the WSDL.
        folder: Where copies of the WSDL are kept.
        keep_seconds: How old a copy may be.
        rate_limit_seconds: Pause after the limit of operations was exceeded.
        session_seconds: Pause while another session of the user is open.
    """

    def __init__(
        self,
        client: HttpClient,
        *,
        endpoint: str,
        username: str,
        folder: Path | None,
        keep_seconds: float,
        rate_limit_seconds: float,
        session_seconds: float,
    ) -> None:
        self._http = client
        self._endpoint = endpoint
        # The name has to be percent-encoded: user%40example.com.
        self._wsdl_address = f"{endpoint}?wsdl&user={quote(username, safe='')}"
        self._copy = WsdlFile(folder, endpoint, keep_seconds)
        self._pauses = {"OperationsLimitExceeded": rate_limit_seconds, "UserAlreadyLoggedIn": session_seconds}
        self._zeep: t.Any = None
        self._port: t.Any = None
        self._binding = ""
        self._caller = Caller("", Meter(StreamReport()))
        self._operation = ""
        self.is_open = False

    def call(self, operation: str, caller: Caller, **arguments: object) -> Answer:
        """Call an operation.

        Raises:
            TapError: What a fault, or anything else that is no answer, means for the run.
        """
        self._caller, self._operation = caller, operation
        if self._zeep is None:
            self._load()
        if not self.is_open:
            self.is_open = True
            # For what ends without a word to the tap, like --test.
            atexit.register(self.close)
        response: requests.Response = self._port[operation](**arguments)
        return Answer(self._read(operation, response), response)

    def close(self) -> None:
        """Close the session, if one is open; that it cannot be closed is no failure of the run.

        The request before may have been given up in the middle, and the user has one at a time: so it is tried again.
        """
        if not self.is_open:
            return
        self.is_open = False
        atexit.unregister(self.close)
        message = etree.tostring(self._zeep.create_message(self._port, "closeSession"), encoding="utf-8")
        prepared = self._http.prepare(self._request(self._endpoint, message, {}), json=False)
        reason = ""
        for attempt in range(CLOSING_ATTEMPTS):
            if attempt:
                time.sleep(CLOSING_PAUSE_SECONDS)
            try:
                response = self._http.session.send(prepared, timeout=CLOSING_SECONDS, allow_redirects=False)
            except requests.exceptions.RequestException as error:
                reason = type(error).__name__
            else:
                if response.status_code == requests.codes.ok:
                    return
                reason = f"status {response.status_code}"
        logger.warning("The session could not be closed (%s); Five9 closes it after a while.", reason)

    # What zeep asks of a transport

    def load(self, address: str) -> bytes:
        """Return a document that the WSDL consists of.

        Raises:
            Stop: If it lies somewhere else.
        """
        if address in KNOWN_SCHEMAS:
            return KNOWN_SCHEMAS[address]
        if address != self._wsdl_address:
            raise Stop(f"The WSDL of Five9 refers to {address}; nothing is fetched from other places.")
        content = self._copy.read()
        if content is None:
            request = HTTPRequest(url=address, headers={"Accept": "text/xml"})
            try:
                response = self._http.send(request, limit=LIMIT, judge=self._judge_wsdl, meter=self._caller.meter)
            except SkipStream as error:
                # Nothing can be called without it.
                raise Stop(str(error), category=error.category) from None
            content = response.content
            self._copy.write(content)
        return content

    def post_xml(self, address: str, envelope: etree._Element, headers: Mapping[str, str]) -> requests.Response:
        """Send an envelope until it is answered."""
        message = etree.tostring(envelope, encoding="utf-8", xml_declaration=True)
        request = self._request(address, message, headers)
        return self._http.send(request, limit=LIMIT, judge=self._judge, meter=self._caller.meter, json=False)

    # Inside

    def _request(self, address: str, message: bytes, headers: Mapping[str, str]) -> HTTPRequest:
        own = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""', "Accept": "text/xml"}
        return HTTPRequest(url=address, method="POST", headers={**own, **headers}, data=message)

    def _load(self) -> None:
        import zeep  # noqa: PLC0415 - a third of a second, see above

        settings = zeep.Settings(
            strict=False, raw_response=True, forbid_dtd=True, xml_huge_tree=True, force_https=False
        )
        for attempt in (1, 2):
            try:
                self._zeep = zeep.Client(self._wsdl_address, transport=self, settings=settings)
                self._binding = next(iter(self._zeep.wsdl.bindings))
                self._port = self._zeep.create_service(self._binding, self._endpoint)
            except TapError:
                raise
            except Exception as error:  # whatever a broken file makes zeep stumble over
                self._copy.forget()
                if attempt == 2:  # noqa: PLR2004 - the second of two
                    raise Stop(
                        f"The WSDL of {self._endpoint} cannot be read ({type(error).__name__}); "
                        "check api_url and api_version.",
                        category="source",
                    ) from error
            else:
                return

    def _read(self, operation: str, response: requests.Response) -> t.Any:  # noqa: ANN401 - objects of zeep
        from zeep import exceptions  # noqa: PLC0415 - as above

        root = document_of(response)
        found = root.find(f"{SOAP}Body/*")
        reason = "something else"
        # Unstrict, zeep takes an answer of another kind for an empty one.
        if found is not None and etree.QName(found).localname == f"{operation}Response":
            try:
                return self._zeep.wsdl.bindings[self._binding].get(operation).process_reply(root)
            except (exceptions.Error, LookupError, TypeError, ValueError, AttributeError) as error:
                reason = type(error).__name__
        raise SkipStream(
            f"{operation}: the answer is not what the WSDL describes ({reason}). "
            "Is api_version the version of the address?"
        )

    def _judge_wsdl(self, response: requests.Response) -> None:
        if response.status_code == requests.codes.not_found:
            raise Stop(f"{place_of(response)} answered 404: there is no such version; check api_version and api_url.")
        if response.status_code != requests.codes.ok:
            raise error_of(response, stream="WSDL")
        if etree.QName(document_of(response)).localname != "definitions":
            raise Stop(f"{place_of(response)} answered with something that is no WSDL; check api_url.")

    def _judge(self, response: requests.Response) -> None:
        """Raise what an answer means; a fault is HTTP 500 with a body, so the body is read first."""
        try:
            root = document_of(response)
        except Retry:
            if response.status_code == requests.codes.ok:
                raise
            raise error_of(response, stream=self._caller.stream, permission=self._caller.permission) from None
        fault = fault_of(root)
        if fault is not None:
            raise self._error_of(fault)
        if response.status_code != requests.codes.ok:
            raise error_of(response, stream=self._caller.stream, permission=self._caller.permission)
        if root.find(f"{SOAP}Body") is None:
            raise Retry(f"{self._operation} was answered with something that is no SOAP.", category="source")

    def _error_of(self, fault: Fault) -> TapError:
        stream, told = (
            self._caller.stream,
            f"{self._operation} was answered with {fault.name}: {impersonal(fault.message)}.",
        )
        if fault.name == "OperationsLimitExceeded":
            kind, limit = fault.details.get("operationType", "operations"), fault.details.get("limit", "unknown")
            told = f"{told} The account may make no more calls of the kind {kind} for now (limit {limit})."
            return Wait(told, seconds=self._pauses[fault.name])
        if fault.name == "UserAlreadyLoggedIn":
            told = f"{told} Another session of the same user is open; give the tap a user of its own."
            return Wait(told, seconds=self._pauses[fault.name], category="source")
        if fault.name == "InvalidAccount":
            return Stop(f"{told} The account is not valid: ask Five9.", category="authentication")
        if fault.name in ("AccessDisallowed", "ExecutionRestriction"):
            needed = self._caller.permission
            return SkipStream(
                f"The stream {stream} may not be read: the user needs {needed}. {told}", category="permission"
            )
        if fault.name in PASSING:
            return Retry(told, category="source")
        make = SPECIAL.get(fault.name, SkipStream)
        return make(f"The stream {stream} cannot be read: {told}{ADVICE.get(fault.name, '')}")


# Faults that the same call may get past.
PASSING: t.Final = frozenset(
    (
        "Server",
        "ServiceUnavailable",
        "ConcurrentModification",
        "AdminSessionClosed",
        "SessionClosed",
        "ResultIsNotReady",
    )
)
SPECIAL: t.Final[Mapping[str, Callable[[str], TapError]]] = {"UnknownIdentifier": ReportLostError}
ADVICE: t.Final[Mapping[str, str]] = {
    "ReportNotFound": " Name its folder and report in the setting reports.",
    "CrmFieldNotFound": " Check the setting list_field.",
    "ListNotFound": " The list was removed while it was read.",
}


def parse_xml(content: bytes) -> etree._Element:
    """Return the root of a document; entities and document types are refused, nothing is fetched or repaired.

    Long texts are allowed, because a report comes as one text of more than ten megabytes.

    Raises:
        ValueError: If it is none.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, recover=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(error.msg) from None
    document: t.Any = root.getroottree().docinfo
    if document.doctype:
        raise ValueError("it has a document type")
    return root


def document_of(response: requests.Response) -> etree._Element:
    """Return the root of an answer; parsed once.

    Raises:
        Retry: If it is no XML.
    """
    cached = response.__dict__
    if "five9_document" not in cached:
        try:
            cached["five9_document"] = parse_xml(response.content)
        except ValueError as error:
            kind = response.headers.get("Content-Type", "no type").split(";")[0]
            told = f"{place_of(response)} answered {response.status_code} with a body ({kind}) that is no XML: {error}."
            raise Retry(told, category="source") from None
    root: etree._Element = cached["five9_document"]
    return root


def fault_of(root: etree._Element) -> Fault | None:
    """Return the fault of an envelope, None if it holds none."""
    found = root.find(f"{SOAP}Body/{SOAP}Fault")
    if found is None:
        return None
    kind = next(iter(found.findall("detail/*")), None)
    details = {} if kind is None else {str(etree.QName(child).localname): child.text or "" for child in kind}
    name = "an unnamed fault" if kind is None else str(etree.QName(kind).localname)
    words = details.pop("message", "") or found.findtext("faultstring") or ""
    message = _NUMBER.sub("...", " ".join(words.split()))[:LONGEST_MESSAGE].rstrip(".")
    return Fault(re.sub(r"(Fault|Exception)$", "", name), message or "no reason given", details)
