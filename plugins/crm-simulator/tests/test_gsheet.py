"""The simulated Google answers as the documents say."""

from __future__ import annotations

import typing as t
from datetime import UTC, date, datetime

import pytest
import requests
from crm_simulator.gsheet import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    DRIVE_SCOPE,
    REFRESH_TOKEN,
    SHEETS_SCOPE,
    GoogleSheets,
    Records,
    check_assertion,
    letters,
    number_of,
    parse_mask,
    parse_range,
    serial,
)
from crm_simulator.server import make_crms

if t.TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2025, 6, 2, 12, tzinfo=UTC)
SIGNED = {"Authorization": f"Bearer {ACCESS_TOKEN}"}
CREWS, LEADS = "/v4/spreadsheets/Crewsexample", "/v4/spreadsheets/Leads2025example"


@pytest.fixture
def crm() -> GoogleSheets:
    made = GoogleSheets(size=120, start=START)
    made.limiter.rules = {}
    return made


@pytest.fixture
def url(crm: GoogleSheets, simulate: Callable[..., str]) -> str:
    return simulate(crm)


@pytest.fixture
def get(url: str) -> Callable[..., requests.Response]:
    return lambda path, headers=SIGNED, **params: requests.get(url + path, headers=headers, params=params, timeout=10)


def values(answer: requests.Response) -> list[t.Any]:
    found: list[t.Any] = [one.get("values") for one in answer.json()["valueRanges"]]
    return found


def test_it_is_among_the_crms() -> None:
    (made,) = make_crms(["gsheet"], size=10)
    assert isinstance(made, GoogleSheets)


# Tokens and rights


def test_a_refresh_token_gives_an_access_token(url: str) -> None:
    form = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    answer = requests.post(f"{url}/token", data={**form, "refresh_token": REFRESH_TOKEN}, timeout=10).json()
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == (
        "Bearer",
        3599,
        f"{SHEETS_SCOPE} {DRIVE_SCOPE}",
    )
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert requests.get(url + CREWS, headers=headers, timeout=10).status_code == 200
    wrong = requests.post(f"{url}/token", data={**form, "refresh_token": "old"}, timeout=10)
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
    wrong = requests.post(f"{url}/token", data={**form, "client_secret": "x"}, timeout=10)
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert requests.post(f"{url}/token", data={"grant_type": "password"}, timeout=10).status_code == 400


@pytest.mark.parametrize("assertion", ["", "a.b.c", "e30.e30.e30"])
def test_what_is_no_assertion_is_refused(url: str, assertion: str) -> None:
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    assert requests.post(f"{url}/token", data=form, timeout=10).json()["error"] == "invalid_grant"
    assert check_assertion(assertion, {})[1]


def test_tokens_and_scopes_are_checked(get: Callable[..., requests.Response], crm: GoogleSheets) -> None:
    wrong = get(CREWS, headers={"Authorization": "Bearer x"})
    assert (wrong.status_code, wrong.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    crm.tokens[ACCESS_TOKEN] = SHEETS_SCOPE
    assert get(CREWS).status_code == 200
    answer = get("/drive/v3/files/Crewsexample")
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (403, "insufficientPermissions")
    crm.tokens[ACCESS_TOKEN] = DRIVE_SCOPE
    assert get(CREWS).status_code == 403


def test_what_is_not_shared_or_not_there(get: Callable[..., requests.Response], crm: GoogleSheets) -> None:
    crm.books["Crewsexample"].shared = False
    assert get(CREWS).json()["error"]["status"] == "PERMISSION_DENIED"
    assert get(f"{CREWS}/values/A1").status_code == get(f"{CREWS}/values:batchGet", ranges="A1").status_code == 403
    assert get("/drive/v3/files/Crewsexample").status_code == 404
    assert get("/v4/spreadsheets/Gone").json()["error"]["status"] == "NOT_FOUND"
    crm.drive = "disabled"
    assert get("/drive/v3/files/Crewsexample").json()["error"]["errors"][0]["reason"] == "accessNotConfigured"


def test_sixty_reads_a_minute(get: Callable[..., requests.Response], crm: GoogleSheets) -> None:
    crm.limiter.rules = dict(GoogleSheets.rules)
    answers = [get(CREWS, fields="spreadsheetId") for _ in range(61)]
    assert answers[59].status_code == 200
    assert answers[60].json()["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert "Retry-After" not in answers[60].headers
    # Drive has a quota of its own.
    assert get("/drive/v3/files/Crewsexample").status_code == 200


# Files and spreadsheets


def test_a_file_has_what_is_asked_for(get: Callable[..., requests.Response]) -> None:
    assert get("/drive/v3/files/Crewsexample", fields="name,version,modifiedTime").json() == {
        "name": "Crews",
        "version": "9007199254740993",
        "modifiedTime": "2025-06-01T12:00:00.000Z",
    }
    assert set(get("/drive/v3/files/Crewsexample").json()) == {"kind", "id", "name", "mimeType"}


def test_a_spreadsheet_has_what_is_asked_for(get: Callable[..., requests.Response]) -> None:
    found = get(CREWS, fields="properties(title,timeZone),sheets.properties").json()
    assert found["properties"] == {"title": "Crews", "timeZone": "Europe/London"}
    tabs = [sheet["properties"] for sheet in found["sheets"]]
    assert [(tab["sheetId"], tab["sheetType"], tab.get("hidden", False)) for tab in tabs] == [
        (0, "GRID", False),
        (7, "GRID", True),
        (8, "GRID", False),
        (9, "OBJECT", False),
    ]
    assert tabs[0]["gridProperties"] == {"rowCount": 40, "columnCount": 26}
    assert "gridProperties" not in tabs[3]
    whole = get(CREWS).json()
    assert set(whole) == {"spreadsheetId", "properties", "sheets", "spreadsheetUrl"}
    assert "data" not in whole["sheets"][0]


def test_cells_have_value_and_format(get: Callable[..., requests.Response]) -> None:
    fields = "sheets.data.rowData.values(effectiveValue,formattedValue,effectiveFormat.numberFormat.type)"
    (sheet,) = get(CREWS, ranges="'Bob''s tab'!A5:J5", fields=fields).json()["sheets"]
    cells = sheet["data"][0]["rowData"][0]["values"]
    assert cells[0] == {"effectiveValue": {"stringValue": "C2"}, "formattedValue": "C2"}
    assert cells[2] == {}
    assert cells[3]["effectiveFormat"] == {"numberFormat": {"type": "DATE"}}
    assert cells[5]["effectiveValue"] == {"boolValue": False}
    assert cells[6]["effectiveValue"]["errorValue"]["type"] == "REF"
    assert get(CREWS, ranges="Gone!A1").status_code == 400


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a,b", {"a": {}, "b": {}}),
        ("a(b,c.d),e.f", {"a": {"b": {}, "c": {"d": {}}}, "e": {"f": {}}}),
        ("a.b(c),d", {"a": {"b": {"c": {}}}, "d": {}}),
        ("a/b", {"a": {"b": {}}}),
    ],
)
def test_masks(text: str, tree: dict[str, t.Any]) -> None:
    assert parse_mask(text) == tree


# Values


def test_two_renderings(get: Callable[..., requests.Response]) -> None:
    area = {"ranges": "'Bob''s tab'!A4:J4"}
    (shown,) = values(get(f"{CREWS}/values:batchGet", **area))
    assert shown == [["C1", "Sam", "x", "13/1/2025", "12.50%", "TRUE", "$52.50", "0", "Sample"]]
    (held,) = values(get(f"{CREWS}/values:batchGet", valueRenderOption="UNFORMATTED_VALUE", **area))
    assert held == [["C1", "Sam", "x", 45670, 0.125, True, 52.5, 0, "Sample"]]
    as_text = {"valueRenderOption": "UNFORMATTED_VALUE", "dateTimeRenderOption": "FORMATTED_STRING"}
    assert values(get(f"{CREWS}/values:batchGet", **as_text, **area))[0][0][3] == "13/1/2025"
    assert get(f"{CREWS}/values:batchGet", valueRenderOption="TEXT", **area).status_code == 400


def test_rows_are_ragged_and_an_empty_range_has_no_values(get: Callable[..., requests.Response]) -> None:
    ranges = ["'Bob''s tab'!A1:J6", "'Bob''s tab'!A10:J40", "Empty!A1:B2"]
    first, second, third = get(f"{CREWS}/values:batchGet", ranges=ranges).json()["valueRanges"]
    assert [len(row) for row in first["values"]] == [1, 0, 10, 9, 9]
    assert first["values"][2][2] == ""
    assert "values" not in second
    assert third == {"range": "'Empty'!A1:B2", "majorDimension": "ROWS"}


def test_one_range_by_its_path(get: Callable[..., requests.Response]) -> None:
    answer = get(f"{CREWS}/values/'Bob''s tab'!A3:B").json()
    assert answer["range"] == "'Bob''s tab'!A3:B40"
    assert answer["values"][0] == ["Crew ID", "Name"]
    assert get(f"{CREWS}/values/Archive").json()["values"] == [["Crew ID"], ["C0"]]
    assert get(f"{CREWS}/values/Gone!A1").json()["error"]["message"] == "Unable to parse range: Gone!A1"


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("Archive!A1:B2", (1, 1, 2, 2)),
        ("archive!B:C", (1, 2, 1000, 3)),
        ("'Archive'!3:3", (3, 1, 3, 26)),
        ("Archive!A5:ZZ", (5, 1, 1000, 26)),
        ("Archive!B2", (2, 2, 2, 2)),
        ("Archive", (1, 1, 1000, 26)),
    ],
)
def test_ranges(crm: GoogleSheets, text: str, area: tuple[int, ...]) -> None:
    found = parse_range(text, crm.books["Crewsexample"])
    assert (found.top, found.left, found.bottom, found.right) == area


@pytest.mark.parametrize("text", ["Archive!A1001:B1002", "Archive!AA1", "Chart!A1", "Archive!A1:B2:C3", "'Archive!A1"])
def test_what_is_no_range(crm: GoogleSheets, text: str) -> None:
    with pytest.raises(ValueError, match=r"Unable to parse range|exceeds grid limits"):
        parse_range(text, crm.books["Crewsexample"])


def test_letters_and_serial_numbers() -> None:
    assert [letters(number) for number in (1, 26, 27, 702, 703)] == ["A", "Z", "AA", "ZZ", "AAA"]
    assert [number_of(name) for name in ("A", "z", "AA", "AAA")] == [1, 26, 27, 703]
    assert serial(date(1970, 1, 1)) == 25569
    assert serial(datetime(2025, 1, 5, 12)) == 45662.5  # noqa: DTZ001 - a wall clock


# Records


def test_every_fiftieth_row_is_blank_and_removed_rows_move_up(crm: GoogleSheets) -> None:
    grid = crm.books["Leads2025example"].tabs[1].grid
    assert isinstance(grid, Records)
    assert [grid.index(number) for number in (1, 2, 50, 51, 52, 123, 124)] == [None, 0, 48, None, 49, 119, None]
    assert grid.last == 123
    crm.leads[2025].archive(0, crm.world.now)
    crm.leads[2025].archive(10, crm.world.now)
    assert [grid.index(number) for number in (2, 10, 11, 12)] == [1, 9, 11, 12]
    assert grid.last == 121


def test_a_day_brings_new_changed_and_removed_rows(crm: GoogleSheets) -> None:
    tab = crm.books["Leads2025example"].tabs[1]
    before = [cells for _, cells in tab.filled()]
    older = crm.books["Leads2024example"].modified
    crm.world.days += 1
    happened = crm.pass_a_day()["marketing_leads"]
    after = [cells for _, cells in tab.filled()]
    assert len(after) == len(before) + happened["new"] - happened["archived"]
    assert crm.books["Leads2025example"].modified == crm.world.now.replace(hour=9)
    assert crm.books["Leads2024example"].modified == older


def test_a_million_rows_need_no_memory(simulate: Callable[..., str]) -> None:
    crm = GoogleSheets(size=1_000_000, start=START)
    url = simulate(crm)
    area = {"ranges": "'Marketing Source Leads'!A900001:B900002"}
    answer = requests.get(f"{url}{LEADS}/values:batchGet", headers=SIGNED, params=area, timeout=10)
    assert len(values(answer)[0]) == 2
