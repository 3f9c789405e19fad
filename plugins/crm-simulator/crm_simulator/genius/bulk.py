"""Very many prospects, for benchmarks."""

from __future__ import annotations

import typing as t

from crm_simulator.genius.schema import zero_dates_allowed

if t.TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

_CHUNK = 100_000
_INSERT = """
INSERT INTO prospect (
  id, division_id, user_id, first_name, last_name, alt_first_name, address1, city, county, state, zip,
  year_built, phone1, phone2, email, notes, add_user_id, add_date, marketsharp_id, third_party_source_id,
  updated_at, is_address_valid
)
SELECT
  seq, 700000001 + seq % 19, IF(seq % 7 = 0, NULL, 100000 + seq % 900),
  ELT(1 + seq % 8, 'Ada', 'Ben ', 'Chloe', 'Dmitri', 'Zoë', 'Farah', 'Gus', 'Hana'),
  ELT(1 + seq % 5, 'Alder', 'Birch', 'Cedar', 'Nguyễn', 'Elm'),
  IF(seq % 11 = 0, 'Sam', NULL), CONCAT(1 + seq % 9999, ' Example Street'),
  ELT(1 + seq % 4, 'Springfield', 'Riverton', 'Lakeside', 'Fairview'), 'Sample County',
  ELT(1 + seq % 3, 'WA', 'OR', 'CA'), LPAD(10000 + seq % 80000, 5, '0'),
  1900 + seq % 125, CONCAT('206-555-01', LPAD(seq % 100, 2, '0')), NULL,
  CONCAT('person', seq, '@example.com'), IF(seq % 3 = 0, 'Calls back\\nafter six', NULL), 100000 + seq % 900,
  IF(seq % 500 = 0, '0000-00-00 00:00:00', '2020-01-01' + INTERVAL seq MINUTE),
  NULL, IF(seq % 4 = 0, seq, NULL),
  IF(seq % 1000 = 0, NULL, '2020-01-01' + INTERVAL seq MINUTE), seq % 2
FROM seq_{first}_to_{last}
"""


def generate_prospects(conn: Connection[Cursor], rows: int, *, first_id: int = 1) -> None:
    """Fill ``prospect`` with so many rows, made by the server (MariaDB only: it counts with the SEQUENCE engine).

    About 150,000 rows a second. Row ``n`` was changed ``n`` minutes after 2020-01-01; every thousandth has no
    modification time.
    """
    with zero_dates_allowed(conn), conn.cursor() as cursor:
        for first in range(first_id, first_id + rows, _CHUNK):
            last = min(first + _CHUNK, first_id + rows) - 1
            cursor.execute(_INSERT.format(first=first, last=last))
            conn.commit()
