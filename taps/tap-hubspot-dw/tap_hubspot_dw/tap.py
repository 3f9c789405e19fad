"""The tap: its credentials, its limits and its streams."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import tempfile
import typing as t
from collections import Counter
from datetime import UTC
from functools import cached_property
from pathlib import Path

from singer_sdk.streams.rest import HTTPRequest
from tap_kit.ahead import Workers, in_order
from tap_kit.auth import BearerToken, Headers
from tap_kit.csv import check_file_settings, csv_streams, explain_unset
from tap_kit.errors import SkipStream, Stop
from tap_kit.http import Meter
from tap_kit.limits import Limit
from tap_kit.report import StreamReport
from tap_kit.rest import RestTap, check_json, document_of, error_of
from tap_kit.rows import dig
from tap_kit.settings import with_file_settings, with_rest_settings
from typing_extensions import override

from tap_hubspot_dw.ahead import THREADS, run_all
from tap_hubspot_dw.associations import Pair
from tap_hubspot_dw.client import (
    ASSOCIATIONS,
    FORBIDDEN,
    GENERAL,
    MULTI_STATUS,
    NOT_FOUND,
    PLANS,
    SEARCH,
    TOO_MANY,
    judge_token,
    missing_scope,
    refusal,
    zone_named,
)
from tap_hubspot_dw.definitions import Definition
from tap_hubspot_dw.names import FURTHER_OBJECTS, STREAMS
from tap_hubspot_dw.objects import BATCH, LIST_PAGE, OURS, ObjectStream
from tap_hubspot_dw.paths import TOKEN, path_of
from tap_hubspot_dw.settings import OWN_SETTINGS
from tap_hubspot_dw.streams import FILES, OBJECTS, OTHERS

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import tzinfo

    from requests import Response
    from tap_kit.auth import Credentials
    from tap_kit.rest import RestStream
    from tap_kit.stream import KitStream

    Found: t.TypeAlias = "list[Definition] | SkipStream"

logger = logging.getLogger("tap-hubspot-dw")

# Type ids of standard objects, which paths take as well as the names.
TYPE_IDS: t.Final[Mapping[str, str]] = {
    "0-1": "contacts",
    "0-2": "companies",
    "0-3": "deals",
    "0-5": "tickets",
    "0-162": "services",
    "0-410": "courses",
    "0-420": "listings",
    "0-421": "appointments",
}
OAUTH: t.Final = ("client_id", "client_secret", "refresh_token")
USUAL_LIFETIME = 1800.0
CUSTOM: t.Final = "custom_"
# A second is short: what is sent evenly may arrive unevenly.
SEARCH_SECONDS = 1.04


class TapHubSpot(RestTap):
    """Reads the CRM of a HubSpot account: objects, associations, removals, and what describes them."""

    name = "tap-hubspot-dw"
    package_name = "tap-hubspot-dw"
    crm_source = "hubspot"
    stream_order: t.ClassVar[Sequence[str]] = STREAMS
    stream_classes: t.ClassVar[Sequence[type[RestStream]]] = (*OBJECTS, *OTHERS)
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = with_rest_settings(with_file_settings(OWN_SETTINGS))

    @override
    def check_settings(self) -> None:
        super().check_settings()
        check_file_settings(self.config, FILES)
        missing = [name for name in OAUTH if not self.config.get(name)]
        if self.config.get("refresh_token_file") and "refresh_token" in missing and self._stored_token():
            missing.remove("refresh_token")
        if not self.config.get("access_token") and missing:
            raise Stop(
                "The tap has no credentials: set access_token (a private app's), or client_id, client_secret and "
                "refresh_token of an OAuth app."
            )
        for text in [*self.config["association_pairs"], *(self.config.get("only_pairs") or [])]:
            Pair.names_of(text)

    # Credentials and limits

    @property
    @override
    def url_base(self) -> str:
        return str(self.config["api_url"])

    @override
    def make_credentials(self) -> Credentials:
        if self.config.get("access_token"):
            return Headers({"Authorization": f"Bearer {self.config['access_token']}"})
        self._refresh_token = self._stored_token() or str(self.config["refresh_token"])
        return BearerToken(self.fetch_token)

    def fetch_token(self) -> tuple[str, float]:
        """Return a new access token and the seconds it is good for; a new refresh token replaces the old one."""
        form = {
            "grant_type": "refresh_token",
            "client_id": self.config["client_id"],
            "client_secret": self.config["client_secret"],
            "refresh_token": self._refresh_token,
        }
        request = HTTPRequest(url=self.url_base.rstrip("/") + TOKEN, method="POST", data=form)
        response = self.client.send(
            request, limit=GENERAL, judge=judge_token, meter=Meter(StreamReport()), json=False, sign=False
        )
        answer = document_of(response)
        token, following = dig(answer, ("access_token",)), dig(answer, ("refresh_token",))
        if not isinstance(token, str) or not token:
            raise Stop("HubSpot's answer to the refresh token holds no access token.", category="authentication")
        self.redactor.add(token)
        if isinstance(following, str) and following and following != self._refresh_token:
            self.redactor.add(following)
            self._refresh_token = following
            self._store_token(following)
        return token, float(dig(answer, ("expires_in",)) or USUAL_LIFETIME)

    def _stored_token(self) -> str | None:
        name = self.config.get("refresh_token_file")
        if not name or not Path(name).is_file():
            return None
        token = Path(name).read_text(encoding="utf-8").strip()
        if token:
            self.redactor.add(token)
        return token or None

    def _store_token(self, token: str) -> None:
        """Write a new refresh token, readable for us only; half a file is never seen."""
        name = self.config.get("refresh_token_file")
        if not name:
            logger.warning(
                "HubSpot has replaced the refresh token. The new one is known to this run only: set refresh_token_file."
            )
            return
        try:
            handle, path = tempfile.mkstemp(dir=Path(name).resolve().parent)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(token + "\n")
            Path(path).replace(name)
        except OSError as error:
            raise Stop(
                f"HubSpot has replaced the refresh token, but the file of the setting refresh_token_file cannot be "
                f"written ({type(error).__name__}). Make it writable, and authorise the app again.",
                category="configuration",
            ) from None

    @override
    def make_limits(self) -> Mapping[str, Limit]:
        plan = PLANS[self.config["plan"] if self.config.get("access_token") else "oauth"]
        return {
            GENERAL: Limit(self.config.get("requests_per_10_seconds") or plan.requests, 10),
            SEARCH: Limit(self.config["search_requests_per_second"], SEARCH_SECONDS),
            ASSOCIATIONS: Limit(self.config["association_requests_per_10_seconds"], 10),
        }

    @cached_property
    def _meter(self) -> Meter:
        return Meter(StreamReport())

    zone: tzinfo = UTC
    _lists_ahead = False

    def _look_at_account(self) -> None:
        """Try the credentials, and learn the account's time zone, in whose midnight the quota of a day ends."""

        def judge(response: Response) -> None:
            if response.status_code == TOO_MANY:
                raise refusal(response, zone=UTC, now=self.client.clock())
            if response.status_code not in (FORBIDDEN, NOT_FOUND):
                _judge_plainly(response)

        request = HTTPRequest(url=self._address("account"))
        with contextlib.suppress(SkipStream):
            response = self.client.send(request, limit=GENERAL, judge=judge, meter=self._meter)
            if response.ok:
                self.zone = zone_named(dig(document_of(response), ("timeZone",)))

    def _address(self, what: str, **names: str) -> str:
        return self.url_base.rstrip("/") + path_of(what, str(self.config["api_version"]), **names)

    # Discovery

    @override
    def discover_streams(self) -> Sequence[KitStream]:
        self._look_at_account()
        objects = [*self._declared_objects(), *self._further_objects()]
        known = self._definitions_of(objects)
        streams: list[RestStream] = []
        for (kind, name, object_type), found in zip(objects, known, strict=True):
            fill = self._fill_of(object_type, found) if isinstance(found, list) else None
            streams.append(kind(self, name=name, object_type=object_type, definitions=found, fill=fill))
        return [*streams, *(kind(self) for kind in OTHERS), *csv_streams(self, FILES)]

    def _declared_objects(self) -> Iterator[tuple[type[ObjectStream], str, str]]:
        for kind in OBJECTS:
            object_type = kind.object_type
            if kind.type_setting is not None:
                object_type = self.config.get(kind.type_setting) or self._custom_type(*kind.type_names) or ""
            if object_type:
                yield kind, kind.name, object_type
            else:
                logger.info("%s", self.explain_missing(kind.name))

    def _further_objects(self) -> Iterator[tuple[type[ObjectStream], str, str]]:
        taken = set(STREAMS)
        declared = {object_type for _, _, object_type in self._declared_objects()}
        for text in self.config["objects"]:
            given, equals, object_type = (part.strip() for part in str(text).partition("="))
            if not equals:
                given, object_type = "", given
            name, found = self._named(object_type)
            name = snake_case(given) or name
            if name in taken or found in declared:
                raise Stop(f"The setting objects names {text!r}, whose stream {name} is there already: leave it out.")
            taken.add(name)
            declared.add(found)
            yield ObjectStream, name, found
        if self.config["custom_objects"]:
            for schema in self._schemas:
                name, found = self._named(str(schema["objectTypeId"]))
                if found not in declared and name not in taken:
                    yield ObjectStream, name, found

    def _named(self, text: str) -> tuple[str, str]:
        """Return the name of the stream, and what stands in paths, of an object that the settings name."""
        if text in FURTHER_OBJECTS:
            return text, text
        if text in TYPE_IDS:
            return TYPE_IDS[text], text
        for schema in self._schemas:
            names = (schema.get("objectTypeId"), schema.get("fullyQualifiedName"), schema.get("name"))
            if text in names:
                return CUSTOM + snake_case(str(schema.get("name"))), str(schema["objectTypeId"])
        return snake_case(text if text[:1].isalpha() else f"object_{text}"), text

    def _custom_type(self, *names: str) -> str | None:
        for schema in self._schemas:
            if str(schema.get("name", "")).lower() in names:
                return str(schema["objectTypeId"])
        return None

    @cached_property
    def _schemas(self) -> list[dict[str, t.Any]]:
        """The custom objects of the account; none if it has none, or if the app may not see them."""
        request = HTTPRequest(url=self._address("schemas"), params={"archived": "false"})
        try:
            response = self.client.send(request, limit=GENERAL, judge=self._judge("custom objects"), meter=self._meter)
        except SkipStream as error:
            logger.warning("%s Custom objects are found by the type ids of the settings only.", error)
            return []
        rows = dig(document_of(response), ("results",)) or ()
        return [row for row in rows if isinstance(row, dict) and row.get("objectTypeId") and not row.get("archived")]

    def _definitions_of(self, objects: Sequence[tuple[type[ObjectStream], str, str]]) -> Iterator[Found]:
        def fetched(kind: type[ObjectStream], name: str, object_type: str) -> Iterator[Found]:
            yield self._fetch_definitions(name, object_type, kind.permission) if self._may_be_read(name) else []

        return in_order(self.workers, (fetched(*one) for one in objects))

    def _may_be_read(self, name: str) -> bool:
        """Tell whether the catalog, if there is one, selects a stream: the others need no definitions."""
        if self.input_catalog is None or name not in self.input_catalog:
            return True
        entry = self.input_catalog.get_stream(name)
        return entry is None or entry.metadata.resolve_selection().get((), False)

    def _fetch_definitions(self, name: str, object_type: str, permission: str | None) -> Found:
        """Return what the portal says of the properties of an object, or why it does not."""
        found: list[Definition] = []
        try:
            for sensitivity in self.config["data_sensitivity"]:
                request = HTTPRequest(
                    url=self._address("properties", object=object_type),
                    params={"archived": "false", "dataSensitivity": sensitivity},
                )
                judge = self._judge(name, object_type, permission)
                response = self.client.send(request, limit=GENERAL, judge=judge, meter=self._meter)
                rows = dig(document_of(response), ("results",)) or ()
                found += [Definition.of(row) for row in rows if isinstance(row, dict) and row.get("name")]
        except SkipStream as error:
            logger.warning("%s", error)
            return error
        return list({one.name: one for one in found}.values())

    def _fill_of(self, object_type: str, found: Sequence[Definition]) -> dict[str, int] | None:
        """Return in how many of a hundred records each property is set, if that decides on the columns."""
        if self.config["columns_by"] != "fill" or len(found) <= self.config["max_columns"] - len(OURS):
            return None
        page = HTTPRequest(
            url=self._address("objects", object=object_type), params={"limit": LIST_PAGE, "properties": "hs_object_id"}
        )
        try:
            judge = self._judge("properties")
            listed = document_of(self.client.send(page, limit=GENERAL, judge=judge, meter=self._meter))
            ids = [{"id": row["id"]} for row in dig(listed, ("results",)) or ()][:BATCH]
            if not ids:
                return None
            body = {"properties": [one.name for one in found], "inputs": ids}
            request = HTTPRequest(url=self._address("batch_read", object=object_type), method="POST", data=body)
            answer = document_of(self.client.send(request, limit=GENERAL, judge=judge, meter=self._meter))
        except SkipStream as error:
            logger.warning("%s The columns are chosen by age.", error)
            return None
        rows = dig(answer, ("results",)) or ()
        return Counter(name for row in rows for name, value in (row.get("properties") or {}).items() if value)

    def _judge(self, name: str, object_type: str = "", permission: str | None = None) -> t.Callable[[Response], None]:
        def judge(response: Response) -> None:
            if response.status_code == TOO_MANY:
                raise refusal(response, zone=self.zone, now=self.client.clock())
            if response.status_code == FORBIDDEN:
                raise missing_scope(response, stream=name, permission=permission)
            if response.status_code == NOT_FOUND and object_type:
                raise SkipStream(
                    f"The stream {name} cannot be read: the account knows no object {object_type}. Enable it in "
                    "HubSpot, correct its type id in the settings, or deselect the stream."
                )
            _judge_plainly(response)

        return judge

    @override
    def explain_missing(self, name: str) -> str:
        for kind in OBJECTS:
            if kind.name == name and kind.type_setting is not None:
                return (
                    f"The stream {name} cannot be read: no custom object is named {' or '.join(kind.type_names)}, or "
                    f"the app may not see it (scope crm.schemas.custom.read). Set {kind.type_setting} to its type id, "
                    "or deselect the stream."
                )
        if name in {stream.name for stream in FILES}:
            return explain_unset(name)
        return f"The stream {name} does not exist: name its object in the setting objects, or deselect it."

    @override
    def _in_order(self) -> list[KitStream]:
        """Objects come first, because associations are read over what they have read."""
        ordered = super()._in_order()
        return sorted(ordered, key=lambda stream: not isinstance(stream, ObjectStream))

    # What is read over objects

    def object_streams(self) -> list[ObjectStream]:
        """Return the object streams of this run: the selected ones, or all if the run is of other streams only."""
        found = [stream for stream in self._in_order() if isinstance(stream, ObjectStream)]
        return [stream for stream in found if stream.selected] or found

    def list_ahead(self, current: ObjectStream) -> None:
        """Begin to list the objects that come after one which is read in full; once a run."""
        threads = min(THREADS, self.config["concurrency"] - self.workers.size)
        if self._lists_ahead or threads < 1:
            return
        self._lists_ahead = True
        following = [stream for stream in self.object_streams() if stream.name in self.reports]
        following = following[following.index(current) + 1 :]
        run_all([found for stream in following if (found := stream.list_ahead()) is not None], threads)

    @cached_property
    @override
    def workers(self) -> Workers:
        # What lists ahead is sent at once as well.
        size = int(self.config["concurrency"])
        return Workers(max(1, size - THREADS) if size > THREADS else size, name=self.name)

    def reader_of(self, name: str, object_type: str) -> ObjectStream:
        """Return a stream of its own that reads the ids of some object."""
        kind = next((kind for kind in OBJECTS if kind.name == name), ObjectStream)
        return kind(self, name=name, object_type=object_type)

    @cached_property
    def pairs(self) -> list[Pair]:
        """The pairs whose associations are read."""
        made = [self._pair(text) for text in self.config["association_pairs"]]
        return [pair for pair in made if pair.from_type and pair.to_type]

    @cached_property
    def pairs_of_run(self) -> list[Pair]:
        """The pairs whose associations this run reads."""
        texts = self.config.get("only_pairs")
        if not texts:
            return self.pairs
        made = [self._pair(text) for text in texts]
        for pair in made:
            if not pair.from_type or not pair.to_type:
                raise Stop(f"The setting only_pairs has {pair.from_name}:{pair.to_name}: there is no such object.")
        return made

    @cached_property
    def unknown_pairs(self) -> list[Pair]:
        """Pairs with a custom object that the account does not have."""
        made = [self._pair(text) for text in self.config["association_pairs"]]
        unknown = [pair for pair in made if not pair.from_type or not pair.to_type]
        for pair in unknown:
            logger.warning("The pair %s:%s is left out: it has no such object.", pair.from_name, pair.to_name)
        return unknown

    def _pair(self, text: str) -> Pair:
        ends = [self._end(name) for name in Pair.names_of(text)]
        (from_name, from_type), (to_name, to_type) = ends
        return Pair(from_name, to_name, from_type, to_type)

    def _end(self, text: str) -> tuple[str, str]:
        """Return name and path of an object that a pair names; no path for a custom object that is not there."""
        for stream in self.streams.values():
            if isinstance(stream, ObjectStream) and text in (stream.name, stream.object_type):
                return stream.name, stream.object_type
        if text in TYPE_IDS:
            return self._end(TYPE_IDS[text]) if TYPE_IDS[text] in self.streams else (TYPE_IDS[text], text)
        declared = {kind.name for kind in OBJECTS}
        return (text, "") if text in declared else (snake_case(text), text)


def snake_case(text: str) -> str:
    """Return a name that a table can have."""
    return re.sub(r"\W+", "_", text.strip().lower()).strip("_")


def _judge_plainly(response: Response) -> None:
    if response.status_code in (200, MULTI_STATUS):
        check_json(response)
        return
    raise error_of(response, stream="properties")
