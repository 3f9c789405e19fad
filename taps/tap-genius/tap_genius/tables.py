"""The 30 tables of Genius that are read, and everything about them that the database cannot tell.

Types and new columns come from the live ``information_schema``. Declared here are the names, keys and
modification times, and which columns are secret, personal, or left out unless asked for. The order is the
order of reading: parents before children.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Join:
    """A lookup that adds one column.

    Attributes:
        column: Name of the added column.
        expression: SQL of its value; the stream's table is ``t``.
        type: MySQL type of the value.
        clause: The joins that the expression needs. They never multiply rows: each one is on a key.
        tables: Tables that the clause reads.
    """

    column: str
    expression: str
    type: str
    clause: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """One stream.

    Attributes:
        name: Name of the stream.
        table: Name of the table.
        key: Key columns, as emitted.
        changed: Column of the modification time; None if there is none: then every run reads the whole table.
        fallback: Column that stands in where ``changed`` is NULL.
        renames: Emitted name of a column by its name in the table.
        join: A lookup that adds a column.
        secret: Columns that are read only if ``include_secrets`` names them.
        optional: Columns that are read only if ``include_columns`` names them.
        personal: Columns with personal data; they are marked in the schema.
    """

    name: str
    table: str
    key: tuple[str, ...] = ("id",)
    changed: str | None = "updated_at"
    fallback: str | None = None
    renames: t.Mapping[str, str] = field(default_factory=dict)
    join: Join | None = None
    secret: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    personal: frozenset[str] = frozenset()

    def source_column(self, name: str) -> str:
        """Return the name that an emitted column has in the table."""
        return {emitted: column for column, emitted in self.renames.items()}.get(name, name)


def names(text: str) -> frozenset[str]:
    """Return the words of a text as a set of names."""
    return frozenset(text.split())


def third_party_id(column: str) -> Join:
    """Return the lookup of a HubSpot id.

    The label is tested in the value, not in the join: an id of another third party must not appear under
    the name of HubSpot.
    """
    return Join(
        column=column,
        expression="CASE WHEN tpst.`label` = 'hubspot' THEN tps.`third_party_id` END",
        type="varchar(255)",
        clause=(
            "LEFT JOIN `third_party_source` tps ON tps.`id` = t.`third_party_source_id` "
            "LEFT JOIN `third_party_source_type` tpst ON tpst.`id` = tps.`third_party_source_type_id`"
        ),
        tables=("third_party_source", "third_party_source_type"),
    )


PRIMARY_USER = Join(
    column="primary_user_id",
    expression="ua.`primary_user_id`",
    type="int",
    clause="LEFT JOIN `users_userassociations` ua ON ua.`id` = t.`user_associations_id`",
    tables=("users_userassociations",),
)

TABLES: t.Final = (
    Table(
        "division_groups",
        "division_group",
        secret=names("mes_profile_id mes_profile_key paysimple_username paysimple_secret"),
    ),
    Table("division_regions", "division_region", changed=None),
    Table("divisions", "division"),
    Table("user_titles", "user_title"),
    Table("services", "service"),
    Table("appointment_types", "appointment_type", changed=None),
    # It has an updated_at, which nothing is known to maintain; the table is tiny and read in full.
    Table("appointment_outcome_types", "appointment_outcome_type", changed=None),
    Table("appointment_outcomes", "appointment_outcome"),
    Table("marketing_source_types", "marketing_source_type", fallback="created_at"),
    Table("marketsharp_sources", "marketsharp_source"),
    Table("job_statuses", "job_status", changed=None),
    Table("job_change_order_types", "job_change_order_type", changed=None),
    Table("job_change_order_statuses", "job_change_order_status", changed=None),
    Table("job_change_order_reasons", "job_change_order_reason", changed=None),
    Table("integration_field_definitions", "integration_field_definition", changed=None),
    Table("user_associations", "users_userassociations"),
    Table(
        "users",
        "user_data",
        renames={"user_id": "id"},
        join=PRIMARY_USER,
        secret=names("ssn google_calendar_sync_token"),
        optional=names(
            "lead_radius_zip lead_radius_distance lead_types lead_views_allowed lead_call_center "
            "google_calendar_channel_id google_calendar_resource_id google_calendar_sync_start "
            "google_calendar_last_sync google_calendar_channel_expiration project_commission_pct "
            "salary_account_id advance_account_id override_paychex_department_id "
            "override_paychex_department_effective_date google_user_error google_user_status google_user_id"
        ),
        personal=names(
            "first_name first_name_alt last_name email personal_email birth_date gender_id marital_status_id ssn"
        ),
    ),
    Table("marketing_sources", "marketing_source", optional=names("division_id")),
    Table("marketsharp_marketing_source_maps", "marketsharp_marketing_source_map", key=("marketsharp_id",)),
    Table("integration_fields", "integration_field"),
    Table(
        "prospects",
        "prospect",
        join=third_party_id("hubspot_contact_id"),
        optional=names("is_address_valid"),
        personal=names("first_name last_name alt_first_name alt_last_name address1 address2 phone1 phone2 email notes"),
    ),
    Table(
        "leads",
        "lead",
        key=("lead_id",),
        fallback="added_on",
        renames={"division": "division_id"},
        personal=names("first_name last_name address1 address2 email phone1 phone2 phone3 phone4 notes"),
    ),
    Table("prospect_sources", "prospect_source", fallback="add_date"),
    Table(
        "appointments",
        "appointment",
        join=third_party_id("hubspot_appointment_id"),
        optional=names("marketing_task_id"),
        personal=names("address1 address2 email notes confirm_with"),
    ),
    Table("appointment_services", "appointment_to_service", key=("appointment_id", "service_id")),
    Table("jobs", "job"),
    Table("quotes", "quote"),
    Table(
        "job_financings",
        "job_financing",
        key=("job_id",),
        changed=None,
        personal=names("applicant co_applicant legal_app_name"),
    ),
    Table("job_change_orders", "job_change_order", personal=names("signer_name signer_email")),
    Table("job_change_order_items", "job_change_order_item"),
)
