"""The stub over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from tests.conformance.stub_otlp import (
    INVALID_ARGUMENT,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
    BadDataError,
    Fault,
    Stub,
)

_TYPES = {"application/x-protobuf": False, "application/json": True}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, stub: Stub) -> None:
        self.stub = stub
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Connections at once, or in the order in which they came, where that is the fault."""
        if self.stub.has(Fault.ONE_AT_A_TIME):
            self.process_request_thread(request, client_address)
        else:
            super().process_request(request, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients of these tests hang up on purpose: nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment: no waiting for the client's acknowledgement between them
    server: _Server

    @property
    def stub(self) -> Stub:
        return self.server.stub

    @property
    def media_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def do_POST(self) -> None:
        self._export()

    def do_GET(self) -> None:
        self.send_response(405)
        self.send_header("Allow", "POST, OPTIONS")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_PUT = do_DELETE = do_GET  # noqa: N815  named by http.server

    def do_OPTIONS(self) -> None:
        self.send_response(204)
        self._cors()
        if self.headers.get("Origin") == self.stub.origin:
            self.send_header("Access-Control-Allow-Methods", "POST")
            self.send_header("Access-Control-Allow-Headers", "Content-Type, Content-Encoding")
        self.end_headers()

    def handle_expect_100(self) -> bool:
        answered = super().handle_expect_100()
        self.wfile.flush()
        return answered

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as http.server has it
        """Nothing on the terminal."""

    def _export(self) -> None:
        signal = self.path.removeprefix("/v1/")
        try:
            body = self._body()
            if self.stub.overloaded:
                internal = self.stub.has(Fault.INTERNAL_ON_OVERLOAD)
                self._error(500 if internal else 503, UNAVAILABLE, "too much to do")
            elif signal not in self.stub.signals:
                self._error(404, 5, "no such path")
            elif body is None:
                bad = self.stub.has(Fault.OVERSIZE_IS_BAD_DATA)
                self._error(400 if bad else 413, RESOURCE_EXHAUSTED, "the request is too large")
            elif not self._understood():
                self._error(415, INVALID_ARGUMENT, "send protobuf or JSON, as it is or in gzip")
            else:
                response = self.stub.answer(signal, body, is_json=_TYPES[self.media_type])
                self._send(200, response)
        except BadDataError as error:
            if self.stub.has(Fault.CLOSES_ON_BAD_DATA):
                self.close_connection = True
            else:
                self._error(400, INVALID_ARGUMENT, str(error))

    def _understood(self) -> bool:
        known = self.media_type in _TYPES and self._coding in ("identity", "gzip")
        return known and not (self.stub.has(Fault.NO_JSON) and _TYPES[self.media_type])

    @property
    def _coding(self) -> str:
        return str(self.headers.get("Content-Encoding", "identity")).lower()

    def _body(self) -> bytes | None:
        """The body as it is after decompression; None above the limit. Raises BadDataError."""
        parts, size = [], 0
        for part in self._parts():
            size += len(part)
            if size <= self.stub.limit or self.stub.has(Fault.NO_LIMIT):
                parts.append(part)
        if size > self.stub.limit and not self.stub.has(Fault.NO_LIMIT):
            return None
        body = b"".join(parts)
        return self.stub.unzip(body) if self._coding == "gzip" and not self.stub.has(Fault.NO_GZIP) else body

    def _parts(self) -> Iterator[bytes]:
        """The body piece by piece, to its end, so that the connection stays in step."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while length := int(self.rfile.readline(), 16):
                part = self.rfile.read(length)
                self.rfile.readline()
                if not self.stub.has(Fault.NO_CHUNKS):
                    yield part
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            part = self.rfile.read(min(left, 1 << 20))
            if not part:
                raise ConnectionError("the client hung up")
            left -= len(part)
            yield part

    def _error(self, code: int, rpc_code: int, message: str) -> None:
        self._send(code, self.stub.status(rpc_code, message))

    def _send(self, code: int, message: Message) -> None:
        is_json = _TYPES.get(self.media_type, True)
        if code >= 400 and self.stub.has(Fault.ANSWERS_PROTOBUF_ERRORS_IN_JSON):
            is_json = True
        media_type = "application/json" if is_json else "application/x-protobuf"
        body = json_format.MessageToJson(message).encode() if is_json else message.SerializeToString()
        if code >= 400 and self.stub.has(Fault.HTML_ERRORS):
            media_type, body = "text/html", b"<h1>Error</h1>"
        if code >= 400 and self.stub.has(Fault.EMPTY_BODIES_OF_ERRORS):
            body = b""
        if code == 200 and self.stub.has(Fault.TEXT_RESPONSES):
            media_type, body = "text/plain", b"ok"
        self.send_response(code)
        self._cors(code)
        if code == 503:
            self.send_header("Retry-After", "soon" if self.stub.has(Fault.RETRY_AFTER_NONSENSE) else "1")
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.stub.has(Fault.CLOSES_UNANNOUNCED):
            self.close_connection = True

    def _cors(self, code: int = 200) -> None:
        if code >= 400 and self.stub.has(Fault.NO_CORS_ON_ERRORS):
            return
        if self.headers.get("Origin") == self.stub.origin:
            self.send_header("Access-Control-Allow-Origin", self.stub.origin)
            self.send_header("Vary", "Origin")


@contextmanager
def serve_http(stub: Stub) -> Iterator[str]:
    """A running stub; its endpoint."""
    with _Server(stub) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
