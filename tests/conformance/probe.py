"""What a check holds in its hands: the server under test, one transport, one signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field

from google.protobuf.message import Message

from tests.conformance import payloads
from tests.conformance.answers import MEDIA_TYPES, Answer, GrpcAnswer, HttpAnswer, excerpt
from tests.conformance.client_grpc import METHODS, GrpcClient
from tests.conformance.client_http import HttpConnection
from tests.conformance.registry import SignalName, Skipped, Transport

RECOMMENDED_LIMIT = 64 * 1024 * 1024
MARGIN = 64 * 1024  # this far below and above a limit is tried: servers differ in what they count


@dataclass(frozen=True, kw_only=True)
class Target:
    """The server under test, and what its operator says of it.

    `limit` is the size of a request in bytes that the server was told to take at most; `overloaded` and
    `overloaded_grpc` are endpoints of a server of the same kind that is easily overloaded by a `burst`;
    `partly_rejected` has for a signal a request (protobuf) of which it takes only a part; `origin` is a web
    page's origin that the server was told to let in.
    """

    http: str | None = None
    grpc: str | None = None
    limit: int = RECOMMENDED_LIMIT
    timeout: float = 10.0
    headers: Mapping[str, str] = field(default_factory=dict)
    origin: str | None = None
    overloaded: str | None = None
    overloaded_grpc: str | None = None
    partly_rejected: Mapping[SignalName, bytes] = field(default_factory=dict)
    burst: int = 32

    def endpoint(self, transport: Transport) -> str | None:
        return self.grpc if transport == "grpc" else self.http


class Probe:
    """Sends requests for one check and remembers the last one, for the report."""

    def __init__(self, target: Target, transport: Transport, signal: SignalName) -> None:
        self.target = target
        self.transport = transport
        self.signal = signal
        self.sent = ""

    @property
    def path(self) -> str:
        return f"/v1/{self.signal}"

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.transport]

    def encode(self, request: Message) -> bytes:
        return payloads.encode(self.transport, request)

    def ordinary(self) -> bytes:
        """A request with one plain record, encoded."""
        return self.encode(payloads.ordinary(self.signal))

    def export(self, body: bytes, *, gzip: bool = False) -> Answer:
        """Send an encoded request as the transport has it. Raises NoAnswer."""
        if self.transport == "grpc":
            return self.call(body, gzip=gzip)
        return self.post(payloads.gzipped(body), {"Content-Encoding": "gzip"}) if gzip else self.post(body)

    def call(
        self, body: bytes, *, gzip: bool = False, metadata: Sequence[tuple[str, str | bytes]] = ()
    ) -> GrpcAnswer:
        """One unary call. Raises NoAnswer."""
        self.sent = f"{METHODS[self.signal]}{' (gzip)' if gzip else ''}, {excerpt(body, 60)}"
        with self.grpc_client() as client:
            return client.export(self.signal, body, gzip=gzip, metadata=metadata)

    def grpc_client(self) -> GrpcClient:
        if self.target.grpc is None:
            raise Skipped("no gRPC endpoint was given (--grpc)")
        return GrpcClient(self.target.grpc, self.target.timeout, self.target.headers)

    def post(
        self,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "POST",
        path: str | None = None,
        chunked: bool = False,
        with_length: bool = True,
        connection: HttpConnection | None = None,
    ) -> HttpAnswer:
        """One HTTP request; `headers` add to or replace the usual ones. Raises NoAnswer."""
        all_headers = self.headers(headers)
        self.sent = self.describe(method, path or self.path, all_headers, body, chunked=chunked)
        with nullcontext(connection) if connection else self.connect() as used:
            return used.request(
                method, path or self.path, all_headers, body, chunked=chunked, with_length=with_length
            )

    def headers(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return {"Content-Type": self.media_type, **self.target.headers, **(more or {})}

    def connect(self) -> HttpConnection:
        if self.target.http is None:
            raise Skipped("no HTTP endpoint was given (--endpoint)")
        return HttpConnection(self.target.http, self.target.timeout)

    def describe(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, *, chunked: bool = False
    ) -> str:
        """One line on a request, without the headers that the operator gave (they may hold a secret)."""
        shown = [f"{k}: {v}" for k, v in headers.items() if k not in self.target.headers]
        shown += ["Transfer-Encoding: chunked"] if chunked else []
        return f"{method} {path} [{', '.join(shown)}] {excerpt(body, 60)}"

    def export_at_once(self, body: bytes, count: int) -> Sequence[Answer]:
        """`count` exports at the same time: over a connection each, for gRPC as calls on one channel."""
        if self.transport == "grpc":
            self.sent = f"{count} concurrent calls of {METHODS[self.signal]}"
            with self.grpc_client() as client:
                return client.export_all(self.signal, [body] * count)
        with ThreadPoolExecutor(max_workers=min(count, 64)) as pool:
            answers = list(pool.map(lambda _: self.post(body), range(count)))
        self.sent = f"{count} concurrent requests: {self.sent}"
        return answers
