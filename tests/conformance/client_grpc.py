"""A client for gRPC that takes and gives raw bytes, so that malformed messages can be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import grpc  # type: ignore[import-untyped]

from tests.conformance.answers import GrpcAnswer, NoAnswer
from tests.conformance.registry import CannotRunError, SignalName

METHODS: Mapping[SignalName, str] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_metadata_size", 1 << 26),  # an error of any length is to be seen, not to fail here
    ("grpc.absolute_max_metadata_size", 1 << 26),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a connection per client: nothing is shared between checks
    ("grpc.enable_http_proxy", 0),
)
# How the client library words what the server never said.
_LOST = ("failed to connect", "Socket closed", "onnection reset", "roken pipe", "GOAWAY", "recvmsg", "DNS")


class GrpcClient:
    """One channel. `endpoint` is host:port, or https://host:port for TLS."""

    def __init__(self, endpoint: str, timeout: float, headers: Mapping[str, str]) -> None:
        scheme, _, rest = endpoint.rpartition("://")
        self._timeout = timeout
        self._metadata = tuple((name.lower(), value) for name, value in headers.items())
        if scheme == "https":
            self._channel = grpc.secure_channel(rest, grpc.ssl_channel_credentials(), options=_OPTIONS)
        elif scheme in ("", "http"):
            self._channel = grpc.insecure_channel(rest, options=_OPTIONS)
        else:
            raise CannotRunError(f"not a gRPC endpoint: {endpoint!r}; give one like 127.0.0.1:4317")

    def __enter__(self) -> GrpcClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()

    def export(
        self,
        signal: SignalName,
        body: bytes,
        *,
        gzip: bool = False,
        metadata: Sequence[tuple[str, str | bytes]] = (),
    ) -> GrpcAnswer:
        """Send one request and wait for its answer. Raises NoAnswer."""
        return self.export_all(signal, [body], gzip=gzip, metadata=metadata)[0]

    def export_all(
        self,
        signal: SignalName,
        bodies: Sequence[bytes],
        *,
        gzip: bool = False,
        metadata: Sequence[tuple[str, str | bytes]] = (),
    ) -> list[GrpcAnswer]:
        """Send all requests at once on this channel; the answers in their order. Raises NoAnswer."""
        call = self._channel.unary_unary(METHODS[signal])
        futures = [
            call.future(
                body,
                timeout=self._timeout,
                metadata=(*self._metadata, *metadata),
                compression=grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression,
            )
            for body in bodies
        ]
        return [self._answer(future) for future in futures]

    def _answer(self, future: Any) -> GrpcAnswer:
        error = future.exception()
        trailers = {key: _bytes(value) for key, value in (future.trailing_metadata() or ())}
        if error is None:
            return GrpcAnswer("OK", body=future.result(), trailers=trailers)
        code, text = future.code(), future.details() or ""
        # These two codes are also what the client library says of itself; then no trailers have come.
        if code is grpc.StatusCode.DEADLINE_EXCEEDED and not trailers:
            raise NoAnswer(f"no answer within {self._timeout:g} s")
        if code is grpc.StatusCode.UNAVAILABLE and not trailers and any(sign in text for sign in _LOST):
            raise NoAnswer(f"the connection was refused or lost: {text}")
        return GrpcAnswer(code.name, text=text, trailers=trailers)


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
