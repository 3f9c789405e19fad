"""Addresses of HubSpot's endpoints, by version: the only place that knows them.

Since 2026-03-30 the API is versioned by date; the date stands behind the resource family
(``/crm/objects/2026-03/contacts``). The older addresses end: ``/crm/v4`` on 2027-03-30, v1 to v3 in September 2027.
"""

from __future__ import annotations

import typing as t
from urllib.parse import quote

VERSIONS: t.Final = ("2026-03", "2026-09", "v3")
DEFAULT_VERSION: t.Final = VERSIONS[0]
# Tokens have no v3 address, and v1 ends on 2027-02-16.
TOKEN: t.Final = "/oauth/2026-03/token"  # noqa: S105 - an address

# What: the dated address, the one before.
_PATHS: t.Final[t.Mapping[str, tuple[str, str]]] = {
    "objects": ("/crm/objects/{version}/{object}", "/crm/v3/objects/{object}"),
    "search": ("/crm/objects/{version}/{object}/search", "/crm/v3/objects/{object}/search"),
    "batch_read": ("/crm/objects/{version}/{object}/batch/read", "/crm/v3/objects/{object}/batch/read"),
    "associations": (
        "/crm/associations/{version}/{from_object}/{to_object}/batch/read",
        "/crm/v4/associations/{from_object}/{to_object}/batch/read",
    ),
    "labels": (
        "/crm/associations/{version}/{from_object}/{to_object}/labels",
        "/crm/v4/associations/{from_object}/{to_object}/labels",
    ),
    "properties": ("/crm/properties/{version}/{object}", "/crm/v3/properties/{object}"),
    "owners": ("/crm/owners/{version}", "/crm/v3/owners"),
    "pipelines": ("/crm/pipelines/{version}/{object}", "/crm/v3/pipelines/{object}"),
    "schemas": ("/crm-object-schemas/{version}/schemas", "/crm-object-schemas/v3/schemas"),
    "account": ("/account-info/{version}/details", "/account-info/v3/details"),
}


def path_of(what: str, version: str, **names: str) -> str:
    """Return the path of an endpoint.

    Args:
        what: Which one.
        version: A version of the API.
        names: Object types that stand in it; a name that is missing stays in braces.
    """
    dated, older = _PATHS[what]
    quoted = {name: quote(value, safe="") for name, value in names.items()}
    template = older if version == "v3" else dated
    return template.format_map(_Names(version=version, **quoted))


class _Names(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"
