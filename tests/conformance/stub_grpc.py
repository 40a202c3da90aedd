"""The stub over gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc  # type: ignore[import-untyped]

from tests.conformance.stub_otlp import INVALID_ARGUMENT, UNAVAILABLE, BadDataError, Fault, Stub

_SERVICES = {
    "traces": "trace.v1.TraceService",
    "metrics": "metrics.v1.MetricsService",
    "logs": "logs.v1.LogsService",
}


class _Exporter:
    """One service's Export, on raw bytes: grpcio itself would answer INTERNAL to what it cannot decode."""

    def __init__(self, stub: Stub, signal: str) -> None:
        self._stub = stub
        self._signal = signal

    def __call__(self, body: bytes, context: Any) -> bytes:
        if self._stub.overloaded:
            code = "INTERNAL" if self._stub.has(Fault.INTERNAL_ON_OVERLOAD) else "UNAVAILABLE"
            self._abort(context, code, UNAVAILABLE, "too much to do")
        if len(body) > self._stub.limit and self._stub.has(Fault.RETRY_INFO_ON_OVERSIZE):
            self._abort(context, "RESOURCE_EXHAUSTED", 8, "the request is too large")
        try:
            return self._stub.answer(self._signal, body, is_json=False).SerializeToString()
        except BadDataError as error:
            code = "INTERNAL" if self._stub.has(Fault.INTERNAL_ON_BAD_DATA) else "INVALID_ARGUMENT"
            self._abort(context, code, INVALID_ARGUMENT, str(error))

    def _abort(self, context: Any, code: str, number: int, message: str) -> NoReturn:
        status = self._stub.status(number, message)
        if self._stub.has(Fault.DETAILS_DISAGREE):
            status.message = "something else"
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(getattr(grpc.StatusCode, code), message)
        raise AssertionError("abort returned")


@contextmanager
def serve_grpc(stub: Stub) -> Iterator[str]:
    """A running stub; its host and port."""
    unlimited = stub.has(Fault.NO_LIMIT) or stub.has(Fault.RETRY_INFO_ON_OVERSIZE)
    server = grpc.server(
        ThreadPoolExecutor(max_workers=8),
        options=[
            ("grpc.max_receive_message_length", -1 if unlimited else stub.limit),
            ("grpc.so_reuseport", 0),
        ],
    )
    for signal in stub.signals:
        method = grpc.unary_unary_rpc_method_handler(_Exporter(stub, signal))
        name = f"opentelemetry.proto.collector.{_SERVICES[signal]}"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {"Export": method}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
