"""HubSpot: a made-up portal behind the CRM API, as the vendor's descriptions and public clients show it.

    crm = HubSpot(size=500, start=datetime(2026, 3, 20, 12, tzinfo=UTC))
    with Simulator(crm) as simulator:
        base = f"{simulator.url}/hubspot"            # in place of https://api.hubapi.com

Credentials: ``ACCESS_TOKEN`` of a private app, or ``CLIENT_ID``, ``CLIENT_SECRET`` and ``REFRESH_TOKEN`` for
``POST /oauth/2026-03/token`` (or ``v1``). ZIP codes lie at ``/repos/example-owner/example-repo/contents/zips.csv``
of the same base and need ``ZIP_TOKEN``. Kinds by name or type id: ``crm.kinds["divisions"].type_id``.

Options (keywords of ``HubSpot``; those marked * are also attributes that may be changed at any time):

- ``sizes``: records by kind, as ``{"contacts": 10}``; else shares of ``size``. ``step``: time between two changes.
- ``rules``: rates in place of the vendor's, ``{}`` for none; ``daily``*: requests a day of private apps.
- ``versions``: which answer, of ``2026-03``, ``2026-09`` and ``v3`` (with v4 for associations).
- ``missing_scopes``*: scopes that the tokens lack. ``disabled``: kinds that the portal does not have.
- ``expires_in`` (1800): seconds of an OAuth token, by ``advance()``; ``rotates``: refresh tokens are good once.
- ``width``: how many properties contacts have, some with names of more than 63 letters.
- ``crowd``: how many contacts, from a quarter on, were modified in the same millisecond.
- ``search_lag``*: changes younger than this are found under the time before them, new records not at all.
- ``id_order``* (``number``): ``text`` compares and sorts ids as text in searches; ``first_id``: lowest id of a contact.
- ``association_page``* (500), ``url_limit``* (8000), ``wrong_archived_at``* (archived records say when they were
  modified), ``storm_policy``* (policy of the fault ``storm``), ``owners`` (24), ``zip_codes`` (40), ``zip_header``.

Truth:

- ``crm.truth(stream)``: all live records. Of kinds: ``id``, ``created_at``, ``updated_at``, ``archived``,
  ``archived_at`` and every property, typed by its definition: Decimal, bool, date, datetime or text, None for unset
  values and for those that their type cannot hold. ``associations:contacts:appointments``: both ends and the type;
  ``association_labels:contacts:appointments``: the types and labels of that direction.
  ``owners``, ``pipelines``, ``properties``, ``custom_object_schemas``: what the API says, with ``object_type``.
  ``zipcodes``: the lines of the file whose code is long enough.
- ``crm.kinds[name].texts(index)``: the values as they are on the wire; ``.id_of()``, ``.index_of()``, ``.records``.
- ``crm.removed(stream)``: ids that are gone, and why: ``archived``, ``merged`` or ``erased``.
- ``crm.last_day``: the ids to which ``pass_a_day()`` did what.

A test may also change a record itself: ``crm.kinds["contacts"].records.change(index, moment, city="")``,
``.set_silently(index, num_notes="5")``, ``.archive(index, moment)``, ``.archived.pop(index)`` restores, ``.add(count,
moment)``, ``crm.merge("contacts", index, into)``, ``crm.links.set(kind, index, other_kind, other, frozenset({0}))``.

Dirt: ``kinds.MISFITS`` names properties with values that their type cannot hold; ``kinds.TEXTS`` those whose texts
are odd (the text ``null``, blanks, units that differ, wall-clock times); some times end in a lower-case ``z``.
Definitions and default schemas may disagree: ``arrivy_appt_date`` and ``duration`` are text in this portal.
"""

from crm_simulator.hubspot.access import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from crm_simulator.hubspot.simulator import ZIP_TOKEN, HubSpot

__all__ = ["ACCESS_TOKEN", "CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN", "ZIP_TOKEN", "HubSpot"]
