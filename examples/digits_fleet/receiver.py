"""The desk that webhooks arrive at: checks signatures by the Standard Webhooks scheme, keeps what came.

Runs alone as ``python -m examples.digits_fleet.receiver --secret whsec_…``.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

_MAX_BODY = 1 << 20


@dataclass(frozen=True)
class Delivery:
    """One webhook whose signature held; ``received_at`` in seconds since the epoch."""

    id: str
    received_at: float
    payload: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.payload.get("type", ""))

    @property
    def segment(self) -> str:
        return str(self.payload.get("data", {}).get("segment", ""))

    @property
    def summary(self) -> str:
        return str(self.payload.get("data", {}).get("summary", ""))


class Receiver:
    """Listens on 127.0.0.1 from construction to :meth:`close`.

    Answers 204 to what it could verify, 401 to the rest, which it counts in ``refused``. A delivery that
    is repeated, because its answer was lost, is kept once.
    """

    def __init__(
        self, secret: str, *, port: int = 0, on_delivery: Callable[[Delivery], None] | None = None
    ) -> None:
        self._webhook = Webhook(secret)
        self._on_delivery = on_delivery
        self._lock = threading.Lock()
        self._deliveries: dict[str, Delivery] = {}
        self.refused = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="webhook-receiver", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    @property
    def deliveries(self) -> list[Delivery]:
        """All that came, in order of arrival."""
        with self._lock:
            return list(self._deliveries.values())

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def accept(self, body: bytes, headers: dict[str, str]) -> bool:
        """Keep the message if its signature holds, and say whether it did."""
        try:
            payload = self._webhook.verify(body, headers)
        except (WebhookVerificationError, ValueError):  # ValueError: signed, and yet no JSON
            with self._lock:
                self.refused += 1
            return False
        delivery = Delivery(headers["webhook-id"], time.time(), payload)
        with self._lock:
            new = delivery.id not in self._deliveries
            self._deliveries.setdefault(delivery.id, delivery)
        if new and self._on_delivery:
            self._on_delivery(delivery)
        return True

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                if length > _MAX_BODY:
                    self.send_error(413)
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                held = receiver.accept(self.rfile.read(length), headers)
                self.send_response(204 if held else 401)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet: what came is told by ``on_delivery``."""

        return Handler


def describe(delivery: Delivery) -> str:
    """One line for a person: time of arrival, what changed, where."""
    clock = time.strftime("%H:%M:%S", time.localtime(delivery.received_at))
    return f"{clock}  {delivery.type}  {delivery.segment}  {delivery.summary}".rstrip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--secret", required=True, help="the notifier's secret, whsec_…")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--json", action="store_true", help="print each payload whole")
    options = parser.parse_args()

    def show(delivery: Delivery) -> None:
        print(json.dumps(delivery.payload) if options.json else describe(delivery), flush=True)

    receiver = Receiver(options.secret, port=options.port, on_delivery=show)
    print(f"listening on {receiver.url}", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        receiver.close()


if __name__ == "__main__":
    main()
