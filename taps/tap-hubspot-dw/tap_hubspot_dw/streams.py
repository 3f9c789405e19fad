"""The streams, as declarations. What is odd about them is in BEHAVIOR.md."""

from __future__ import annotations

import typing as t

from tap_kit.rest import Pass
from typing_extensions import override

from tap_hubspot_dw.associations import AssociationStream
from tap_hubspot_dw.client import ASSOCIATIONS, BAD_REQUEST, NOT_FOUND, HubSpotStream, PerObject, WholeList
from tap_hubspot_dw.objects import ObjectStream
from tap_hubspot_dw.zipcodes import Zipcodes

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_kit.rest import Ask, Row


class Contacts(ObjectStream):
    """People.

    Source: GET and POST /crm/objects/{version}/contacts (list, search, batch read).
    Bookmark: lastmodifieddate, which only contacts name so: their search knows no hs_lastmodifieddate, and finds
    nothing by it. A delta sees neither archiving (see ``deletions``) nor changes of calculated properties.
    """

    name = catalogue = "contacts"
    object_type = "contacts"
    key_property = "lastmodifieddate"
    has_pipelines = False
    permission = "the scope crm.objects.contacts.read"


class Appointments(ObjectStream):
    """Appointments: a standard object that has to be enabled in the account's object library.

    Source: GET and POST /crm/objects/{version}/0-421. Bookmark: hs_lastmodifieddate, with the limits of contacts.
    """

    name = catalogue = "appointments"
    object_type = "0-421"
    permission = "the scope crm.objects.appointments.read"


class Deals(ObjectStream):
    """Deals.

    Source: GET and POST /crm/objects/{version}/deals. Bookmark: hs_lastmodifieddate, with the limits of contacts.
    """

    name = catalogue = "deals"
    object_type = "deals"
    permission = "the scope crm.objects.deals.read"


class Divisions(ObjectStream):
    """Divisions: a custom object, whose type id differs from account to account.

    Source: GET and POST /crm/objects/{version}/2-... Bookmark: hs_lastmodifieddate, with the limits of contacts.
    """

    name = catalogue = "divisions"
    type_setting = "divisions_object_type"
    type_names = ("divisions", "division")
    permission = "the scopes crm.objects.custom.read and crm.schemas.custom.read"


class GeniusUsers(ObjectStream):
    """Users of Genius: a custom object, whose type id differs from account to account.

    Source: GET and POST /crm/objects/{version}/2-... Bookmark: hs_lastmodifieddate, with the limits of contacts.
    """

    name = catalogue = "genius_users"
    type_setting = "genius_users_object_type"
    type_names = ("genius_users", "genius_user")
    permission = "the scopes crm.objects.custom.read and crm.schemas.custom.read"


class Companies(ObjectStream):
    """Companies.

    Source: GET and POST /crm/objects/{version}/companies. Bookmark: hs_lastmodifieddate, with the limits of contacts.
    """

    name = catalogue = "companies"
    object_type = "companies"
    has_pipelines = False
    permission = "the scope crm.objects.companies.read"


class Tickets(ObjectStream):
    """Tickets.

    Source: GET and POST /crm/objects/{version}/tickets. Bookmark: hs_lastmodifieddate, with the limits of contacts.
    """

    name = catalogue = "tickets"
    object_type = "tickets"
    permission = "the scope tickets"


class Associations(AssociationStream):
    """Which records are associated: one row for each label between two records.

    Source: POST /crm/associations/{version}/{from}/{to}/batch/read, a thousand records at a time. Bookmark: the
    moment up to which changed records were looked at. A delta sees the associations of records that were changed,
    and no others, because an edit of an association changes no record; ``associations_read`` reads all.
    """

    name = "associations"
    primary_keys = ("from_object_type", "from_id", "to_object_type", "to_id", "association_type_id")
    permission = "the read scopes of both objects"


class Owners(WholeList):
    """Owners of records, active and archived ones.

    Source: GET /crm/owners/{version}. Read in full: updatedAt is there, but nothing can be filtered by it.
    """

    name = "owners"
    what = "owners"
    primary_keys = ("id",)
    permission = "the scope crm.objects.owners.read"
    passes: Sequence[Pass] = (
        Pass("active", params={"archived": "false", "limit": "100"}),
        Pass("archived", params={"archived": "true", "limit": "100"}, deleted_at="updatedAt"),
    )


class Pipelines(PerObject):
    """Pipelines, with their stages as JSON.

    Source: GET /crm/pipelines/{version}/{object}, for each object that may have some. Read in full.
    """

    name = "pipelines"
    what = "pipelines"
    primary_keys: Sequence[str] = ("object_type", "id")
    permission = "the read scope of the object"
    missing = "empty"
    # How an object without pipelines answers.
    unsupported = (BAD_REQUEST, NOT_FOUND)

    @override
    def objects(self) -> Iterator[Mapping[str, t.Any]]:
        with_pipelines = {one.name for one in self.kit.object_streams() if one.has_pipelines}
        return (one for one in super().objects() if one["object_type"] in with_pipelines)


class PipelineStages(Pipelines):
    """Stages of pipelines, a row each.

    Source: the stages within GET /crm/pipelines/{version}/{object}. Read in full.
    """

    name = "pipeline_stages"
    primary_keys = ("object_type", "pipeline_id", "id")

    @override
    def parse_rows(self, document: t.Any, ask: Ask) -> list[Row]:
        return [
            {**stage, "pipelineId": pipeline.get("id")}
            for pipeline in super().parse_rows(document, ask)
            for stage in pipeline.get("stages") or ()
        ]


class Properties(PerObject):
    """Definitions of the properties of each object that is read.

    Source: GET /crm/properties/{version}/{object}. Read in full: updatedAt is there, but no filter.
    """

    name = "properties"
    what = "properties"
    primary_keys = ("object_type", "name")
    permission = "the read scope of the object"

    @override
    def choose_passes(self) -> Sequence[Pass]:
        return [Pass(kind, {"archived": "false", "dataSensitivity": kind}) for kind in self.config["data_sensitivity"]]


class AssociationLabels(PerObject):
    """Types and labels of associations, for each pair that is read.

    Source: GET /crm/associations/{version}/{from}/{to}/labels. Read in full.
    """

    name = "association_labels"
    what = "labels"
    limit = ASSOCIATIONS
    primary_keys = ("from_object_type", "to_object_type", "type_id")
    permission = "the read scopes of both objects"
    missing = "empty"

    @override
    def objects(self) -> Iterator[Mapping[str, t.Any]]:
        for pair in self.kit.pairs:
            yield {
                "from_object": pair.from_type,
                "to_object": pair.to_type,
                "from_object_type": pair.from_name,
                "to_object_type": pair.to_name,
            }


class CustomObjectSchemas(WholeList):
    """Custom objects of the account.

    Source: GET /crm-object-schemas/{version}/schemas. Read in full. An account whose plan has no custom objects
    answers with none, or with 403.
    """

    name = "custom_object_schemas"
    what = "schemas"
    primary_keys = ("object_type_id",)
    permission = "the scope crm.schemas.custom.read"
    passes: Sequence[Pass] = (
        Pass(
            params={
                "archived": "false",
                "includePropertyDefinitions": "false",
                "includeAssociationDefinitions": "true",
            }
        ),
    )


OBJECTS: t.Final[Sequence[type[ObjectStream]]] = (
    Contacts,
    Appointments,
    Deals,
    Divisions,
    GeniusUsers,
    Companies,
    Tickets,
)
OTHERS: t.Final[Sequence[type[HubSpotStream]]] = (
    Associations,
    Owners,
    Pipelines,
    PipelineStages,
    Properties,
    AssociationLabels,
    CustomObjectSchemas,
)
FILES: t.Final = (Zipcodes,)
