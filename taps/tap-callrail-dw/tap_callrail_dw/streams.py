"""The streams of CallRail."""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import replace

from singer_sdk.streams.rest import HTTPRequest
from tap_kit.values import datetime_from_json
from typing_extensions import override

from tap_callrail_dw.client import CallRailStream, RelativePages, WindowedStream

if t.TYPE_CHECKING:
    from singer_sdk.pagination import BaseAPIPaginator
    from tap_kit.http import Meter
    from tap_kit.rest import Ask, Page, Pass, RestStream, Row


class Accounts(CallRailStream):
    """Accounts that the key can see.

    Source: GET /a.json ("List Accounts"). Read in full.
    """

    name = "accounts"
    path = "/a.json"
    records_jsonpath = "$.accounts[*]"
    parent = None
    remembered = True


class Companies(CallRailStream):
    """Companies of the accounts; a deleted one stays in the list, as disabled.

    Source: GET /a/{account_id}/companies.json ("List Companies"). Read in full: it has no time of change.
    """

    name = "companies"
    path = "/a/{account_id}/companies.json"
    records_jsonpath = "$.companies[*]"


class Users(CallRailStream):
    """Users of the accounts, those who have not yet accepted their invitation too.

    Source: GET /a/{account_id}/users.json ("List Users"). Read in full.
    """

    name = "users"
    path = "/a/{account_id}/users.json"
    records_jsonpath = "$.users[*]"


class Trackers(CallRailStream):
    """Tracking numbers; a deleted one stays in the list, as disabled.

    Source: GET /a/{account_id}/trackers.json ("List Trackers"). Read in full: it has no time of change.
    """

    name = "trackers"
    path = "/a/{account_id}/trackers.json"
    records_jsonpath = "$.trackers[*]"
    filters_by_company = True


class Tags(CallRailStream):
    """Tags of accounts and companies. Their ids are numbers.

    Source: GET /a/{account_id}/tags.json ("List Tags"). Read in full.
    """

    name = "tags"
    path = "/a/{account_id}/tags.json"
    records_jsonpath = "$.tags[*]"
    filters_by_company = True


class Calls(WindowedStream):
    """Phone calls seen by CallRail's tracking numbers.

    Source: GET /a/{account_id}/calls.json ("List Calls").
    Bookmark: start_time. Tags, note, value, lead status, transcript and recording come after the call, and nothing
    says so: each run reads the last ``lookback_days`` again. A call marked as spam disappears without a trace; a run
    with ``deletions`` finds that out, for the dates it reads.
    """

    name = "calls"
    path = "/a/{account_id}/calls.json"
    records_jsonpath = "$.calls[*]"
    replication_key = "start_time"
    date_field = "start_time"

    @override
    def make_paginator(self, part: Pass) -> BaseAPIPaginator[t.Any]:
        if self.config["relative_pagination"]:
            return RelativePages(self.url_base)
        return super().make_paginator(part)

    @override
    def build_request(self, ask: Ask) -> HTTPRequest:
        request = super().build_request(ask)
        if ask.token is None:
            request.params["relative_pagination"] = "true"
        return request


class FormSubmissions(WindowedStream):
    """Forms that visitors sent.

    Source: GET /a/{account_id}/form_submissions.json ("List Form Submissions").
    Bookmark: submitted_at. As with calls, edits come later: each run reads the last ``lookback_days`` again.
    """

    name = "form_submissions"
    path = "/a/{account_id}/form_submissions.json"
    records_jsonpath = "$.form_submissions[*]"
    replication_key = "submitted_at"
    date_field = "submitted_at"


class TextMessageConversations(WindowedStream):
    """Conversations by text message, with their latest messages.

    Source: GET /a/{account_id}/text-messages.json ("List Text Messages"); the records lie under ``conversations``.
    Bookmark: last_message_at, which every new message moves. The list cannot be sorted: newest first.
    """

    name = "text_message_conversations"
    path = "/a/{account_id}/text-messages.json"
    records_jsonpath = "$.conversations[*]"
    replication_key = "last_message_at"
    date_field = "last_message_at"
    lookback_setting = "text_lookback_days"
    sortable = False


class TextMessages(TextMessageConversations):
    """One row per text message.

    Source: the list of conversations, which holds the latest messages of each; with ``text_threads`` set to full
    also GET /a/{account_id}/text-messages/{id}.json for each conversation, a request for every one.
    Bookmark: sent_at; the dates apply to the last message of the conversation, which is never earlier.
    """

    name = "text_messages"
    replication_key = "sent_at"
    # Only the latest messages of a conversation are listed: one that is missing may just be older.
    can_sweep = False

    @override
    def complete(self, page: Page, meter: Meter) -> Page:
        page = super().complete(page, meter)
        rows = []
        for conversation in page.rows:
            messages = self._messages(conversation, page.ask, meter)
            rows += [self._row(message, conversation) for message in messages if isinstance(message, dict)]
        # A message that is both in the list and in the thread, or twice in an answer, is written once.
        return replace(page, rows=list({row["id"]: row for row in rows}.values()))

    def _messages(self, conversation: Row, ask: Ask, meter: Meter) -> list[t.Any]:
        listed = conversation.get("recent_messages") or []
        if self.config["text_threads"] != "full" or not conversation.get("id"):
            return list(listed)
        address = self.url_base.rstrip("/") + f"/a/{ask.context['account_id']}/text-messages/{conversation['id']}.json"
        thread = self.ask_more(HTTPRequest(url=address), meter) or {}
        # The reference does not say under which name the messages of one conversation come.
        return [*listed, *(thread.get("messages") or thread.get("recent_messages") or [])]

    def _row(self, message: Row, conversation: Row) -> Row:
        """Return a message with an id of its own, which CallRail does not give.

        The moment goes into it in UTC: the offset on the wire changes with the settings of the company.
        """
        moment = datetime_from_json(message.get("created_at") or "", self.zone)
        parts = (conversation.get("id"), moment, message.get("direction"), message.get("content"))
        digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode("utf-8", "surrogatepass"))
        empty = moment is None or not conversation.get("id")
        return {**message, "conversation": conversation, "id": None if empty else digest.hexdigest()[:32]}


# Parents before children; the names are also in names.py.
STREAMS: tuple[type[RestStream], ...] = (
    Accounts,
    Companies,
    Users,
    Trackers,
    Tags,
    Calls,
    FormSubmissions,
    TextMessageConversations,
    TextMessages,
)
