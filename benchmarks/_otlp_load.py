"""The load of `benchmarks.ingest`, as a process of its own: prediction events over raw sockets,
or gRPC.

Each connection is a device with a stream of its own. A request is encoded once; before each sending the
sequence numbers and prediction ids in it are written over, so that no two records are alike and yet the
loader costs a fraction of what it loads. Prints one JSON object: what was acknowledged, how fast, its cost.
"""

import argparse
import gzip
import json
import random
import socket
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
from driftline_collector.simulation.messages import pair
from driftline_schemas import attributes as names
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

RECORDS = 512
FEATURES = 7  # with id, label, score, probability and sequence: twelve attributes a record
#: Sequence numbers from here on take five bytes each, for 2^35 records.
FIRST_SEQUENCE = 2**28
_SEQUENCE_BYTES = 5
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


class Requests:
    """Encoded requests of one device, each of records that were never sent before."""

    def __init__(self, device: int) -> None:
        rng = random.Random(device)
        self._prefix = f"{rng.randrange(2**32):08x}-0000-7000-8000-"
        self._body = np.frombuffer(_request(device, self._prefix, rng), np.uint8).copy()
        raw = self._body.tobytes()
        self._ids = _places(raw, self._prefix.encode(), len(self._prefix))
        key = names.SEQUENCE.encode()
        # After the key: the value's tag and length, and the integer's tag.
        self._sequences = _places(raw, key, len(key) + 3)
        self._next = FIRST_SEQUENCE

    def make(self) -> bytes:
        """The next request."""
        numbers = np.arange(self._next, self._next + RECORDS)
        self._next += RECORDS
        for place in range(_SEQUENCE_BYTES):
            digit = numbers >> 7 * place & 0x7F
            self._body[self._sequences + place] = digit | (0x80 if place < _SEQUENCE_BYTES - 1 else 0)
        for place in range(12):
            self._body[self._ids + place] = _HEX[numbers >> 4 * (11 - place) & 0xF]
        return self._body.tobytes()


def _places(raw: bytes, mark: bytes, skip: int) -> npt.NDArray[np.int64]:
    found = []
    at = raw.find(mark)
    while at >= 0:
        found.append(at + skip)
        at = raw.find(mark, at + 1)
    if len(found) != RECORDS:
        raise AssertionError(f"{mark!r} stands {len(found)} times in a request of {RECORDS} records")
    return np.asarray(found)


def _request(device: int, prefix: str, rng: random.Random) -> bytes:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    resource = {
        names.SERVICE_NAME: "benchmark",
        names.DEVICE_ID: f"device-{device:04}",
        names.DEVICE_TYPE: "camera-a",
        names.DEVICE_REGION: "eu-west",
        names.TIER: "device_edge",
        names.MODEL_NAME: "benchmark",
        names.MODEL_VERSION: "1.0.0",
        names.STREAM_ID: f"{rng.randrange(2**128):032x}",
    }
    group.resource.attributes.extend(pair(key, value) for key, value in resource.items())
    scope = group.scope_logs.add(schema_url=names.SCHEMA_URL)
    scope.scope.name = names.SCOPE_NAME
    now = time.time_ns()
    for number in range(RECORDS):
        record = scope.log_records.add(
            time_unix_nano=now + number,
            observed_time_unix_nano=now + number,
            event_name=names.EVENT_PREDICTION,
            trace_id=rng.randbytes(16),
            span_id=rng.randbytes(8),
        )
        own: dict[str, str | float | int] = {
            names.PREDICTION_ID: prefix + "0" * 12,
            names.PREDICTION_LABEL: str(rng.randrange(10)),
            names.PREDICTION_SCORE: rng.random(),
            names.SAMPLE_PROBABILITY: 0.01,
            names.SEQUENCE: FIRST_SEQUENCE,
        }
        own |= {f"{names.FEATURE_PREFIX}feature_{i}": rng.gauss(0, 1) for i in range(FEATURES)}
        record.attributes.extend(pair(key, value) for key, value in own.items())
    return request.SerializeToString()


@dataclass
class Sent:
    """What one connection did: `total` is all that was acknowledged, the rest is of the counted time."""

    total: int = 0
    acknowledged: int = 0
    refused: int = 0
    seconds: list[float] = field(default_factory=list)


class Exchange(Protocol):
    """One connection, over which one request goes after the other."""

    def packed(self, body: bytes) -> bytes:
        """What `send` takes; the time for it is the client's own."""

    def send(self, body: bytes) -> bool:
        """Send a request, wait for the answer; whether it was taken."""


class Http:
    """HTTP/1.1 on a bare socket."""

    def __init__(self, host: str, port: int, *, zipped: bool) -> None:
        self._socket = socket.create_connection((host, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._zipped = zipped
        self._host = host

    def packed(self, body: bytes) -> bytes:
        """In gzip where that is asked for."""
        return gzip.compress(body, 1) if self._zipped else body

    def send(self, body: bytes) -> bool:
        """Whether the answer is 200."""
        encoding = "content-encoding: gzip\r\n" if self._zipped else ""
        head = (
            f"POST /v1/logs HTTP/1.1\r\nhost: {self._host}\r\ncontent-type: application/x-protobuf\r\n"
            f"{encoding}content-length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)
        return self._status() == 200

    def _status(self) -> int:
        """Read one answer, whose length is told."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, rest = data.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0].partition(b":")[2]) if lengths else 0
        while len(rest) < length:
            rest += self._receive()
        return int(head.split(b" ", 2)[1])

    def _receive(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data


class Grpc:
    """A channel of its own."""

    def __init__(self, address: str) -> None:
        channel = grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])
        grpc.channel_ready_future(channel).result(30)
        self._export = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")

    def packed(self, body: bytes) -> bytes:
        """As it is."""
        return body

    def send(self, body: bytes) -> bool:
        """Whether the answer is OK."""
        try:
            self._export(body)
        except grpc.RpcError:
            return False
        return True


class Connection(threading.Thread):
    """Sends one request after another, each after the last answer and `pause` seconds after its beginning."""

    def __init__(self, exchange: "Exchange", device: int, *, pause: float) -> None:
        super().__init__(daemon=True)
        self._requests = Requests(device)
        self._exchange = exchange
        self._pause = pause
        self.until = 0.0
        self.counting_from = 0.0
        self.sent = Sent()

    def run(self) -> None:
        """Send until `until`; count what was begun after `counting_from`."""
        due = time.perf_counter()
        while (now := time.perf_counter()) < self.until:
            if now < due:
                time.sleep(due - now)
            due = max(due + self._pause, time.perf_counter() - self._pause)
            body = self._exchange.packed(self._requests.make())
            begin = time.perf_counter()
            taken = RECORDS if self._exchange.send(body) else 0
            self.sent.total += taken
            if begin >= self.counting_from:
                self.sent.acknowledged += taken
                self.sent.refused += RECORDS - taken
                self.sent.seconds.append(time.perf_counter() - begin)


def load(
    connect: Callable[[], Exchange], *, connections: int, seconds: float, warm: float, rate: float
) -> dict[str, float]:
    """Load a server; `rate` records a second in all, 0 for as fast as it answers."""
    pause = RECORDS * connections / rate if rate else 0.0
    threads = [Connection(connect(), device, pause=pause) for device in range(connections)]
    start = time.perf_counter()
    cpu = time.process_time()
    for thread in threads:
        thread.counting_from = start + warm
        thread.until = start + warm + seconds
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - start - warm
    answers = sorted(second for thread in threads for second in thread.sent.seconds)
    return {
        "total": sum(thread.sent.total for thread in threads),
        "acknowledged": sum(thread.sent.acknowledged for thread in threads),
        "refused": sum(thread.sent.refused for thread in threads),
        "records_per_s": sum(thread.sent.acknowledged for thread in threads) / elapsed,
        "p50_ms": statistics.median(answers) * 1e3,
        "p99_ms": answers[min(len(answers) - 1, int(len(answers) * 0.99))] * 1e3,
        "loader_cpu_s": time.process_time() - cpu,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("endpoint")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--warm", type=float, default=1.0, help="seconds before counting begins")
    parser.add_argument("--rate", type=float, default=0.0, help="records a second; 0: as fast as it answers")
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--grpc", action="store_true", help="the endpoint is HOST:PORT of gRPC")
    options = parser.parse_args()

    def connect() -> Exchange:
        if options.grpc:
            return Grpc(options.endpoint)
        address = urlsplit(options.endpoint)
        return Http(address.hostname or "127.0.0.1", address.port or 4318, zipped=options.gzip)

    print(
        json.dumps(
            load(
                connect,
                connections=options.connections,
                seconds=options.seconds,
                warm=options.warm,
                rate=options.rate,
            )
        )
    )


if __name__ == "__main__":
    main()
