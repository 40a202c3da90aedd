"""One socket for OTLP and API: a small ASGI router, and uvicorn with a stop of our own."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from functools import partial
from typing import Any, cast

import uvicorn

from driftline_collector.connections import PATIENCE, Connection, Patience, Watch
from driftline_collector.errors import StartError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

OTLP_PREFIX = "/v1/"
#: What is under way when a stop is asked for gets this long to end.
GRACE_S = 10
#: Connections that the system may hold until they are taken: a fleet may come back at once.
_BACKLOG = 4096
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def route(otlp: Application, api: Application) -> Application:
    """OTLP's paths go to the receiver without a framework in between, all others to the API."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        is_otlp = scope["type"] == "http" and scope["path"].startswith(OTLP_PREFIX)
        await (otlp if is_otlp else api)(scope, receive, send)

    return application


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises StartError, which says what is in the way."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        # create_server adds the address to the system's words, which stands in ours already.
        reason = str(getattr(error, "strerror", None) or error).partition(" (while")[0]
        raise StartError(
            f"cannot listen on {host} port {port}: {reason}; stop what is there,"
            " or set server.host and server.port (DRIFTLINE_SERVER__PORT=4400)"
        ) from error


def address(listener: socket.socket) -> str:
    """Where clients on this machine reach a socket."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # what all addresses become here
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server:
    """Serves an application on a socket until `stop`."""

    def __init__(
        self, application: Application, listener: socket.socket, *, patience: Patience = PATIENCE
    ) -> None:
        self._listener = listener
        watch = Watch(patience)
        config = uvicorn.Config(
            application,
            loop="uvloop",
            http=cast("type[asyncio.Protocol]", partial(Connection, watch)),
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="error",  # a warning for each broken request is the sender's to multiply
            server_header=False,
            timeout_keep_alive=patience.idle,
            timeout_graceful_shutdown=GRACE_S,
        )
        self._server = _Uvicorn(config, watch)

    def run(self) -> None:
        """Serve until `stop`."""
        self._server.run(sockets=[self._listener])

    def stop(self) -> None:
        """Take no more connections, finish what is under way; asked twice, do not wait for it."""
        if self._server.should_exit:
            self._server.force_exit = True
        self._server.should_exit = True


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, watch: Watch) -> None:
        super().__init__(config)
        self._watch = watch

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if counter % 10 == 0:
            self._watch.look(self.server_state.connections)
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `on_signals`: uvicorn raises them again at its end, before we have committed."""
        yield


@contextlib.contextmanager
def on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT call `stop` and nothing else, where this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: stop()) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
