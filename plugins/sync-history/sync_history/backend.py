"""Meltano state backend ``synchistory://``: a tap's state is composed from the history, by crm_source.

A per-stream run, an ``inherit_from`` plugin and a whole-CRM run share bookmarks, because none of them owns
any: the state id only says which tap, hence which CRM, is meant.
"""

from __future__ import annotations

import getpass
import os
from contextlib import contextmanager
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import psycopg
from meltano.core.error import MeltanoError
from meltano.core.plugin.base import PluginType
from meltano.core.plugin.error import PluginNotFoundError
from meltano.core.project import Project
from meltano.core.setting_definition import SettingDefinition, SettingKind
from meltano.core.state_store.base import MeltanoState, StateStoreManager

from sync_history import bookmarks, schema
from sync_history.names import crm_source_of, sync_type_of, tap_of_state_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltano.core.plugin.project_plugin import ProjectPlugin

LOADER = "target-postgres-dw"

WAREHOUSE_URL = SettingDefinition(
    name="state_backend.synchistory.warehouse_url",
    label="Warehouse URL",
    description="Postgres URL of the warehouse whose sync history holds the bookmarks. Default: $WAREHOUSE_URL.",
    kind=SettingKind.STRING,
    sensitive=True,
)


class StateBackendError(MeltanoError):
    """The state cannot be read or written, and what to do about it."""


class SyncHistoryStateStoreManager(StateStoreManager):
    """Reads bookmarks from ``orchestration.sync_history``; writes only what an operator asks for.

    The loader has committed a run's bookmarks, with the rows, before Meltano sees its STATE.
    """

    label = "the warehouse's sync history"

    def __init__(self, warehouse_url: str | None = None, **kwargs: Any) -> None:  # noqa: ANN401 -- Meltano's own signature
        super().__init__(**kwargs)
        self._url = warehouse_url or os.environ.get("WAREHOUSE_URL")
        self._connection: psycopg.Connection | None = None

    @property
    def connection(self) -> psycopg.Connection:
        """The connection to the warehouse, opened and migrated at first use."""
        if self._connection is None or self._connection.closed:
            if not self._url:
                raise StateBackendError(
                    "The state backend does not know the warehouse",
                    "Set WAREHOUSE_URL, for example to what `crm db url` prints",
                )
            try:
                self._connection = psycopg.connect(
                    self._url.replace("postgresql+psycopg://", "postgresql://", 1),
                    autocommit=True,
                    connect_timeout=10,
                )
                schema.migrate(self._connection)
            except psycopg.Error as error:
                raise StateBackendError(
                    f"The warehouse cannot be read for the state: {str(error).strip()}",
                    "Check WAREHOUSE_URL, or start the embedded Postgres with `crm db up`",
                ) from error
        return self._connection

    def close(self) -> None:
        """Close the connection to the warehouse."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get(self, state_id: str) -> MeltanoState | None:
        """Compose the state of the tap that ``state_id`` names; None if no stream has a bookmark."""
        current = bookmarks.current_bookmarks(self.connection, self._crm_source(state_id))
        if not current:
            return None
        return MeltanoState(
            state_id=state_id, partial_state={}, completed_state={"singer_state": {"bookmarks": current}}
        )

    def set(self, state: MeltanoState) -> None:
        """Take an operator's edit; ignore what the loader has committed already.

        Streams that the new state does not name lose their bookmark, as with every Meltano backend.
        """
        wanted: dict[str, Any] = {}
        for part in (state.completed_state, state.partial_state):
            singer = (part or {}).get("singer_state", part) or {}
            if "sync_run_id" in singer:
                return
            wanted.update({sync_type_of(name): mark for name, mark in (singer.get("bookmarks") or {}).items()})
        self._edit(state.state_id, wanted)

    def delete(self, state_id: str) -> None:
        """Clear the bookmark of every stream of the tap; the history keeps that it was done, and by whom."""
        self._edit(state_id, {})

    def get_state_ids(self, pattern: str | None = None) -> list[str]:
        """List the state ids of the project's taps that have a bookmark, in the active environment."""
        project = Project.find()
        environment = f"{project.environment.name}:" if project.environment else ""
        loaders = [loader.name for loader in _plugins(project, PluginType.LOADERS) if _root(project, loader) == LOADER]
        ids = [
            f"{environment}{tap.name}-to-{loader}"
            for tap in _plugins(project, PluginType.EXTRACTORS)
            if bookmarks.current_bookmarks(self.connection, crm_source_of(_root(project, tap)))
            for loader in loaders
        ]
        return [state_id for state_id in ids if pattern is None or fnmatch(state_id, pattern)]

    @contextmanager
    def acquire_lock(self, state_id: str, *, retry_seconds: float) -> Iterator[None]:
        """Do nothing: each edit is one transaction, and runs hold the streams' locks in the loader."""
        del state_id, retry_seconds
        yield

    def _edit(self, state_id: str, wanted: dict[str, Any]) -> None:
        crm_source = self._crm_source(state_id)
        current = bookmarks.current_bookmarks(self.connection, crm_source)
        bookmarks.edit_bookmarks(
            self.connection,
            crm_source,
            {**dict.fromkeys(current), **wanted},
            author=f"meltano state ({getpass.getuser()})",
        )

    def _crm_source(self, state_id: str) -> str:
        """Resolve a state id to a crm_source through the project's plugins, ``inherit_from`` followed."""
        tap_name = tap_of_state_id(state_id)
        if tap_name is None:
            raise StateBackendError(
                f"The state id {state_id!r} does not have the form <environment>:<tap>-to-<loader>",
                "Use an id that `meltano state list` shows",
            )
        project = Project.find()
        loader_name = state_id.split(f"{tap_name}-to-", 1)[1].split(":", 1)[0]
        if _find(project, PluginType.LOADERS, loader_name, state_id) != LOADER:
            raise StateBackendError(
                f"The state id {state_id!r} is for the loader {loader_name!r}, but the sync history holds only "
                f"what {LOADER} has committed",
                "Run it with MELTANO_STATE_BACKEND_URI=systemdb, so that the warehouse's bookmarks stay true",
            )
        return crm_source_of(_find(project, PluginType.EXTRACTORS, tap_name, state_id))


def _find(project: Project, kind: PluginType, name: str, state_id: str) -> str:
    """Return the name of the plugin that ``name`` is, or inherits from in the end."""
    try:
        plugin = project.plugins.find_plugin(name, plugin_type=kind)
    except PluginNotFoundError as error:
        raise StateBackendError(
            f"The state id {state_id!r} names {name!r}, which is no plugin of this project",
            "Use an id that `meltano state list` shows",
        ) from error
    return _root(project, plugin)


def _root(project: Project, plugin: ProjectPlugin) -> str:
    while plugin.inherit_from:
        plugin = project.plugins.find_plugin(plugin.inherit_from, plugin_type=plugin.type)
    return str(plugin.name)


def _plugins(project: Project, kind: PluginType) -> list[ProjectPlugin]:
    return list(project.plugins.get_plugins_of_type(kind, ensure_parent=False))
