"""How Genius is talked to: connections, failures, and paging by key."""

from __future__ import annotations

import logging
import ssl
import sys
import time
import typing as t
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import cached_property, lru_cache

import backoff
import pymysql
from pymysql.constants import FIELD_TYPE
from pymysql.converters import encoders
from tap_kit.errors import Retry, SkipStream, Stop
from tap_kit.redact import impersonal
from tap_kit.values import (
    Odd,
    Unstorable,
    convert_boolean,
    convert_date,
    convert_datetime,
    convert_text,
    convert_time,
)

from tap_genius.columns import LiveColumn, quote
from tap_genius.cursor import RowCursor

if t.TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from tap_kit.errors import Category, TapError

logger = logging.getLogger("tap-genius")

ATTEMPTS_PER_HOST = 2
RECONNECTS = 5
PAUSE_SECONDS = 60.0
# Zero dates are before it.
FIRST_DAY = "'0001-01-01'"
# Years between the first and the last date, up to which an index is asked for each month's day 0.
MOST_YEARS = 100

# MySQL error numbers: dev.mysql.com/doc/mysql-errors; 1900 and up are MariaDB's.
NO_SERVER = 2003
SERVER_GONE = 2006
SERVER_LOST = 2013
TLS_FAILED = 2026
# Too many connections, shutdown, network trouble, lock wait, deadlock, killed query or connection, lost
# connection, statement time-out: the same statement may succeed on a new connection.
PASSING: tuple[int, ...] = (1040, 1053, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1205, 1213, 1226, 1317, 1927, 1969)
PASSING += (SERVER_GONE, SERVER_LOST, 2014, 2055, 3024, 4031)

Meaning: t.TypeAlias = "tuple[type[Retry | SkipStream | Stop], Category, str]"
PASSWORD_EXPIRED: Meaning = (
    Stop,
    "authentication",
    (
        "The password of the MySQL user {user} has expired (error {number}): have a new one set with ALTER USER and "
        "put it into the setting password."
    ),
)
ACCESS_DENIED: Meaning = (
    Stop,
    "authentication",
    (
        "Genius at {place} refused the user {user} (error {number}): check the settings user and password, and that "
        "this machine may log in."
    ),
)
HOST_REFUSED: Meaning = (
    Stop,
    "permission",
    "Genius at {place} does not accept connections of this machine (error {number}): have its address allowed.",
)
UNREACHABLE: Meaning = (
    Retry,
    "connection",
    "Genius cannot be reached at {place}: {text}. Check the settings host and port.",
)
TABLE_DENIED: Meaning = (
    SkipStream,
    "permission",
    "The user {user} may not read {table} (error {number}): have SELECT on it granted.",
)
TABLE_CHANGED: Meaning = (
    SkipStream,
    "source",
    "Genius has changed since the run began: {text} (error {number}). Run {table} again.",
)
UNKNOWN_MEANING: Meaning = (SkipStream, "source", "Genius refused to deliver {table}: {text} (error {number}).")
MEANINGS: dict[int, Meaning] = {
    **dict.fromkeys(PASSING, (Retry, "connection", "The connection to Genius was lost: {text} (error {number}).")),
    **dict.fromkeys((1820, 1862), PASSWORD_EXPIRED),
    **dict.fromkeys((1045, 1698), ACCESS_DENIED),
    **dict.fromkeys((1129, 1130), HOST_REFUSED),
    **dict.fromkeys((1142, 1143), TABLE_DENIED),
    **dict.fromkeys((1054, 1146), TABLE_CHANGED),
    **dict.fromkeys((2002, NO_SERVER, 2005), UNREACHABLE),
    1044: (
        Stop,
        "permission",
        (
            "The user {user} may not use the database {database} (error {number}): have SELECT on it granted, or "
            "correct the setting database."
        ),
    ),
    1049: (
        Stop,
        "configuration",
        "Genius at {place} has no database {database} (error {number}): correct the setting database.",
    ),
    TLS_FAILED: (
        Stop,
        "configuration",
        "No TLS connection to Genius at {place}: {text}. Check the settings ssl_ca, ssl_cert, ssl_key and ssl_verify.",
    ),
}

Row: t.TypeAlias = "tuple[t.Any, ...]"
Key: t.TypeAlias = "tuple[int | str, ...]"


@dataclass(frozen=True)
class Access:
    """Where Genius is and how to get in; the names are those of the settings."""

    host: str
    database: str
    user: str
    password: str
    port: int = 3306
    fallback_hosts: tuple[str, ...] = ()
    ssl_ca: str | None = None
    ssl_cert: str | None = None
    ssl_key: str | None = None
    ssl_verify: bool | None = None
    connect_timeout_seconds: int = 10
    read_timeout_seconds: int = 600
    retry_wait_seconds: float = 3.0
    timezone: tzinfo = UTC
    user_agent: str = "tap-genius"

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """The hosts in the order in which they are tried; a fallback may carry its own port."""
        found = [(self.host, self.port)]
        for text in self.fallback_hosts:
            host, _, port = text.rpartition(":")
            # The colons of a bare IPv6 address are its own; one with a port stands in brackets.
            has_port = host and port.isdigit() and (":" not in host or host.endswith("]"))
            found.append((host.strip("[]"), int(port)) if has_port else (text.strip("[]"), self.port))
        return found

    @property
    def tls(self) -> ssl.SSLContext | None:
        """The TLS context if any TLS setting is given; None lets PyMySQL use TLS where the server offers it.

        Raises:
            Stop: If a file is missing or is no certificate.
        """
        if not (self.ssl_ca or self.ssl_cert or self.ssl_key or self.ssl_verify is not None):
            return None
        try:
            context = ssl.create_default_context(cafile=self.ssl_ca)
            if self.ssl_cert:
                context.load_cert_chain(self.ssl_cert, self.ssl_key)
        except (OSError, ssl.SSLError) as error:
            raise Stop(f"The TLS files of ssl_ca, ssl_cert and ssl_key cannot be used: {error}.") from None
        # Certificates that a MySQL server makes for itself do not pass the strict rules of RFC 5280.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self.ssl_verify is False:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class _Booleans(dict[bytes, "bool | Unstorable"]):
    """The two booleans by their digit; anything else is judged once and remembered."""

    def __missing__(self, raw: bytes) -> bool | Unstorable:
        return self.setdefault(raw, convert_boolean(raw.decode("ascii")))


def _decimal(raw: bytes) -> Decimal:
    return Decimal(raw.decode("ascii"))


def _utc_datetime(raw: bytes) -> str | Unstorable | None:
    """``convert_datetime`` for UTC, with the usual case in one step: it is called for millions of values."""
    text = raw.decode("ascii")
    try:
        return datetime.fromisoformat(text).isoformat() + "+00:00"
    except ValueError:
        return convert_datetime(text)


def decoders(zone: tzinfo) -> dict[int, Callable[[bytes], t.Any]]:
    """Return PyMySQL's decoders by type code: each value is converted once, from bytes to what is sent.

    DATETIME is wall-clock time of ``zone``. TIMESTAMP is an instant and comes in the session's time zone,
    which is UTC.
    """
    integers = (FIELD_TYPE.SHORT, FIELD_TYPE.LONG, FIELD_TYPE.INT24, FIELD_TYPE.LONGLONG, FIELD_TYPE.YEAR)
    texts = (
        FIELD_TYPE.VARCHAR,
        FIELD_TYPE.VAR_STRING,
        FIELD_TYPE.STRING,
        FIELD_TYPE.TINY_BLOB,
        FIELD_TYPE.BLOB,
        FIELD_TYPE.MEDIUM_BLOB,
        FIELD_TYPE.LONG_BLOB,
        FIELD_TYPE.JSON,
    )

    def local_datetime(raw: bytes) -> str | Unstorable | None:
        return convert_datetime(raw.decode("ascii"), zone)

    # Dates and clock times repeat from row to row.
    remember = lru_cache(maxsize=10_000)
    return {
        **dict.fromkeys(integers, int),
        **dict.fromkeys(texts, convert_text),
        FIELD_TYPE.TINY: _Booleans().__getitem__,
        FIELD_TYPE.FLOAT: float,
        FIELD_TYPE.DOUBLE: float,
        FIELD_TYPE.DECIMAL: _decimal,
        FIELD_TYPE.NEWDECIMAL: _decimal,
        FIELD_TYPE.DATE: remember(lambda raw: convert_date(raw.decode("ascii"))),
        FIELD_TYPE.TIME: remember(lambda raw: convert_time(raw.decode("ascii"))),
        FIELD_TYPE.DATETIME: _utc_datetime if zone is UTC else local_datetime,
        FIELD_TYPE.TIMESTAMP: _utc_datetime,
    }


@dataclass
class Tally:
    """What a read cost, for the report of its stream."""

    requests: int = 0
    retries: int = 0


@dataclass(frozen=True)
class Query:
    """A read of one table in key order.

    Attributes:
        stream: Name of the stream, for messages.
        select: SELECT list; the key columns are among it.
        source: FROM clause; the table is ``t``.
        key: Key columns as SQL, in key order.
        key_places: Positions of the key columns in the SELECT list.
        condition: Condition on the rows; empty for all.
        parameters: Values of the condition.
    """

    stream: str
    select: str
    source: str
    key: tuple[str, ...]
    key_places: tuple[int, ...]
    condition: str = ""
    parameters: tuple[t.Any, ...] = ()

    def page(self, after: Key | None, size: int) -> tuple[str, tuple[t.Any, ...]]:
        """Return the statement of the page after a key, and its parameters."""
        conditions: list[str] = []
        parameters: list[t.Any] = []
        if after is not None:
            conditions.append(beyond(self.key))
            parameters.extend(part for end in range(len(after)) for part in after[: end + 1])
        if self.condition:
            conditions.append(f"({self.condition})")
            parameters.extend(self.parameters)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        statement = f"SELECT {self.select} FROM {self.source}{where} ORDER BY {', '.join(self.key)} LIMIT {size:d}"
        return statement, tuple(parameters)

    def of_keys(self, keys: Sequence[Key]) -> Query:
        """Return the same read of the rows with some keys only."""
        place = f"({', '.join(['%s'] * len(self.key))})"
        condition = f"({', '.join(self.key)}) IN ({', '.join([place] * len(keys))})"
        return replace(
            self,
            condition=f"({self.condition}) AND {condition}" if self.condition else condition,
            parameters=(*self.parameters, *(part for key in keys for part in key)),
        )

    def key_of(self, row: t.Any) -> Key:  # noqa: ANN401 - a tuple, or one value
        """Return the key of a row."""
        parts = (row[place] for place in self.key_places)
        return tuple(part.value if isinstance(part, Odd) else part for part in parts)


def _new_key(query: Query, row: t.Any, place: Key | None, first_of_page: Key | None) -> Key:  # noqa: ANN401 - as it came
    """Return the key of the first row of a page.

    Raises:
        SkipStream: If it is that of the page before: the read would never end.
    """
    key = query.key_of(row)
    if place is not None and key in (place, first_of_page):
        raise SkipStream(
            f"The stream {query.stream} does not get past the key {key}: a page brought no new keys. The key must be "
            "unique and its order that of its index."
        )
    return key


def beyond(key: Sequence[str]) -> str:
    """Return the condition "the key is greater than the parameters", compared as a tuple.

    Spelt out, because the optimizers of MariaDB and MySQL scan the index from its start for
    ``(a, b) > (%s, %s)`` and use a range for this form. The parameters are, for each column, those of the
    columns before it and its own: ``a; a, b; a, b, c``.
    """
    cases = [
        " AND ".join([*(f"{column} = %s" for column in key[:place]), f"{key[place]} > %s"]) for place in range(len(key))
    ]
    return f"({' OR '.join(f'({case})' if ' AND ' in case else case for case in cases)})"


def moment_of(column: str) -> str:
    """Return a date-time column as SQL, zero and part-zero dates as NULL, as they are emitted."""
    return f"IF(YEAR({column}) AND MONTH({column}) AND DAYOFMONTH({column}), {column}, NULL)"


def late_or_none(column: str) -> str:
    """Return, as ranges of its index, the condition that a date-time is at or after the parameter or is no moment.

    A part-zero date is none either, but stands among the others: see ``index_finds_changes``.
    """
    return f"{column} >= %s OR {column} IS NULL OR {column} < {FIRST_DAY}"


def part_zero(column: str, first: int, last: int) -> str:
    """Return the condition that a date-time between two years is part-zero, as ranges of its index if they are few.

    In an index the day 0 of a month stands before its first, and the month 0 before January.
    """
    if last - first > MOST_YEARS:
        return f"{column} >= {FIRST_DAY} AND (MONTH({column}) = 0 OR DAYOFMONTH({column}) = 0)"
    years = range(first, last + 1)
    ranges = [(f"{year:04}-00-00", f"{year:04}-01-01") for year in years]
    ranges += [(f"{year:04}-{month:02}-00", f"{year:04}-{month:02}-01") for year in years for month in range(2, 13)]
    return " OR ".join(f"{column} >= '{low}' AND {column} < '{high}'" for low, high in ranges)


def naive_bound(moment: datetime, zone: tzinfo) -> datetime:
    """Return a lower bound as wall-clock time of a zone, early enough for the hour that autumn repeats.

    Wall-clock times of that hour do not tell their first pass from their second. A bound within three
    hours of it is moved back by the length of the change. At the ends of the calendar it stays in UTC.
    """
    near = timedelta(hours=3)
    try:
        local = moment.astimezone(zone)
        before, after = ((moment + step).astimezone(zone).utcoffset() or timedelta(0) for step in (-near, near))
        return local.replace(tzinfo=None) - max(before - after, timedelta(0))
    except OverflowError:
        return moment.replace(tzinfo=None)


class Client:
    """One connection to Genius, opened when needed and again when it is lost.

    Attributes:
        fallback_used: The last fallback host that was connected to; None as long as it was always the first one.
    """

    def __init__(self, access: Access) -> None:
        self.fallback_used: str | None = None
        self._access = access
        self._tls = access.tls
        self._decoders = decoders(access.timezone)
        self._connection: pymysql.connections.Connection[RowCursor] | None = None

    def close(self) -> None:
        """Close the connection; the next query opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection._force_close()  # type: ignore[attr-defined] # noqa: SLF001 - close() would wait for a lost server

    def rows(self, statement: str, parameters: Sequence[t.Any] = ()) -> list[Row]:
        """Return all rows of a small result.

        Raises:
            TapError: As ``explain`` says.
        """
        for pause in self._pauses():
            try:
                return list(self._execute(statement, parameters))
            except pymysql.MySQLError as error:
                self._recover(error, pause)
        raise AssertionError  # the last pause raises

    def clock(self) -> datetime:
        """Return the present time of the server, in UTC."""
        ((now,),) = self.rows("SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)")
        return datetime.fromisoformat(now).replace(tzinfo=UTC)

    def live_columns(self, tables: Sequence[str]) -> dict[str, list[LiveColumn]]:
        """Return the columns of those tables that exist and may be read, by table.

        One query describes all tables; a second one asks MariaDB which of its text columns hold JSON.
        """
        marks = ", ".join(["%s"] * len(tables))
        described = self.rows(
            "SELECT table_name, column_name, data_type, column_type, character_set_name "
            "FROM information_schema.columns "
            f"WHERE table_schema = DATABASE() AND table_name IN ({marks}) ORDER BY table_name, ordinal_position",
            tables,
        )
        json_columns = self._json_columns()
        found: dict[str, list[LiveColumn]] = {}
        for table, name, data_type, column_type, character_set in described:
            is_json = data_type.lower() == "json" or (table, name) in json_columns
            column = LiveColumn(name, data_type.lower(), column_type.lower(), is_json, character_set or "")
            found.setdefault(table.lower(), []).append(column)
        return found

    def _json_columns(self) -> set[tuple[str, str]]:
        """MariaDB keeps JSON as longtext with the check ``json_valid(`column`)`` (mariadb.com/kb/en/json)."""
        ((version,),) = self.rows("SELECT VERSION()")
        if "mariadb" not in version.lower():
            return set()
        checks = self.rows(
            "SELECT table_name, check_clause FROM information_schema.check_constraints "
            "WHERE constraint_schema = DATABASE() AND check_clause LIKE 'json_valid(`%%'"
        )
        return {(table, clause[len("json_valid(`") : -2].replace("``", "`")) for table, clause in checks}

    def index_finds_changes(self, table: str, column: str) -> bool:
        """Tell whether an index begins with a DATETIME column, and ``late_or_none`` finds all of it there.

        It does not while a row has a part-zero date there.
        """
        if (table.lower(), column.lower()) not in self._leading_columns:
            return False
        name, source = quote(column), quote(table)
        ((first, last),) = self.rows(
            f"SELECT YEAR(MIN({name})), YEAR(MAX({name})) FROM {source} WHERE {name} >= {FIRST_DAY}"
        )
        if first is None:
            return True
        ((is_part_zero,),) = self.rows(
            f"SELECT EXISTS (SELECT {name} FROM {source} WHERE {part_zero(name, int(first), int(last))})"
        )
        return not is_part_zero

    @cached_property
    def _leading_columns(self) -> frozenset[tuple[str, str]]:
        """The columns that an index begins with, each with its table, in small letters."""
        rows = self.rows(
            "SELECT table_name, column_name FROM information_schema.statistics "
            "WHERE table_schema = DATABASE() AND seq_in_index = 1"
        )
        return frozenset((table.lower(), column.lower()) for table, column in rows if column)

    def read(
        self, query: Query, *, after: Key | None, page_size: int, tally: Tally, most: int | None = None
    ) -> Iterator[Row]:
        """Yield the rows of a query in key order, page by page, in constant memory; no more than ``most``.

        A lost connection is opened again and the read goes on after the last key; without a single new
        row in between it is tried a bounded number of times.

        Raises:
            SkipStream: If a page brings no new key, or the table cannot be read.
            Stop: If Genius cannot be reached any more.
        """
        pauses = self._pauses()
        last, first_of_page = after, None
        left = sys.maxsize if most is None else most
        while left:
            row, count, place, size = None, 0, last, min(page_size, left)
            try:
                statement, parameters = query.page(last, size)
                tally.requests += 1
                for row in self._execute(statement, parameters):
                    if not count:
                        first_of_page = _new_key(query, row, place, first_of_page)
                        pauses = self._pauses()
                    count += 1
                    left -= 1
                    yield row
            except pymysql.MySQLError as error:
                tally.retries += 1
                self._recover(error, next(pauses), table=query.stream)
                if row is not None:
                    last, first_of_page = query.key_of(row), None
                continue
            if count < size:
                return
            last = query.key_of(t.cast("Row", row))

    def read_joined(
        self, query: Query, *, after: Key | None, page_size: int, tally: Tally
    ) -> Generator[list[bytes | None], None, None]:
        """Yield the values of a query of joined rows in groups; otherwise as ``read``.

        A group that was not yielded when the connection was lost is read again.
        """
        pauses = self._pauses()
        last, first_of_page = after, None
        while True:
            group: list[bytes | None] = []
            count, place = 0, last
            try:
                statement, parameters = query.page(last, page_size)
                tally.requests += 1
                for group in self._joined_groups(statement, parameters):
                    if not count:
                        first_of_page = _new_key(query, group[0], place, first_of_page)
                        pauses = self._pauses()
                    count += len(group)
                    yield group
            except pymysql.MySQLError as error:
                tally.retries += 1
                self._recover(error, next(pauses), table=query.stream)
                if group:
                    last, first_of_page = query.key_of(group[-1]), None
                continue
            if count < page_size:
                return
            last = query.key_of(group[-1])

    def _execute(self, statement: str, parameters: Sequence[t.Any]) -> Iterator[Row]:
        with self._open_connection().cursor() as cursor:
            cursor.execute(statement, tuple(parameters))
            yield from cursor.rows()

    def _joined_groups(self, statement: str, parameters: Sequence[t.Any]) -> Iterator[list[bytes | None]]:
        with self._open_connection().cursor() as cursor:
            yield from cursor.joined(statement, parameters)

    def _open_connection(self) -> pymysql.connections.Connection[RowCursor]:
        if self._connection is None or not self._connection.open:
            self._connection = self._connect()
        return self._connection

    @staticmethod
    def _pauses() -> Iterator[float | None]:
        """Yield the pauses before each new try, with jitter; then None, once and for all."""
        waits = backoff.expo(factor=1, max_value=PAUSE_SECONDS)
        next(waits)  # the generator of the library starts when it is asked for the first time
        for _ in range(RECONNECTS):
            yield backoff.full_jitter(next(waits))
        while True:
            yield None

    def _recover(self, error: pymysql.MySQLError, pause: float | None, *, table: str = "") -> None:
        """Wait before the next try if there may be one, else raise what the error means."""
        self.close()
        meaning = explain(error, self._access, table=table)
        if not isinstance(meaning, Retry):
            raise meaning from None
        if pause is None:
            raise Stop(f"{meaning} It was tried {RECONNECTS + 1} times.", category=meaning.category) from None
        logger.warning("%s Trying again in %.1f s.", meaning, pause)
        time.sleep(pause)

    def _connect(self) -> pymysql.connections.Connection[RowCursor]:
        """Connect to the first host that answers: two attempts each, a few seconds apart.

        Raises:
            Stop: If no host answers, or one refuses us.
        """
        failures = []
        for place, (host, port) in enumerate(self._access.addresses):
            for attempt in range(ATTEMPTS_PER_HOST):
                if attempt:
                    time.sleep(self._access.retry_wait_seconds)
                try:
                    connection = self._open(host, port)
                except UnicodeError:
                    raise Stop(f"{host!r} is no host name: correct the settings host and fallback_hosts.") from None
                except pymysql.MySQLError as error:
                    meaning = explain(error, self._access, host=host, port=port)
                    if not isinstance(meaning, Retry):
                        raise meaning from None
                    failures.append(str(meaning))
                    logger.warning("%s", meaning)
                else:
                    self.fallback_used = host if place else self.fallback_used
                    return connection
        raise Stop(f"No host of Genius can be reached. {failures[-1]}", category="connection")

    def _open(self, host: str, port: int) -> pymysql.connections.Connection[RowCursor]:
        access = self._access
        connection = pymysql.connect(
            host=host,
            port=port,
            user=access.user,
            # As bytes: PyMySQL would encode text as Latin-1 and fail on anything else.
            password=access.password.encode(),
            database=access.database,
            charset="utf8mb4",
            use_unicode=False,
            conv=t.cast("dict[t.Any, t.Any]", encoders) | self._decoders,
            cursorclass=RowCursor,
            connect_timeout=access.connect_timeout_seconds,
            # What answers nothing at all is no MySQL server; only a query may take its time.
            read_timeout=access.connect_timeout_seconds,
            program_name=access.user_agent,
            ssl=self._tls,
            autocommit=True,
        )
        with connection.cursor() as cursor:
            # A reader that is slow to take its rows is not cut off after the usual minute; zero dates
            # compare the same way whatever the server's mode.
            cursor.execute("SET SESSION time_zone = '+00:00', sql_mode = '', net_write_timeout = 600")
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
        connection._read_timeout = access.read_timeout_seconds  # type: ignore[attr-defined] # noqa: SLF001
        return connection


def explain(error: pymysql.MySQLError, access: Access, *, host: str = "", port: int = 0, table: str = "") -> TapError:
    """Return what a MySQL error means for the run, as a sentence that says what to do."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = impersonal(str(error.args[1]) if len(error.args) > 1 else str(error))
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, ssl.SSLError):
        number = TLS_FAILED
    elif isinstance(error, pymysql.InterfaceError) or (isinstance(error, pymysql.InternalError) and not number):
        # Packets out of order have no number of their own.
        number = SERVER_GONE
    if host and number in {SERVER_GONE, SERVER_LOST}:
        number = NO_SERVER
    kind, category, sentence = MEANINGS.get(number, UNKNOWN_MEANING)
    told = sentence.format(
        user=access.user,
        database=access.database,
        place=f"{host or access.host}:{port or access.port}",
        table=table or "the tables",
        text=cause or text,
        number=number,
    )
    return kind(told, category=category)
