from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
from crm_cli import sources
from crm_cli.errors import CrmUsageError
from crm_cli.sources import Source, check_known, check_streams, find_source, installed_sources


@pytest.mark.usefixtures("project")
def test_a_source_is_named_by_its_entry_point_and_distribution() -> None:
    assert installed_sources() == {"acme": Source("acme", "tap-acme", ("users", "deals", "calls"))}


def test_a_source_without_a_distribution_is_named_after_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    point = SimpleNamespace(name="other", dist=None, load=lambda: {"notes": object()})
    monkeypatch.setattr(sources, "entry_points", lambda group: [point] if group else [])
    assert installed_sources() == {"other": Source("other", "tap-other", ("notes",))}


@pytest.mark.usefixtures("project")
def test_an_unknown_source_names_the_nearest_and_all() -> None:
    with pytest.raises(CrmUsageError, match=r"acne is no source\. Did you mean acme\? There are: acme\."):
        find_source("acne")


def test_without_any_tap_the_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "entry_points", lambda group: [] if group else None)
    with pytest.raises(CrmUsageError, match=r"acme is no source\. There are none: run `make setup`\."):
        find_source("acme")


@pytest.mark.usefixtures("project")
def test_streams_come_in_reading_order_without_repeats() -> None:
    assert check_streams(find_source("acme"), ["calls", "users", "calls"]) == ("users", "calls")


@pytest.mark.usefixtures("project")
def test_an_unknown_stream_names_the_nearest_and_all() -> None:
    with pytest.raises(
        CrmUsageError, match=r"Deal is no stream of acme\. Did you mean deals\? There are: users, deals, calls\."
    ):
        check_streams(find_source("acme"), ["Deal"])


@pytest.mark.usefixtures("project")
def test_a_name_with_history_is_known_even_if_its_tap_is_gone() -> None:
    check_known(None, [])
    check_known("gone", [object()])  # type: ignore[list-item]
    check_known("acme", [], "users")
    with pytest.raises(CrmUsageError, match="gone is no source"):
        check_known("gone", [])
    with pytest.raises(CrmUsageError, match="notes is no stream of acme"):
        check_known("acme", [], "notes")


def test_an_open_source_takes_streams_that_it_does_not_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tap_sheets.names", ModuleType("tap_sheets.names"))
    monkeypatch.setattr(sys.modules["tap_sheets.names"], "OPEN", True, raising=False)
    point = SimpleNamespace(name="sheets", dist=None, module="tap_sheets.names", load=lambda: ["leads"])
    monkeypatch.setattr(sources, "entry_points", lambda group: [point] if group else [])
    source = find_source("sheets")
    assert check_streams(source, ["crews", "leads"]) == ("leads", "crews")
    with pytest.raises(CrmUsageError, match="is no stream of sheets"):
        check_streams(source, ["Crews; drop"])
