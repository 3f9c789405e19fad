"""The streams of Five9, one class each.

Sources: the public WSDL of the configuration web service (v9_5 and v13), Five9's own samples, and clients that others
published. The text of the reference itself is not public.
"""

from __future__ import annotations

from tap_five9_dw.client import ContactStream, Five9Stream, ListStream, ReportStream, SnapshotReport


class ContactFields(ListStream):
    """The contact fields of the account: their types, and what Five9 fills them with.

    Source: getContactFields. No bookmark: every run reads all of them.
    """

    name = "contact_fields"
    operation = "getContactFields"
    primary_keys = ("name",)


class ContactLists(ListStream):
    """The dialling lists, with the number of contacts in each.

    Source: getListsInfo. No bookmark: every run reads all of them.
    """

    name = "contact_lists"
    operation = "getListsInfo"
    primary_keys = ("name",)


class Campaigns(ListStream):
    """Campaigns: inbound, outbound and autodial ones.

    Source: getCampaigns. No bookmark: every run reads all of them.
    """

    name = "campaigns"
    operation = "getCampaigns"
    primary_keys = ("name",)


class Dispositions(ListStream):
    """Dispositions: what the outcome of a call can be.

    Source: getDispositions. No bookmark: every run reads all of them.
    """

    name = "dispositions"
    operation = "getDispositions"
    primary_keys = ("name",)


class Contacts(ContactStream):
    """Contacts, by the list they were last dialled from; the columns are the account's contact fields.

    Source: getContactRecords for each list of getListsInfo, in parts of less than 1,000.
    Bookmark: modified_at, the latest of the fields mapped to LastModifiedDateTime, LastDispositionDateTime and
    CreatedDateTime. Every run reads all contacts, and writes those that changed since a day before the bookmark, and
    those without any of these times. A delta cannot see a change that moves none of them. Contacts that were never
    dialled are in no answer.
    """

    name = "contacts"
    primary_keys = ("number1", "list_name")
    replication_key = "modified_at"


class CallLog(ReportStream):
    """Calls.

    Source: the report Call Log, a day at a time.
    Bookmark: timestamp. A delta reads again from the day before; a call that is corrected later is not seen.
    """

    name = "call_log"
    folder = "Call Log Reports"
    report_name = "Call Log"
    primary_keys = ("call_id",)
    replication_key = "timestamp"
    is_detail = True
    compares_here = True


class AgentLoginLogout(ReportStream):
    """When agents logged in and out.

    Source: the report Agent Login-Logout, a day at a time.
    Bookmark: date. A delta reads again from the day before.
    """

    name = "agent_login_logout"
    folder = "Agent Reports"
    report_name = "Agent Login-Logout"
    primary_keys = ("agent", "date")
    replication_key = "date"


class AgentOccupancy(ReportStream):
    """What agents did with their time, summed up by day.

    Source: the report Agent Occupancy, a day at a time: a part of a day would give the sums of that part.
    Bookmark: date. A delta reads again from the day before.
    """

    name = "agent_occupancy"
    folder = "Agent Reports"
    report_name = "Agent Occupancy"
    primary_keys = ("agent", "date")
    replication_key = "date"


class AgentInformation(SnapshotReport):
    """Agents.

    Source: the report Agents Information. No bookmark: every run reads all of them.
    """

    name = "agent_information"
    folder = "Agent Reports"
    report_name = "Agents Information"
    primary_keys = ("agent_id",)


# In the order in which they are read; the names are also in names.py.
STREAMS: tuple[type[Five9Stream], ...] = (
    ContactFields,
    ContactLists,
    Campaigns,
    Dispositions,
    Contacts,
    CallLog,
    AgentLoginLogout,
    AgentOccupancy,
    AgentInformation,
)
