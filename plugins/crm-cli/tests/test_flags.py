"""What each flag of ``crm sync`` becomes, and which of them make no sense together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click
import pytest
from crm_cli.errors import CrmUsageError
from crm_cli.flags import EXTRAS, SKIPS, Flags, Moment, check, extras_of, left_out
from crm_cli.sources import installed_sources
from tap_kit.testing import installed_tap

NOW = datetime(2026, 5, 8, 12, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)
FIVE9 = {"list_names": '["Web", "Fair"]', "max_records_per_list": "5"}


@pytest.mark.parametrize(
    ("flags", "settings"),
    [
        (Flags(), {}),
        (Flags(start=MAY), {"since": "2026-05-01T00:00:00+00:00"}),
        (Flags(end=JUNE), {"end_date": "2026-06-01T00:00:00+00:00"}),
        (Flags(max_records=7), {"max_records": "7"}),
        (Flags(batch_size=50), {"page_size": "50"}),
        (Flags(skip_validation=True), {"validation": "off"}),
        (Flags(full=True, force=True, dry_run=True), {}),
    ],
)
def test_a_flag_is_a_setting_of_the_tap(flags: Flags, settings: dict[str, str]) -> None:
    assert flags.settings() == settings


@pytest.mark.parametrize(
    ("flags", "reads_all"),
    [
        (Flags(), False),
        (Flags(full=True), True),
        (Flags(force=True), True),
        (Flags(force=True, start=MAY), False),
        (Flags(start=MAY), False),
    ],
)
def test_who_wins_over_the_bookmark(flags: Flags, reads_all: bool) -> None:  # noqa: FBT001 -- what is expected
    assert flags.reads_all is reads_all


def test_the_mode_full_is_the_flag() -> None:
    assert check(Flags(), "full", now=NOW) == Flags(full=True)


def test_force7_forces_the_last_seven_days() -> None:
    assert check(Flags(), "force7", now=NOW) == Flags(force=True, start=datetime(2026, 5, 1, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("flags", "mode", "told"),
    [
        (Flags(full=True, start=MAY), "delta", "choose one"),
        (Flags(start=JUNE, end=MAY), "delta", "--end-date 2026-05-01 00:00 is not after"),
        (Flags(start=MAY, end=MAY), "delta", "is not after"),
        (Flags(start=MAY), "force7", "has a start of its own"),
        (Flags(full=True), "force7", "has a start of its own"),
        (Flags(start=MAY), "full", "choose one"),
    ],
)
def test_flags_that_make_no_sense_together_are_refused(flags: Flags, mode: str, told: str) -> None:
    with pytest.raises(CrmUsageError, match=told):
        check(flags, mode, now=NOW)


@pytest.mark.parametrize(
    ("flags", "told"), [(Flags(force=True, dry_run=True), "nothing is written"), (Flags(batch_size=1001), "1001")]
)
def test_flags_that_may_surprise_are_warned_about(flags: Flags, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(flags, "delta", now=NOW) == flags
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01", MAY),
        ("2026-05-01T02:00:00+02:00", MAY),
        ("2026-05-01T00:00:00Z", MAY),
        ("2026-05-01 00:00", MAY),
    ],
)
def test_a_day_is_its_first_moment_in_utc(text: str, moment: datetime) -> None:
    assert Moment().convert(text, None, None) == moment


@pytest.mark.parametrize("text", ["yesterday", "05/01/2026", "", "2026-13-01"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no date"):
        Moment().convert(text, None, None)


@pytest.mark.parametrize(
    ("source", "values", "settings"),
    [
        ("arrivy", {"task_status": ("COMPLETE", "pending")}, {"task_status": '["COMPLETE", "pending"]'}),
        ("callrail", {"company_id": "COM1", "task_status": ()}, {"company_id": "COM1"}),
        ("genius", {"company_id": None}, {}),
        ("five9", {"list_name": ("Web", "Fair"), "max_records_per_list": 5}, FIVE9),
        ("hubspot", {"from_object": "contacts", "to_object": "deals"}, {"only_pairs": '["contacts:deals"]'}),
        ("gsheet", {"concurrent_pages": 2}, {"concurrency": "2"}),
    ],
)
def test_a_flag_of_one_source_is_a_setting_of_its_tap(
    source: str, values: dict[str, Any], settings: dict[str, str]
) -> None:
    assert extras_of(source, values) == settings


def test_a_flag_of_another_source_is_refused() -> None:
    with pytest.raises(CrmUsageError, match="--company-id is a flag of callrail, not of genius"):
        extras_of("genius", {"company_id": "COM1"})


@pytest.mark.parametrize(
    ("source", "values", "told"),
    [
        ("hubspot", {"from_object": "contacts"}, "go together"),
        ("arrivy", {"from_object": "contacts", "to_object": "deals"}, "flags of hubspot, not of arrivy"),
        ("genius", {"concurrent_pages": 2}, "not of genius"),
    ],
)
def test_half_a_pair_and_a_flag_of_another_source_are_refused(source: str, values: dict[str, Any], told: str) -> None:
    with pytest.raises(CrmUsageError, match=told):
        extras_of(source, values)


def test_streams_can_be_left_out_by_the_old_flags() -> None:
    assert left_out("salesrabbit", {"skip_users": True, "skip_leads": True}) == ["users", "leads"]
    assert left_out("hubspot", {"skip_associations": False}) == []
    with pytest.raises(CrmUsageError, match="--skip-associations is a flag of hubspot, not of genius"):
        left_out("genius", {"skip_associations": True})


def test_every_flag_of_a_source_names_what_its_tap_has() -> None:
    sources = installed_sources()
    for extra in EXTRAS:
        for source, setting in extra.settings.items():
            assert setting in installed_tap(sources[source].tap).config_jsonschema["properties"], (source, setting)
    for owner, stream in SKIPS.values():
        assert stream in sources[owner].streams


def test_no_flag_of_a_source_is_declared_twice() -> None:
    assert len({extra.flag for extra in EXTRAS}) == len(EXTRAS)
