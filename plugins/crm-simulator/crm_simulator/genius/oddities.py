"""What real rows of Genius hold that no data model would expect.

The n-th entry of a table is laid over its n-th row, at every scale. Each oddity was seen in, or is inferred from, the
real database; the tap must neither stop at one nor lose the row.
"""

from __future__ import annotations

import typing as t

_ZERO_DATE = "0000-00-00"
_ZERO_TIME = "0000-00-00 00:00:00"
_UNKNOWN = "1970-01-01 00:00:00"
_NOBODY = 999_999_999  # a key that no row has

ODDITIES: t.Final[dict[str, list[dict[str, str | int | None]]]] = {
    "third_party_source": [
        {"third_party_id": "40000000001", "third_party_source_type_id": 1},
        {"third_party_id": "MS-000002", "third_party_source_type_id": 2},  # an id of another system, not digits
        {"third_party_id": "50000000003", "third_party_source_type_id": 3},  # digits, yet not HubSpot's
        {"third_party_source_type_id": 99},  # a type that does not exist
        {"third_party_id": None, "third_party_source_type_id": 1},
        {"third_party_source_type_id": None},
    ],
    "division": [
        {"is_inactive": 1, "updated_at": None},
        {"group_id": None, "region_id": 99},
    ],
    "appointment_outcome_type": [{"label": "Sold "}, {"updated_at": None}],
    "marketing_source_type": [{"updated_at": None}, {"updated_at": None, "created_at": None}],
    "marketsharp_source": [{"source_name": ""}, {"updated_at": None}],
    "users_userassociations": [{"primary_user_id": _NOBODY}],
    "user_data": [
        {"birth_date": "1900-01-01", "first_name": "Ada  ", "updated_at": None},
        {"birth_date": "2201-07-04", "hired_on": _ZERO_TIME},
        {"birth_date": "1975-00-00", "add_datetime": _UNKNOWN},
        {"birth_date": _ZERO_DATE, "start_date": "2024-05-00 00:00:00"},
        {"email": "same@example.com", "manager_user_id": _NOBODY},
        {"email": "same@example.com", "title_id": 99},
        {"first_name": "", "last_name": None, "email": "not an address"},
        {"division_id": _NOBODY, "user_associations_id": _NOBODY},
    ],
    "marketing_source": [
        {"end_date": _ZERO_DATE, "add_date": _ZERO_TIME},
        {"end_date": "2999-12-31", "type_id": 0},
        {"start_date": "2024-00-15", "updated_at": None},
        {"description": 'First line\nsecond line\r\nthird\tline \\ with a backslash, \\N and "quotes"'},
    ],
    "integration_field": [{"user_id": _NOBODY, "division_id": None}, {"field_value": ""}],
    "prospect": [
        {"id": 0, "third_party_source_id": 1},  # key 0 is an ordinary row
        {"third_party_source_id": 2, "last_name": "Birch   "},
        {"third_party_source_id": 3, "updated_at": None},
        {"third_party_source_id": 4, "notes": "Emoji 👷🏽‍♀️🏠, Ελληνικά, 日本語, עברית"},
        {"third_party_source_id": 5, "notes": "line one\r\nline two\nline three\\n not a line"},
        {"third_party_source_id": 6, "email": "no-at-sign.example.com"},
        {"third_party_source_id": _NOBODY, "add_date": _ZERO_TIME},
        {"division_id": _NOBODY, "user_id": 0, "first_name": None, "last_name": ""},
        {"add_date": _UNKNOWN, "updated_at": None, "phone1": "5550123"},
        {"add_date": "2024-02-00 10:00:00", "year_built": 0, "phone1": "(206) 555-0123 x 4"},
        {"updated_at": _ZERO_TIME},
    ],
    "lead": [
        {"with_dm": -1, "division": 0, "updated_at": None},
        {"with_dm": 0, "sourced_on": _ZERO_TIME, "prospect_id": 0},
        {"with_dm": 1, "updated_at": None, "added_on": None},
        {"prospect_id": _NOBODY, "notes": "🙂\nsecond line"},
        {"first_name": "Test", "email": "sample@example.com"},
    ],
    "prospect_source": [
        {"updated_at": None},
        {"prospect_id": _NOBODY, "source_date": _ZERO_TIME},
        {"add_user_id": None, "updated_at": None, "add_date": None},
        {"prospect_id": 0},
    ],
    "appointment": [
        {"duration": "26:30:00", "third_party_source_id": 1},
        {"duration": "100:00:00", "time": None, "third_party_source_id": 2},
        {"date": _ZERO_DATE, "time": "00:00:00", "third_party_source_id": 3},
        {"date": "2024-06-00", "updated_at": None, "add_date": None},
        {"prospect_id": _NOBODY, "third_party_source_id": _NOBODY},
        {"prospect_id": 0, "add_date": _ZERO_TIME},
    ],
    "appointment_to_service": [
        {"updated_at": None, "created_at": None},
        {"updated_at": _ZERO_TIME, "created_at": _ZERO_TIME},
        {"updated_at": _UNKNOWN, "created_at": _UNKNOWN},
    ],
    "job": [
        {"updated_at": None, "service_id": 0},
        {"contract_date": _ZERO_DATE, "measure_time": "24:00:00"},
        {"start_date": "2025-00-00", "prep_issue_id": "none yet"},
        {"prospect_id": _NOBODY, "contract_amount": "999999999.99"},
        {"install_time": "31:15:00", "contract_amount": "0.00"},
    ],
    "quote": [
        {"job_id": 0, "appointment_id": 0, "client_cid": 0, "prospect_id": 0},
        {"expire_date": _ZERO_DATE, "updated_at": None},
        {"service_id": None, "add_user_id": 0},
        {"appointment_id": _NOBODY, "job_id": _NOBODY},
    ],
    "job_financing": [{"job_id": _NOBODY}, {"signed_on": _ZERO_TIME}],
    "job_change_order": [
        {"add_date": None, "updated_at": None},
        {"job_id": _NOBODY, "total_amount": "-9999999.99"},
        {"effective_date": _ZERO_DATE},
    ],
    "job_change_order_item": [{"updated_at": None}, {"change_order_id": _NOBODY, "description": "🔨 " * 20}],
}
