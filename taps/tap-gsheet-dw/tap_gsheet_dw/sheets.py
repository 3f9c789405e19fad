"""Which sheets are read, as the settings say it; and how their tabs, ranges and headers are named. No requests here."""

from __future__ import annotations

import hashlib
import json
import re
import typing as t
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase

from tap_kit.errors import Stop

from tap_gsheet_dw.names import STREAMS

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LEADS, SPENDS = "marketing_leads", "marketing_spends"
LEADS_TAB, SPENDS_TAB = "Marketing Source Leads", "All Marketing Spend"
# Names of types in the settings, and the schema of such a column.
TYPES: t.Final[t.Mapping[str, dict[str, t.Any]]] = {
    "text": {"type": ["string", "null"]},
    "integer": {"type": ["integer", "null"]},
    "number": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "date": {"type": ["string", "null"], "format": "date"},
    "datetime": {"type": ["string", "null"], "format": "date-time"},
}
# What an entry of the setting ``sheets`` may have.
ENTRY: t.Final = (
    "name",
    "spreadsheet_id",
    "tab",
    "gid",
    "header_row",
    "data_start_row",
    "range",
    "columns",
    "column_map",
    "column_types",
    "detect_types",
    "key_columns",
)
_ADDRESS = re.compile(r"https?://docs\.google\.com/spreadsheets/(?:u/\d+/)?d/(?!e/)([\w-]+)")
_ID = re.compile(r"[\w-]+")
_GID = re.compile(r"[#?&]gid=(\d+)")
_AREA = re.compile(r"([A-Za-z]{1,3})(\d+)?(?::([A-Za-z]{1,3})(\d+)?)?")


@dataclass(frozen=True)
class Sheet:
    """One tab that is read.

    Attributes:
        stream: Name of its stream.
        spreadsheet: Id of the spreadsheet.
        tab: Title of the tab.
        gid: Number of the tab (sheetId), which a new title does not change.
        address_gid: The one in the address: that of the tab that happened to be open.
        header_row: Row with the headers.
        data_start_row: First row with data.
        first_column: First column, from 1.
        last_column: Last column, None for all.
        last_row: Last row, None for all.
        year: Year of a sheet of leads.
        key_columns: Columns of the key; without any it is the number of the row.
        columns: Headers of the only columns to read; without any all are read.
        column_map: Column names by header, where they are not made of it.
        column_types: Types by column name or pattern.
        detect_types: Whether types are taken from the first row of data.
    """

    stream: str
    spreadsheet: str
    tab: str | None = None
    gid: int | None = None
    address_gid: int | None = None
    header_row: int = 1
    data_start_row: int = 2
    first_column: int = 1
    last_column: int | None = None
    last_row: int | None = None
    year: int | None = None
    key_columns: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    column_map: tuple[tuple[str, str], ...] = ()
    column_types: tuple[tuple[str, str], ...] = ()
    detect_types: bool = False

    @property
    def place(self) -> str:
        """What the user calls it."""
        tab = f"tab {self.tab!r}" if self.tab else f"tab {self.gid}" if self.gid is not None else "first tab"
        return f"the {tab} of the spreadsheet {self.spreadsheet}"

    def type_of(self, column: str) -> str | None:
        """Return the type that the settings give a column: by its name, else by the first pattern that fits."""
        types = dict(self.column_types)
        fitting = (kind for pattern, kind in self.column_types if fnmatchcase(column, pattern))
        return types.get(column) or next(fitting, None)


def fingerprint(sheets: Iterable[Sheet]) -> str:
    """Return a short text that changes when anything about some sheets changes."""
    text = json.dumps([asdict(sheet) for sheet in sheets], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def all_sheets(config: Mapping[str, t.Any]) -> dict[str, tuple[Sheet, ...]]:
    """Return the sheets of each stream of rows, as the settings name them.

    Raises:
        Stop: If a setting cannot be understood.
    """
    found: dict[str, tuple[Sheet, ...]] = {}
    years = config.get("marketing_leads_sheets") or {}
    leads = [
        make_sheet("marketing_leads_sheets", LEADS, years[year], tab=LEADS_TAB, year=_year(year))
        for year in sorted(years)
    ]
    if leads:
        found[LEADS] = tuple(leads)
    if config.get("marketing_spends_sheet"):
        found[SPENDS] = (
            make_sheet("marketing_spends_sheet", SPENDS, config["marketing_spends_sheet"], tab=SPENDS_TAB),
        )
    for entry in config.get("sheets") or []:
        name = slug(entry.get("name") or entry.get("tab") or "")
        if not name:
            raise Stop(
                "A sheet in the setting sheets has neither a name nor a tab: give it a name, it names the table."
            )
        if name in found or name in STREAMS or name == "sync_rejects" or name.endswith("_keys"):
            raise Stop(f"The name {name} in the setting sheets is taken: give the sheet another name.")
        found[name] = (make_sheet("sheets", name, entry),)
    if not found:
        raise Stop("There is no sheet to read: set marketing_leads_sheets, marketing_spends_sheet or sheets.")
    return found


def make_sheet(
    setting: str, stream: str, given: str | Mapping[str, t.Any], *, tab: str | None = None, year: int | None = None
) -> Sheet:
    """Return the sheet that a setting describes: as the id or the address of a spreadsheet, or as an object.

    Raises:
        Stop: If it cannot be understood.
    """
    entry = _object(setting, given)
    unknown = sorted(set(entry) - set(ENTRY))
    if unknown:
        raise Stop(
            f"The setting {setting} has {unknown[0]!r}, which a sheet does not have; it has: {', '.join(ENTRY)}."
        )
    spreadsheet, address_gid = read_address(setting, str(entry.get("spreadsheet_id") or ""))
    left, top, right, bottom = read_area(setting, entry.get("range"))
    header_row = _whole(setting, entry, "header_row") or top or 1
    start = _whole(setting, entry, "data_start_row") or header_row + 1
    if start <= header_row or (bottom is not None and bottom < start):
        raise Stop(
            f"The setting {setting} lets the data of {stream} begin in row {start}: that must be a row after the "
            f"header (row {header_row}) and within the range."
        )
    types = entry.get("column_types") or {}
    wrong = sorted({kind for kind in types.values() if kind not in TYPES})
    if wrong:
        raise Stop(f"The setting {setting} has the type {wrong[0]!r}; the types are: {', '.join(TYPES)}.")
    return Sheet(
        stream,
        spreadsheet,
        tab=entry.get("tab") or tab,
        gid=_whole(setting, entry, "gid"),
        address_gid=address_gid,
        header_row=header_row,
        data_start_row=start,
        first_column=left,
        last_column=right,
        last_row=bottom,
        year=year,
        key_columns=tuple(entry.get("key_columns") or ()),
        columns=tuple(entry.get("columns") or ()),
        column_map=tuple((entry.get("column_map") or {}).items()),
        column_types=tuple(types.items()),
        detect_types=bool(entry.get("detect_types")),
    )


def _object(setting: str, given: str | Mapping[str, t.Any]) -> Mapping[str, t.Any]:
    if not isinstance(given, str):
        return given
    if not given.lstrip().startswith("{"):
        return {"spreadsheet_id": given}
    try:
        entry: Mapping[str, t.Any] = json.loads(given)
    except ValueError:
        raise Stop(f"The setting {setting} begins like a JSON object and is none.") from None
    return entry


def _whole(setting: str, entry: Mapping[str, t.Any], name: str) -> int | None:
    """Return a number of a sheet's entry; 0 is a good number of a tab, and no row."""
    value = entry.get(name)
    if value is None:
        return None
    least = 0 if name == "gid" else 1
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise Stop(f"The setting {setting} has the {name} {value!r}; it must be a whole number from {least} on.")
    return value


def _year(text: str) -> int:
    if not re.fullmatch(r"\d{4}", text):
        raise Stop(f"The setting marketing_leads_sheets has {text!r} where a year like 2025 belongs.")
    return int(text)


def read_address(setting: str, text: str) -> tuple[str, int | None]:
    """Return the id of a spreadsheet and the number of the tab that its address names.

    Raises:
        Stop: If the text is neither an id nor such an address.
    """
    text = text.strip()
    match = _ADDRESS.match(text)
    if match is not None:
        gid = _GID.search(text)
        return match[1], int(gid[1]) if gid else None
    if not _ID.fullmatch(text):
        raise Stop(
            f"The setting {setting} has {text!r} where the id of a spreadsheet belongs, or its address as the browser "
            "shows it: https://docs.google.com/spreadsheets/d/.../edit. A published copy (/d/e/) cannot be read."
        )
    return text, None


def read_area(setting: str, text: str | None) -> tuple[int, int | None, int | None, int | None]:
    """Return first column, first row, last column, last row of a range like ``B3:F``.

    Raises:
        Stop: If it is none.
    """
    if not text:
        return 1, None, None, None
    match = _AREA.fullmatch(text.strip())
    if match is None or match[3] is None or number_of(match[3]) < number_of(match[1]):
        raise Stop(f"The setting {setting} has the range {text!r}; it must be one like B:F, B3:F or B3:F200.")
    left, top, right, bottom = match.groups()
    return number_of(left), int(top) if top else None, number_of(right), int(bottom) if bottom else None


# A1 notation


def number_of(letters: str) -> int:
    """Return the number of a column: 1 for A, 27 for AA."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def letters_of(number: int) -> str:
    """Return the letters of a column."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def area_name(title: str, first_row: int, last_row: int, first_column: int, last_column: int) -> str:
    """Return a range in A1 notation; a quote within the title is doubled."""
    quoted = title.replace("'", "''")
    return f"'{quoted}'!{letters_of(first_column)}{first_row}:{letters_of(last_column)}{last_row}"


# Headers


class Header(t.NamedTuple):
    """A column of a tab that has a header.

    Attributes:
        position: Its place in the range, from 0.
        text: The header, trimmed; repeated ones are numbered.
    """

    position: int
    text: str


def read_header(cells: Sequence[t.Any]) -> list[Header]:
    """Return the columns of a header row.

    A blank header leaves out its column and no other one.
    """
    texts = [str(value).strip() for value in cells]
    filled = [position for position, text in enumerate(texts) if text]
    names = numbered(texts[position] for position in filled)
    return [Header(position, name) for position, name in zip(filled, names, strict=True)]


def column_names(headers: Sequence[Header], sheet: Sheet) -> dict[str, Header]:
    """Return the columns of any sheet by their names: what the settings say, else made of the header."""
    named, given = dict(sheet.column_map), sheet.columns
    wanted = [header for header in headers if not given or header.text in given]

    def name_of(header: Header) -> str:
        letters = letters_of(sheet.first_column + header.position)
        return named.get(header.text) or slug(header.text) or f"column_{letters.lower()}"

    return dict(zip(numbered(map(name_of, wanted)), wanted, strict=True))


def numbered(texts: Iterable[str]) -> t.Iterator[str]:
    """Yield texts, none twice: the second ``x`` is ``x_2``."""
    taken = set()
    for text in texts:
        name, count = text, 1
        while name in taken:
            count += 1
            name = f"{text}_{count}"
        taken.add(name)
        yield name


def slug(text: str) -> str:
    """Return a name of small letters, digits and single underscores; one that begins with a digit gets ``field_``."""
    name = re.sub(r"[\W_]+", "_", text.lower()).strip("_")
    return f"field_{name}" if name[:1].isdigit() else name
