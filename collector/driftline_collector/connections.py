"""HTTP connections that cost no more than they should, whoever is at the other end.

uvicorn waits for ever for a client that sends its headers or its body one byte at a time, or nothing at all,
and lets headers grow without end. Here each connection knows what it waits for, and a look once a second
closes those that have waited too long. A connection too many costs the one that has been idle longest. While
much has come in that nobody has taken yet, nothing more is read: what thousands send at once waits with them.
"""

import asyncio
import contextlib
import logging
import resource
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from httptools import HttpParserCallbackError
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

logger = logging.getLogger(__name__)

#: Headers, and what stands between the chunks of a body.
MAX_HEAD_BYTES = 64 * 2**10
#: Bytes of bodies that were read and not taken yet, of all connections together.
MAX_UNREAD_BYTES = 8 * 2**20
_LOOK_AGAIN_S = 0.005
#: Files and sockets that are none of the clients'.
_OWN_FILES = 256
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)
_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a connection may take, in seconds, and how many there may be."""

    head: int = 10
    body: int = 20
    #: A body may take longer than that by a second for each of so many bytes.
    slowest: int = 1024
    idle: int = 75
    reading: int = 60
    connections: int = 8192


PATIENCE = Patience()


class _Phase(Enum):
    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    ANSWER = auto()


def open_files_for(wanted: int) -> int:
    """Raise this process's limit of open files as far as need be; how many of `wanted` fit twice."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * wanted + _OWN_FILES  # for HTTP and for gRPC
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(ValueError, OSError):  # some systems allow less than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(16, min(wanted, (soft - _OWN_FILES) // 2))


class Watch:
    """What all connections of a server share."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self.room = open_files_for(patience.connections)
        if self.room < patience.connections:
            logger.warning(
                "room for %d connections over HTTP: the system allows this process too few open files for %d."
                " Raise its limit (ulimit -n, LimitNOFILE= of systemd)",
                self.room,
                patience.connections,
            )
        #: In the order in which they became idle.
        self.idle: dict[Connection, None] = {}
        self.is_full = False
        self._read = 0

    def look(self, connections: Iterable[Any]) -> None:
        """Close what has waited too long; to be called once a second."""
        for connection in list(connections):
            connection.waited()

    def read(self, size: int, connections: Collection[Any], loop: asyncio.AbstractEventLoop) -> None:
        """So much has come in; where that is too much, nothing is read until most of it was taken."""
        self._read += size
        if self.is_full or self._read <= MAX_UNREAD_BYTES:
            return
        # Now and then, as it looks at each connection; in between what was taken counts as if it were there.
        self._read = _unread(connections)
        if self._read > MAX_UNREAD_BYTES:
            self.is_full = True
            loop.call_later(_LOOK_AGAIN_S, self._go_on, connections, loop)
            for connection in _open(connections):
                if not connection.asks:
                    connection.flow.pause_reading()

    def _go_on(self, connections: Collection[Any], loop: asyncio.AbstractEventLoop) -> None:
        self._read = _unread(connections)
        if self._read > MAX_UNREAD_BYTES // 2:
            loop.call_later(_LOOK_AGAIN_S, self._go_on, connections, loop)
            return
        self.is_full = False
        for connection in _open(connections):
            connection.flow.resume_reading()


def _open(connections: Iterable[Any]) -> list[Any]:
    """Those that are not about to go."""
    return [connection for connection in connections if not connection.transport.is_closing()]


def _unread(connections: Collection[Any]) -> int:
    return sum(connection.unread for connection in connections)


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which knows what it waits for."""

    def __init__(
        self,
        watch: Watch,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._watch = watch
        self._phase = _Phase.IDLE
        self._seconds = 0
        self._body_bytes = 0
        self._head_bytes = 0
        #: Whether its last request had no body: who only asks is not held up by what others send.
        self.asks = False

    @property
    def unread(self) -> int:
        """Bytes of a body that are here, and that nobody has taken yet."""
        cycle: RequestResponseCycle | None = self.cycle  # there is none before the first request
        return 0 if cycle is None else len(cycle.body)

    def waited(self) -> None:
        """A second has passed."""
        patience = self._watch.patience
        if self._phase in (_Phase.IDLE, _Phase.BODY) and self.flow.read_paused:
            return  # it is us who are slow
        self._seconds += 1
        if self.flow.write_paused:
            if self._seconds > patience.reading:
                self.transport.abort()
        elif self._phase is _Phase.HEAD:
            self._end_unless(self._seconds <= patience.head)
        elif self._phase is _Phase.BODY:
            # A body that is not wanted any more, since its answer has been sent, buys no time.
            wanted = not self.cycle.response_complete
            more = self._body_bytes // patience.slowest if wanted else 0
            self._end_unless(self._seconds <= patience.body + more)
        elif self._phase is _Phase.IDLE:
            self._end_unless(self._seconds <= patience.idle)
        else:
            self._seconds = 0

    # -- asyncio -------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if len(self.connections) > self._watch.room:
            oldest = next(iter(self._watch.idle), self)
            oldest.transport.abort()
            self._watch.idle.pop(oldest, None)
            if oldest is self:
                return
        self._watch.idle[self] = None
        if self._watch.is_full:
            self.flow.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.idle.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MAX_HEAD_BYTES and self._phase in (_Phase.HEAD, _Phase.BODY):
            self._end(_TOO_LARGE)

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn for whatever the parser raises; where that is our own fault, as when there is no
        memory for a body, the sender is to come again."""
        if isinstance(sys.exception(), HttpParserCallbackError):
            self._end(_UNAVAILABLE)
        else:
            super().send_400_response(msg)

    # -- the parser ----------------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        self._enter(_Phase.HEAD)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase is _Phase.HEAD:  # else it is a trailer, which nobody reads
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._enter(_Phase.BODY)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        self._body_bytes += len(body)
        super().on_body(body)
        self._watch.read(len(body), self.connections, self.loop)

    def on_message_complete(self) -> None:
        self.asks = not self._body_bytes
        super().on_message_complete()
        self._enter(_Phase.IDLE if self.cycle.response_complete else _Phase.ANSWER)

    def on_response_complete(self) -> None:
        if self.cycle.response_complete:  # else it is that of a request before this one
            self.cycle.body.clear()
        super().on_response_complete()
        if self._phase is _Phase.ANSWER:
            self._enter(_Phase.ANSWER if self.pipeline else _Phase.IDLE)

    def _enter(self, phase: _Phase) -> None:
        self._phase = phase
        self._seconds = self._body_bytes = 0
        if phase is not _Phase.HEAD:  # what has just come is a part of the head that it begins
            self._head_bytes = 0
        self._watch.idle.pop(self, None)
        if phase is _Phase.IDLE and not self.transport.is_closing():
            self._watch.idle[self] = None

    def _end_unless(self, in_time: bool) -> None:
        if not in_time:
            self._end(b"" if self._phase is _Phase.IDLE else _TIMEOUT)

    def _end(self, farewell: bytes) -> None:
        """Say why, where no answer has begun, and close."""
        if self.transport.is_closing():
            return
        if farewell and (self._phase is _Phase.HEAD or not self.cycle.response_started):
            self.transport.write(farewell)
        self.transport.close()
