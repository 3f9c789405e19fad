"""What the tests of this tap share."""

from __future__ import annotations

import typing as t

import pytest

if t.TYPE_CHECKING:
    from crm_cli.servers.mariadb import Database


def settings_of(database: Database) -> dict[str, t.Any]:
    """Return the settings that reach a test database."""
    return {
        "host": database.host,
        "port": database.port,
        "user": database.user,
        "password": database.password,
        "database": database.database,
        "retry_wait_seconds": 0,
    }


@pytest.fixture
def genius_config(genius_db: Database) -> dict[str, t.Any]:
    """Return the settings of the seeded Genius."""
    return settings_of(genius_db)


@pytest.fixture
def empty_config(mariadb: Database) -> dict[str, t.Any]:
    """Return the settings of an empty database."""
    return settings_of(mariadb)


class Source:
    """A database that a test fills with statements."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._connection = database.connect(autocommit=True, init_command="SET sql_mode = ''")

    def run(self, *statements: str) -> list[tuple[t.Any, ...]]:
        """Run statements, and return the rows of the last one."""
        with self._connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@pytest.fixture
def source(mariadb: Database) -> t.Iterator[Source]:
    """Return the empty database, to be filled."""
    filled = Source(mariadb)
    yield filled
    filled.close()


@pytest.fixture
def genius(genius_db: Database) -> t.Iterator[Source]:
    """Return the seeded Genius, to be changed."""
    filled = Source(genius_db)
    yield filled
    filled.close()
