"""A webhook receiver on a real socket, as somebody's desk would have it: it verifies before it believes."""

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class Desk:
    """What came: `messages` that were verified, `attempts` (webhook-id, status answered) of all kinds."""

    def __init__(self, status: Callable[[int], int], headers: dict[str, str]) -> None:
        self.messages: list[dict[str, Any]] = []
        self.attempts: list[tuple[str, int]] = []
        self.bodies: list[bytes] = []
        self._status = status
        self._headers = headers
        self._arrived = threading.Condition()
        desk = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                desk.take(self, body)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def take(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        """Verify, remember, answer; then say that something came."""
        message = Webhook(SECRET).verify(body, dict(request.headers.items()))
        status = self._status(len(self.attempts))
        with self._arrived:
            self.attempts.append((request.headers["webhook-id"], status))
            self.bodies.append(body)
            if status < 300:
                self.messages.append(message)
        request.send_response(status)
        for name, value in self._headers.items():
            request.send_header(name, value)
        request.send_header("content-length", "0")
        request.end_headers()
        with self._arrived:
            self._arrived.notify_all()

    def wait_for(self, attempts: int, timeout: float = 60.0) -> None:
        """Until so many attempts were answered."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.attempts) >= attempts, timeout), self.attempts

    @property
    def told(self) -> list[tuple[str, str]]:
        """Type and segment of what was verified and taken."""
        return [(message["type"], message["data"]["segment"]) for message in self.messages]

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def desk(status: Callable[[int], int] = lambda attempt: 204, **headers: str) -> Iterator[Desk]:
    """A receiver that answers the attempt number n with `status(n)`."""
    receiver = Desk(status, {name.replace("_", "-"): value for name, value in headers.items()})
    try:
        yield receiver
    finally:
        receiver.close()
