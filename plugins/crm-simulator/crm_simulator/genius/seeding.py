"""Made-up rows for every table of Genius."""

from __future__ import annotations

import random
import typing as t
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from crm_simulator.genius.oddities import ODDITIES
from crm_simulator.genius.schema import TABLES, zero_dates_allowed

if t.TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

Value = str | int | float | date | datetime | None
Row = dict[str, Value]

NOW: t.Final = datetime(2025, 6, 30, 18, 0, 0)  # noqa: DTZ001 - Genius stores naive times and means UTC

ZERO_DATE: t.Final = "0000-00-00"
OPEN_END: t.Final = "2999-12-31"

# Rows at scale 1.0. Tables that do not grow with the business have their rows in `_reference`.
_ROWS = {
    "third_party_source": 300,
    "users_userassociations": 110,
    "user_data": 120,
    "marketing_source": 40,
    "marketsharp_marketing_source_map": 30,
    "integration_field": 60,
    "prospect": 500,
    "lead": 500,
    "prospect_source": 550,
    "appointment": 450,
    "appointment_to_service": 550,
    "job": 200,
    "quote": 300,
    "job_financing": 80,
    "job_change_order": 100,
    "job_change_order_item": 180,
}
_FEWEST = 12  # so that every oddity fits at any scale

_FIRST_NAMES = ("Ada", "Ben", "Chloé", "Dmitri", "Esi", "Farah", "Gus", "Hana", "Ines", "Jonas", "Kofi", "Zoë")
_LAST_NAMES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Ívar", "Juniper", "O'Larch")
_CITIES = (("Springfield", "WA"), ("Riverton", "OR"), ("Lakeside", "CA"), ("Fairview", "CO"), ("Greendale", "TX"))
_STREETS = ("Sample Street", "Example Avenue", "Placeholder Lane", "Specimen Road")
_ZONES = ("", "", "US/Pacific", "US/Mountain", "US/Central", "US/Eastern")
_SERVICES = ("None", "Windows", "Siding", "Roofing", "Gutters", "Painting", "Doors", "Insulation", "Other")
_STATUSES = (
    *("Draft", "Sold", "Measured", "Ordered", "Scheduled", "In progress"),
    *("Finished", "Closed", "On hold", "Cancelled", "Refunded", "Legacy"),
)


def seed(conn: Connection[Cursor], scale: float = 1.0, seed: int = 1, *, now: datetime = NOW) -> dict[str, int]:
    """Fill the empty tables and return the number of rows of each.

    The same arguments give the same rows. Scale 1.0 is about 4,000 rows in all; reference tables do not grow.

    Args:
        conn: A connection whose database has the tables.
        scale: Multiplier for the tables that grow with the business.
        seed: Which made-up company.
        now: Naive UTC; nothing was added or changed after it.
    """
    world = World(random.Random(seed), now)
    rows = _reference(world)
    for table, count in _ROWS.items():
        world.grow(table, max(_FEWEST, round(count * scale)))
        rows[table] = world.rows[table]
    for table, oddities in ODDITIES.items():
        for row, oddity in zip(rows[table], oddities, strict=False):
            row.update(oddity)
    with zero_dates_allowed(conn):
        for table in TABLES:
            insert(conn, table, rows[table])
    conn.commit()
    return {table: len(rows[table]) for table in TABLES}


def insert(conn: Connection[Cursor], table: str, rows: t.Sequence[Row]) -> None:
    """Insert rows that all have the same columns."""
    if not rows:
        return
    columns = list(rows[0])
    names = ", ".join(f"`{name}`" for name in columns)
    values = ", ".join(["%s"] * len(columns))
    with conn.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO `{table}` ({names}) VALUES ({values})",
            [tuple(row[name] for name in columns) for row in rows],
        )


@dataclass
class World:
    """The company as far as it exists: the keys that new rows may refer to, and how a row of each table is made."""

    random: random.Random
    now: datetime
    keys: dict[str, list[t.Any]] = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def grow(self, table: str, count: int) -> list[Row]:
        """Make more rows of a table; each can be referred to from then on."""
        make: t.Callable[[int], Row] = getattr(self, f"_{table}")
        keys = self.keys.setdefault(table, [])
        taken = set(keys)
        number = max((key for key in keys if isinstance(key, int)), default=0)
        made: list[Row] = []
        while len(made) < count:
            number += 1
            row = make(number)
            first, second, *_ = row.values()
            key = (first, second) if table == "appointment_to_service" else first
            if key not in taken:
                taken.add(key)
                keys.append(key)
                made.append(row)
        self.rows.setdefault(table, []).extend(made)
        return made

    def pick(self, table: str) -> t.Any:  # noqa: ANN401 - keys are numbers, texts or pairs
        """Return the key of some row."""
        return self.random.choice(self.keys[table])

    def moment(self, days: int = 700) -> datetime:
        """Return a time before now, to the second."""
        return self.now - timedelta(seconds=self.random.randrange(days * 86_400))

    def changed(self, share_unknown: float = 0.05) -> datetime | None:
        """Return a modification time; a small share of rows has none."""
        return None if self.random.random() < share_unknown else self.moment(300)

    def day(self, ahead: int = 0) -> date:
        """Return a day before now, or up to ``ahead`` days after it."""
        return (self.moment() + timedelta(days=self.random.randint(0, ahead))).date()

    def maybe(self, value: Value, chance: float = 0.5) -> Value:
        """Return the value, or NULL."""
        return value if self.random.random() < chance else None

    def name(self, names: t.Sequence[str]) -> str:
        """Return a name; 15 % have trailing blanks, as in the real data."""
        return self.random.choice(names) + (" " if self.random.random() < 0.15 else "")  # noqa: PLR2004 - that share

    def phone(self) -> str:
        """Return a number of the block that is never assigned."""
        return f"206-555-01{self.random.randrange(100):02}"

    def money(self, most: int) -> str:
        """Return an amount with two decimals, exactly."""
        return f"{self.random.randrange(most)}.{self.random.randrange(100):02}"

    def address(self) -> Row:
        """Return the columns that people and appointments share."""
        city, state = self.random.choice(_CITIES)
        return {
            "address1": f"{self.random.randint(1, 9999)} {self.random.choice(_STREETS)}",
            "address2": self.maybe(f"Apt {self.random.randint(1, 40)}", 0.1),
            "city": city,
            "state": state,
            "zip": f"{self.random.randrange(1000, 99_999):05}",
        }

    def _third_party_source(self, number: int) -> Row:
        kind = self.random.choice((1, 1, 1, 2, 3))
        text = str(self.random.randrange(10**7, 10**11)) if kind == 1 else f"EXT-{number:06}"
        return {"id": number, "third_party_id": text, "third_party_source_type_id": kind}

    def _users_userassociations(self, number: int) -> Row:
        return {
            "id": number,
            "primary_user_id": None,
            "created_at": self.moment(),
            "updated_at": self.changed(),
        }

    def _user_data(self, number: int) -> Row:
        del number  # ids are not in sequence: six to nine digits
        first, last = self.name(_FIRST_NAMES), self.name(_LAST_NAMES)
        key = self.random.randrange(100_000, 999_999_999)
        return {
            "user_id": key,
            "division_id": self.pick("division"),
            "title_id": self.maybe(self.pick("user_title"), 0.9),
            "manager_user_id": self.maybe(self.pick("user_data"), 0.7) if self.keys.get("user_data") else None,
            "first_name": first,
            "last_name": last,
            "email": f"user{key}@example.com",
            "personal_email": self.maybe(f"home{key}@example.org", 0.3),
            "birth_date": date(self.random.randint(1950, 2004), self.random.randint(1, 12), self.random.randint(1, 28)),
            "gender_id": self.maybe(self.random.randint(1, 3)),
            "marital_status_id": self.maybe(self.random.randint(1, 4), 0.3),
            "time_zone_name": self.random.choice(_ZONES),
            "hired_on": datetime.combine(self.day(), datetime.min.time()) + timedelta(hours=7),
            "start_date": self.maybe(datetime.combine(self.day(), datetime.min.time()) + timedelta(hours=8), 0.8),
            "add_user_id": self.maybe(key, 0.2),
            "add_datetime": self.random.choice([self.moment()] * 19 + [datetime(1970, 1, 1)]),  # noqa: DTZ001 - naive source
            "updated_at": self.changed(),
            "is_inactive": int(self.random.random() < 0.4),  # noqa: PLR2004 - a share
            "inactive_on": self.maybe(self.moment(), 0.3),
            "user_associations_id": self.maybe(self.pick("users_userassociations"), 0.8),
            "ssn": f"not-a-real-secret-{key}",
            "google_calendar_sync_token": self.maybe(f"not-a-real-secret-{key}"),
            "google_calendar_last_sync": self.maybe(self.moment(), 0.2),
            "project_commission_pct": self.maybe(f"{self.random.randrange(15)}.{self.random.randrange(1000):03}"),
        }

    def _marketing_source(self, number: int) -> Row:
        return {
            "id": number,
            "type_id": self.random.choice([0, *self.keys["marketing_source_type"]]),
            "label": f"{self.random.choice(('Spring', 'Summer', 'Home show', 'Radio', 'Web'))} campaign {number}",
            "description": self.maybe("Two weeks.\r\nPaid per lead."),
            "start_date": self.day(),
            "end_date": self.random.choice([ZERO_DATE] * 7 + [OPEN_END, self.day(300), self.day(300)]),
            "add_user_id": self.pick("user_data"),
            "add_date": self.random.choice([self.moment()] * 15 + [f"{ZERO_DATE} 00:00:00"]),
            "is_active": self.random.randint(0, 1),
            "updated_at": self.changed(),
        }

    def _marketsharp_marketing_source_map(self, number: int) -> Row:
        return {
            "marketsharp_id": f"MS-{number:05}" + self.random.choice(("", "", " ")),
            "marketing_source_id": self.maybe(self.pick("marketing_source"), 0.9),
            "created_at": self.maybe(self.moment(), 0.9),
            "updated_at": self.changed(0.2),
        }

    def _integration_field(self, number: int) -> Row:
        per_user = self.random.random() < 0.5  # noqa: PLR2004 - half
        return {
            "id": number,
            "definition_id": self.pick("integration_field_definition"),
            "user_id": self.pick("user_data") if per_user else None,
            "division_id": None if per_user else self.pick("division"),
            "field_value": f"not-a-real-secret-{number}",
            "created_at": self.moment(),
            "updated_at": self.moment(),
        }

    def _prospect(self, number: int) -> Row:
        return {
            "id": number,
            "division_id": self.pick("division"),
            "user_id": self.maybe(self.pick("user_data"), 0.8),
            "first_name": self.name(_FIRST_NAMES),
            "last_name": self.name(_LAST_NAMES),
            **self.address(),
            "county": self.maybe("Sample County"),
            "year_built": self.maybe(self.random.randint(1890, 2024)),
            "phone1": self.phone(),
            "phone2": self.maybe(self.phone(), 0.2),
            "email": self.maybe(f"person{number}@example.com", 0.8),
            "notes": self.maybe("Prefers a call in the evening.\nHas a dog 🐕.", 0.3),
            "add_user_id": self.pick("user_data"),
            "add_date": self.moment(),
            "marketsharp_id": self.maybe(f"MS-P-{number}", 0.2),
            "leap_customer_id": self.maybe(f"LEAP-{number}", 0.1),
            "third_party_source_id": self.maybe(self.pick("third_party_source"), 0.6),
            "updated_at": self.changed(),
            "is_address_valid": self.random.randint(0, 1),
        }

    def _lead(self, number: int) -> Row:
        added = self.moment()
        return {
            "lead_id": number,
            "division": self.pick("division"),
            "first_name": self.name(_FIRST_NAMES),
            "last_name": self.name(_LAST_NAMES),
            **self.address(),
            "is_valid_address": self.random.randint(0, 1),
            "email": self.maybe(f"lead{number}@example.org", 0.7),
            "phone1": self.phone(),
            "phone2": self.maybe(self.phone(), 0.2),
            "source": self.random.randrange(40),
            "sourced_on": self.maybe(added, 0.8),
            "rating": self.maybe(self.random.randint(1, 5)),
            "year_built": self.maybe(str(self.random.randint(1890, 2024)), 0.4),
            "is_express_consent": self.random.randint(0, 1),
            "notes": self.maybe("Left a message;\tcall again.", 0.3),
            "status": self.random.choice((None, 1, 2, 3, 8)),
            "added_by": self.random.choice((0, self.pick("user_data"))),
            "added_on": added,
            "is_estimate_set": self.random.randint(0, 1),
            "dead_on": self.maybe(self.moment(), 0.1),
            "lead_cost": self.random.choice((20.0, 0.0, 37.5, 112.25)),
            "with_dm": self.random.choice((-1, -1, 0, 1)),
            "added_by_latitude": self.maybe(f"{self.random.randint(25, 48)}.{self.random.randrange(10**7):07}", 0.3),
            "added_by_longitude": self.maybe(f"-{self.random.randint(70, 124)}.{self.random.randrange(10**7):07}", 0.3),
            "marketing_source": self.maybe(self.pick("marketing_source"), 0.7),
            "prospect_id": self.maybe(self.pick("prospect")),
            "third_party_source_id": self.maybe(self.pick("third_party_source"), 0.3),
            "updated_at": self.changed(),
        }

    def _prospect_source(self, number: int) -> Row:
        added = self.moment()
        return {
            "id": number,
            "prospect_id": self.pick("prospect"),
            "marketing_source_id": self.pick("marketing_source"),
            "source_date": added,
            "notes": self.maybe("Neighbour's recommendation", 0.2),
            "add_user_id": self.maybe(self.pick("user_data"), 0.9),
            "add_date": added,
            "updated_at": self.changed(),
            "source_user_id": self.maybe(self.pick("user_data"), 0.3),
        }

    def _appointment(self, number: int) -> Row:
        complete = self.random.randint(0, 1)
        return {
            "id": number,
            "prospect_id": self.pick("prospect"),
            "prospect_source_id": self.maybe(self.pick("prospect_source"), 0.8),
            "user_id": self.maybe(self.pick("user_data"), 0.9),
            "type_id": self.pick("appointment_type"),
            "date": self.day(30),
            "time": f"{self.random.randint(8, 19):02}:{self.random.choice((0, 15, 30)):02}:00",
            "duration": self.random.choice(("01:00:00", "01:30:00", "02:00:00", None)),
            **self.address(),
            "email": self.maybe(f"person{number}@example.com", 0.6),
            "notes": self.maybe('Gate code "0000"; both owners home.', 0.3),
            "add_user_id": self.pick("user_data"),
            "add_date": self.moment(),
            "confirm_date": self.maybe(self.moment(), 0.6),
            "spouses_present": self.random.randint(0, 1),
            "is_complete": complete,
            "complete_outcome_id": self.pick("appointment_outcome") if complete else None,
            "complete_date": self.moment() if complete else None,
            "updated_at": self.changed(),
            "third_party_source_id": self.maybe(self.pick("third_party_source"), 0.4),
        }

    def _appointment_to_service(self, number: int) -> Row:
        del number
        return {
            "appointment_id": self.pick("appointment"),
            "service_id": self.pick("service"),
            "created_at": self.maybe(self.moment(), 0.9),
            "updated_at": self.changed(0.1),
        }

    def _job(self, number: int) -> Row:
        amount = self.random.randint(900, 60_000)
        return {
            "id": number,
            "prospect_id": self.pick("prospect"),
            "division_id": self.pick("division"),
            "user_id": self.maybe(self.pick("user_data"), 0.9),
            "status": self.pick("job_status"),
            "is_in_progress": self.random.randint(0, 1),
            "prep_issue_id": self.maybe("permit, colour", 0.2),
            "service_id": self.pick("service"),
            "contract_number": f"C-{number:06}",
            "contract_date": self.day(),
            "contract_amount": f"{amount}.00",
            "contract_amount_difference": self.maybe("+ 120.00 (trim)", 0.1),
            "contract_hours": self.random.randrange(200),
            "job_value": f"{amount}.{self.random.randrange(100):02}",
            "deposit_amount": self.money(900),
            "is_financing": self.random.randint(0, 1),
            "sales_tax_rate": f"0.{self.random.randrange(11_000):05}",
            "sold_user_id": self.maybe(self.pick("user_data"), 0.9),
            "sold_date": self.day(),
            "start_date": self.random.choice((None, ZERO_DATE, self.day(60))),
            "end_date": self.random.choice((None, ZERO_DATE, self.day(90))),
            "add_user_id": self.pick("user_data"),
            "add_date": self.moment(),
            "measure_date": self.maybe(self.day(), 0.6),
            "measure_time": self.maybe("09:30:00", 0.6),
            "materials_ordered": self.maybe(self.moment()),
            "install_date": self.maybe(self.day(60)),
            "install_time": self.maybe("07:00:00"),
            "price_level_commission": self.maybe("7.5"),
            "hoa": self.maybe(self.random.randint(0, 1)),
            "updated_at": self.changed(),
        }

    def _quote(self, number: int) -> Row:
        return {
            "id": number,
            "prospect_id": self.pick("prospect"),
            "appointment_id": self.random.choice((0, self.pick("appointment"), self.pick("appointment"))),
            "job_id": self.random.choice((None, 0, self.pick("job"))),
            "client_cid": self.random.choice((None, 0)),
            "service_id": self.maybe(self.pick("service"), 0.9),
            "label": f"Quote {number}",
            "description": self.maybe("Good / better / best:\n- vinyl\n- wood\n- composite", 0.3),
            "amount": self.money(60_000),
            "expire_date": self.maybe(self.day(60), 0.7),
            "status_id": self.random.randint(1, 5),
            "add_user_id": self.maybe(self.pick("user_data"), 0.9),
            "add_date": self.moment(),
            "updated_at": self.changed(),
        }

    def _job_financing(self, number: int) -> Row:
        del number
        return {
            "job_id": self.pick("job"),
            "term_id": self.maybe(self.random.randint(1, 9)),
            "financed_amount": self.money(40_000),
            "max_financed_amount": self.money(50_000),
            "bid_rate": self.maybe(f"{self.random.randint(3, 18)}.{self.random.randrange(1000):03}"),
            "signed_on": self.maybe(self.moment(), 0.7),
            "applicant": self.name(_FIRST_NAMES),
            "status": self.random.randint(1, 4),
            "approved_on": self.maybe(self.moment()),
            "satisfied": self.maybe("yes"),
        }

    def _job_change_order(self, number: int) -> Row:
        return {
            "id": number,
            "job_id": self.pick("job"),
            "number": f"CO-{number}",
            "status_id": self.pick("job_change_order_status"),
            "type_id": self.pick("job_change_order_type"),
            "effective_date": self.day(),
            "total_amount": self.random.choice(("-", "")) + self.money(4000),
            "add_user_id": self.maybe(self.pick("user_data"), 0.9),
            "add_date": self.maybe(self.moment(), 0.9),
            "sold_date": self.maybe(self.moment()),
            "reason_id": self.maybe(self.pick("job_change_order_reason")),
            "envelope_id": self.maybe(f"envelope-{number}", 0.3),
            "total_contract_amount": self.money(60_000),
            "signer_name": self.name(_LAST_NAMES),
            "signer_email": self.maybe(f"signer{number}@example.com"),
            "updated_at": self.changed(),
        }

    def _job_change_order_item(self, number: int) -> Row:
        return {
            "id": number,
            "change_order_id": self.pick("job_change_order"),
            "description": self.maybe("Trim, 3\" x 12'\r\ncolour to match", 0.8),
            "amount": self.random.choice(("-", "")) + self.money(900),
            "created_at": self.moment(),
            "updated_at": self.changed(),
        }


def _reference(world: World) -> dict[str, list[Row]]:
    """Make the small tables; ids are given, not drawn."""
    stamps = ("created_at", "updated_at")
    secret = "not-a-real-secret-{}".format  # credentials of payment gateways in the real table

    def table(labels: t.Iterable[str], first: int = 1, label: str = "label", *, dated: bool = True) -> list[Row]:
        return [
            {"id": number, label: text, **({stamp: world.changed(0.1) for stamp in stamps} if dated else {})}
            for number, text in enumerate(labels, start=first)
        ]

    groups = table(("North", "South", "East", "West ", "Corporate"), label="group_label")
    for row in groups:
        row["mes_profile_id"] = row["mes_profile_key"] = row["paysimple_secret"] = secret(row["id"])
        row["paysimple_username"] = secret(row["id"])
    regions = table(("Coast", "Valley", "Mountain", "Plains", "Lakes", "Delta"), label="name", dated=False)
    divisions: list[Row] = [
        {
            "id": 700_000_000 + world.random.randrange(1000) + 1000 * number,  # nine digits that start with 7
            "group_id": world.random.choice(groups)["id"],
            "region_id": world.maybe(world.random.choice(regions)["id"], 0.8),
            "label": f"Division {number}",
            "abbreviation": f"D{number}",
            "is_corp": int(number == 1),
            "is_inactive": 0,
            "account_scheduler_id": None,
            "created_at": world.moment(),
            "updated_at": world.changed(),
        }
        for number in range(1, 20)
    ]
    rows: dict[str, list[Row]] = {
        "third_party_source_type": table(("hubspot", "marketsharp", "leap"), dated=False),
        "division_group": groups,
        "division_region": regions,
        "division": divisions,
        "user_title": table((f"Title {number}" for number in range(1, 29)), label="title"),
        "service": table(_SERVICES, first=0),
        "appointment_type": table(("In home", "Virtual", "Measure", "Service", "Follow-up", "Show"), dated=False),
        "appointment_outcome_type": table(("Sold", "Not sold", "No show", "Rescheduled", "Other")),
        "appointment_outcome": table(f"Outcome {number}" for number in range(1, 15)),
        "marketing_source_type": table(f"Channel {number}" for number in range(1, 13)),
        "marketsharp_source": table((f"Source {number}" for number in range(1, 11)), label="source_name"),
        "job_status": table(_STATUSES, first=10, dated=False),
        "job_change_order_type": table(("Addition", "Deduction", "Adjustment"), dated=False),
        "job_change_order_status": table(("Draft", "Sent", "Signed", "Sold", "Cancelled"), dated=False),
        "job_change_order_reason": table(("Customer", "Measure", "Permit", "Price", "Damage", "Other"), dated=False),
        "integration_field_definition": [
            {
                "id": number,
                "integration_id": 1 + number % 2,
                "label": f"Field {number}",
                "key_name": f"field_{number}",
                "is_user": number % 2,
                "is_division": 1 - number % 2,
                "hint": world.maybe("Ask the vendor"),
            }
            for number in range(1, 13)
        ],
    }
    world.keys.update({name: [row["id"] for row in made] for name, made in rows.items()})
    return rows
