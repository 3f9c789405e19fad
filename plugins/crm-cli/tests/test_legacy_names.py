"""Names of the old system."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from crm_cli import legacy_names, sources
from crm_cli.errors import CrmUsageError

STREAMS = {
    "genius": ["job_statuses", "users", "prospects", "integration_fields", "job_financings", "divisions"],
    "hubspot": ["contacts", "appointments", "associations", "genius_users", "zipcodes", "divisions"],
    "arrivy": ["entities", "tasks", "statuses"],
    "salespro": ["customers", "estimates", "credit_applications", "lead_results", "offices", "users"],
    "gsheet": ["marketing_leads", "marketing_spends"],
    "salesrabbit": ["users", "leads"],
    "leadconduit": ["events", "leads"],
    "five9": ["contacts"],
    "callrail": ["calls"],
}


@pytest.fixture(autouse=True)
def _sources(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        SimpleNamespace(name=name, dist=SimpleNamespace(name=f"tap-{name}"), load=lambda streams=streams: streams)
        for name, streams in STREAMS.items()
    ]
    monkeypatch.setattr(sources, "entry_points", lambda group: points if group == sources.GROUP else [])


@pytest.mark.parametrize(
    ("name", "source", "streams"),
    [
        ("Genius_JobStatus", "genius", ("job_statuses",)),
        ("genius_jobstatuses", "genius", ("job_statuses",)),
        ("db_genius_prospects", "genius", ("prospects",)),
        ("db_genius_user_data", "genius", ("users",)),
        ("db_genius_users", "genius", ("users",)),
        ("db_genius_all", "genius", ()),
        ("Genius_UserData", "genius", ("users",)),
        ("sync_hubspot_contacts", "hubspot", ("contacts",)),
        ("smart_sync_hubspot_contacts", "hubspot", ("contacts",)),
        ("Hubspot_Contact", "hubspot", ("contacts",)),
        ("HubSpot_GeniusUser", "hubspot", ("genius_users",)),
        ("hubspot_zipcode", "hubspot", ("zipcodes",)),
        ("sync_hubspot_associations_contact_division", "hubspot", ("associations",)),
        ("sync_hubspot_contacts_removal", "hubspot", ("contacts",)),
        ("sync_hubspot_all", "hubspot", ()),
        ("sync_arrivy_status", "arrivy", ("statuses",)),
        ("Arrivy_Entity", "arrivy", ("entities",)),
        ("csv_salespro_offices", "salespro", ("offices",)),
        ("db_salespro_creditapplications", "salespro", ("credit_applications",)),
        ("db_salespro_leadresults", "salespro", ("lead_results",)),
        ("gsheet_marketing_leads_2024", "gsheet", ("marketing_leads",)),
        ("gsheet_marketing_leads", "gsheet", ("marketing_leads",)),
        ("sync_salesrabbit_leads_new", "salesrabbit", ("leads",)),
        ("salesrabbit_all_entities", "salesrabbit", ()),
        ("sync_activeprospect_leads", "leadconduit", ("leads",)),
        ("five9", "five9", ()),
    ],
)
def test_a_name_of_the_old_system_is_a_source_and_its_streams(name: str, source: str, streams: tuple[str, ...]) -> None:
    found, meant = legacy_names.resolve(name)
    assert (found.name, meant) == (source, streams)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sync_salesforce_leads", "is no name of the old system"),
        ("Genius_Spaceship", "spaceship is no stream of genius"),
    ],
)
def test_a_name_without_a_meaning_is_refused(name: str, told: str) -> None:
    with pytest.raises(CrmUsageError, match=told):
        legacy_names.resolve(name)
