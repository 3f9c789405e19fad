"""Which records are associated, and by which label."""

from __future__ import annotations

import sys
import tempfile
import typing as t
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from singer_sdk.streams.rest import HTTPRequest
from tap_kit.ahead import in_order
from tap_kit.bookmarks import Bookmark, Narrowing, parse_time
from tap_kit.errors import SkipStream, Stop
from tap_kit.http import Meter
from tap_kit.messages import encode
from tap_kit.rest import check_json, document_of, place_of
from tap_kit.rows import decode, dig, missing_in
from tap_kit.settings import narrowing
from typing_extensions import override

from tap_hubspot_dw.client import ASSOCIATIONS, MULTI_STATUS, NOT_FOUND, HubSpotStream, batches
from tap_hubspot_dw.objects import ObjectStream
from tap_hubspot_dw.paths import path_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from requests import Response
    from tap_kit.rest import Row

    from tap_hubspot_dw.tap import TapHubSpot

INPUTS = 1000
# The bookmark of associations is no column: it is the moment up to which records were looked at.
READ_UNTIL: t.Final = "read_until"
NONE_FOUND: t.Final = "NO_ASSOCIATIONS_FOUND"


@dataclass(frozen=True)
class Pair:
    """Two kinds of records.

    Attributes:
        from_name: Stream or object on whose side the associations are read.
        to_name: The other one.
        from_type: What stands in the path.
        to_type: What stands in the path.
    """

    from_name: str
    to_name: str
    from_type: str
    to_type: str

    @classmethod
    def names_of(cls, text: str) -> tuple[str, str]:
        """Read ``contacts:deals``.

        Raises:
            Stop: If it is no pair.
        """
        names = tuple(part.strip() for part in text.split(":"))
        if len(names) != 2 or not all(names):  # noqa: PLR2004 - a pair
            raise Stop(
                f'The setting association_pairs has {text!r}; a pair is written "contacts:deals", with names of '
                "objects or type ids."
            )
        return names[0], names[1]


class UnknownPair(SkipStream):
    """The account knows no associations between two kinds of objects."""


class AssociationStream(HubSpotStream):
    """How associations are read; the declaration is in streams.py."""

    what = "associations"
    limit = ASSOCIATIONS
    http_method = "POST"

    def __init__(self, tap: TapHubSpot) -> None:
        super().__init__(tap)
        self.reread = timedelta(seconds=tap.config["search_lag_seconds"] + tap.config["reread_seconds"])
        self._version = str(tap.config["api_version"])
        self._unknown = 0
        self._refused: list[SkipStream] = []
        self._spool: t.IO[bytes] | None = None

    @override
    def make_bookmark(self, incoming: Mapping[str, t.Any]) -> Bookmark:
        return Bookmark(
            incoming,
            replication_key=READ_UNTIL,
            key_length=self.position_length,
            reread=self.reread,
            start_date=self.config.get("start_date"),
            narrowing=narrowing(self.config) or self._leaves_pairs_out(),
        )

    def _leaves_pairs_out(self) -> Narrowing:
        return Narrowing(max_records=sys.maxsize if self.config.get("only_pairs") else 0)

    # Reading

    @property
    def _in_full(self) -> bool:
        return self.config["associations_read"] == "full" or (self.span.lower is None and self.span.upper is None)

    @override
    def get_records(self, context: t.Any) -> Iterator[Row]:
        """Yield the associations of the records that were changed since the bookmark, or of all of them.

        An edit of an association changes neither of its records, so only reading all of them sees everything. The
        key set then follows, by which the loader finds the associations that no longer stand.
        """
        self.sweeps = False
        self._refused.clear()
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 - the key set is read from it later
        try:
            yield from self._read()
            self.sweeps = self._closes()
        finally:
            if not self.sweeps:
                self._spool.close()

    def _read(self) -> Iterator[Row]:
        meter, names = Meter(self.report), list(self.selected_schema["properties"])
        reached = parse_time(self.span.until)
        self._unknown = len(self.kit.unknown_pairs)
        by_start: dict[tuple[str, str], list[Pair]] = defaultdict(list)
        for pair in self.kit.pairs_of_run:
            if self._is_there(pair, meter):
                by_start[pair.from_name, pair.from_type].append(pair)
        for (name, object_type), pairs in by_start.items():
            ids, as_of = self._ids_of(name, object_type, meter)
            reached = min(reached, as_of)
            chains = (self._links(pair, batch, meter) for batch in batches(ids, INPUTS) for pair in pairs)
            for rows in in_order(self.kit.workers, chains):
                for row in rows:
                    if (empty := missing_in(row, self.primary_keys)) is not None:
                        self.reject(row, "the key is empty", field=empty)
                        continue
                    self._note(row)
                    yield {name: row[name] for name in names}
        if self._refused:
            raise self._refused[0]
        self.kit.bookmarks[self.name].observe(reached.isoformat())

    def _closes(self) -> bool:
        """Tell whether what this run read is everything, so that what is not among it is gone."""
        # The kit sends no key set of a run that was narrowed or resumed.
        some = narrowing(self.config) or self.span.resumed or self.config.get("only_pairs")
        return self._in_full and not some and not self._unknown and self.config["deletions"] != "off"

    def _note(self, row: Row) -> None:
        if self._spool is not None and self._in_full:
            self._spool.write(encode([row[name] for name in self.primary_keys]) + b"\n")

    @override
    def read_keys(self) -> Iterator[Sequence[int | str]]:
        """Yield the keys that were written; nothing is asked for again."""
        assert self._spool is not None  # noqa: S101 - a sweep comes after the records
        with self._spool as spool:
            spool.seek(0)
            yield from map(decode, spool)

    def _is_there(self, pair: Pair, meter: Meter) -> bool:
        """Tell whether the account knows a pair; it is asked for its labels, which costs little."""
        path = path_of("labels", self._version, from_object=pair.from_type, to_object=pair.to_type)
        try:
            self.ask_more(HTTPRequest(url=self.url_base.rstrip("/") + path), meter)
        except UnknownPair as error:
            self.logger.warning("%s Its associations are left out, and none is closed in this run.", error)
            self._unknown += 1
            return False
        except SkipStream as error:
            if error.category != "permission":
                raise
            # The other pairs are read all the same.
            self._refused.append(error)
            return False
        return True

    def _ids_of(self, name: str, object_type: str, meter: Meter) -> tuple[Iterator[str], datetime]:
        """Return the ids of the records whose associations are read, and the moment as of which they are all."""
        stream = self.kit.streams.get(name)
        report = self.kit.reports.get(name)
        has_ids = isinstance(stream, ObjectStream) and stream.ids_complete
        if self._in_full and has_ids and report is not None and report.status == "success":
            # The run has just written all of them; none has to be listed again.
            whole = t.cast("ObjectStream", stream)
            return iter(whole.ids), parse_time(whole.span.until)
        until = parse_time(self.span.until)
        reader = self.kit.reader_of(name, object_type)
        reader.span = self.span
        return (reader.all_ids(meter) if self._in_full else reader.changed_ids(meter)), until

    def _links(self, pair: Pair, ids: Sequence[str], meter: Meter) -> Iterator[list[Row]]:
        """Yield the associations of some records, request by request: each record has pages of its own."""
        path = path_of("associations", self._version, from_object=pair.from_type, to_object=pair.to_type)
        inputs: list[dict[str, str]] = [{"id": one} for one in ids]
        seen: set[tuple[str, str]] = set()
        while inputs:
            request = HTTPRequest(url=self.url_base.rstrip("/") + path, method="POST", data={"inputs": inputs})
            document = self.ask_more(request, meter)
            results = [result for result in document.get("results") or () if isinstance(result, dict)]
            yield [row for result in results for row in rows_of(result, pair)]
            inputs = []
            for result in results:
                after = dig(result, ("paging", "next", "after"))
                if after in (None, ""):
                    continue
                following = (str(dig(result, ("from", "id"))), str(after))
                if following in seen:
                    raise SkipStream(
                        f"The associations of {pair.from_name} with {pair.to_name} run in a circle: the cursor "
                        f"{after} of the record {following[0]} came back."
                    )
                seen.add(following)
                inputs.append({"id": following[0], "after": following[1]})

    @override
    def judge(self, response: Response) -> None:
        if response.status_code == NOT_FOUND:
            raise UnknownPair(f"{place_of(response)} answered 404: the account knows no such pair of objects.")
        if response.status_code != MULTI_STATUS:
            super().judge(response)
            return
        check_json(response)
        unknown = [error for error in document_of(response).get("errors") or () if not is_harmless(error)]
        if unknown:
            raise SkipStream(
                f"The stream {self.name} is incomplete: HubSpot could not give some associations "
                f"({unknown[0].get('category')}). Start again, the bookmark is kept."
            )


def is_harmless(error: Mapping[str, t.Any]) -> bool:
    """Tell whether a part of a 207 only says that a record has no associations, or is gone."""
    kinds = f"{error.get('category')} {error.get('subCategory')}"
    return NONE_FOUND in kinds or "OBJECT_NOT_FOUND" in kinds


def rows_of(result: Mapping[str, t.Any], pair: Pair) -> Iterator[Row]:
    """Yield a row for each label between a record and another one."""
    from_id = dig(result, ("from", "id"))
    for to in result.get("to") or ():
        to_id = to.get("toObjectId")
        kinds: Sequence[Mapping[str, t.Any]] = to.get("associationTypes") or ({},)
        for kind in kinds:
            yield {
                "from_object_type": pair.from_name,
                "from_id": None if from_id is None else str(from_id),
                "to_object_type": pair.to_name,
                # A number on the older addresses, text on the dated ones.
                "to_id": None if to_id is None else str(to_id),
                "association_type_id": kind.get("typeId"),
                "association_category": kind.get("category"),
                "association_label": kind.get("label"),
            }
