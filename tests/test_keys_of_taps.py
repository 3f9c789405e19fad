"""What ``keys_only`` and ``only_keys`` mean is the same for every tap; a new tap is checked without a line here."""

from __future__ import annotations

import json
import typing as t

import pytest
from crm_cli.sources import installed_sources
from crm_simulator.server import CRMS, make_crms
from tap_genius.tap import TapGenius
from tap_kit.testing import Run, installed_tap, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from crm_cli.servers.mariadb import Database
    from tap_kit.tap import Tap

    Reader: t.TypeAlias = Callable[..., Run]

SOURCES = [name for name in installed_sources() if name in CRMS]
# Settings without which a stream does not exist, or gives another record each time.
WHOLE: dict[str, dict[str, t.Any]] = {"arrivy": {"task_details": True}}


@pytest.fixture(params=["genius", *SOURCES])
def read(request: pytest.FixtureRequest) -> Reader:
    """Reads one CRM, with some settings more."""
    found: type[Tap]
    if request.param == "genius":
        database: Database = request.getfixturevalue("genius_db")
        found = TapGenius
        names = ("host", "port", "user", "password", "database")
        settings: dict[str, t.Any] = {name: getattr(database, name) for name in names}
    else:
        (crm,) = make_crms([request.param], size=60)
        crm.lift_limits()
        found = installed_tap(installed_sources()[crm.name].tap)
        settings = crm.tap_settings(request.getfixturevalue("simulate")(crm)) | WHOLE.get(crm.name, {})

    def start(**more: t.Any) -> Run:
        return run_tap(found, {**settings, **more})

    return start


def schemas(run: Run) -> dict[str, list[str]]:
    """Return the key columns of each stream of a run; those of its children too."""
    return {m["stream"]: m["key_properties"] for m in run.messages if m["type"] == "SCHEMA"}


def streams_of(run: Run) -> dict[str, list[str]]:
    """Return the key columns of each stream of records that have a key."""
    sets = {m["stream"] for m in run.messages if m["type"] == "SCHEMA" and "x-sweep-of" in m["schema"]}
    return {name: key for name, key in schemas(run).items() if key and name not in {*sets, "sync_rejects"}}


def live_keys(run: Run, stream: str, key: list[str]) -> set[tuple[t.Any, ...]]:
    return {tuple(r[name] for name in key) for r in run.records(stream) if r.get("_sdc_deleted_at") is None}


def test_the_keys_are_those_of_the_records(read: Reader) -> None:
    whole, keys = read(), read(keys_only=True)
    assert (whole.exit_code, keys.exit_code) == (0, 0)
    streams = streams_of(whole)
    assert set(schemas(keys)) - {"sync_rejects"} == {f"{name}_keys" for name in streams}
    for name, key in streams.items():
        assert keys.schema(f"{name}_keys")["schema"]["x-sweep-of"] == name
        assert live_keys(keys, f"{name}_keys", key) == live_keys(whole, name, key), name
        changed = keys.schema(f"{name}_keys")["schema"]["x-changed"]
        for record in keys.records(f"{name}_keys"):
            assert set(record) <= {*key, *changed, "_sdc_deleted_at"}, name


def test_only_the_keys_asked_for_are_read(read: Reader, tmp_path: Path) -> None:
    whole = read()
    streams = streams_of(whole)
    wanted = {}
    for name, key in streams.items():
        found = sorted(live_keys(whole, name, key), key=str)
        wanted[name] = {found[0], found[-1]} if found else set()
    lines = [
        json.dumps({"stream": name, "key": dict(zip(streams[name], key, strict=True))})
        for name, keys in wanted.items()
        for key in keys
    ]
    file = tmp_path / "keys.jsonl"
    file.write_text("\n".join(lines))
    some = read(only_keys=str(file))
    assert some.exit_code == 0
    assert some.bookmarks == {}
    for name, key in streams.items():
        assert live_keys(some, name, key) == wanted[name], name
        assert len(some.records(name)) == len(wanted[name])
