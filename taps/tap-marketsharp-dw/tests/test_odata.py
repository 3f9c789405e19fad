"""The forms of the dialect: JSON, Atom, errors, metadata, dates; and the signature, against vectors of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t
from datetime import UTC, datetime, timedelta

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from tap_kit.errors import Retry, SkipStream
from tap_marketsharp_dw import odata
from tap_marketsharp_dw.client import Position, Signature, judge_uuid

if t.TYPE_CHECKING:
    from collections.abc import Sequence

FEED = (
    '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" '
    'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">{}</feed>'
)
ENTRY = '<entry><content type="application/xml"><m:properties>{}</m:properties></content></entry>'


def atom(*properties: str, more: str = "") -> bytes:
    return FEED.format("".join(ENTRY.format(one) for one in properties) + more).encode()


# Signatures


def hmac_by_hand(key: bytes, message: bytes) -> bytes:
    """RFC 2104, written out: the test must not ask the library that the tap asks."""
    block = key.ljust(64, b"\0") if len(key) <= 64 else hashlib.sha256(key).digest().ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in block) + inner).digest()


def sign(company: str, user: str, secret: bytes, epoch: int) -> str:
    signature = Signature(company, user, secret, lambda: datetime.fromtimestamp(epoch, UTC))
    request = requests.Request("GET", "https://api4.example.com/x").prepare()
    return str(signature(request).headers["Authorization"])


def test_the_signature_is_that_of_a_known_vector() -> None:
    user = "00000000-0000-0000-0000-000000000000"
    secret = base64.b64decode("c2VjcmV0LWtleS1mb3ItdGVzdHM=")
    told = f"1234:{user}:1736000000:usA+ZKJnOIkSQacteo8V1OkA/30r2KBLbTx1wJNErMc="
    assert sign("1234", user, secret, 1_736_000_000) == told


@pytest.mark.parametrize(
    ("company", "user", "secret", "epoch"),
    [
        ("1", "11111111-2222-4333-8444-555555555555", b"k", 1_736_000_001),
        ("987654", "key", bytes(range(64)), 1),
        ("42", "üser", b"longer than a block of the hash: " * 3, 4_102_444_800),
    ],
)
def test_signatures_are_those_of_the_rule_worked_out_by_hand(
    company: str, user: str, secret: bytes, epoch: int
) -> None:
    wanted = base64.b64encode(hmac_by_hand(secret, f"{company}{user}{epoch}".encode())).decode()
    assert sign(company, user, secret, epoch) == f"{company}:{user}:{epoch}:{wanted}"


def test_only_a_wrong_clock_is_worth_another_try() -> None:
    now = datetime(2025, 6, 2, tzinfo=UTC)
    moments = iter([now, now + timedelta(seconds=2), now, now + timedelta(hours=3)])
    signature = Signature("1", "user:with:colons", b"k", lambda: next(moments))
    request = requests.Request("GET", "https://api4.example.com/x").prepare()
    assert not signature.renew(signature(request))
    assert signature.renew(signature(request))


# JSON


@pytest.mark.parametrize(
    ("document", "rows", "link"),
    [
        (
            {"d": {"results": [{"id": 1}], "__next": "https://x/y?$skiptoken=1"}},
            [{"id": 1}],
            "https://x/y?$skiptoken=1",
        ),
        ({"d": {"results": []}}, [], None),
        ({"d": [{"id": 1}]}, [{"id": 1}], None),
        ({"d": []}, [], None),
        ({"d": [7, {"id": 1}]}, [{}, {"id": 1}], None),
    ],
)
def test_both_forms_of_json(document: t.Any, rows: t.Any, link: str | None) -> None:
    assert odata.parse_feed(json.dumps(document).encode()) == odata.Feed(rows, link)


def test_links_to_other_entities_are_left_out() -> None:
    entry = {
        "__metadata": {"uri": "https://x/Contacts(guid'1')"},
        "notes": "a text",
        "Notes": {"__deferred": {"uri": "https://x/Contacts(guid'1')/Notes"}},
        "Address": {"__metadata": {"uri": "https://x/Addresses(guid'2')"}, "city": "Springfield"},
        "Jobs": {"results": [{"id": 1}]},
        "Appointments": [{"id": 1}],
    }
    assert odata.parse_feed(json.dumps({"d": [entry]}).encode()).rows == [{"notes": "a text"}]


@pytest.mark.parametrize(
    "body", [b"[]", b'{"value": []}', b'{"d": {"EntitySets": []}}', b'{"d": null}', b'{"error": {}}', b"3", b'"x"']
)
def test_a_document_without_a_list_fails_the_stream(body: bytes) -> None:
    with pytest.raises(SkipStream, match="holds no list"):
        odata.parse_feed(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"d": {"results": [{"id": 1}, {"id"',
        b"<html><body>Back soon.</body></html>",
        b"<html><body>Back soon.<br></body></html>",
        atom("<d:id>1</d:id>")[:-20],
        b"",
        b"   ",
        b'<?xml version="1.0" encoding="no-such-encoding"?><feed/>',
    ],
)
def test_a_body_that_is_cut_off_or_something_else_is_asked_for_again(body: bytes) -> None:
    with pytest.raises(Retry):
        odata.parse_feed(body)


# Atom


def test_values_of_atom() -> None:
    body = atom(
        '<d:id m:type="Edm.Guid">11111111-1111-4111-8111-111111111111</d:id>'
        '<d:companyId m:type="Edm.Int32">1</d:companyId><d:reference m:null="true"/><d:email1></d:email1><d:title/>'
        '<d:note xml:space="preserve"> a &lt; b &amp; c </d:note>'
        '<d:flag m:null="false">x</d:flag>'
    )
    assert odata.parse_feed(body).rows == [
        {
            "id": "11111111-1111-4111-8111-111111111111",
            "companyId": "1",
            "reference": None,
            "email1": "",
            "title": "",
            "note": " a < b & c ",
            "flag": "x",
        }
    ]


def test_the_next_link_of_atom_is_that_of_the_feed() -> None:
    link = '<link rel="next" href="https://x/Contacts?$top=5&amp;$skiptoken=1"/>'
    assert odata.parse_feed(atom("<d:id>1</d:id>", more=link)).link == "https://x/Contacts?$top=5&$skiptoken=1"
    inner = FEED.format(f'<link rel="self" href="a"/><entry>{link}</entry>').encode()
    assert odata.parse_feed(inner) == odata.Feed([{}], None)


def test_nested_entries_are_not_taken_for_properties_of_their_own() -> None:
    nested = ENTRY.format("<d:id>2</d:id><d:city>Springfield</d:city>")
    link = f'<link rel="related/Address"><m:inline><feed>{nested}</feed></m:inline></link>'
    outer = f"<entry>{link}<content><m:properties><d:id>1</d:id></m:properties></content></entry>"
    assert odata.parse_feed(FEED.format(outer).encode()).rows == [{"id": "1"}]


def test_properties_of_a_media_entry_lie_beside_its_content() -> None:
    body = FEED.format('<entry><content src="x"/><m:properties><d:id>1</d:id></m:properties></entry>').encode()
    assert odata.parse_feed(body).rows == [{"id": "1"}]


def test_an_error_within_a_feed_is_no_end_of_it() -> None:
    with pytest.raises(Retry, match="breaks off with an error"):
        odata.parse_feed(atom("<d:id>1</d:id>", more="<m:error><m:message>Time-out</m:message></m:error>"))


def test_only_forbidden_characters_are_removed() -> None:
    body = atom("<d:note>a&#x1;b&#xD;&#xA;c&#9;d&#8;e&#x1F600;f&#xFFFF;g</d:note>").replace(b"e&", b"e\x02&")
    assert odata.parse_feed(body).rows == [{"note": "ab\r\nc\tde\U0001f600fg"}]


def test_a_feed_with_a_byte_order_mark_is_read() -> None:
    assert odata.parse_feed(b"\xef\xbb\xbf" + atom("<d:id>1</d:id>")).rows == [{"id": "1"}]
    assert odata.parse_feed(b" \r\n" + json.dumps({"d": [{"id": 1}]}).encode()).rows == [{"id": 1}]


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE feed [<!ENTITY a "b">]>',
        '<!DOCTYPE feed [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE feed SYSTEM "https://evil.example.com/x.dtd">',
        '<!DOCTYPE feed [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>',
        '<!DOCTYPE feed [<!ENTITY % p SYSTEM "https://evil.example.com/p"> %p;]>',
    ],
    ids=["entity", "file", "external", "billion", "parameter"],
)
def test_entities_and_external_references_are_refused(declared: str) -> None:
    body = declared.encode() + atom("<d:note>&a;</d:note>" if "ENTITY a" in declared else "<d:note>x</d:note>")
    with pytest.raises(SkipStream, match=r"document type or entities .* refused"):
        odata.parse_feed(body)
    assert odata.message_of(body) is None
    assert odata.parse_metadata(body) == {}


def test_an_entity_that_nobody_declares_is_no_text() -> None:
    with pytest.raises(Retry):
        odata.parse_feed(atom("<d:note>&unknown;</d:note>"))


@given(st.binary(max_size=60))
def test_any_bytes_are_an_answer_or_one_of_two_errors(body: bytes) -> None:
    for begin in (b"", b"<", b'{"d":'):
        try:
            odata.parse_feed(begin + body)
        except (Retry, SkipStream):
            continue


# Errors and metadata

SAID = "Resource not found for the segment 'Foo'."
XML_ERROR = (
    '<error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"><code></code>'
    f'<message xml:lang="en-US">{SAID}</message></error>'
)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (XML_ERROR, SAID),
        (json.dumps({"error": {"code": "", "message": {"lang": "en-US", "value": SAID}}}), SAID),
        (json.dumps({"error": {"message": SAID}}), SAID),
        ("<html>no</html>", None),
        ("<error>", None),
        ("[]", None),
        ("Unauthorized", None),
        ("", None),
    ],
)
def test_messages_of_errors(body: str, message: str | None) -> None:
    assert odata.message_of(body.encode()) == message


def test_metadata_that_is_none_is_empty() -> None:
    assert odata.parse_metadata(b"not found") == {}
    assert odata.parse_metadata(b"<edmx/>") == {}


# Moments


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("/Date(1736070000000)/", "2025-01-05T09:40:00"),
        ("/Date(1736070000123)/", "2025-01-05T09:40:00.123000"),
        ("/Date(-62135596800000)/", "0001-01-01T00:00:00"),
        ("/Date(-1000)/", "1969-12-31T23:59:59"),
        ("/Date(1736070000000+0000)/", "2025-01-05T09:40:00+00:00"),
        ("/Date(1736070000000-300)/", "2025-01-05T09:40:00+00:00"),
        ("/Date(99999999999999999)/", "/Date(99999999999999999)/"),
        ("2025-01-05T09:40:00", "2025-01-05T09:40:00"),
        ("soon", "soon"),
        (None, None),
        (7, 7),
    ],
)
def test_dates_of_json(value: t.Any, text: t.Any) -> None:
    assert odata.datetime_text(value) == text


@given(st.text())
def test_no_text_is_too_odd_for_a_date(text: str) -> None:
    assert odata.datetime_text(odata.datetime_text(text)) == odata.datetime_text(text)
    odata.naive_time(text)


def test_a_moment_is_written_as_it_was_read() -> None:
    for text in ("2025-01-05T09:40:00", "2025-01-05T09:40:00.123000"):
        assert odata.datetime_literal(t.cast("datetime", odata.naive_time(text))) == f"datetime'{text}'"
    # Seven digits, as some columns of the server have: cut, never rounded up.
    assert odata.naive_time("2025-01-05T09:40:00.1234569") == datetime(2025, 1, 5, 9, 40, 0, 123456)  # noqa: DTZ001


# Positions


def seconds(*values: int | None) -> list[datetime | None]:
    return [None if value is None else datetime(2025, 1, 5, 9, 0, value) for value in values]  # noqa: DTZ001


@pytest.mark.parametrize(
    ("position", "times", "following"),
    [
        # The leg after a full one begins at its last entry.
        (Position(), seconds(1, 2, 3), Position(seconds(3)[0], 0)),
        # Several of the last moment: all but one are skipped.
        (Position(), seconds(1, 3, 3, 3), Position(seconds(3)[0], 2)),
        # More of one moment than a leg holds: counted on.
        (Position(seconds(3)[0], 2), seconds(3, 3, 3, 3), Position(seconds(3)[0], 5)),
        # Entries without a moment come first and are counted.
        (Position(), seconds(None, None, None), Position(None, 2)),
        (Position(None, 2), seconds(None, None, 4), Position(seconds(4)[0], 0)),
    ],
)
def test_where_a_leg_begins(position: Position, times: Sequence[datetime | None], following: Position) -> None:
    assert position.after(times) == following
    assert Position.of(following.token) == following


# UUIDs


@pytest.mark.parametrize(
    ("value", "finding"),
    [
        ("11111111-1111-4111-8111-111111111111", "11111111-1111-4111-8111-111111111111"),
        ("ABCDEFAB-1111-4111-8111-111111111111", "ABCDEFAB-1111-4111-8111-111111111111"),
        ("", None),
        (" ", None),
        (None, None),
    ],
)
def test_uuids_stay_as_they_came(value: t.Any, finding: t.Any) -> None:
    assert judge_uuid(value) == finding


@pytest.mark.parametrize(
    "value", ["11111111", "11111111-1111-4111-8111-11111111111g", "{x}", "11111111111141118111111111111111"]
)
def test_what_is_no_uuid_is_a_finding(value: str) -> None:
    assert judge_uuid(value).reason == "not a UUID"
