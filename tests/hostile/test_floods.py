"""Much at once, or little that becomes much: memory stays bounded, and others are served."""

import gzip
import resource
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from driftline_collector.receiver.names import LIMITS
from driftline_schemas import attributes as names

from tests.conformance.client_grpc import GrpcClient
from tests.conformance.payloads import nested, ordinary
from tests.conformance.probe import Probe, Target
from tests.conformance.registry import TRANSPORTS
from tests.end_to_end.running import RunningCollector, collector, wait_until
from tests.receiver import wire

PROTOBUF = {"content-type": "application/x-protobuf"}
GZIP = {"content-encoding": "gzip"}
LIMIT = 64 * 2**20
MEBIBYTE = 2**20


def packed(body: bytes) -> bytes:
    return gzip.compress(body, 1)


def bombs() -> dict[str, tuple[dict[str, str], bytes]]:
    """What unpacks to more than the limit, and what unpacks to less and has millions of parts."""
    tiny_attributes = b"\x32\x06\x0a\x00\x12\x02\x18\x01" * (LIMIT // 8 - 100)
    json = {"content-type": "application/json"}
    return {
        "zeros": (PROTOBUF, packed(bytes(4 * LIMIT))),
        "members": (PROTOBUF, gzip.compress(b"") * 100_000),
        "empty records": (PROTOBUF, packed(nested(1, 2, content=b"\x12\x00" * (LIMIT // 2 - 100)))),
        "empty resources": (PROTOBUF, packed(b"\x0a\x00" * (LIMIT // 2))),
        "tiny attributes": (PROTOBUF, packed(nested(1, 2, 2, content=tiny_attributes))),
        "spaces": (json, packed(b" " * 2 * LIMIT)),
        "objects": (json, packed(b'{"resourceLogs":[' + b"{}," * (LIMIT // 3 - 100) + b"{}]}")),
        "lists": (json, packed(b"[" * (LIMIT - 1))),
    }


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    with collector(tmp_path_factory.mktemp("floods")) as started:
        yield started


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a process holds")
def test_bombs_are_refused_in_bounded_memory(running: RunningCollector) -> None:
    before = peak(running)
    made = bombs()

    def over_http(name: str) -> int:
        headers, body = made[name]
        url = f"{running.url}/v1/logs"
        return httpx.post(url, content=body, headers=headers | GZIP, timeout=120).status_code

    def over_grpc(content: bytes) -> str:
        with GrpcClient(running.grpc, 120, {}) as client:
            return client.export("logs", content, gzip=True).code

    with ThreadPoolExecutor(4) as pool:
        answers = dict(zip(made, pool.map(over_http, made), strict=True))
        contents = [bytes(4 * LIMIT), gzip.decompress(made["empty records"][1])]
        codes = list(pool.map(over_grpc, contents))
    assert answers == dict.fromkeys(made, 413) | {"members": 400}
    assert codes == ["RESOURCE_EXHAUSTED"] * 2
    assert peak(running) - before < 16 * LIMIT // MEBIBYTE
    assert taken(running)


def peak(running: RunningCollector) -> int:
    """The most memory that the collector has had so far, in MiB."""
    lines = Path(f"/proc/{running.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


def taken(running: RunningCollector) -> bool:
    """Whether an ordinary request is taken over both transports."""
    body = ordinary("logs").SerializeToString()
    with GrpcClient(running.grpc, 60, {}) as client:
        over_grpc = client.export("logs", body).code == "OK"
    answer = httpx.post(f"{running.url}/v1/logs", content=body, headers=PROTOBUF, timeout=60)
    return over_grpc and answer.status_code == 200


def test_names_without_end_are_folded_over_each_transport_and_said_so(tmp_path: Path) -> None:
    each = 2 * LIMITS["model"]
    with collector(tmp_path) as started:
        for place, transport in enumerate(TRANSPORTS):
            request = wire.metrics()
            for number in range(place * each, (place + 1) * each):
                device = {names.MODEL_NAME: f"model {number}", names.STREAM_ID: f"{number:032x}"}
                request.MergeFrom(
                    wire.metrics(wire.counter(names.PROFILE_PREDICTIONS, [(1, {})]), device=device)
                )
            probe = Probe(Target(http=started.url, grpc=started.grpc), transport, "metrics")
            assert probe.export(probe.encode(request)).accepted
        ingest = started.get("/system")["ingest"]
    assert ingest["committed"]["profiles"] == 3 * each
    assert ingest["refused"] == []
    assert ingest["folded"] == [
        {
            "signal": "metrics",
            "reason": "folded into __other__: a name of a model too many, or too long",
            "count": 3 * each - LIMITS["model"],
        }
    ]


def test_thousands_of_idle_connections_keep_nobody_out(running: RunningCollector) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 5000 if hard == resource.RLIM_INFINITY else min(5000, hard - 500)
    if soft < wanted + 500:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + 500, hard))
    http = ("127.0.0.1", running.port)
    host, port = running.grpc.split(":")
    with ExitStack() as stack:
        for number in range(wanted):
            where = (host, int(port)) if number % 5 == 0 else http
            client = stack.enter_context(socket.create_connection(where, timeout=20))
            if number % 3 == 0:
                client.sendall(b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc")
        wait_until(lambda: taken(running))
    assert taken(running)
