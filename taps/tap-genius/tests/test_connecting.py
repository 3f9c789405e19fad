"""Connecting: what is refused, how it is told, which host is taken."""

from __future__ import annotations

import socket
import ssl
import threading
import typing as t
from contextlib import suppress

import pymysql
import pytest
from singer_sdk.exceptions import ConfigValidationError
from tap_genius.client import Access, Client, explain
from tap_genius.tap import TapGenius
from tap_kit.errors import Retry, SkipStream, Stop, TapError
from tap_kit.testing import run_tap

Config: t.TypeAlias = "dict[str, t.Any]"
ACCESS = Access(host="db.example.com", database="genius", user="reader", password="pw", retry_wait_seconds=0)


@pytest.mark.parametrize(
    ("number", "kind", "category", "words"),
    [
        (1862, Stop, "authentication", "password of the MySQL user reader has expired"),
        (1820, Stop, "authentication", "has expired"),
        (1045, Stop, "authentication", "check the settings user and password"),
        (1044, Stop, "permission", "may not use the database genius"),
        (1049, Stop, "configuration", "has no database genius"),
        (1130, Stop, "permission", "does not accept connections of this machine"),
        (2026, Stop, "configuration", "ssl_ca"),
        (1142, SkipStream, "permission", "may not read jobs"),
        (1146, SkipStream, "source", "changed since the run began"),
        (2003, Retry, "connection", "cannot be reached at db.example.com:3306"),
        (2013, Retry, "connection", "was lost"),
        (1205, Retry, "connection", "was lost"),
        (1064, SkipStream, "source", "refused to deliver jobs"),
    ],
)
def test_errors_are_told_as_sentences(number: int, kind: type[TapError], category: str, words: str) -> None:
    meaning = explain(pymysql.OperationalError(number, "as the server says it"), ACCESS, table="jobs")
    assert type(meaning) is kind
    assert meaning.category == category
    assert words in str(meaning)
    assert str(meaning).endswith(".")


def test_a_broken_protocol_is_a_lost_connection() -> None:
    assert isinstance(explain(pymysql.InterfaceError(0, ""), ACCESS), Retry)
    assert isinstance(explain(pymysql.MySQLError(), ACCESS), SkipStream)


def test_a_tls_failure_is_told_as_such() -> None:
    error = pymysql.OperationalError(2003, "Can't connect")
    error.original_exception = ssl.SSLCertVerificationError("self-signed certificate")  # type: ignore[attr-defined]
    meaning = explain(error, ACCESS)
    assert isinstance(meaning, Stop)
    assert "self-signed" in str(meaning)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "wrong-password"}, "refused the user"),
        ({"user": "nobody"}, "refused the user nobody"),
        ({"database": "no_such_db"}, "has no database no_such_db"),
        ({"port": 1}, "No host of Genius can be reached. Genius cannot be reached at 127.0.0.1:1"),
        ({"host": "no-such-host.invalid"}, "cannot be reached at no-such-host.invalid"),
        ({"ssl_ca": "/no/such/file"}, "ssl_ca, ssl_cert and ssl_key cannot be used"),
        ({"host": "a..b"}, "'a..b' is no host name"),
        ({"timezone": "Mars/Olympus"}, "must be an IANA name"),
        ({"timezone": "America"}, "must be an IANA name"),
        ({}, "has none of the tables of Genius"),
        ({"include_secrets": ["users.email"]}, "include_secrets names users.email"),
        ({"include_columns": ["users.ssn"]}, "include_columns names users.ssn"),
        ({"since": "soon"}, "since is 'soon'"),
        ({"since": "2025-02-01", "end_date": "2025-01-01"}, "end_date must be later"),
    ],
)
def test_what_is_wrong_stops_before_the_first_record(empty_config: Config, change: Config, words: str) -> None:
    with pytest.raises(Stop, match=words.replace(".", r"\.")) as caught:
        TapGenius(config={**empty_config, **change})
    assert "wrong-password" not in str(caught.value)


def test_an_expired_password_is_not_tried_again(empty_config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def expired(**options: t.Any) -> t.NoReturn:
        tries.append(options["host"])
        raise pymysql.OperationalError(1862, "Your password has expired.")

    monkeypatch.setattr(pymysql, "connect", expired)
    with pytest.raises(Stop, match="has expired") as caught:
        TapGenius(config={**empty_config, "fallback_hosts": ["other"]})
    assert tries == ["127.0.0.1"]
    assert caught.value.category == "authentication"


def test_two_attempts_for_each_host_with_a_pause_between(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[tuple[str, int]] = []
    pauses: list[float] = []

    def dead(**options: t.Any) -> t.NoReturn:
        tries.append((options["host"], options["port"]))
        raise pymysql.OperationalError(2003, "Can't connect to MySQL server")

    monkeypatch.setattr(pymysql, "connect", dead)
    monkeypatch.setattr("time.sleep", pauses.append)
    access = Access(host="a", database="d", user="u", password="p", fallback_hosts=("b:3307", "c"), port=33)
    with pytest.raises(Stop, match="No host of Genius can be reached") as caught:
        Client(access)._connect()
    assert tries == [("a", 33)] * 2 + [("b", 3307)] * 2 + [("c", 33)] * 2
    assert pauses == [3.0] * 3
    assert caught.value.category == "connection"


def test_a_fallback_host_is_taken(genius_config: Config) -> None:
    config = {
        **genius_config,
        "host": "127.0.0.2",
        "port": 1,
        "fallback_hosts": [f"{genius_config['host']}:{genius_config['port']}"],
    }
    assert run_tap(TapGenius, config, streams=["services"]).records("services")


def test_the_session_is_read_only(genius_config: Config) -> None:
    client = TapGenius(config=dict(genius_config), setup_mapper=False).client
    with pytest.raises(SkipStream, match="READ ONLY"):
        client.rows("DELETE FROM service")
    ((zone, mode, charset),) = client.rows("SELECT @@time_zone, @@sql_mode, @@character_set_connection")
    assert (zone, mode, charset) == ("+00:00", "", "utf8mb4")
    client.close()


@pytest.mark.parametrize(
    ("options", "verify"),
    [({"ssl_verify": False}, ssl.CERT_NONE), ({"ssl_verify": True}, ssl.CERT_REQUIRED)],
)
def test_tls_settings(options: dict[str, t.Any], verify: ssl.VerifyMode) -> None:
    context = Access(host="h", database="d", user="u", password="p", **options).tls
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (verify, verify is ssl.CERT_REQUIRED)


def test_without_tls_settings_the_driver_decides() -> None:
    assert ACCESS.tls is None


def test_a_password_of_any_characters_is_sent_as_utf8(empty_config: Config) -> None:
    with pytest.raises(Stop, match="refused the user"):
        TapGenius(config={**empty_config, "password": "пароль🙂"})


def test_a_secret_of_the_wrong_type_is_not_shown(empty_config: Config) -> None:
    with pytest.raises(ConfigValidationError) as caught:
        TapGenius(config={**empty_config, "password": 1234567})
    assert "1234567" not in str(caught.value.errors)
    assert "***" in caught.value.errors[0]


def test_a_table_that_may_not_be_read_fails_alone(genius: t.Any, genius_config: Config) -> None:
    name = f"u{abs(hash(genius_config['database'])) % 10**9}"
    database = genius_config["database"]
    genius.run(
        f"CREATE USER `{name}`@'%' IDENTIFIED BY 'only-for-this-test'",
        f"GRANT SELECT ON `{database}`.service TO `{name}`@'%'",
        f"GRANT SELECT (id) ON `{database}`.job TO `{name}`@'%'",
    )
    try:
        config = {**genius_config, "user": name, "password": "only-for-this-test"}
        catalog = TapGenius(config=dict(genius_config), setup_mapper=False).catalog_dict
        run = run_tap(TapGenius, config, catalog=catalog, streams=["services", "jobs", "quotes"])
    finally:
        genius.run(f"DROP USER `{name}`@'%'")
    assert run.exit_code == 1
    assert run.report("services")["status"] == "success"
    assert "cannot be read without updated_at" in run.report("jobs")["error"]
    assert run.report("quotes")["error_category"] == "source"
    assert "only-for-this-test" not in run.text


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH_9.6\r\n"], ids=["silent", "ssh"])
def test_what_is_no_mysql_server_is_told_soon(empty_config: Config, greeting: bytes) -> None:
    taken: list[socket.socket] = []

    def answer() -> None:
        with suppress(OSError):
            while True:
                taken.append(listener.accept()[0])
                taken[-1].sendall(greeting)

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=answer)
    thread.start()
    port = listener.getsockname()[1]
    try:
        with pytest.raises(Stop, match=f"cannot be reached at 127.0.0.1:{port}.*Check the settings host and port"):
            TapGenius(config={**empty_config, "port": port, "connect_timeout_seconds": 1, "read_timeout_seconds": 600})
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for connection in taken:
            connection.close()


def test_fallback_hosts_may_be_ipv6_addresses() -> None:
    hosts = ("::1", "[::1]:3307", "[fe80::2]", "b:3308", "b")
    access = Access(host="a", database="d", user="u", password="p", fallback_hosts=hosts)
    assert access.addresses[1:] == [("::1", 3306), ("::1", 3307), ("fe80::2", 3306), ("b", 3308), ("b", 3306)]
