"""Deleted records of an HTTP API: lists of their own, and tombstones within the ordinary list."""

from __future__ import annotations

import typing as t

import pytest
import requests
from singer_sdk import typing as th
from tap_kit.auth import Headers
from tap_kit.bookmarks import Span
from tap_kit.limits import Limit
from tap_kit.rest import Ask, Page, Pass, RestStream, RestTap
from tap_kit.settings import with_rest_settings
from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_kit.auth import Credentials

UNTIL = "2025-06-01T00:00:00.000000+00:00"
ARCHIVED = Pass("archived", deleted_at="gone")
MIXED = Pass(deleted_at="gone", tombstones=True)


class Things(RestStream):
    """A list that is read in two passes."""

    name = "things"
    path = "/things"
    primary_keys = ("id",)
    passes = (MIXED, ARCHIVED)


class ThingsTap(RestTap):
    """A tap on an API that is never asked."""

    name = "tap-things"
    crm_source = "things"
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = with_rest_settings(th.PropertiesList())

    @property
    @override
    def url_base(self) -> str:
        return "http://127.0.0.1:1"

    @override
    def make_credentials(self) -> Credentials:
        return Headers({})

    @override
    def make_limits(self) -> Mapping[str, Limit]:
        return {"default": Limit(1, 1)}

    @override
    def discover_streams(self) -> list[Things]:
        return [Things(self, schema=th.PropertiesList(th.Property("id", th.IntegerType, required=True)).to_dict())]


@pytest.mark.parametrize(
    ("part", "gone", "deleted_at"),
    [
        (MIXED, {}, None),
        (MIXED, {"gone": None}, None),
        (MIXED, {"gone": ""}, None),
        (MIXED, {"gone": "0000-00-00 00:00:00"}, None),
        (MIXED, {"gone": "2025-05-01T02:00:00+02:00"}, "2025-05-01T00:00:00+00:00"),
        (MIXED, {"gone": "some day"}, UNTIL),
        (ARCHIVED, {}, UNTIL),
        (ARCHIVED, {"gone": "2025-05-01T00:00:00Z"}, "2025-05-01T00:00:00+00:00"),
    ],
)
def test_when_a_record_was_deleted(part: Pass, gone: dict[str, t.Any], deleted_at: str | None) -> None:
    (stream,) = ThingsTap(config={}, setup_mapper=False).discover_streams()
    stream.span = Span(None, None, UNTIL, None)
    page = Page(Ask(part), [{"id": 1} | gone], requests.Response())
    assert list(stream.finish_page(page)) == [{"id": 1, "_sdc_deleted_at": deleted_at}]
