"""The Meltano state backend, inside a small Meltano project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from meltano.core.project import Project
from meltano.core.state_store.base import MeltanoState
from sync_history import bookmarks, runs, schema
from sync_history.backend import StateBackendError, SyncHistoryStateStoreManager

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT = """
project_id: 00000000-0000-4000-8000-000000000001
default_environment: prod
environments: [{name: prod}]
plugins:
  extractors:
  - {name: tap-genius, namespace: tap_genius, executable: tap-genius}
  - {name: tap-genius--people, inherit_from: tap-genius}
  - {name: tap-hubspot-dw, namespace: tap_hubspot_dw, executable: tap-hubspot-dw}
  loaders:
  - {name: target-postgres-dw, namespace: target_postgres_dw, executable: target-postgres-dw}
  - {name: target-weekly, inherit_from: target-postgres-dw}
  - {name: target-jsonl, namespace: target_jsonl, executable: target-jsonl}
"""
GENIUS = "prod:tap-genius-to-target-postgres-dw"
MARK = {"replication_key": "updated_at", "replication_key_value": "2026-01-01T00:00:00.000000+00:00"}


@pytest.fixture
def backend(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SyncHistoryStateStoreManager]:
    (tmp_path / "meltano.yml").write_text(PROJECT)
    monkeypatch.setattr(Project, "_default", None)
    project = Project.find(tmp_path, activate=True)
    project.activate_environment("prod")
    with SyncHistoryStateStoreManager(warehouse_url=postgres_url) as manager:
        yield manager
    Project.deactivate()


def state(state_id: str, completed: dict[str, Any] | None, partial: dict[str, Any] | None = None) -> MeltanoState:
    return MeltanoState(state_id=state_id, completed_state=completed, partial_state=partial)


def singer(**marks: Any) -> dict[str, Any]:
    return {"singer_state": {"bookmarks": marks}}


def stored(backend: SyncHistoryStateStoreManager) -> dict[str, Any]:
    return bookmarks.current_bookmarks(backend.connection, "genius")


def test_no_bookmark_is_no_state(backend: SyncHistoryStateStoreManager) -> None:
    assert backend.get(GENIUS) is None
    assert backend.get_state_ids() == []


def test_every_name_of_a_tap_has_the_same_state(backend: SyncHistoryStateStoreManager) -> None:
    bookmarks.edit_bookmarks(backend.connection, "genius", {"people": MARK}, author="Ann")
    for state_id in (
        GENIUS,
        f"{GENIUS}:suffix",
        "prod:tap-genius--people-to-target-postgres-dw",
        "prod:tap-genius-to-target-weekly",
    ):
        found = backend.get(state_id)
        assert found is not None
        assert (found.completed_state, found.partial_state) == (singer(people=MARK), {})
    assert backend.get("prod:tap-hubspot-dw-to-target-postgres-dw") is None
    assert backend.get_state_ids("*genius-to-target-p*") == [GENIUS]
    assert "prod:tap-genius--people-to-target-weekly" in backend.get_state_ids()


def test_an_edit_names_its_author_and_replaces_the_state(backend: SyncHistoryStateStoreManager) -> None:
    backend.set(state(GENIUS, singer(people=MARK, pets=MARK)))
    backend.set(state(GENIUS, singer(people=MARK)))

    assert stored(backend) == {"people": MARK}
    edits = runs.find_runs(backend.connection, edits=True)
    assert [edit.sync_type for edit in edits] == ["pets", "pets", "people"]
    assert all(edit.configuration["edited_by"].startswith("meltano state (") for edit in edits)


def test_what_the_loader_has_committed_is_ignored(backend: SyncHistoryStateStoreManager) -> None:
    backend.set(state(GENIUS, singer(people=MARK)))
    late = {"singer_state": {"bookmarks": {"people": {**MARK, "replication_key_value": "old"}}, "sync_run_id": "r"}}
    backend.set(state(GENIUS, late))
    backend.update(state(GENIUS, None, late))  # what Meltano calls in a full refresh
    assert stored(backend) == {"people": MARK}


def test_a_partial_state_is_merged(backend: SyncHistoryStateStoreManager) -> None:
    backend.set(state(GENIUS, singer(people=MARK)))
    backend.update(state(GENIUS, {}, singer(pets=MARK)))
    assert stored(backend) == {"people": MARK, "pets": MARK}


def test_clear(backend: SyncHistoryStateStoreManager) -> None:
    backend.set(state(GENIUS, singer(people=MARK)))
    backend.clear(GENIUS)
    assert stored(backend) == {}


@pytest.mark.parametrize(
    ("state_id", "sentence"),
    [
        ("my-own-name", "does not have the form"),
        ("prod:tap-unknown-to-target-postgres-dw", "names 'tap-unknown', which is no plugin"),
        ("prod:tap-genius-to-target-unknown", "names 'target-unknown', which is no plugin"),
        ("prod:tap-genius-to-target-jsonl", "holds only what target-postgres-dw has committed"),
    ],
)
def test_an_id_that_cannot_be_resolved_is_refused(
    backend: SyncHistoryStateStoreManager, state_id: str, sentence: str
) -> None:
    with pytest.raises(StateBackendError, match=sentence):
        backend.get(state_id)
    with pytest.raises(StateBackendError, match=sentence):
        backend.set(state(state_id, singer(people=MARK)))


def test_the_url_comes_from_the_environment(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    with SyncHistoryStateStoreManager() as manager:
        assert schema.is_migrated(manager.connection)
        assert isinstance(manager.connection, psycopg.Connection)


def test_a_missing_or_silent_warehouse_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAREHOUSE_URL", raising=False)
    with pytest.raises(StateBackendError, match="does not know the warehouse"):
        _ = SyncHistoryStateStoreManager().connection
    with pytest.raises(StateBackendError, match="cannot be read for the state"):
        _ = SyncHistoryStateStoreManager(warehouse_url="postgresql://u@127.0.0.1:1/x").connection
