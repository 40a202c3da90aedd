"""The collector, held against the specification over each of its three transports."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from driftline_schemas import attributes as names
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from tests.conformance.probe import Target
from tests.conformance.registry import TRANSPORTS, Transport
from tests.conformance.run import Result, run
from tests.end_to_end.running import collector

LIMIT = 2**20
ORIGIN = "https://page.example"
CONFIGURATION = f"server: {{max_body_bytes: {LIMIT}, cors_origins: ['{ORIGIN}']}}\n"
OVERLOADED = "server: {queue_requests: 1}\n"
#: What nothing that a client can do brings about, or what the collector does not offer and need not.
NOT_TO_BE_SEEN = {
    "answers partial success with the response message",  # of traces: there is no span that is not taken
    "counts what it rejected",
    "says why it rejected",
    "warns with a message and no count",
    "handles a response that would be too large",
    "gets on without optional capabilities",
    "listens on the default port",  # the tests take free ones
    "does not repeat a large bad request in its answer",  # the limit is too low here
    "takes requests of up to 64 MiB",  # likewise
    "refuses enum names",  # it takes them
    "serves profiles",
    "gzips responses only on request",
    "speaks http 2 without negotiation",
    "takes grpc on the port of http",
}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A collector with a low limit, and one that is easily overloaded."""
    with ExitStack() as stack:
        folders = [tmp_path_factory.mktemp(name) for name in ("conformance", "overloaded")]
        for folder, configuration in zip(folders, (CONFIGURATION, OVERLOADED), strict=True):
            (folder / "driftline.yaml").write_text(configuration)
        running, overloaded = (stack.enter_context(collector(folder)) for folder in folders)
        yield Target(
            http=running.url,
            grpc=running.grpc,
            limit=LIMIT,
            origin=ORIGIN,
            overloaded=overloaded.url,
            overloaded_grpc=overloaded.grpc,
            partly_rejected={"logs": a_prediction_without_an_id()},
        )


def a_prediction_without_an_id() -> bytes:
    records = [LogRecord(time_unix_nano=1), LogRecord(time_unix_nano=1, event_name=names.EVENT_PREDICTION)]
    logs = ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])
    return ExportLogsServiceRequest(resource_logs=[logs]).SerializeToString()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_clause_that_can_be_tested_holds(target: Target, transport: Transport) -> None:
    results = list(run(target, transports=(transport,)))
    assert not [shown(result) for result in results if result.outcome == "fail"]
    assert {result.clause.title for result in results if result.outcome == "skip"} <= NOT_TO_BE_SEEN
    assert sum(result.outcome == "pass" for result in results) > 100


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_64_mib_are_taken_unless_another_limit_is_set(tmp_path: Path, transport: Transport) -> None:
    with collector(tmp_path) as running:
        target = Target(http=running.url, grpc=running.grpc, timeout=60.0)
        wanted = "takes requests of up to 64 MiB"
        found = list(
            run(
                target,
                transports=(transport,),
                signals=("logs",),
                wanted=lambda clause: clause.title == wanted,
            )
        )
    assert [result.outcome for result in found] == ["pass"], shown(found[0])


def shown(result: Result) -> str:
    return f"{result.clause.title} ({result.transport}, {result.signal}): {result.seen}; sent {result.sent}"
