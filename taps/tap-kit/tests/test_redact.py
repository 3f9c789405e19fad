"""Secrets stay secret."""

from __future__ import annotations

import io
import json
import logging
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_kit.redact import Redactor, impersonal, install

SCHEMA: dict[str, t.Any] = {
    "properties": {
        "user": {"type": "string"},
        "token": {"type": "string", "secret": True},
        "pins": {"type": "array", "secret": True},
        "oauth": {"type": "object", "properties": {"key": {"secret": True}, "id": {}}},
    }
}


@pytest.mark.parametrize("secret", ["hunter22", 'it\'s "quoted" \\ here', "größe\n", "a b&c=d", "1234"])
def test_a_secret_is_masked_however_it_is_written(secret: str) -> None:
    redactor = Redactor({"token": secret, "user": "me"}, SCHEMA)
    for text in (secret, repr(secret), json.dumps({"t": secret}), f"https://u:{secret}@h/"):
        assert secret not in redactor.clean(text)
        assert "***" in redactor.clean(text)


def test_secrets_of_any_shape_are_found() -> None:
    config = {"pins": [12345, {"deep": "geheim"}], "oauth": {"key": "k-e-y", "id": "public"}, "user": "me", "token": ""}
    redactor = Redactor(config, SCHEMA)
    assert redactor.clean("12345 geheim k-e-y public me") == "*** *** *** public me"
    assert redactor.public_settings() == {"oauth": {"id": "public"}, "user": "me"}


def test_a_short_secret_is_masked_as_a_word_only() -> None:
    redactor = Redactor({"token": "ab"}, SCHEMA)
    assert redactor.clean("password ab, about 'ab'") == "password ***, about '***'"


def test_without_secrets_nothing_changes() -> None:
    assert Redactor({"user": "me"}, SCHEMA).clean("me") == "me"


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), min_size=4), st.text(max_size=20))
def test_no_secret_survives(secret: str, around: str) -> None:
    # Stars are the mask; a secret made of them hides nothing that could leak.
    cleaned = Redactor({"token": secret}, SCHEMA).clean(around + secret + around)
    assert secret not in cleaned or set(secret) <= {"*"} or secret in around.replace(secret, "")


def test_log_lines_and_tracebacks_are_masked() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        install(Redactor({"token": "first-secret"}, SCHEMA))
        install(Redactor({"token": "hunter22"}, SCHEMA))
        logger = logging.getLogger("some.library")
        logger.error("connecting with %s", "hunter22")
        try:
            int("hunter22")
        except ValueError:
            logger.exception("failed")
        logger.error("first-secret is of another run")
    finally:
        root.removeHandler(handler)
        install(Redactor({}, SCHEMA))
    assert "hunter22" not in stream.getvalue()
    assert "ValueError: invalid literal for int() with base 10: '***'" in stream.getvalue()
    assert "first-secret" in stream.getvalue()


def test_a_setting_that_is_not_declared_is_not_shown() -> None:
    assert Redactor({"tokne": "hush-hush", "user": "me"}, SCHEMA).public_settings() == {"user": "me"}


def test_what_an_address_holds_of_passwords_and_signatures_is_masked() -> None:
    redactor = Redactor({"user": "https://me:hunter2@host.example/x?X-Amz-Signature=abc123&page=2"}, SCHEMA)
    shown = redactor.public_settings()["user"]
    assert shown == "https://me:***@host.example/x?X-Amz-Signature=***&page=2"
    assert redactor.clean("at 12:30 somebody@host.example wrote") == "at 12:30 somebody@host.example wrote"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Property 'lifecycle_stage' does not exist", "Property 'lifecycle_stage' does not exist"),
        ("Resource not found for the segment 'LeadPaints'", "Resource not found for the segment 'LeadPaints'"),
        ("Ann Planted is no valid contact", "*** is no valid contact"),
        ("duplicate of Planted, Ann: ann.planted+x@mail.example.com", "duplicate of ***: ***"),
        ("no such phone: +1 (555) 010-0199", "no such phone: ***"),
        ('{"email":"ann@example.com","code":"INVALID"}', '{"email":"***","code":"INVALID"}'),
        ("the field of Planted is wrong", "the field of *** is wrong"),
        ("limit of 100 requests in 10 s", "limit of 100 requests in 10 s"),
        ("", ""),
    ],
)
def test_what_may_be_personal_is_left_out_of_what_vendors_say(said: str, told: str) -> None:
    assert impersonal(said) == told
