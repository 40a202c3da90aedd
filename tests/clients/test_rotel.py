"""rotel between client and collector, which merges: nothing is lost, nothing is there twice."""

import importlib.util
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from driftline_schemas import attributes as names
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.clients import stored
from tests.conformance.rich import rich
from tests.end_to_end.running import RunningCollector, wait_until
from tests.receiver import wire
from tests.receiver.serving import Serving, serving

STREAMS, REQUESTS, RECORDS = 4, 6, 5
SECOND = 10**9
#: Made once: making one for each request takes longer than the request.
PLAIN = ssl.create_default_context()


@contextmanager
def rotel(served: Serving | RunningCollector, protocol: str, folder: Path) -> Iterator[str]:
    """rotel on a free port, which sends on what comes within 50 ms as one.

    Its batches are larger than what is sent here: where it splits a resource's records, this version forgets
    the resource in all parts but the first. Splitting is the matter of `test_forwarding.py`.
    """
    found = importlib.util.find_spec("rotel")
    if found is None or found.origin is None:
        pytest.skip("no forwarder: pip install --pre rotel (Linux and macOS)")
    agent = Path(found.origin).parent / "rotel-agent"
    tried = subprocess.run([agent, "--version"], capture_output=True, text=True, check=False)
    if "shared libraries" in tried.stderr:
        pytest.skip(f"rotel does not start: {tried.stderr.strip()}")
    agent, target = Path(found.origin).parent / "rotel-agent", f"http://{served.grpc}"
    log = folder / "rotel.log"
    for _ in range(5):  # it takes no port 0, and another process may be quicker to take the one found free
        port = _free_port()
        arguments = [
            f"--otlp-http-endpoint=127.0.0.1:{port}",
            f"--otlp-grpc-endpoint=127.0.0.1:{_free_port()}",
            f"--pid-file={folder / 'rotel.pid'}",
            "--exporter=otlp",
            f"--otlp-exporter-protocol={protocol}",
            f"--otlp-exporter-endpoint={served.url if protocol == 'http' else target}",
            "--batch-timeout=50ms",
            "--otlp-exporter-retry-initial-backoff=50ms",
            "--otlp-exporter-retry-max-backoff=200ms",
        ]
        with log.open("w") as output:
            process = subprocess.Popen([agent, "start", *arguments], stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: "Starting" in log.read_text() or process.poll() is not None)  # noqa: B023
            if process.poll() is not None and "Address already in use" in log.read_text():
                continue
            wait_until(lambda: _listens(port) or process.poll() is not None)  # noqa: B023
            assert process.poll() is None, log.read_text()
            yield f"http://127.0.0.1:{port}"
            return
        finally:
            process.terminate()
            process.wait(20)
    raise AssertionError(log.read_text())


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def send(url: str, signal: str, message: Any, *, times: int = 1) -> None:
    body, headers = message.SerializeToString(), {"content-type": "application/x-protobuf"}
    for _ in range(times):
        answer = httpx.post(f"{url}/v1/{signal}", content=body, headers=headers, verify=PLAIN)
        assert answer.status_code == 200, answer.text


def send_all(url: str) -> None:
    """Predictions, spans and profiles of some streams; everything twice, as after a lost answer."""
    for stream in range(STREAMS):
        device = wire.DEVICE | {names.STREAM_ID: f"{stream:032x}"}
        for request in range(REQUESTS):
            first = 1 + request * RECORDS
            numbers = range(first, first + RECORDS)
            events = wire.events(
                *(wire.prediction(1000 * stream + n, sequence=n) for n in numbers), device=device
            )
            send(url, "logs", events, times=2)
            spans = wire.spans(device=device)
            spans.resource_spans[0].scope_spans[0].spans.extend(
                [_span(stream, n) for n in numbers],
            )
            del spans.resource_spans[0].scope_spans[0].spans[0]
            send(url, "traces", spans, times=2)
            points = wire.counter(
                names.PROFILE_PREDICTIONS,
                [(2, {names.LABEL: label}) for label in "abc"],
                start=(1 + request) * SECOND,
                end=(2 + request) * SECOND,
            )
            send(url, "metrics", wire.metrics(points, device=device), times=2)


def _span(stream: int, number: int) -> Span:
    return Span(
        trace_id=b"t" * 16,
        span_id=(1000 * stream + number).to_bytes(8, "big"),
        name="work",
        attributes=wire.pairs({names.SEQUENCE: number}),
    )


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_what_a_forwarder_merges_is_there_once(tmp_path: Path, protocol: str) -> None:
    """Also while the collector has too much to do for most of its requests."""
    sent = STREAMS * REQUESTS * RECORDS
    with serving(tmp_path, max_requests=1) as served, rotel(served, protocol, tmp_path) as url:
        send_all(url)
        wait_until(
            lambda: repeats(served) == {"logs": sent, "traces": sent, "metrics": 3 * STREAMS * REQUESTS}
        )
        assert served.rows("SELECT count(*) AS n, count(DISTINCT id) AS ids FROM predictions") == [
            {"n": sent, "ids": sent}
        ]
        assert served.rows("SELECT count(*) AS n, count(DISTINCT span_id) AS ids FROM spans") == [
            {"n": sent, "ids": sent}
        ]
        (counted,) = served.rows(
            "SELECT count(*) AS n, sum(counts[1])::INT AS made FROM profiles WHERE kind = 'predictions'"
        )
        assert counted == {"n": 3 * STREAMS * REQUESTS, "made": 6 * STREAMS * REQUESTS}
        holes = served.rows(
            "SELECT stream, signal, min(first) AS f, max(last) AS l FROM stream_intervals"
            " WHERE signal IN ('logs', 'traces') GROUP BY ALL"
        )
        assert {(row["f"], row["l"]) for row in holes} == {(1, REQUESTS * RECORDS)}


def repeats(served: Serving) -> dict[str, int]:
    rows = served.rows(
        "SELECT signal, sum(count)::INT AS n FROM refusals WHERE reason = 'repeat' GROUP BY signal"
    )
    return {row["signal"]: row["n"] for row in rows}


def points(served: Serving) -> list[dict[str, Any]]:
    rows = served.rows("SELECT * FROM metrics ORDER BY name, point")
    return [stored.readable(row) for row in rows]


READ: dict[str, Callable[[Serving], Any]] = {
    "traces": stored.spans,
    "logs": stored.logs,
    "metrics": points,
}


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_what_goes_through_a_forwarder_is_what_comes_without_one(
    tmp_path: Path, protocol: str, signal: Any
) -> None:
    """All kinds of values; but for what rotel itself changes."""
    read = READ[signal]
    message = rich(signal)
    folders = [tmp_path / name for name in ("straight", "forwarded")]
    for folder in folders:
        folder.mkdir()
    with serving(folders[0]) as served:
        send(served.url, signal, message)
        straight = read(served)
    with serving(folders[1]) as served, rotel(served, protocol, tmp_path) as url:
        send(url, signal, message)
        wait_until(lambda: len(read(served)) == len(straight))
        forwarded = read(served)
    assert without_times(forwarded) == without_times(straight)


def without_times(found: Any) -> Any:
    rows = list(found.values()) if isinstance(found, dict) else found
    return [{key: value for key, value in row.items() if key != "received_ns"} for row in rows]
