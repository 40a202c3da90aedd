"""A collector whose clock runs ahead or behind: `python -m tests.browser.collecting`.

A fleet is seeded up to its own `now_ns`, wherever the machine's clock stands; the collector that shows it
goes on from there. It judges no window of the past again: those that were seeded have no histograms left.
"""

import argparse
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from driftline_collector.app import Collector
from driftline_collector.settings import Settings

from tests.seeding.filling import NOTIFIERS, RULES


class Desk(BaseHTTPRequestHandler):
    """Takes every notification."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Nothing to say."""


def settings(database: Path, port: int, desk: str) -> Settings:
    """As the fleet was judged when it was seeded."""
    rules = [
        {"name": rule.name, "measure": rule.measure, "above": rule.above, "severity": rule.severity}
        for rule in RULES
    ]
    webhook = {"url": desk, "secret": "whsec_c2VlZGVkIHNlZWRlZCBzZWVkZWQgc2VlZGVkIQ=="}
    return Settings.model_validate(
        {
            "store": {"path": database},
            "server": {"port": port, "grpc_port": 0},
            "evaluation": {"history": "1h"},
            "alerts": {"rules": rules},
            "notifiers": [{"name": name, "webhook": webhook} for name in NOTIFIERS],
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ahead-ns", type=int, required=True)
    given = parser.parse_args()
    desk = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    threading.Thread(target=desk.serve_forever, daemon=True).start()
    where = f"http://127.0.0.1:{desk.server_port}/"
    collector = Collector(
        settings(given.database, given.port, where), now=lambda: time.time_ns() + given.ahead_ns
    )
    collector.run(lambda: print(collector.url, flush=True))
    sys.exit(0)


if __name__ == "__main__":
    main()
