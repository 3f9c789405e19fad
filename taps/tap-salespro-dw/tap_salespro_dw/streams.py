"""The streams, as declarations. What is odd about them is in BEHAVIOR.md."""

from __future__ import annotations

import typing as t

from tap_salespro_dw.client import AthenaStream, ExportStream, FormStream, LineItemStream, with_email

if t.TYPE_CHECKING:
    from collections.abc import Sequence


class Customers(AthenaStream):
    """Customers.

    Source: table customer. Bookmark: updated_at. A customer may have several rows, one for each estimate; the one that
    changed last counts. Rows without a key are left out. A delta does not see what was deleted.
    """

    name = "customers"
    table = "customer"
    primary_keys = ("customer_id",)
    repeats = True
    ties = ("estimate_id",)


class CreditApplications(AthenaStream):
    """Applications for a credit; the customer may be missing.

    Source: table credit_applications. Bookmark: updated_at. A delta does not see what was deleted.
    """

    name = "credit_applications"
    table = "credit_applications"
    primary_keys = ("leap_credit_app_id",)


class Estimates(AthenaStream):
    """Estimates, sold or not.

    Source: table estimate. Bookmark: updated_at. A delta does not see what was deleted.
    """

    name = "estimates"
    table = "estimate"
    primary_keys = ("estimate_id",)


class LeadResults(FormStream):
    """What came out of a visit: the form of the sales rep, its answers as columns and as they are.

    Source: table lead_results. Bookmark: updated_at. The table keeps earlier rows of an estimate; the last one counts.
    Rows without a key are left out. A delta does not see what was deleted.
    """

    name = "lead_results"
    table = "lead_results"
    primary_keys = ("estimate_id",)
    repeats = True
    ties = ("created_at",)


class LeadResultLineItems(LineItemStream):
    """The job types that were offered at a visit, up to six.

    Source: the form in lead_results; read for the lead results of the run, or for all of them if these are not read.
    """

    name = "lead_result_line_items"
    table = "lead_results"
    parent = "lead_results"
    primary_keys = ("estimate_id", "job_type_number")


class Offices(ExportStream):
    """Offices.

    Source: CSV export. Bookmark: the files that were read. ``company`` is the name of the company here.
    """

    name = "offices"
    primary_keys = ("office_id",)


class Users(ExportStream):
    """Users: sales reps and others.

    Source: CSV export. Bookmark: the files that were read. ``company`` is the identifier of the company here.
    """

    name = "users"
    primary_keys = ("user_object_id",)
    prepare = with_email


class Appointments(ExportStream):
    """Appointments.

    Source: CSV export, which the vendor no longer makes; for files that exist. Bookmark: the files that were read.
    """

    name = "appointments"
    primary_keys = ("id",)


TABLES: t.Final[Sequence[type[AthenaStream | LineItemStream]]] = (
    Customers,
    CreditApplications,
    Estimates,
    LeadResults,
    LeadResultLineItems,
)
EXPORTS: t.Final[Sequence[type[ExportStream]]] = (Offices, Users, Appointments)
