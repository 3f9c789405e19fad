"""The streams, as declarations: one for each entity set. What is odd about them is in BEHAVIOR.md.

What is removed at MarketSharp is seen by no delta and by no full read, only by a sweep (setting ``deletions``). What
is only switched off (``is_active``) is an ordinary change.
"""

from __future__ import annotations

import typing as t

from tap_marketsharp_dw.client import MarketSharpStream

if t.TYPE_CHECKING:
    from collections.abc import Sequence


class Changed(MarketSharpStream):
    """A set that tells when an entity was changed, in the time of the company; a delta asks for what was."""

    replication_key = "last_update"


class ChangedUtc(MarketSharpStream):
    """A set that tells when an entity was changed, in UTC; that it filters by it is not confirmed."""

    replication_key = "last_update_utc"


# Group company


class Companies(MarketSharpStream):
    """The company itself: one row. Its ``time_zone`` explains the date-times of all others.

    Source: GET /Companies (the vendor's sample client). Read in full: no moment of change.
    """

    name = "companies"
    path = "/Companies"


class Employees(Changed):
    """People who work for the company: salespeople, canvassers, telemarketers.

    Source: GET /Employees (the vendor's sample client). Bookmark: lastUpdate.
    """

    name = "employees"
    path = "/Employees"


# Group contacts


class Contacts(Changed):
    """Prospects, leads and customers alike; what somebody is, tells ``contact_types``.

    Source: GET /Contacts (the vendor's sample client). Bookmark: lastUpdate.
    """

    name = "contacts"
    path = "/Contacts"


class ContactPhones(MarketSharpStream):
    """Telephone numbers of the contacts, one row for each contact.

    Source: GET /ContactPhones (the vendor's sample client). Read in full: no moment of change. The entity has no
    id: its key is ``contactId``.
    """

    name = "contact_phones"
    path = "/ContactPhones"
    primary_keys = ("contact_id",)


class ContactTypes(MarketSharpStream):
    """What a contact is: 1 prospect, 2 lead, 3 customer.

    Source: GET /ContactTypes (the vendor's sample client). Read in full: no moment of change.
    """

    name = "contact_types"
    path = "/ContactTypes"


class Addresses(MarketSharpStream):
    """Addresses of the contacts.

    Source: GET /Addresses (the vendor's sample client). Read in full: no moment of change.
    """

    name = "addresses"
    path = "/Addresses"


class CustomFields(MarketSharpStream):
    """Fields of the contacts that the company has made itself.

    Source: GET /CustomFields (the vendor's sample client). Read in full: no moment of change.
    """

    name = "custom_fields"
    path = "/CustomFields"


# Group contact_views


class Customers(Changed):
    """Contacts that are customers, once more.

    Source: GET /Customers (known from a public client and the old system). Bookmark: lastUpdate. A contact that is
    none any more vanishes from the set: a delta does not see it, a sweep does.
    """

    name = "customers"
    path = "/Customers"


class Leads(Changed):
    """Contacts that are leads, once more.

    Source: GET /Leads (known from the old system only). Bookmark: lastUpdate. A contact that is none any more
    vanishes from the set: a delta does not see it, a sweep does.
    """

    name = "leads"
    path = "/Leads"


class Prospects(Changed):
    """Contacts that are prospects, once more.

    Source: GET /Prospects (known from the old system only). Bookmark: lastUpdate. A contact that is none any more
    vanishes from the set: a delta does not see it, a sweep does.
    """

    name = "prospects"
    path = "/Prospects"


# Group inquiries


class InquirySourcePrimaries(MarketSharpStream):
    """Where inquiries come from: the main sources.

    Source: GET /InquirySourcePrimaries (the vendor's sample client). Read in full: no moment of change.
    """

    name = "inquiry_source_primaries"
    path = "/InquirySourcePrimaries"


class InquirySourceSecondaries(MarketSharpStream):
    """Where inquiries come from: the sources below a main one.

    Source: GET /InquirySourceSecondaries (the vendor's sample client). Read in full: no moment of change.
    """

    name = "inquiry_source_secondaries"
    path = "/InquirySourceSecondaries"


class InquiryStatuses(ChangedUtc):
    """Statuses that an inquiry may have.

    Source: GET /InquiryStatuses (the vendor's sample client). Bookmark: lastUpdateUtc.
    """

    name = "inquiry_statuses"
    path = "/InquiryStatuses"


class Inquiries(Changed):
    """Inquiries: what a contact wants, and who brought it in.

    Source: GET /Inquiries (the vendor's sample client). Bookmark: lastUpdate.
    """

    name = "inquiries"
    path = "/Inquiries"


# Group appointments


class AppointmentResults(MarketSharpStream):
    """Results that an appointment may have.

    Source: GET /AppointmentResults (the vendor's sample client). Read in full: no moment of change.
    """

    name = "appointment_results"
    path = "/AppointmentResults"


class Appointments(Changed):
    """Appointments with the contacts.

    Source: GET /Appointments (the vendor's sample client). Bookmark: lastUpdate.
    """

    name = "appointments"
    path = "/Appointments"


# Group jobs


class Jobs(Changed):
    """Jobs that were sold.

    Source: GET /Jobs (the vendor's sample client). Bookmark: lastUpdate.
    """

    name = "jobs"
    path = "/Jobs"


# Group activities


class ActivityReferences(ChangedUtc):
    """What an activity may refer to.

    Source: GET /ActivityReferences (the vendor's sample client). Bookmark: lastUpdateUtc.
    """

    name = "activity_references"
    path = "/ActivityReferences"


class ActivityResults(Changed):
    """Results that an activity may have.

    Source: GET /ActivityResults (the vendor's sample client). Bookmark: lastUpdate.
    """

    name = "activity_results"
    path = "/ActivityResults"


class Activities(Changed):
    """Calls, e-mails and tasks around a contact.

    Source: GET /Activities (the vendor's sample client). Bookmark: lastUpdate.
    """

    name = "activities"
    path = "/Activities"


# Group products


class ProductTypes(MarketSharpStream):
    """Kinds of products.

    Source: GET /ProductTypes (the vendor's sample client). Read in full: no moment of change.
    """

    name = "product_types"
    path = "/ProductTypes"


class ProductDetails(MarketSharpStream):
    """Products below a kind.

    Source: GET /ProductDetails (the vendor's sample client). Read in full: no moment of change.
    """

    name = "product_details"
    path = "/ProductDetails"


class ProductInterests(Changed):
    """Products that an inquiry is about.

    Source: GET /ProductInterests (the vendor's sample client). Bookmark: lastUpdate. That it filters by it is not
    confirmed.
    """

    name = "product_interests"
    path = "/ProductInterests"


# Group contact_details


class AdditionalContacts(MarketSharpStream):
    """Further people of a contact.

    Source: GET /AdditionalContacts (the vendor's sample client). Read in full: no moment of change.
    """

    name = "additional_contacts"
    path = "/AdditionalContacts"


class FutureInterests(Changed):
    """What a contact may want later.

    Source: GET /FutureInterests (the vendor's sample client). Bookmark: lastUpdate. That it filters by it is not
    confirmed.
    """

    name = "future_interests"
    path = "/FutureInterests"


class Notes(Changed):
    """Notes on contacts.

    Source: GET /Notes (the vendor's sample client). Bookmark: lastUpdate. That it filters by it is not confirmed.
    """

    name = "notes"
    path = "/Notes"


# Group contracts


class Contracts(MarketSharpStream):
    """Contracts of the jobs, with their amounts.

    Source: GET /Contracts (the vendor's sample client). Read in full: no moment of change.
    """

    name = "contracts"
    path = "/Contracts"


class Loans(Changed):
    """Loans that finance a contract.

    Source: GET /Loans (the vendor's sample client). Bookmark: lastUpdate. That it filters by it is not confirmed.
    """

    name = "loans"
    path = "/Loans"


class PaymentHistories(Changed):
    """Payments for a contract.

    Source: GET /PaymentHistories (the vendor's sample client). Bookmark: lastUpdate. That it filters by it is not
    confirmed.
    """

    name = "payment_histories"
    path = "/PaymentHistories"


class Proposals(Changed):
    """Proposals made at an appointment.

    Source: GET /Proposals (the vendor's sample client). Bookmark: lastUpdate. That it filters by it is not
    confirmed.
    """

    name = "proposals"
    path = "/Proposals"


# Group job_products


class WorkCrews(MarketSharpStream):
    """Crews that install.

    Source: GET /WorkCrews (the vendor's sample client). Read in full: no moment of change.
    """

    name = "work_crews"
    path = "/WorkCrews"


class JobProducts(MarketSharpStream):
    """Products of a job.

    Source: GET /JobProducts (the vendor's sample client). Read in full: no moment of change.
    """

    name = "job_products"
    path = "/JobProducts"


class JobProductDetails(MarketSharpStream):
    """Parts of a product of a job.

    Source: GET /JobProductDetails (the vendor's sample client). Read in full: no moment of change.
    """

    name = "job_product_details"
    path = "/JobProductDetails"


class JobProductCostTypes(Changed):
    """Kinds of costs.

    Source: GET /JobProductCostTypes (the vendor's sample client). Bookmark: lastUpdate. That it filters by it is
    not confirmed.
    """

    name = "job_product_cost_types"
    path = "/JobProductCostTypes"


class JobProductCosts(Changed):
    """Costs of a product of a job.

    Source: GET /JobProductCosts (the vendor's sample client). Bookmark: lastUpdate. That it filters by it is not
    confirmed.
    """

    name = "job_product_costs"
    path = "/JobProductCosts"


class JobProductCommissions(Changed):
    """Commissions for a product of a job.

    Source: GET /JobProductCommissions (the vendor's sample client). Bookmark: lastUpdate. That it filters by it is
    not confirmed.
    """

    name = "job_product_commissions"
    path = "/JobProductCommissions"


class JobProductCommissionPayments(Changed):
    """Payments of a commission.

    Source: GET /JobProductCommissionPayments (the vendor's sample client). Bookmark: lastUpdate. That it filters by
    it is not confirmed.
    """

    name = "job_product_commission_payments"
    path = "/JobProductCommissionPayments"


class ProcessSteps(Changed):
    """Steps of the work on a product of a job.

    Source: GET /ProcessSteps (the vendor's sample client). Bookmark: lastUpdate. That it filters by it is not
    confirmed.
    """

    name = "process_steps"
    path = "/ProcessSteps"


class ServiceOrders(Changed):
    """Service after the sale.

    Source: GET /ServiceOrders (the vendor's sample client). Bookmark: lastUpdate. That it filters by it is not
    confirmed.
    """

    name = "service_orders"
    path = "/ServiceOrders"


class Surveys(Changed):
    """What customers say of a job.

    Source: GET /Surveys (the vendor's sample client). Bookmark: lastUpdate. That it filters by it is not confirmed.
    """

    name = "surveys"
    path = "/Surveys"


# Group staff


class EmployeeInfos(MarketSharpStream):
    """Log-in names and e-mail addresses of the employees.

    Source: GET /EmployeeInfoes (the vendor's sample client). Read in full: no moment of change. MarketSharp spells
    the set so.
    """

    name = "employee_infos"
    path = "/EmployeeInfoes"


# Group calls


class CallLeads(MarketSharpStream):
    """Calls to a tracked 800 number.

    Source: GET /C800ResponseLead (the vendor's sample client). Read in full: no moment of change.
    """

    name = "call_leads"
    path = "/C800ResponseLead"


# Group lead_paint


class LeadPaintFirms(MarketSharpStream):
    """Firms certified for work on lead paint.

    Source: GET /LeadPaintFirms (the vendor's sample client). Read in full: no moment of change.
    """

    name = "lead_paint_firms"
    path = "/LeadPaintFirms"


class LeadPaintRenovators(MarketSharpStream):
    """Renovators certified for work on lead paint.

    Source: GET /LeadPaintRenovators (the vendor's sample client). Read in full: no moment of change.
    """

    name = "lead_paint_renovators"
    path = "/LeadPaintRenovators"


class LeadPaintWorkers(MarketSharpStream):
    """Workers on lead paint.

    Source: GET /LeadPaintWorkers (the vendor's sample client). Read in full: no moment of change.
    """

    name = "lead_paint_workers"
    path = "/LeadPaintWorkers"


class LeadPaints(MarketSharpStream):
    """What is known of lead paint in a building.

    Source: GET /LeadPaints (the vendor's sample client). Read in full: no moment of change.
    """

    name = "lead_paints"
    path = "/LeadPaints"


class LeadPaintAttachments(MarketSharpStream):
    """Files on lead paint; only where they are, not what they hold.

    Source: GET /LeadPaintAttachments (the vendor's sample client). Read in full: no moment of change.
    """

    name = "lead_paint_attachments"
    path = "/LeadPaintAttachments"


class LeadPaintToFirms(MarketSharpStream):
    """Which firm belongs to which case of lead paint.

    Source: GET /LeadPaintToFirms (the vendor's sample client). Read in full: no moment of change.
    """

    name = "lead_paint_to_firms"
    path = "/LeadPaintToFirms"


class LeadPaintToRenovators(MarketSharpStream):
    """Which renovator belongs to which case of lead paint.

    Source: GET /LeadPaintToRenovators (the vendor's sample client). Read in full: no moment of change.
    """

    name = "lead_paint_to_renovators"
    path = "/LeadPaintToRenovators"


class LeadPaintToWorkers(MarketSharpStream):
    """Which worker belongs to which case of lead paint.

    Source: GET /LeadPaintToWorkers (the vendor's sample client). Read in full: no moment of change.
    """

    name = "lead_paint_to_workers"
    path = "/LeadPaintToWorkers"


STREAMS: t.Final[Sequence[type[MarketSharpStream]]] = (
    Companies,
    Employees,
    Contacts,
    ContactPhones,
    ContactTypes,
    Addresses,
    CustomFields,
    Customers,
    Leads,
    Prospects,
    InquirySourcePrimaries,
    InquirySourceSecondaries,
    InquiryStatuses,
    Inquiries,
    AppointmentResults,
    Appointments,
    Jobs,
    ActivityReferences,
    ActivityResults,
    Activities,
    ProductTypes,
    ProductDetails,
    ProductInterests,
    AdditionalContacts,
    FutureInterests,
    Notes,
    Contracts,
    Loans,
    PaymentHistories,
    Proposals,
    WorkCrews,
    JobProducts,
    JobProductDetails,
    JobProductCostTypes,
    JobProductCosts,
    JobProductCommissions,
    JobProductCommissionPayments,
    ProcessSteps,
    ServiceOrders,
    Surveys,
    EmployeeInfos,
    CallLeads,
    LeadPaintFirms,
    LeadPaintRenovators,
    LeadPaintWorkers,
    LeadPaints,
    LeadPaintAttachments,
    LeadPaintToFirms,
    LeadPaintToRenovators,
    LeadPaintToWorkers,
)
