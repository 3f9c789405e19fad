"""The Meltano project around the current folder: where it is and what its files say."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from dotenv import dotenv_values

from crm_cli.errors import CrmUsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

# The same loader in C where PyYAML was built with it: ten times as fast.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a plugin, and the environment variable that sets it."""

    name: str
    env: str
    sensitive: bool


@dataclass(frozen=True)
class Project:
    """A folder with a ``meltano.yml``.

    Attributes:
        root: that folder.
        state: where the command keeps its own files (logs, runs, servers), if not in ``.crm`` there.
    """

    root: Path
    state: Path | None = None

    @classmethod
    def find(cls) -> Project:
        """Return the project of ``MELTANO_PROJECT_ROOT``, else of the nearest folder upwards.

        Raises:
            CrmUsageError: if there is none.
        """
        named = os.environ.get("MELTANO_PROJECT_ROOT")
        folders = [Path(named)] if named else [Path.cwd(), *Path.cwd().parents]
        for folder in folders:
            # A file that the project includes may have the same name, but only the project's names a project.
            if (folder / "meltano.yml").is_file() and (named or "project_id" in _load(folder / "meltano.yml")):
                return cls(folder.resolve())
        raise CrmUsageError(
            f"There is no meltano.yml in {folders[0]}{'' if named else ' or above'}: go to the project's folder, "
            "or set MELTANO_PROJECT_ROOT to it."
        )

    @property
    def state_folder(self) -> Path:
        """Where the command keeps its own files: logs, runs, servers, the demo's project."""
        return self.state or self.root / ".crm"

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """The variables of ``.env`` under those of the process, as Meltano ranks them."""
        dotenv = {name: value for name, value in dotenv_values(self.root / ".env").items() if value is not None}
        return {**dotenv, **os.environ}

    @property
    def files(self) -> list[Path]:
        """``meltano.yml``, the files it includes, and the definitions of its plugins that are locked."""
        return [*self._contents, *self._locked]

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """Return the entries of a list of the project, such as ``jobs`` or ``schedules``, from all its files."""
        return [entry for content in self._contents.values() for entry in content.get(kind) or []]

    def settings(self, plugin: str) -> list[Setting]:
        """Return the declared settings of a plugin, in the order of its definition."""
        return [
            Setting(
                name=setting["name"],
                env=setting.get("env") or variable(plugin, setting["name"]),
                sensitive=bool(setting.get("sensitive")) or setting.get("kind") == "password",
            )
            for definition in self._definitions(plugin)
            for setting in definition.get("settings") or []
        ]

    def missing_settings(self, plugin: str, given: Mapping[str, str] | None = None) -> list[Setting]:
        """Return the settings that a plugin cannot start without and that nothing sets.

        A plugin says what it needs in ``settings_group_validation``: one of those groups has to be whole.
        Looked for in the environment, ``.env``, and the ``config`` of the Meltano files; a value may also be
        empty there, which counts as missing.

        Args:
            plugin: Its name.
            given: Variables that one run sets besides.
        """
        variables = {**self.environment, **(given or {})}
        definitions = self._definitions(plugin)
        groups = [group for definition in definitions for group in definition.get("settings_group_validation") or []]
        configured = self._configured(plugin)
        declared = {setting.name: setting for setting in self.settings(plugin)}
        missing = [
            [
                declared[name]
                for name in group
                if name in declared and not variables.get(declared[name].env) and configured.get(name) in (None, "")
            ]
            for group in groups
        ]
        return min(missing, key=len, default=[])

    def secrets(self, *plugins: str) -> list[str]:
        """Return the values of the sensitive settings, which must not be shown."""
        values = {
            str(value)
            for plugin in plugins
            for setting in self.settings(plugin)
            if setting.sensitive
            for value in (self.environment.get(setting.env), self._configured(plugin).get(setting.name))
            if value and not str(value).startswith("$")
        }
        return sorted(values, key=len, reverse=True)

    @cached_property
    def _contents(self) -> dict[Path, dict[str, Any]]:
        """What the Meltano files say, ``meltano.yml`` first."""
        main = self.root / "meltano.yml"
        contents = {main: _load(main)}
        patterns: list[str] = contents[main].get("include_paths") or []
        found = {path for pattern in patterns for path in self.root.glob(pattern.removeprefix("./"))}
        return contents | {path: _load(path) for path in sorted(found - {main})}

    @cached_property
    def _declared(self) -> list[tuple[str, dict[str, Any]]]:
        """What the Meltano files say of each plugin, with its type."""
        return [
            (kind, plugin)
            for content in self._contents.values()
            for kind, plugins in (content.get("plugins") or {}).items()
            for plugin in plugins or []
        ]

    @cached_property
    def _locked(self) -> dict[Path, dict[str, Any]]:
        """The definitions of plugins that are locked: ``meltano.yml`` then gives no more than name and variant."""
        files = [
            lock_file(self.root, kind, plugin["name"], plugin["variant"])
            for kind, plugin in self._declared
            if {"name", "variant"} <= plugin.keys()
        ]
        return {file: _load_lock(file) for file in files if file.is_file()}

    def _definitions(self, plugin: str) -> list[dict[str, Any]]:
        known = [*self._locked.values(), *(declared for _, declared in self._declared)]
        return [definition for definition in known if definition.get("name") == plugin]

    def _configured(self, plugin: str) -> dict[str, Any]:
        """What the Meltano files set for a plugin; the active environment's word counts most."""
        values: dict[str, Any] = {}
        for definition in self._definitions(plugin):
            values.update({setting["name"]: setting.get("value") for setting in definition.get("settings") or []})
            values.update(definition.get("config") or {})
        main = self._contents[self.root / "meltano.yml"]
        active = self.environment.get("MELTANO_ENVIRONMENT") or main.get("default_environment")
        for environment in main.get("environments") or []:
            if environment.get("name") == active:
                plugins = (environment.get("config") or {}).get("plugins") or {}
                for definitions in plugins.values():
                    for definition in definitions or []:
                        if definition.get("name") == plugin:
                            values.update(definition.get("config") or {})
        return values


def variable(tap: str, setting: str) -> str:
    """Return the environment variable that sets a setting of a tap."""
    return f"{tap}_{setting}".upper().replace("-", "_").replace(".", "_")


def lock_file(root: Path, kind: str, name: str, variant: str) -> Path:
    """Return where Meltano looks for the definition of a plugin; ``kind`` is ``extractors``, ``loaders`` and so on."""
    return root / "plugins" / kind / f"{name}--{variant}.lock"


def _load_lock(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CrmUsageError(f"{path} is no valid JSON: {error}. `make definitions` writes it anew.") from error
    return content if isinstance(content, dict) else {}


def _load(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 -- a safe loader
    except yaml.YAMLError as error:
        raise CrmUsageError(f"{path} is no valid YAML: {error}") from error
    return content if isinstance(content, dict) else {}
