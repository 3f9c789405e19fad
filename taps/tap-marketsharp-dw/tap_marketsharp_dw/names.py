"""The names of the streams, in reading order, and their groups; light, because `crm` imports it to check a name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "company": ("companies", "employees"),
        "contacts": ("contacts", "contact_phones", "contact_types", "addresses", "custom_fields"),
        "contact_views": ("customers", "leads", "prospects"),
        "inquiries": ("inquiry_source_primaries", "inquiry_source_secondaries", "inquiry_statuses", "inquiries"),
        "appointments": ("appointment_results", "appointments"),
        "jobs": ("jobs",),
        "activities": ("activity_references", "activity_results", "activities"),
        "products": ("product_types", "product_details", "product_interests"),
        "contact_details": ("additional_contacts", "future_interests", "notes"),
        "contracts": ("contracts", "loans", "payment_histories", "proposals"),
        "job_products": (
            "work_crews",
            "job_products",
            "job_product_details",
            "job_product_cost_types",
            "job_product_costs",
            "job_product_commissions",
            "job_product_commission_payments",
            "process_steps",
            "service_orders",
            "surveys",
        ),
        "staff": ("employee_infos",),
        "calls": ("call_leads",),
        "lead_paint": (
            "lead_paint_firms",
            "lead_paint_renovators",
            "lead_paint_workers",
            "lead_paints",
            "lead_paint_attachments",
            "lead_paint_to_firms",
            "lead_paint_to_renovators",
            "lead_paint_to_workers",
        ),
    }
)
# What every client of MarketSharp that is known reads, without the views that repeat the contacts.
DEFAULT_GROUPS: Final = ("company", "contacts", "inquiries", "appointments", "jobs", "activities", "products")

STREAMS: Final[tuple[str, ...]] = tuple(name for names in GROUPS.values() for name in names)


def group_of(stream: str) -> str:
    """Return the group that a stream belongs to."""
    return next(group for group, names in GROUPS.items() if stream in names)
