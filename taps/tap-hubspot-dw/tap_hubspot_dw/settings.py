"""The tap's own settings."""

from __future__ import annotations

import typing as t

from singer_sdk import typing as th

from tap_hubspot_dw.client import PLANS
from tap_hubspot_dw.paths import DEFAULT_VERSION, VERSIONS

DEFAULT_PAIRS: t.Final = ("contacts:appointments", "contacts:divisions", "contacts:deals")

OWN_SETTINGS = th.PropertiesList(
    th.Property(
        "access_token",
        th.StringType,
        secret=True,
        title="Access token",
        description="Token of a private app (or a service key), which does not expire. Without it OAuth is used.",
    ),
    th.Property("client_id", th.StringType, title="Client ID", description="OAuth: client id of the app."),
    th.Property(
        "client_secret",
        th.StringType,
        secret=True,
        title="Client secret",
        description="OAuth: client secret of the app.",
    ),
    th.Property(
        "refresh_token",
        th.StringType,
        secret=True,
        title="Refresh token",
        description="OAuth: refresh token of the account. It is exchanged for access tokens as they expire.",
    ),
    th.Property(
        "refresh_token_file",
        th.StringType,
        title="File of the refresh token",
        description="OAuth: where a refresh token that HubSpot replaced is kept. What the file holds counts before "
        "refresh_token. Without it a new one is kept in memory only.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        default="https://api.hubapi.com",
        title="Address of the API",
        description="Address of the API.",
    ),
    th.Property(
        "api_version",
        th.StringType,
        allowed_values=list(VERSIONS),
        default=DEFAULT_VERSION,
        title="Version of the API",
        description="Version of the API. HubSpot ends support of v3 in September 2027.",
    ),
    th.Property(
        "plan",
        th.StringType,
        allowed_values=list(PLANS),
        default="professional",
        title="Plan",
        description="What the account may send in ten seconds: free and starter 100 requests, professional and "
        "enterprise 190, with the limit pack 250, OAuth apps 110 (taken for OAuth whatever is set).",
    ),
    th.Property(
        "requests_per_10_seconds",
        th.IntegerType(minimum=1),
        title="Requests in ten seconds",
        description="In place of what the plan allows; less, if other programs use the same app.",
    ),
    th.Property(
        "search_requests_per_second",
        th.IntegerType(minimum=1),
        default=5,
        title="Searches in a second",
        description="Searches of a second. HubSpot allows 5 for the whole account, so all apps share them.",
    ),
    th.Property(
        "association_requests_per_10_seconds",
        th.IntegerType(minimum=1),
        default=100,
        title="Association requests in ten seconds",
        description="Reads of associations in ten seconds. They do not count with the others; HubSpot names no number.",
    ),
    th.Property(
        "divisions_object_type",
        th.StringType,
        title="Object type of divisions",
        description="Type id (2-...) of the custom object behind the stream divisions. Without it the object is "
        "looked for by the name division or divisions.",
    ),
    th.Property(
        "genius_users_object_type",
        th.StringType,
        title="Object type of Genius users",
        description="Type id (2-...) of the custom object behind the stream genius_users. Without it the object is "
        "looked for by the name genius_user or genius_users.",
    ),
    th.Property(
        "objects",
        th.ArrayType(th.StringType),
        default=[],
        title="Further objects",
        description="Objects that get a stream as well: standard ones by name (products, line_items, calls...), "
        'custom ones by type id or name. "projects=2-123456" gives the stream a name.',
    ),
    th.Property(
        "custom_objects",
        th.BooleanType,
        default=False,
        title="All custom objects",
        description="Whether each custom object of the account gets a stream, named custom_ and its name.",
    ),
    th.Property(
        "include_properties",
        th.ArrayType(th.StringType),
        default=["*"],
        title="Properties to read",
        description="Patterns of the properties that are read beyond those of the catalogue: lead_*, or "
        "contacts.lead_* for one stream only.",
    ),
    th.Property(
        "exclude_properties",
        th.ArrayType(th.StringType),
        default=[],
        title="Properties to leave out",
        description="Patterns of properties that are never read and get no column, also of the catalogue.",
    ),
    th.Property(
        "data_sensitivity",
        th.ArrayType(th.StringType),
        default=["non_sensitive"],
        title="Sensitivity of properties",
        description="Which properties are looked for: non_sensitive, sensitive, highly_sensitive. The last two need "
        "scopes of their own.",
    ),
    th.Property(
        "max_columns",
        th.IntegerType(minimum=50),
        default=400,
        title="Most columns",
        description="How many columns an object has at most. All further properties go into the column properties, as "
        "JSON: Postgres refuses rows of several hundred short values.",
    ),
    th.Property(
        "column_properties",
        th.ArrayType(th.StringType),
        default=[],
        title="Properties with a column",
        description="Patterns of the properties that come right after those of the catalogue if there are more than "
        "max_columns.",
    ),
    th.Property(
        "columns_by",
        th.StringType,
        allowed_values=["age", "fill"],
        default="age",
        title="Order of columns",
        description="Which properties come next. age: the oldest, so that a column never loses its place. fill: those "
        "that most of a hundred records have; the choice may change, and then needs a full read.",
    ),
    th.Property(
        "full_pass",
        th.BooleanType,
        default=False,
        title="Full pass",
        description="Read all records in this run, whatever the bookmark says, and keep the bookmark: calculated "
        "properties change without a trace.",
    ),
    th.Property(
        "deletions",
        th.StringType,
        allowed_values=["off", "archived", "sweep"],
        default="archived",
        title="Deletions",
        description="archived: mark what lies in the recycle bin, which is read in each run. sweep: also compare the "
        "ids of all records, which finds everything that is gone. off: neither, and no association is closed.",
    ),
    th.Property(
        "association_pairs",
        th.ArrayType(th.StringType),
        default=list(DEFAULT_PAIRS),
        title="Pairs of associations",
        description="Pairs whose associations are read, from:to, by the names of streams or objects, or type ids.",
    ),
    th.Property(
        "only_pairs",
        th.ArrayType(th.StringType),
        title="Pairs of this run",
        description="Pairs whose associations this run reads in place of association_pairs. The bookmark stays, and "
        "none is closed: such a run says nothing of the pairs that it leaves out.",
    ),
    th.Property(
        "associations_read",
        th.StringType,
        allowed_values=["changed", "full"],
        default="changed",
        title="Associations to read",
        description="changed: those of records that were changed since the last run. full: those of all records, and "
        "close the ones that no longer stand; an edit of an association changes no record, so run it regularly.",
    ),
    th.Property(
        "search_lag_seconds",
        th.IntegerType(minimum=0),
        default=300,
        title="Lag of the search",
        description="How far HubSpot's search index may lag behind: each delta looks that much further back.",
    ),
    th.Property(
        "reread_seconds",
        th.IntegerType(minimum=0),
        default=3600,
        title="Second pass",
        description="How much of the time before its bookmark a delta reads a second time, for what the index showed "
        "even later.",
    ),
    th.Property(
        "concurrency",
        th.IntegerType(minimum=1),
        default=8,
        title="Concurrency",
        description="Requests sent at once, within the limits.",
    ),
)
