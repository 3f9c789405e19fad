"""What MarketSharp's OData service sends: verbose JSON, Atom, errors and ``$metadata``. Pure functions on bytes.

WCF Data Services, in the dialect of OData V1 and V2. A value comes as it lies in the answer: a text, or what JSON
makes of it; what it means for a column is decided elsewhere. Links to other entities are left out: they are
never followed.

XML is parsed by defusedxml with document types forbidden: neither entities nor external references are resolved.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from tap_kit.errors import Retry, SkipStream
from tap_kit.rows import decode

if t.TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element  # the type only; nothing is parsed by it

    from tap_kit.rest import Row

ATOM = "{http://www.w3.org/2005/Atom}"
META = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# /Date(1736070000000)/, and with an offset in minutes for Edm.DateTimeOffset.
_JSON_DATE = re.compile(r"/Date\((-?\d+)(?:([+-])(\d{1,4}))?\)/")
_REFERENCE = re.compile(rb"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));")
# XML 1.0, section 2.2.
_ALLOWED = ((0x9, 0xA, 0xD), range(0x20, 0xD800), range(0xE000, 0xFFFE), range(0x10000, 0x110000))
_RAW_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True)
class Feed:
    """One answer of an entity set.

    Attributes:
        rows: Its entries, with the names as they came.
        link: Address of the next part, as it came; None if there is none.
    """

    rows: list[Row]
    link: str | None = None


@dataclass(frozen=True)
class EntityType:
    """What ``$metadata`` says of one entity set: its exact name and that of its properties, by lower-case name."""

    path: str
    properties: Mapping[str, str] = field(default_factory=dict)


def parse_feed(body: bytes) -> Feed:
    """Return the entries of an answer; JSON and Atom are told apart by how they begin.

    Raises:
        Retry: If the body is cut off or is something else, like the page of a proxy.
        SkipStream: If it is whole, but holds no list, or declares a document type.
    """
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return _feed_of_atom(_parse_xml(body))
    try:
        document = decode(body)
    except ValueError:
        raise Retry("is neither JSON nor XML that can be read") from None
    return _feed_of_json(document)


def _feed_of_json(document: t.Any) -> Feed:  # noqa: ANN401 - any JSON
    found = document.get("d") if isinstance(document, dict) else None
    link = None
    if isinstance(found, dict):
        link = found.get("__next")
        found = found.get("results")
    if not isinstance(found, list):
        raise SkipStream("holds no list of entries")
    # An entry that is no object has no key and ends as a reject.
    rows = [_without_links(row) if isinstance(row, dict) else {} for row in found]
    return Feed(rows, link if isinstance(link, str) and link else None)


def _without_links(row: Row) -> Row:
    return {name: value for name, value in row.items() if not _is_navigation(name, value)}


def _is_navigation(name: str, value: t.Any) -> bool:  # noqa: ANN401 - any JSON
    """Tell whether a value is no property but a way to other entities, deferred or expanded."""
    if name == "__metadata" or isinstance(value, list):
        return True
    return isinstance(value, dict) and bool({"__deferred", "__metadata", "results"} & value.keys())


def _feed_of_atom(root: Element) -> Feed:
    if root.tag != f"{ATOM}feed":
        raise Retry("is XML, but no Atom feed")
    if root.find(f"{META}error") is not None:
        # The service writes it into a feed that it had begun with status 200.
        raise Retry("breaks off with an error of the service")
    rows = [_properties_of(entry) for entry in root.findall(f"{ATOM}entry")]
    link = next((found.get("href") for found in root.findall(f"{ATOM}link") if found.get("rel") == "next"), None)
    return Feed(rows, link or None)


def _properties_of(entry: Element) -> Row:
    """Return the properties of an entry, not those of the entries that ``$expand`` nests in it."""
    found = entry.find(f"{ATOM}content/{META}properties")
    if found is None:
        found = entry.find(f"{META}properties")
    if found is None:
        return {}
    return {_local(child.tag): _value_of(child) for child in found}


def _value_of(element: Element) -> str | None:
    if element.get(f"{META}null") == "true":
        return None
    return element.text or ""


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _parse_xml(body: bytes) -> Element:
    for attempt in (body, None):
        try:
            root: Element = ElementTree.fromstring(
                without_forbidden(body) if attempt is None else body, forbid_dtd=True
            )
        except DefusedXmlException as error:
            raise SkipStream(
                f"declares a document type or entities ({type(error).__name__}), which is refused"
            ) from None
        except (ElementTree.ParseError, ValueError, LookupError):  # the latter two: an encoding that does not exist
            continue
        return root
    raise Retry("is neither JSON nor XML that can be read")


def without_forbidden(body: bytes) -> bytes:
    """Return XML without the characters that XML 1.0 forbids, written out or as references.

    References to line breaks, tabs and everything else that is allowed stay.
    """
    return _RAW_CONTROL.sub(b"", _REFERENCE.sub(_allowed_reference, body))


def _allowed_reference(match: re.Match[bytes]) -> bytes:
    code = int(match[1], 16) if match[1] else int(match[2])
    return match[0] if any(code in codes for codes in _ALLOWED) else b""


def message_of(body: bytes) -> str | None:
    """Return what the service says about an error; None if it says nothing that can be read."""
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        try:
            root = _parse_xml(body)
        except (Retry, SkipStream):
            return None
        return (root.findtext(f"{META}message") or "").strip() or None if root.tag == f"{META}error" else None
    try:
        document = decode(body)
    except ValueError:
        return None
    found = document.get("error") if isinstance(document, dict) else None
    message = found.get("message") if isinstance(found, dict) else None
    text = message.get("value") if isinstance(message, dict) else message
    return text.strip() or None if isinstance(text, str) else None


def parse_metadata(body: bytes) -> dict[str, EntityType]:
    """Return what a ``$metadata`` document says, by the lower-case name of the entity set; empty if it is none."""
    try:
        root = _parse_xml(body)
    except (Retry, SkipStream):
        return {}
    types = {
        element.get("Name", ""): {
            (name := child.get("Name", "")).lower(): name for child in element if _local(child.tag) == "Property"
        }
        for element in root.iter()
        if _local(element.tag) == "EntityType"
    }
    return {
        (name := element.get("Name", "")).lower(): EntityType(
            f"/{name}", types.get(element.get("EntityType", "").rpartition(".")[2], {})
        )
        for element in root.iter()
        if _local(element.tag) == "EntitySet"
    }


def datetime_text(value: t.Any) -> t.Any:  # noqa: ANN401 - any JSON
    """Return ``/Date(ms)/`` as ISO 8601 text; anything else as it is.

    The milliseconds of an Edm.DateTime, which has no offset, count its wall-clock time as if it were UTC: the text
    has no offset either. With an offset they are UTC.
    """
    match = _JSON_DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    try:
        moment = EPOCH + timedelta(milliseconds=int(match[1]))
    except OverflowError:
        return value
    return moment.isoformat() if match[2] else moment.replace(tzinfo=None).isoformat()


def naive_time(value: t.Any) -> datetime | None:  # noqa: ANN401 - any JSON
    """Return a moment as the service compares it, without an offset; None if it is no date-time."""
    text = datetime_text(value)
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except (TypeError, ValueError):
        return None


def datetime_literal(moment: datetime) -> str:
    """Return a moment without an offset as a literal of a filter; whole seconds are written without a fraction."""
    return f"datetime'{moment.isoformat()}'"
