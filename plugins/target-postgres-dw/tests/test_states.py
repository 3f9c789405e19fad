"""STATEs are printed as strictly as any Singer target does: in order, after their data, none twice, the last always."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from target_postgres_dw.run import Run
from target_postgres_dw.testing import INTEGER, Message, header, load, records, schema, state

STREAMS = ("people", "pets", "visits")
KEYLESS = "visits"


def count(conn: psycopg.Connection[Any], crm: str, stream: str) -> int:
    if conn.execute("SELECT to_regclass(%s) IS NULL", (f"{crm}.{stream}",)).fetchone() == (True,):
        return 0
    row = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(crm, stream))).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("with_header", [True, False], ids=["kit", "other"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.sampled_from([*STREAMS, "STATE"]), max_size=60),
    rows=st.integers(1, 12),
)
def test_a_state_is_printed_in_order_once_and_after_the_rows_of_every_stream(
    postgres_url: str, steps: list[str], rows: int, *, with_header: bool
) -> None:
    crm = f"crm{uuid.uuid4().hex[:12]}"
    sent: dict[str, int] = dict.fromkeys(STREAMS, 0)
    messages: list[Message] = [header(*STREAMS, crm_source=crm)] if with_header else []
    messages += [schema(stream, {"id": INTEGER}, key=() if stream == KEYLESS else ("id",)) for stream in STREAMS]
    values: list[dict[str, int]] = [{}] if with_header else []  # the header is a STATE too
    for step in steps:
        if step == "STATE":
            values.append(dict(sent))
            messages.append(state({stream: {"sent": number} for stream, number in sent.items()}))
        else:
            sent[step] += 1
            messages += records(step, {"id": sent[step]})
    values.append(dict(sent))
    marks = {stream: {"sent": number} for stream, number in sent.items()}
    last = state(marks, people="success", pets="success", visits="success")
    found: list[dict[str, int]] = []
    print_state = Run._print_state

    def watching(run: Run, value: dict[str, Any] | None) -> None:
        with psycopg.connect(postgres_url) as conn:
            found.append({stream: count(conn, crm, stream) for stream in STREAMS})
        print_state(run, value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "_print_state", watching)
        result = load(postgres_url, messages, last, batch_size_rows=rows, default_target_schema=crm)

    assert result.exit_code == 0
    printed = [{stream: told["sent"] for stream, told in value["bookmarks"].items()} for value in result.states]
    assert printed[-1] == sent
    assert len(printed) == len({tuple(value.values()) for value in printed})
    unique = [value for value, _ in itertools.groupby(values)]
    assert printed == [value for value in unique if value in printed]
    for value in printed:
        # At the flush that printed it, every row that came before it was there, whatever its stream.
        assert any(all(there[stream] >= number for stream, number in value.items()) for there in found)
    for there, value in zip(found[-1:], printed[-1:], strict=True):
        assert there == value


def test_a_state_that_says_no_more_than_the_last_one_is_not_printed_again(postgres_url: str) -> None:
    same = state({"people": {"sent": 1}}, people="running")
    result = load(
        postgres_url,
        header("people", bookmarks={"people": {"sent": 1}}),
        schema("people", {"id": INTEGER}),
        *[message for number in range(3) for message in (*records("people", {"id": number}), same)],
        state({"people": {"sent": 1}}, people="success"),
        batch_size_rows=1,
    )
    assert [value["bookmarks"] for value in result.states] == [{"people": {"sent": 1}}]


def test_the_last_state_of_a_run_that_fails_is_the_last_one_committed(postgres_url: str) -> None:
    result = load(
        postgres_url,
        header("people"),
        schema("people", {"id": INTEGER}),
        records("people", {"id": 1}),
        state({"people": {"sent": 1}}, people="running"),
        records("people", {"id": 2}),
        state({"people": {"sent": 2}}, people="running"),
        records("people", {}),
        batch_size_rows=1,
    )
    assert result.exit_code == 1
    assert result.states[-1]["bookmarks"] == {"people": {"sent": 2}}
    with psycopg.connect(postgres_url) as conn:
        assert count(conn, "genius", "people") == 2
