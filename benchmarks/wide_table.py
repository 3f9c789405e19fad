"""The table of the benchmarks: 31 columns, about 350 bytes of text a row, with everything that makes text hard."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

TABLE = "quote"
STREAM = "quotes"
_ROWS_PER_STATEMENT = 100_000

# The same table in Postgres, with the column types that the loader chooses: for the raw pipe.
POSTGRES_COLUMNS = (
    "id bigint PRIMARY KEY, job_id bigint, user_id bigint, division_id bigint, version bigint, status bigint, "
    "is_signed boolean, is_void boolean, external_id bigint, amount numeric, tax numeric, score numeric, "
    "quoted_on date, "
    "signed_at timestamptz, created_at timestamptz, updated_at timestamptz, title text, first_name text, "
    "last_name text, email text, phone text, address text, city text, state text, zip text, country text, source text, "
    "campaign text, notes text, comment text, reference text"
)
NAMES = tuple(column.split()[0] for column in POSTGRES_COLUMNS.split(", "))

_CREATE = """
CREATE TABLE quote (
  id INT NOT NULL PRIMARY KEY, job_id INT, user_id INT, division_id INT, version SMALLINT, status TINYINT,
  is_signed TINYINT(1), is_void TINYINT(1), external_id BIGINT, amount DECIMAL(10,2), tax DECIMAL(10,2), score DOUBLE,
  quoted_on DATE, signed_at DATETIME NULL, created_at DATETIME, updated_at DATETIME NULL, title VARCHAR(100),
  first_name VARCHAR(60), last_name VARCHAR(60), email VARCHAR(100), phone VARCHAR(20), address VARCHAR(100),
  city VARCHAR(60), state CHAR(2), zip VARCHAR(10), country VARCHAR(40), source VARCHAR(40), campaign VARCHAR(60),
  notes TEXT, comment VARCHAR(255), reference CHAR(32), KEY (updated_at)
) CHARSET utf8mb4
"""

# MariaDB counts with its SEQUENCE engine; nothing travels over the wire.
_INSERT = """
INSERT INTO quote SELECT
  seq, seq % 90000, IF(seq % 7 = 0, NULL, 1000 + seq % 900), 1 + seq % 19, seq % 12, seq % 5,
  seq % 2, IF(seq % 9 = 0, NULL, seq % 3 = 0), 9000000000 + seq * 7, (seq % 1000000) / 100, IF(seq % 4, NULL, seq % 77),
  seq / 7, DATE('2020-01-01') + INTERVAL seq % 1500 DAY, IF(seq % 3, NULL, '2021-02-03' + INTERVAL seq SECOND),
  '2020-01-01' + INTERVAL seq SECOND, '2022-01-01' + INTERVAL seq SECOND,
  CONCAT('Windows and doors, offer ', seq), ELT(1 + seq % 8, 'Ada', 'Ben ', 'Chloe', 'Dmitri', 'Zoë', 'Farah', 'Gus',
  'Hana'), ELT(1 + seq % 5, 'Alder', 'Birch', 'Cedar', 'Nguyễn', 'Elm'), CONCAT('person', seq, '@example.com'),
  CONCAT('206-555-', LPAD(seq % 10000, 4, '0')), CONCAT(1 + seq % 9999, ' Example Street, Suite ', seq % 50),
  ELT(1 + seq % 4, 'Springfield', 'Riverton', 'Lakeside', 'Fairview'), ELT(1 + seq % 3, 'WA', 'OR', 'CA'),
  LPAD(10000 + seq % 80000, 5, '0'), IF(seq % 6, 'United States', NULL), ELT(1 + seq % 3, 'web', 'phone', NULL),
  IF(seq % 2, CONCAT('campaign-', seq % 40), NULL),
  IF(seq % 3 = 0, CONCAT('Calls back\\nafter six; tab\\there, back\\\\slash, item ', seq, ' of the list'), NULL),
  CONCAT(IF(seq % 10 = 0, 'Très bien 🙂 ', 'All measured, waiting for '), 'the answer of the owner about colour ',
  seq % 30), MD5(seq)
FROM seq_{first}_to_{last}
"""


def fill(connection: Connection[Cursor], rows: int) -> None:
    """Make the table with so many rows, numbered from 1."""
    with connection.cursor() as cursor:
        cursor.execute(_CREATE)
        for first in range(1, rows + 1, _ROWS_PER_STATEMENT):
            cursor.execute(_INSERT.format(first=first, last=min(first + _ROWS_PER_STATEMENT - 1, rows)))
            connection.commit()


def change(connection: Connection[Cursor], rows: int | None = None) -> None:
    """Change one column of every row, or of so many that lie all over the table, and stamp them as changed now."""
    every = "" if rows is None else f" WHERE id % (SELECT MAX(id) DIV {rows:d} FROM (SELECT id FROM quote) AS ids) = 0"
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE quote SET version = version + 1, updated_at = UTC_TIMESTAMP(){every}")
    connection.commit()
