"""Creates the table of a stream and lets it grow with the stream's schema."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg

from target_postgres_dw.errors import StreamRefusedError
from target_postgres_dw.identifiers import quoted
from target_postgres_dw.rows import BATCHED_AT, DELETED_AT, EXTRACTED_AT

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from target_postgres_dw.rows import Column, RowEncoder

METADATA = {
    EXTRACTED_AT: "timestamp with time zone",
    BATCHED_AT: "timestamp with time zone",
    DELETED_AT: "timestamp with time zone",
}
TEMPORARY = "pg_temp"

# All DDL of the loader excludes itself by this advisory lock: two runs may create the same schema.
_DDL_LOCK = 7_221_140_514

# How long a change of a table waits for those who read it, and for other changes.
_LOCK_TIMEOUT = "10s"

# A column of the first type holds every value of the types after it, unchanged. (The session's time zone is UTC, so a
# timestamp without one becomes the moment it stood for.)
_HOLDS = {
    "integer": {"smallint"},
    "bigint": {"smallint", "integer"},
    "numeric": {"smallint", "integer", "bigint", "real", "double precision"},
    "double precision": {"smallint", "integer", "real"},
    "timestamp with time zone": {"date", "timestamp without time zone"},
    "text": {"character varying", "character"},
    "character varying": {"text", "character"},
    "jsonb": {"json"},
}
_NO_TEXT_FORM = {"jsonb", "json", "bytea"}
_LIMITS = re.compile(r"\(.*?\)")


@dataclass(slots=True)
class Table:
    """A table as it stands in the database: column name to type, its primary key in order, its generated columns.

    ``stamped`` are the columns that hold the time of the transaction by default.
    """

    schema: str
    name: str
    columns: dict[str, str] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    generated: frozenset[str] = frozenset()
    stamped: frozenset[str] = frozenset()

    @property
    def sql(self) -> str:
        """The quoted name."""
        return quoted(self.schema, self.name)


def wider_type(stored: str, incoming: str) -> str | None:
    """Return the type that holds the values of both, or None if only a person can decide.

    A stored type with a limit, such as numeric(10,2) or varchar(20), loses it: the limit was not the source's.
    """
    if stored == incoming:
        return stored
    plain = _LIMITS.sub("", stored)
    if plain == incoming or incoming in _HOLDS.get(plain, ()):
        return plain
    if plain in _HOLDS.get(incoming, ()):
        return incoming
    if plain in _NO_TEXT_FORM or incoming in _NO_TEXT_FORM or plain.endswith("[]"):
        return None
    return "text"


def reflect(conn: Connection[TupleRow], schema: str, name: str) -> Table | None:
    """Return the table as it stands, or None if there is none.

    Raises:
        StreamRefusedError: if the name belongs to a partitioned table, a view or the like.
    """
    row = conn.execute(
        "SELECT c.oid, c.relkind::text FROM pg_class c"
        " WHERE c.relname = %(name)s AND c.relnamespace ="
        " CASE WHEN %(schema)s = 'pg_temp' THEN pg_my_temp_schema() ELSE to_regnamespace(quote_ident(%(schema)s)) END",
        {"schema": schema, "name": name},
    ).fetchone()
    if row is None:
        return None
    oid, kind = row
    if kind != "r":
        what = {"p": "a partitioned table", "v": "a view", "m": "a materialized view", "f": "a foreign table"}
        raise StreamRefusedError(
            f"{schema}.{name} is {what.get(kind, 'no table')}; the loader needs an ordinary table to tell created "
            "from updated rows. Rename it, or load this stream into another schema."
        )
    columns = conn.execute(
        "SELECT attname, format_type(atttypid, atttypmod), attgenerated <> '', pg_get_expr(adbin, adrelid) = 'now()'"
        " FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
        " WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (oid,),
    ).fetchall()
    key = conn.execute(
        "SELECT a.attname FROM pg_index i"
        " CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
        " WHERE i.indrelid = %s AND i.indisprimary ORDER BY k.position",
        (oid,),
    ).fetchall()
    return Table(
        schema,
        name,
        {column: column_type for column, column_type, *_ in columns},
        tuple(column for (column,) in key),
        frozenset(column for column, _, generated, _ in columns if generated),
        frozenset(column for column, *_, stamped in columns if stamped),
    )


def prepare(
    conn: Connection[TupleRow], schema: str, name: str, encoder: RowEncoder, *, stream: str, metadata: bool = True
) -> Table:
    """Create the table of a stream, or let it grow to the stream's schema, in one transaction.

    Columns are added and widened, never dropped or narrowed.

    Raises:
        StreamRefusedError: if the table cannot hold the stream; names the stream and the column.
    """
    wanted = METADATA if metadata else {}
    table = reflect(conn, schema, name)
    if table is not None and _fits(table, encoder, wanted):
        return table  # the usual case: no lock, no DDL
    try:
        with conn.transaction():
            conn.execute("SELECT set_config('lock_timeout', %s, true)", (_LOCK_TIMEOUT,))
            conn.execute("SELECT pg_advisory_xact_lock(%s)", (_DDL_LOCK,))
            table = reflect(conn, schema, name)
            if table is None:
                return _create(conn, Table(schema, name), encoder, wanted)
            _check_key(conn, table, encoder, stream)
            for column in encoder.columns:
                _grow(conn, table, column, stream)
            for column_name, column_type in wanted.items():
                add_column(conn, table, column_name, column_type)
            return table
    except psycopg.errors.LockNotAvailable as error:
        raise StreamRefusedError(
            f"Stream {stream}: the table {schema}.{name} must change, but another session has kept it in use for "
            f"{_LOCK_TIMEOUT}. End that session (see pg_stat_activity), then run the stream again."
        ) from error
    except (psycopg.errors.ProgrammingError, psycopg.errors.TooManyColumns) as error:
        raise StreamRefusedError(
            f"Stream {stream}: the table {schema}.{name} could not be made to fit its schema: "
            f"{error.diag.message_primary or error}"
        ) from error


def _fits(table: Table, encoder: RowEncoder, metadata: dict[str, str]) -> bool:
    """Tell whether a table can take the stream as it is."""
    return (
        set(table.key) == set(encoder.key)
        and not table.generated & {column.name for column in encoder.columns}
        and all(name in table.columns for name in metadata)
        and all(
            column.name in table.columns
            and wider_type(table.columns[column.name], column.type) == table.columns[column.name]
            for column in encoder.columns
        )
    )


def add_column(conn: Connection[TupleRow], table: Table, name: str, column_type: str) -> None:
    """Add a nullable column if the table lacks it."""
    if name not in table.columns:
        conn.execute(f"ALTER TABLE {table.sql} ADD COLUMN {quoted(name)} {column_type}".encode())
        table.columns[name] = column_type


def shadow(
    conn: Connection[TupleRow], schema: str, name: str, encoder: RowEncoder, *, stream: str, metadata: bool
) -> Table:
    """Make a temporary twin of the table, or let the twin grow, to the stream's schema: where a dry run loads."""
    if reflect(conn, TEMPORARY, name) is None and (real := reflect(conn, schema, name)) is not None:
        conn.execute(f"CREATE TEMP TABLE {quoted(name)} (LIKE {real.sql} INCLUDING ALL)".encode())
    return prepare(conn, TEMPORARY, name, encoder, stream=stream, metadata=metadata)


def seed_shadow(conn: Connection[TupleRow], schema: str, twin: Table, stage: str) -> None:
    """Copy the stored rows that staged rows will meet into the twin, so that a dry run counts truly."""
    real = reflect(conn, schema, twin.name)
    if real is None or not twin.key:
        return
    columns = ", ".join(quoted(name) for name in real.columns if name not in real.generated)
    on = " AND ".join(f"s.{quoted(name)} = t.{quoted(name)}" for name in twin.key)
    conn.execute(
        f"INSERT INTO {twin.sql} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {real.sql} AS t"
        f" WHERE EXISTS (SELECT FROM {stage} AS s WHERE {on}) ON CONFLICT DO NOTHING".encode()
    )


def _create(conn: Connection[TupleRow], table: Table, encoder: RowEncoder, metadata: dict[str, str]) -> Table:
    table.columns = {**{column.name: column.type for column in encoder.columns}, **metadata}
    table.key = encoder.key
    # A COPY straight into the table need not bring the time then.
    table.stamped = frozenset({BATCHED_AT} & set(metadata))
    parts = [
        f"{quoted(name)} {column_type}" + (" DEFAULT now()" if name in table.stamped else "")
        for name, column_type in table.columns.items()
    ]
    if encoder.key:
        parts.append(f"PRIMARY KEY ({', '.join(quoted(name) for name in encoder.key)})")
    if table.schema != TEMPORARY:
        conn.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.schema)}".encode())
    conn.execute(f"CREATE TABLE {table.sql} ({', '.join(parts)})".encode())
    return table


def _check_key(conn: Connection[TupleRow], table: Table, encoder: RowEncoder, stream: str) -> None:
    if table.key == encoder.key or set(table.key) == set(encoder.key):
        return
    where = f"{table.schema}.{table.name}"
    if table.key:
        raise StreamRefusedError(
            f"Stream {stream}: its key is now ({', '.join(encoder.key) or 'none'}), but the table {where} has the "
            f"primary key ({', '.join(table.key)}). Rename or drop the table, then read it in full "
            "(`crm sync SOURCE STREAM --full`)."
        )
    try:
        with conn.transaction():
            key = ", ".join(quoted(name) for name in encoder.key)
            conn.execute(f"ALTER TABLE {table.sql} ADD PRIMARY KEY ({key})".encode())
    except (psycopg.errors.IntegrityError, psycopg.errors.ProgrammingError) as error:
        raise StreamRefusedError(
            f"Stream {stream}: the table {where} has no primary key, and ({', '.join(encoder.key)}) cannot become it: "
            f"{error.diag.message_primary}. Remove the rows that repeat a key, or rename the table."
        ) from error
    table.key = encoder.key


def _grow(conn: Connection[TupleRow], table: Table, column: Column, stream: str) -> None:
    stored = table.columns.get(column.name)
    if column.name in table.generated:
        raise StreamRefusedError(
            f"Stream {stream}, column {column.name}: {table.schema}.{table.name} generates that column itself. "
            "Rename it."
        )
    if stored is None:
        add_column(conn, table, column.name, column.type)
        return
    wide = wider_type(stored, column.type)
    where = f"{table.schema}.{table.name}.{column.name}"
    if wide is None:
        raise StreamRefusedError(
            f"Stream {stream}, column {column.name}: the schema now says {column.type}, but {where} is {stored}. "
            "Rename or drop that column, then read it in full (`crm sync SOURCE STREAM --full`)."
        )
    if wide == stored:
        return
    name = quoted(column.name)
    try:
        with conn.transaction():
            conn.execute(
                f"ALTER TABLE {table.sql} ALTER COLUMN {name} TYPE {wide} USING {name}::{wide}".encode(),
            )
    except psycopg.errors.Error as error:
        raise StreamRefusedError(
            f"Stream {stream}, column {column.name}: {where} is {stored} and must become {wide}, which Postgres "
            f"refuses: {error.diag.message_primary}. Views that use the column must be dropped first."
        ) from error
    table.columns[column.name] = wide
