"""A small OTLP server that answers as it is told, and monitors that send to it."""

import gzip
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import driftline
import pytest
from driftline.testing import attributes_of
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PROTOBUF = "application/x-protobuf"
#: No OTLP answer: a field that goes on beyond the end.
JUNK = b"\x0a\xff"
REQUESTS: dict[str, Any] = {
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/traces": ExportTraceServiceRequest,
}


@dataclass(frozen=True)
class Reply:
    """What the server answers. `body_length` may promise more than there is; `hang` waits before a word."""

    status: int = 200
    kind: str | None = PROTOBUF
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    body_length: int | None = None
    hang: threading.Event | None = None

    @property
    def takes(self) -> bool:
        """Whether this acknowledges what was sent."""
        return self.status == 200 and self.kind == PROTOBUF and not self.body.startswith(JUNK)


OK = Reply()


class Collector:
    """Takes requests, keeps those that it answered with 200, and answers by `rule`."""

    def __init__(self) -> None:
        self.rule: Callable[[str, int], Reply] = lambda path, number: OK
        #: Refuses for good, with 400, a request in which this is true of any record, span or point.
        self.bad: Callable[[dict[str, Any]], bool] | None = None
        self.requests: list[tuple[str, float]] = []
        self.headers: list[dict[str, str]] = []
        self.kept: list[tuple[str, Any]] = []
        self.changed = threading.Condition()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def wait(self, condition: Callable[[], Any], timeout: float = 20.0) -> Any:
        """Wait until a condition on what came holds; its value."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while not (value := condition()):
                left = deadline - time.monotonic()
                assert left > 0, f"did not come: {[path for path, _ in self.requests]}"
                self.changed.wait(left)
        return value

    def events(self, name: str) -> list[dict[str, Any]]:
        """Attributes of all events of a name, with `stream` and `time` beside them."""
        return [
            {**attributes_of(record), "stream": _stream(resource), "time": record.time_unix_nano}
            for path, body in list(self.kept)
            if path == "/v1/logs"
            for resource in body.resource_logs
            for record in resource.scope_logs[0].log_records
            if record.event_name == name
        ]

    def numbers(self, stream: str) -> list[int]:
        """The sequence numbers of a stream's log records, in the order of arrival."""
        return [
            attributes_of(record)["driftline.sequence"]
            for path, body in list(self.kept)
            if path == "/v1/logs"
            for resource in body.resource_logs
            if _stream(resource) == stream
            for record in resource.scope_logs[0].log_records
        ]

    def windows(self, stream: str | None = None) -> list[tuple[int, int, int]]:
        """Start, end and predictions of each window, by start."""
        found = []
        for path, body in list(self.kept):
            for resource in body.resource_metrics if path == "/v1/metrics" else ():
                points = _points(resource, "driftline.profile.predictions")
                if points and stream in (None, _stream(resource)):
                    span = points[0].start_time_unix_nano, points[0].time_unix_nano
                    found.append((*span, sum(point.as_int for point in points)))
        return sorted(found)

    def sums(self, metric: str, by: str) -> Counter[str]:
        """Totals of a sum over all windows, by an attribute."""
        found: Counter[str] = Counter()
        for path, body in list(self.kept):
            for resource in body.resource_metrics if path == "/v1/metrics" else ():
                for point in filter(lambda point: point.as_int, _points(resource, metric)):
                    found[attributes_of(point).get(by, "")] += point.as_int
        return found

    @property
    def predictions(self) -> int:
        """Predictions in all windows."""
        return sum(count for _, _, count in self.windows())


def _points(resource: Any, name: str) -> list[Any]:
    metrics = [metric for metric in resource.scope_metrics[0].metrics if metric.name == name]
    return [point for metric in metrics for point in metric.sum.data_points]


def _records(path: str, body: bytes) -> list[dict[str, Any]]:
    """Attributes of each record, span or point of a request."""
    request = REQUESTS[path].FromString(gzip.decompress(body))
    found: list[Any] = []
    for resource in getattr(request, request.DESCRIPTOR.fields[0].name):
        for scope in getattr(resource, resource.DESCRIPTOR.fields_by_number[2].name):
            records = getattr(scope, scope.DESCRIPTOR.fields_by_number[2].name)
            for record in records:
                kind = path == "/v1/metrics" and record.WhichOneof("data")
                found += getattr(record, kind).data_points if kind else [record]
    return [attributes_of(record) for record in found]


def _stream(resource: Any) -> str:
    return str(attributes_of(resource.resource)["driftline.stream.id"])


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with collector.changed:
                number = len(collector.requests)
                collector.requests.append((self.path, time.monotonic()))
                collector.headers.append(dict(self.headers))
                reply = collector.rule(self.path, number)
                if collector.bad is not None and any(map(collector.bad, _records(self.path, body))):
                    reply = Reply(400, "text/plain", b"a bad record")
                collector.changed.notify_all()
            if reply.hang is not None:
                reply.hang.wait(30)
            if reply.takes and reply.body_length is None:
                request = REQUESTS[self.path].FromString(gzip.decompress(body))
                with collector.changed:
                    collector.kept.append((self.path, request))
                    collector.changed.notify_all()
            try:
                self._answer(reply)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _answer(self, reply: Reply) -> None:
            self.send_response(reply.status)
            if reply.kind:
                self.send_header("Content-Type", reply.kind)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            length = len(reply.body) if reply.body_length is None else reply.body_length
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(reply.body)
            if reply.body_length is not None:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    return Handler


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


MakeMonitor = Callable[..., driftline.Monitor]


@pytest.fixture
def monitor_for(tmp_path: Path, collector: Collector) -> Iterator[MakeMonitor]:
    """Makes monitors that send to the collector, and closes them at the end."""
    made: list[driftline.Monitor] = []

    def make(**arguments: Any) -> driftline.Monitor:
        defaults: dict[str, Any] = {
            "model": "digits",
            "version": "1",
            "device": driftline.Device(id="cam-1"),
            "endpoint": collector.endpoint,
            "spool_dir": tmp_path / "spool",
            "flush_interval": 0.02,
            "sync_interval": arguments.get("flush_interval", 0.02),
        }
        made.append(driftline.Monitor(**{**defaults, **arguments}))
        return made[-1]

    yield make
    for monitor in made:
        monitor.close(timeout=1.0)


@pytest.fixture
def monitor(monitor_for: MakeMonitor) -> driftline.Monitor:
    return monitor_for()


@pytest.fixture
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are tried again after a hundredth of a second."""
    monkeypatch.setattr("driftline._sender.FIRST_BACKOFF", 0.01)
