"""A collector made of the standard library, for tests of the dashboard: the API's shapes, and faults.

    with FakeCollector(Fleet(devices=4)) as collector:
        collector.delay["/series"] = 2.0     # seconds
        collector.status["/overview"] = 503
        collector.replaced["/system"] = {}   # any answer
        collector.stop(); collector.start()  # at the same port

`python tests/dashboard/fake_collector.py --port 4318` serves it by hand.
"""

import argparse
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.dashboard.fake_answers import answer
from tests.dashboard.fake_fleet import Fleet, NotFoundError


class FakeCollector:
    """Serves a fleet at 127.0.0.1; `asked` lists the paths that were asked for, `queries` what with."""

    def __init__(self, fleet: Fleet | None = None, port: int = 0) -> None:
        self.fleet = fleet or Fleet()
        self.delay: dict[str, float] = {}
        self.status: dict[str, int] = {}
        self.replaced: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.queries: list[tuple[str, dict[str, str]]] = []
        self._port = port
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._server.daemon_threads = True
        self._port = self._server.server_port
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = urlsplit(self.path)
                path = asked.path.removeprefix("/api/v1")
                collector.asked.append(path)
                collector.queries.append((path, dict(parse_qsl(asked.query))))
                for prefix, seconds in collector.delay.items():
                    if path.startswith(prefix):
                        time.sleep(seconds)
                for prefix, status in collector.status.items():
                    if path.startswith(prefix):
                        return self.say(status, problem(status, "the store is busy; ask again in a moment"))
                if path in collector.replaced:
                    return self.say(200, collector.replaced[path])
                try:
                    document = answer(collector.fleet, path, dict(parse_qsl(asked.query)))
                except NotFoundError as error:
                    return self.say(404, problem(404, str(error)))
                return self.say(200, document)

            def say(self, status: int, document: dict[str, Any]) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header(
                    "Content-Type", "application/json" if status < 400 else "application/problem+json"
                )
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing: tests read `asked`."""

        return Handler


def problem(status: int, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": "Problem", "status": status, "detail": detail}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=4318)
    parser.add_argument("--devices", type=int, default=2000)
    parser.add_argument("--features", type=int, default=10)
    parser.add_argument("--regions", type=int, default=3)
    parser.add_argument("--alerts", type=int, default=1)
    parser.add_argument("--well", action="store_true")
    given = parser.parse_args()
    fleet = Fleet(
        devices=given.devices,
        features=given.features,
        regions=given.regions,
        alerts=0 if given.well else given.alerts,
        moved=() if given.well else ("camera-b",),
    )
    with FakeCollector(fleet, given.port) as collector:
        print(collector.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
