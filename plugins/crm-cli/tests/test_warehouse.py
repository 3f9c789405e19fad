from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import psycopg
import pytest
from crm_cli import warehouse as module
from crm_cli.errors import CrmError, CrmUsageError
from crm_cli.project import Project
from crm_cli.warehouse import (
    Warehouse,
    connect,
    connect_to_history,
    find_warehouse,
    has_history,
    masked,
    meltano_database_uri,
    password_of,
    plain_url,
    readable_warehouse,
    without_password,
)
from sync_history import schema

if TYPE_CHECKING:
    from pathlib import Path


class FakePostgres:
    """Stands in for the embedded server: runs after ``up``."""

    running_at: str | None = None
    starts_at = "postgresql://crm:secret@127.0.0.1:1/warehouse"

    def __init__(self, root: Path) -> None:
        assert root.parts[-2:] == (".crm", "postgres")

    def up(self) -> str:
        return self.starts_at

    def url(self) -> str | None:
        return self.running_at


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> type[FakePostgres]:
    monkeypatch.setattr(module, "EmbeddedPostgres", FakePostgres)
    monkeypatch.setattr(FakePostgres, "running_at", None)
    return FakePostgres


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h:5432/db", "postgresql://u:***@h:5432/db"),
        ("postgresql://u@h/db", "postgresql://u@h/db"),
        ("postgresql://h/db", "postgresql://h/db"),
        ("postgresql://u:a%40b@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u:a@b@h/db", "postgresql://u:***@h/db"),
        ("postgresql:///db?host=/run/pg&password=x", "postgresql:///db?host=/run/pg&password=***"),
        ("postgresql:///db?sslpassword=x", "postgresql:///db?sslpassword=***"),
    ],
)
def test_a_masked_url_holds_no_password(url: str, expected: str) -> None:
    assert masked(url) == expected


@pytest.mark.parametrize(
    ("url", "password", "rest"),
    [
        ("postgresql://u:a%2Fb@h/db", "a/b", "postgresql://u@h/db"),
        ("postgresql://u@h/db", None, "postgresql://u@h/db"),
        ("postgresql:///db?host=/run/pg&password=x", "x", "postgresql:///db?host=/run/pg"),
        ("postgresql://h/db", None, "postgresql://h/db"),
    ],
)
def test_the_password_can_be_taken_out_of_a_url(url: str, password: str | None, rest: str) -> None:
    assert password_of(url) == password
    assert without_password(url) == rest


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_spelling_of_a_postgres_url_becomes_libpqs(scheme: str) -> None:
    assert plain_url(f"{scheme}://u:a$HOME@h/db") == "postgresql://u:a%24HOME@h/db"


@pytest.mark.parametrize("url", ["mysql://u:secret@h/db", "host=h password=secret", "secret"])
def test_anything_else_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(CrmUsageError) as refusal:
        plain_url(url)
    assert "secret" not in str(refusal.value)


def test_meltano_keeps_its_tables_in_a_schema_of_its_own() -> None:
    warehouse = Warehouse("postgresql://u:p@h/db?host=/run/pg")
    assert meltano_database_uri(warehouse) == (
        "postgresql+psycopg://u:p@h/db?host=/run/pg&options=-csearch_path%3Dmeltano"
    )


@pytest.mark.usefixtures("embedded")
def test_warehouse_url_wins_and_dotenv_counts(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / ".env").write_text("WAREHOUSE_URL=postgres://file/db\n")
    assert find_warehouse(project) == Warehouse("postgresql://file/db", chosen=True)
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://process/db")
    assert find_warehouse(Project(project.root)) == Warehouse("postgresql://process/db", chosen=True)


def test_without_warehouse_url_it_is_the_embedded_one(project: Project, embedded: type[FakePostgres]) -> None:
    with pytest.raises(CrmError, match="start it with `crm db up`, or set WAREHOUSE_URL"):
        find_warehouse(project)
    assert find_warehouse(project, start=True) == Warehouse(embedded.starts_at)
    embedded.running_at = "postgresql://crm:x@127.0.0.1:2/warehouse"
    assert find_warehouse(project) == Warehouse(embedded.running_at)


def test_the_demo_is_always_in_the_embedded_one(
    project: Project, embedded: type[FakePostgres], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://elsewhere/db")
    with pytest.raises(CrmError, match="`crm db up` or `crm demo`"):
        find_warehouse(project, demo=True)
    embedded.running_at = "postgresql://crm:x@127.0.0.1:2/warehouse"
    assert find_warehouse(project, demo=True).url == "postgresql://crm:x@127.0.0.1:2/crm_demo"


def test_a_project_that_never_synced_shows_the_demo(
    project: Project,
    embedded: type[FakePostgres],
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    embedded.running_at = postgres_url
    own = postgres_url.rsplit("/", 1)[1]
    monkeypatch.setattr(module, "DEMO_DATABASE", "no_such_database")
    assert readable_warehouse(project).url == postgres_url
    monkeypatch.setattr(module, "DEMO_DATABASE", "postgres")
    assert readable_warehouse(project).url.endswith("/postgres")
    assert "this is the demo's warehouse" in capsys.readouterr().err
    with psycopg.connect(postgres_url) as conn:
        schema.migrate(conn)
    assert readable_warehouse(project).url.endswith(f"/{own}")
    assert capsys.readouterr().err == ""


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"postgresql://u:secret@127.0.0.1:{unused.getsockname()[1]}/db"
        with pytest.raises(CrmError) as refusal, connect(Warehouse(url)):
            pass
    assert str(refusal.value.message).count("\n") == 0
    assert "u:***@127.0.0.1" in refusal.value.message
    assert "Connection refused" in refusal.value.message
    assert "secret" not in refusal.value.message


def test_a_statement_that_is_refused_is_a_sentence_too(postgres_url: str) -> None:
    with pytest.raises(CrmError, match='relation "nowhere" does not exist'), connect(Warehouse(postgres_url)) as conn:
        conn.execute("SELECT * FROM nowhere")


def test_an_empty_database_has_no_history(postgres_url: str) -> None:
    assert not has_history(Warehouse(postgres_url))
    with (
        pytest.raises(CrmError, match="has no history yet: run `crm sync SOURCE` first"),
        connect_to_history(Warehouse(postgres_url)),
    ):
        pass
    with connect(Warehouse(postgres_url)) as conn:
        schema.migrate(conn)
    assert has_history(Warehouse(postgres_url))
    with connect_to_history(Warehouse(postgres_url)) as conn:
        assert conn.execute("SELECT count(*) FROM orchestration.sync_history").fetchone() == (0,)


def test_a_newer_schema_asks_for_an_update(postgres_url: str) -> None:
    with connect(Warehouse(postgres_url)) as conn:
        schema.migrate(conn)
        conn.execute("INSERT INTO orchestration.schema_version VALUES (1000)")
    with pytest.raises(CrmError, match="update the suite on this machine"), connect(Warehouse(postgres_url)) as conn:
        schema.migrate(conn)
