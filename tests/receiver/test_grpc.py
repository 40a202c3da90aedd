"""OTLP over gRPC: what is answered, by which code, and with what in the trailers."""

import socket
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from driftline_collector.errors import StartError, StoreError
from driftline_collector.receiver.decoded import Rejected
from driftline_collector.receiver.grpc import OtlpGrpc
from driftline_collector.receiver.intake import Intake, OverloadedError
from driftline_collector.receiver.signals import SIGNALS, Signal
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from tests.conformance.client_grpc import METHODS
from tests.conformance.payloads import ordinary
from tests.conformance.registry import SignalName
from tests.receiver.serving import Serving, serving

LIMIT = 2**20
TABLES = {"traces": "spans", "metrics": "metrics", "logs": "logs"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("grpc"), max_body_bytes=LIMIT) as running:
        yield running


def call(address: str, signal: SignalName, body: bytes, *, gzip: bool = False) -> Any:
    """One call, done: a grpc.Call that is also a future."""
    with grpc.insecure_channel(address) as channel:
        compression = grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression
        done = channel.unary_unary(METHODS[signal]).future(body, timeout=20, compression=compression)
        done.exception()
        return done


def trailers(done: Any) -> dict[str, bytes]:
    return dict(done.trailing_metadata())


@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
def test_each_signal_is_stored_and_answered_by_its_response(
    served: Serving, signal: Signal, gzip: bool
) -> None:
    before = served.count(TABLES[signal.name])
    done = call(served.grpc, signal.name, ordinary(signal.name).SerializeToString(), gzip=gzip)  # type: ignore[arg-type]
    assert done.code() is grpc.StatusCode.OK
    assert signal.response.FromString(done.result()) == signal.response()
    assert served.count(TABLES[signal.name]) == before + 1


def test_bytes_that_are_no_request_are_bad_data_and_not_an_internal_error(served: Serving) -> None:
    done = call(served.grpc, "logs", b"\xff" * 40)
    assert done.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = Status.FromString(trailers(done)["grpc-status-details-bin"])
    assert (status.code, status.message) == (3, done.details())
    detail = BadRequest()
    assert status.details[0].Unpack(detail)
    assert "is not a protobuf" in detail.field_violations[0].description
    assert "google.rpc.retryinfo-bin" not in trailers(done)


@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
def test_a_request_above_the_limit_is_refused_and_not_to_be_repeated(served: Serving, gzip: bool) -> None:
    body = b"\x0a\x80\x80\x80\x01" + bytes(2 * LIMIT)
    done = call(served.grpc, "logs", body, gzip=gzip)
    assert done.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not {"google.rpc.retryinfo-bin", "grpc-status-details-bin"} & trailers(done).keys()


def test_a_service_that_is_not_otlps_is_not_implemented(served: Serving) -> None:
    with grpc.insecure_channel(served.grpc) as channel:
        done = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Import").future(b"")
        assert done.exception().code() is grpc.StatusCode.UNIMPLEMENTED


class Faulty(Intake):
    """An intake that fails as it is told."""

    def __init__(self, fault: Exception, *, later: bool = False) -> None:
        self.fault = fault
        self.later = later

    def submit(self, signal: Signal, body: bytes) -> "Future[Rejected]":
        if not self.later:
            raise self.fault
        answer: Future[Rejected] = Future()
        answer.set_exception(self.fault)
        return answer


class Refusing(Intake):
    """An intake that takes all but some records."""

    def __init__(self) -> None:
        pass

    def submit(self, signal: Signal, body: bytes) -> "Future[Rejected]":
        answer: Future[Rejected] = Future()
        answer.set_result(Rejected(2, "2 log records refused: 2 with no name"))
        return answer


def answered(intake: Intake) -> Any:
    server = OtlpGrpc("127.0.0.1", 0, max_body_bytes=LIMIT)
    server.start(intake)
    try:
        return call(server.address, "logs", b"")
    finally:
        server.stop(0)


@pytest.mark.parametrize(
    "intake",
    [
        Faulty(OverloadedError("512 requests are waiting")),
        Faulty(StoreError("the disk is full"), later=True),
        Faulty(ZeroDivisionError("a fault of ours"), later=True),
    ],
    ids=["overload", "store", "bug"],
)
def test_a_passing_fault_is_unavailable_with_retry_info_where_any_client_looks_for_it(intake: Faulty) -> None:
    done = answered(intake)
    assert done.code() is grpc.StatusCode.UNAVAILABLE
    expected = "an unexpected fault" if isinstance(intake.fault, ZeroDivisionError) else str(intake.fault)
    assert done.details().startswith(expected)
    found = trailers(done)
    status, info = Status.FromString(found["grpc-status-details-bin"]), RetryInfo()
    assert (status.code, status.message) == (14, done.details())
    assert status.details[0].Unpack(info)
    assert info == RetryInfo.FromString(found["google.rpc.retryinfo-bin"])
    assert info.retry_delay.seconds in (1, 2)


def test_what_is_taken_in_part_is_a_success_that_says_so() -> None:
    done = answered(Refusing())
    assert done.code() is grpc.StatusCode.OK
    partial = ExportLogsServiceResponse.FromString(done.result()).partial_success
    assert (partial.rejected_log_records, partial.error_message) == (
        2,
        "2 log records refused: 2 with no name",
    )


def test_a_port_in_use_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"cannot listen on 127.0.0.1 port {port} for gRPC.*GRPC_PORT"):
            OtlpGrpc("127.0.0.1", port, max_body_bytes=LIMIT)


def test_a_call_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    waiting: Future[Rejected] = Future()

    class Slow(Intake):
        def __init__(self) -> None:
            pass

        def submit(self, signal: Signal, body: bytes) -> "Future[Rejected]":
            arrived.set_result(None)
            return waiting

    arrived: Future[None] = Future()
    server = OtlpGrpc("127.0.0.1", 0, max_body_bytes=LIMIT)
    server.start(Slow())
    with grpc.insecure_channel(server.address) as channel:
        done = channel.unary_unary(METHODS["logs"]).future(b"", timeout=20)
        arrived.result(20)
        channel.subscribe(lambda state: _finish(state, waiting))
        server.stop(20)
        assert done.result() == b""


def _finish(state: grpc.ChannelConnectivity, waiting: "Future[Rejected]") -> None:
    """Let the call end when the server has said that it goes."""
    if state is not grpc.ChannelConnectivity.READY and not waiting.done():
        waiting.set_result(Rejected())
