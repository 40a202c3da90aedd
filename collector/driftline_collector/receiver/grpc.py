"""OTLP over gRPC, on an event loop in a thread of its own, so that neither transport waits for the other.

The services are generic and take raw bytes: grpcio itself answers INTERNAL, which clients may repeat, to what
it cannot decode. It does keep the limit, before and after decompression, and answers RESOURCE_EXHAUSTED.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable
from typing import Any

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]
from google.rpc.code_pb2 import Code

from driftline_collector.errors import StartError
from driftline_collector.receiver.answers import RefusedError, UnavailableError
from driftline_collector.receiver.export import export
from driftline_collector.receiver.intake import Intake
from driftline_collector.receiver.requests import Requests
from driftline_collector.receiver.signals import LOGS, METRICS, TRACES, Signal

logger = logging.getLogger(__name__)

_METHODS = {
    f"/opentelemetry.proto.collector.{service}/Export": signal
    for service, signal in (
        ("trace.v1.TraceService", TRACES),
        ("metrics.v1.MetricsService", METRICS),
        ("logs.v1.LogsService", LOGS),
    )
}
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # two collectors on one port would share the clients, unasked
    ("grpc.max_concurrent_streams", 128),
    ("grpc.max_allowed_incoming_connections", 4096),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 120_000),
    # Whatever a client keeps half sent is let go of with its connection; clients come back by themselves.
    ("grpc.max_connection_age_ms", 1_800_000),
    ("grpc.max_connection_age_grace_ms", 60_000),
    # Clients that are gone without a word are found by a ping, as nobody else may find them.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
)


class OtlpGrpc:
    """The three services on a port. Constructed, it holds the port; it serves from `start` to `stop`.

    Raises StartError where the port cannot be had.
    """

    def __init__(self, host: str, port: int, *, max_body_bytes: int) -> None:
        self.requests = Requests("grpc")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="driftline-grpc", daemon=True)
        self._thread.start()
        self._server: grpc.aio.Server
        try:
            bound = self._wait(self._listen(host, port, max_body_bytes))
        except RuntimeError:
            self._end_loop()
            raise StartError(
                f"cannot listen on {host} port {port} for gRPC: is something there already? Stop it, or set"
                " server.grpc_port (DRIFTLINE_SERVER__GRPC_PORT=4401, or off)"
            ) from None
        shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # what all addresses become here
        self.address = f"[{shown}]:{bound}" if ":" in shown else f"{shown}:{bound}"

    def start(self, intake: Intake) -> None:
        """Take calls, and hand them to `intake`."""
        self._server.add_generic_rpc_handlers((_Handlers(intake, self.requests),))
        self._wait(self._server.start())

    def stop(self, grace_s: float) -> None:
        """Take no more calls; those under way get `grace_s` to end."""
        self._wait(self._server.stop(grace_s))
        self._end_loop()

    async def _listen(self, host: str, port: int, max_body_bytes: int) -> int:
        options = [*_OPTIONS, ("grpc.max_receive_message_length", max_body_bytes)]
        self._server = grpc.aio.server(options=options)
        return int(self._server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))

    def _wait(self, awaitable: Awaitable[Any]) -> Any:
        async def run() -> Any:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio ships no types
    """Finds the handler of a method."""

    def __init__(self, intake: Intake, requests: Requests) -> None:
        self._intake = intake
        self._requests = requests
        self._methods = {path: self._method(signal) for path, signal in _METHODS.items()}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler, None where there is no such method, which is answered UNIMPLEMENTED."""
        return self._methods.get(handler_call_details.method)

    def _method(self, signal: Signal) -> Any:
        async def call(body: bytes, context: grpc.aio.ServicerContext) -> bytes:
            return await self._export(signal, body, context)

        return grpc.unary_unary_rpc_method_handler(call)

    async def _export(self, signal: Signal, body: bytes, context: grpc.aio.ServicerContext) -> bytes:
        fault: RefusedError
        try:
            answer = await export(self._intake, signal, body)
        except RefusedError as refused:
            fault = refused
        except Exception:
            logger.exception("a %s request over gRPC failed", signal.name)
            fault = UnavailableError("an unexpected fault; send again")
        else:
            self._requests.count("taken")
            return answer.SerializeToString()
        self._requests.count("unavailable" if isinstance(fault, UnavailableError) else "refused")
        trailers = [("grpc-status-details-bin", fault.status().SerializeToString())]
        if isinstance(fault, UnavailableError):
            # Where the Python exporter looks for it.
            trailers.append(("google.rpc.retryinfo-bin", fault.retry_info().SerializeToString()))
        code = getattr(grpc.StatusCode, Code.Name(fault.code))
        await context.abort(code, fault.message, tuple(trailers))
        raise AssertionError("abort returned")
