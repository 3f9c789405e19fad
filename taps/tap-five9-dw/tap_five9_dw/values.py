"""What a value of Five9 means: all are text, and empty means nothing."""

from __future__ import annotations

import re
import typing as t
from datetime import UTC, datetime, tzinfo

from tap_kit.values import Odd, Unstorable, boolean_from_json, convert_date, convert_datetime, convert_money

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Convert: t.TypeAlias = Callable[[str], t.Any]

# Elements of Java's date patterns, which the restrictions DateFormat and TimeFormat are made of.
_JAVA: t.Final[Mapping[str, str]] = {
    "yyyy": "%Y",
    "yy": "%y",
    "MMM": "%b",
    "MM": "%m",
    "M": "%m",
    "dd": "%d",
    "d": "%d",
    "EEE": "%a",
    "HH": "%H",
    "H": "%H",
    "hh": "%I",
    "h": "%I",
    "mm": "%M",
    "ss": "%S",
    "SSS": "%f",
    "a": "%p",
}
AMERICAN: t.Final = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S.%f", "%m/%d/%Y %H:%M", "%m/%d/%Y")
IN_REPORTS: t.Final = ("%a, %d %b %Y %H:%M:%S", "%a, %d %b %Y")
_WORDS: t.Final[Mapping[str, bool]] = {"yes": True, "no": False, "y": True, "n": False}
FEWEST_DIGITS: t.Final = 7


def python_format(pattern: str) -> str | None:
    """Return a date pattern of Java as Python writes it; None if it holds anything unknown."""
    made = ""
    for token in re.findall(r"[A-Za-z]+|[^A-Za-z]+", pattern):
        if not token[0].isalpha():
            made += token.replace("%", "%%")
        elif token in _JAVA:
            made += _JAVA[token]
        else:
            return None
    return made


def moment_of(text: str, zone: tzinfo, formats: Sequence[str] = ()) -> str | Unstorable | None:
    """Return a date-time in UTC, as RFC 3339; one without an offset is the wall clock of ``zone``.

    Args:
        text: ISO 8601, American, or in one of the formats.
        zone: Zone of the domain.
        formats: Tried first.
    """
    text = text.strip()
    if not text:
        return None
    for form in (*formats, *(AMERICAN if "/" in text else ())):
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
        except ValueError:
            continue
        return convert_datetime(moment.isoformat(), zone)
    return convert_datetime(text, zone)


def day_of(text: str, formats: Sequence[str] = ()) -> str | Unstorable | None:
    """Return a date as ``YYYY-MM-DD``; a time of day behind it is left out."""
    text = text.strip()
    if not text:
        return None
    for form in (*formats, *(AMERICAN if "/" in text else ())):
        try:
            return datetime.strptime(text, form).date().isoformat()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    return convert_date(text[:10] if text[10:11] in (" ", "T") else text)


def number_of(text: str) -> t.Any:  # noqa: ANN401 - a number or a finding
    """Return a number; commas between thousands, a currency sign and a percent sign may be there."""
    bare = text.strip()
    bare = bare.removesuffix("%").rstrip()
    found = convert_money(bare.replace("€", "").replace("£", ""))
    return Unstorable(text, found.reason) if isinstance(found, Unstorable) else found


def truth_of(text: str) -> bool | Unstorable | None:
    """Return true or false: 1 and 0, true and false, yes and no."""
    word = text.strip().lower()
    return _WORDS[word] if word in _WORDS else boolean_from_json(text)


def phone_of(text: str) -> str | Odd:
    """Return a telephone number as it is; one that is too short is odd."""
    return text if sum(letter.isdigit() for letter in text) >= FEWEST_DIGITS else Odd(text, "a short telephone number")


def email_of(text: str) -> str | Odd:
    """Return an e-mail address as it is; one without @ is odd."""
    return text if "@" in text else Odd(text, "an e-mail address without @")


def converter(kind: str, zone: tzinfo, formats: Sequence[str] = ()) -> Convert:
    """Return the conversion of the values of a contact field."""
    if kind == "DATE_TIME":
        return lambda text: moment_of(text, zone, formats)
    if kind == "DATE":
        return lambda text: day_of(text, formats)
    known: dict[str, Convert] = {
        "NUMBER": number_of,
        "CURRENCY": number_of,
        "PERCENT": number_of,
        "BOOLEAN": truth_of,
        "PHONE": phone_of,
        "EMAIL": email_of,
    }
    return known.get(kind, str)


def latest(moments: t.Iterable[t.Any]) -> str | None:
    """Return the latest of some converted date-times; None if there is none."""
    found = [datetime.fromisoformat(moment) for moment in moments if isinstance(moment, str)]
    return max(found).astimezone(UTC).isoformat() if found else None


def column_of(header: str) -> str:
    """Return the column of a report's header: ``BILL TIME (ROUNDED)`` is ``bill_time_rounded``.

    Other clients keep an underscore for each bracket; columns are compared in this form, so that both are found.
    """
    return re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_")
