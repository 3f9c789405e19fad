"""A TCP proxy on loopback that can cut, hold back or refuse the connections that pass through it."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_CHUNK = 1 << 16
_POLL_SECONDS = 0.2


@dataclass
class _Trap:
    """Waits for the n-th piece from the client that holds some bytes, then cuts the connection it came on.

    ``deliver``: whether the piece still reaches the server. Its answer never reaches the client.
    """

    needle: bytes
    countdown: int
    deliver: bool

    def catches(self, piece: bytes) -> bool:
        if self.needle in piece:
            self.countdown -= 1
        return self.countdown <= 0


class _Link:
    """One connection: the client's side, the server's side, and a thread for each direction."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self.client = client
        self.server = server
        self._muted = False
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def close(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(_CHUNK):
                self._proxy.flowing.wait()
                trap = self._proxy.trap if source is self.client else None
                if trap is not None and trap.catches(piece):
                    self._proxy.trap = None
                    self._spring(trap, piece)
                    return
                if self._muted and source is self.server:
                    # The answer to the piece that was caught: the client never learns of it.
                    break
                target.sendall(piece)
        except OSError:
            pass
        finally:
            if source is self.server or not self._muted:
                self.close()
                self._proxy.forget(self)

    def _spring(self, trap: _Trap, piece: bytes) -> None:
        if trap.deliver:
            self._muted = True
            self.server.sendall(piece)
        else:
            self.server.sendall(piece[: len(piece) // 2])
            self.close()
        self._proxy.sprung.set()


class Proxy:
    """Listens on a free port of 127.0.0.1 and passes everything on to another one.

    ``sprung`` is set when a trap (``cut_at``, ``lose_reply_to``) has caught something.
    """

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port = upstream_port
        self.refuses = False
        self.trap: _Trap | None = None
        self.sprung = threading.Event()
        self.flowing = threading.Event()
        self.flowing.set()
        self._links: set[_Link] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_POLL_SECONDS)
        self._closed = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where to connect to."""
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything."""
        self._closed = True
        self.flowing.set()
        self.cut()
        self._thread.join()
        self._listener.close()

    def cut(self) -> bool:
        """Cut every connection; new ones are accepted. Tells whether there was one."""
        with self._lock:
            links, self._links = self._links, set()
        for link in links:
            link.close()
        return bool(links)

    def cut_at(self, needle: bytes, nth: int) -> None:
        """Cut the connection in the middle of the n-th piece that holds some bytes."""
        self._set(_Trap(needle, nth, deliver=False))

    def lose_reply_to(self, needle: bytes, nth: int) -> None:
        """Deliver the n-th piece that holds some bytes, and cut the connection when the server answers."""
        self._set(_Trap(needle, nth, deliver=True))

    def reset(self) -> None:
        """Pass everything on again."""
        self.refuses = False
        self.trap = None
        self.flowing.set()

    def forget(self, link: _Link) -> None:
        """Drop a connection that has ended."""
        with self._lock:
            self._links.discard(link)

    def _set(self, trap: _Trap) -> None:
        self.sprung.clear()
        self.trap = trap

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            client.settimeout(None)
            try:
                if self.refuses:
                    raise ConnectionRefusedError
                server = socket.create_connection(("127.0.0.1", self.upstream_port))
            except OSError:
                client.close()
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._links.add(_Link(self, client, server))
