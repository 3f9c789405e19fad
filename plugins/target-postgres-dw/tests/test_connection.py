"""The connection of a run: what it must notice by itself."""

from __future__ import annotations

import os
import socket

import pytest
from target_postgres_dw.target import TargetPostgresDw


def option_of(url: str, name: str) -> int:
    connector = TargetPostgresDw(config={"sqlalchemy_url": url}).connector
    with connector.open("test") as conn, socket.socket(fileno=os.dup(conn.fileno())) as own:
        assert own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        value: int = own.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
        return value


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="the system does not have it")
def test_a_server_that_is_gone_without_a_word_is_noticed(postgres_url: str) -> None:
    assert option_of(postgres_url, "TCP_KEEPIDLE") == 15
    assert option_of(f"{postgres_url}?keepalives_idle=77", "TCP_KEEPIDLE") == 77
