"""Stands between dashboard and collector, and withholds or refuses what a test names."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

_RELEASED_S = 60.0
_PROBLEM = {
    "type": "about:blank",
    "title": "Service Unavailable",
    "status": 503,
    "detail": "the store is busy; ask again in a moment",
}


class Proxy:
    """Hands requests on to `target`. Paths are those of the API: `/series`, `/evaluations/heatmap`."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target).netloc
        self._held: dict[str, threading.Event] = {}
        self._waiting = threading.Semaphore(0)
        self._refused: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @contextmanager
    def holding(self, path: str) -> Iterator[None]:
        """Answer nothing at `path` within this block, and what was asked meanwhile at its end."""
        released = self._held[path] = threading.Event()
        try:
            yield
        finally:
            del self._held[path]
            released.set()

    def wait_until_asked(self) -> None:
        """Wait until a request is being held."""
        assert self._waiting.acquire(timeout=_RELEASED_S), "nobody asked for it"

    @contextmanager
    def refusing(self, path: str) -> Iterator[None]:
        """Answer 503 at `path` within this block."""
        self._refused.add(path)
        try:
            yield
        finally:
            self._refused.remove(path)

    def _answer(self, asked: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
        path = urlsplit(asked).path.removeprefix("/api/v1")
        held = self._held.get(path)
        if held is not None:
            self._waiting.release()
            held.wait(_RELEASED_S)
        if path in self._refused:
            return 503, "application/problem+json", json.dumps(_PROBLEM).encode()
        connection = http.client.HTTPConnection(self._target, timeout=_RELEASED_S)
        try:
            connection.request("GET", asked, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get("content-type", ""), answer.read()
        finally:
            connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = {"accept": self.headers.get("accept", "*/*")}
                try:
                    status, kind, body = proxy._answer(self.path, wanted)
                except OSError:
                    return  # As the collector does: no answer at all.
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Nothing to say."""

        return Handler
