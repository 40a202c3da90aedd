"""A server that takes OTLP over HTTP and keeps nothing."""

from http.server import BaseHTTPRequestHandler
from typing import Any


class Sink(BaseHTTPRequestHandler):
    """Answers each OTLP request with an empty OTLP answer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass
