"""The Meltano definition of each tap and of the loader, made from what the program says of itself (``--about``).

Meltano calls them lock files: it reads the one of each plugin that is run, and asks its Hub for none that is there.

What ``--about`` cannot know stands in the package's ``pyproject.toml``::

    [tool.meltano-plugin]
    label = "CallRail"
    domain_url = "https://www.callrail.com"
    settings_groups = [["api_key"]]  # one of them has to be whole; without it: the required settings
    select = ["*.*", "!events.request"]  # optional

``python -m crm_cli.definitions`` writes them all. ``hub_listing`` gives the same plugin as Meltano Hub lists it
(meltano/hub, ``schemas/plugin_definitions``).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

from crm_cli.project import lock_file

# Whose tap or loader it is, among those of the same name.
VARIANT: Final = "crm-warehouse"
# Capabilities that Meltano 4.4 and its Hub know, by type of plugin, in the order in which they are listed.
CAPABILITIES: Final = {
    "extractors": ("catalog", "discover", "state", "about", "stream-maps", "batch", "structured-logging"),
    "loaders": (
        "about",
        "stream-maps",
        "activate-version",
        "soft-delete",
        "hard-delete",
        "batch",
        "target-schema",
        "validate-records",
        "structured-logging",
    ),
}
_KINDS: Final = {"string": "string", "integer": "integer", "boolean": "boolean", "array": "array", "object": "object"}
# What stays as it is when a label is put in title case.
_SMALL_WORDS: Final = frozenset({"a", "an", "and", "as", "at", "for", "from", "in", "of", "on", "or", "the", "to"})


def plugin_packages(root: Path) -> list[Path]:
    """Return the folders of the packages that are Meltano plugins: those with ``[tool.meltano-plugin]``."""
    projects = sorted([*root.glob("taps/*/pyproject.toml"), *root.glob("plugins/*/pyproject.toml")])
    return [file.parent for file in projects if "meltano-plugin" in _tools(file.parent)]


def about(executable: str) -> dict[str, Any]:
    """Return what a program of this environment says of itself.

    Raises:
        subprocess.CalledProcessError: If it fails.
    """
    program = Path(sys.executable).parent / executable
    done = subprocess.run(  # noqa: S603 -- our own program and arguments
        [program, "--about", "--format=json"], capture_output=True, text=True, check=True
    )
    described: dict[str, Any] = json.loads(done.stdout)
    return described


def definition(package: Path, described: dict[str, Any]) -> dict[str, Any]:
    """Return the plugin as a lock file defines it.

    Without ``pip_url``: of a plugin that has one, Meltano keeps the catalog, and would not see a new column.
    """
    known, name = _tools(package)["meltano-plugin"], package.name
    kind = plugin_type(name)
    groups = known.get("settings_groups") or [described["settings"].get("required") or []]
    return {
        "name": name,
        "namespace": name.replace("-", "_"),
        "variant": VARIANT,
        "label": known["label"],
        "executable": name,
        "capabilities": [word for word in CAPABILITIES[kind] if word in described["capabilities"]],
        **({"select": known["select"]} if known.get("select") else {}),
        **({"settings_group_validation": groups} if any(groups) else {}),
        "settings": list(_settings(described["settings"]["properties"])),
    }


def hub_listing(package: Path, described: dict[str, Any]) -> dict[str, Any]:
    """Return the plugin as Meltano Hub lists it."""
    known, listed = _tools(package)["meltano-plugin"], definition(package, described)
    listed["settings"] = [{**setting, "label": title_case(setting["label"])} for setting in listed["settings"]]
    return {
        **listed,
        "description": " ".join(described["description"].split()),
        "pip_url": package.name,
        "domain_url": known["domain_url"],
        "keywords": ["meltano_sdk"],
        "maintenance_status": "active",
        "settings_preamble": "",
    }


def plugin_type(name: str) -> str:
    """Return what Meltano calls a plugin of that name."""
    return "extractors" if name.startswith("tap-") else "loaders"


def title_case(label: str) -> str:
    """Return a label in title case: ``Days read again`` is ``Days Read Again``; words with capitals stay."""
    first, *rest = label.split(" ")
    words = [first, *(word if word in _SMALL_WORDS else word[:1].upper() + word[1:] for word in rest)]
    return " ".join(words)


def file_text(package: Path, described: dict[str, Any]) -> str:
    """Return the lock file of a package."""
    content = {"plugin_type": plugin_type(package.name), **definition(package, described)}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _tools(package: Path) -> dict[str, Any]:
    described = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))
    tools: dict[str, Any] = described.get("tool", {})
    return tools


def _settings(properties: dict[str, dict[str, Any]], prefix: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, schema in properties.items():
        # The loader's ssh_tunnel: an object whose settings are settings of their own. Others are opaque.
        if prefix == "" and name == "ssh_tunnel":
            found += _settings(schema["properties"], f"{name}.")
            continue
        setting: dict[str, Any] = {
            "name": prefix + name,
            "kind": _kind(schema),
            "label": schema.get("title") or name.replace("_", " ").replace("+", " and ").capitalize(),
            "description": " ".join(schema.get("description", "").split()),
        }
        if setting["kind"] == "options":
            setting["options"] = [{"label": value, "value": value} for value in schema["enum"]]
        if schema.get("secret"):
            setting["sensitive"] = True
        found.append(setting)
    return found


def _kind(schema: dict[str, Any]) -> str:
    """Return Meltano's kind of a setting. Never ``decimal``: Meltano 4.4 cannot pass one on."""
    if schema.get("enum"):
        return "options"
    if schema.get("format") == "date-time":
        return "date_iso8601"
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return next((_KINDS[kind] for kind in types if kind in _KINDS), "string")


def main() -> None:
    """Write the lock file of every package of the current folder's project."""
    for package in plugin_packages(Path.cwd()):
        file = lock_file(Path.cwd(), plugin_type(package.name), package.name, VARIANT)
        file.parent.mkdir(exist_ok=True)
        file.write_text(file_text(package, about(package.name)), encoding="utf-8")


if __name__ == "__main__":
    main()
