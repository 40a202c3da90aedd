"""Clients that number what they send, and send each request again until it is acknowledged.

One of each kind: predictions, spans, windows, and log records without numbers, as of another SDK. Each knows
what was acknowledged, so that a store can be held to it: all of that is there, and once.
"""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import httpx
from driftline_collector.store.opened import WITH_ARCHIVE
from driftline_schemas import attributes as names

from tests.receiver import wire

SECOND = 10**9
HEADERS = {"content-type": "application/x-protobuf"}


@dataclass
class Sender:
    """Sends in a thread of its own until the collector is gone, or told to stop."""

    stream: str
    size: int = 50
    text: int = 0
    patient: bool = False  # sends again where no answer came
    acknowledged: int = 0
    sent: int = 0
    refusals: Counter[int] = field(default_factory=Counter)
    progress: threading.Condition = field(default_factory=threading.Condition)
    stopping: threading.Event = field(default_factory=threading.Event)
    message: str = ""
    signal: ClassVar[str]
    query: ClassVar[str]

    def made(self) -> Any:
        """A request of `size` records."""
        raise NotImplementedError

    def number(self, request: Any, first: int) -> None:
        """Make it that of the records from `first` on: making one anew takes longer than storing it."""
        raise NotImplementedError

    @property
    def device(self) -> dict[str, object]:
        return wire.DEVICE | {names.STREAM_ID: self.stream, names.DEVICE_ID: f"cam-{self.stream[:4]}"}

    def send(self, url: str) -> None:
        request = self.made()
        with httpx.Client(trust_env=False, timeout=60) as client:
            while not self.stopping.is_set():
                self.sent += 1
                self.number(request, self.acknowledged + 1)
                body = request.SerializeToString()
                try:
                    answer = client.post(f"{url}/v1/{self.signal}", content=body, headers=HEADERS)
                except httpx.TransportError:
                    if self.patient:
                        continue
                    return
                with self.progress:
                    if answer.status_code == 200:
                        self.acknowledged += self.size
                    else:
                        self.refusals[answer.status_code] += 1
                        self.message = answer.content.decode(errors="replace")
                    self.progress.notify_all()
                if answer.status_code != 200:
                    self.stopping.wait(0.02)

    def wait_for(self, more: int, timeout: float = 60) -> bool:
        """Wait until so many more requests were acknowledged; whether they were."""
        with self.progress:
            target = self.acknowledged + more * self.size
            return self.progress.wait_for(lambda: self.acknowledged >= target, timeout)

    def wait_for_refusal(self, timeout: float = 60) -> bool:
        """Wait until one more request was refused."""
        with self.progress:
            target = self.refusals.total() + 1
            return self.progress.wait_for(lambda: self.refusals.total() >= target, timeout)

    def check(self, stored: duckdb.DuckDBPyConnection) -> None:
        """What was acknowledged is there, once; beyond it at most the request that was not answered."""
        found = [number for (number,) in stored.execute(self.query, [self.stream]).fetchall()]
        assert len(found) == len(set(found)), f"{self.signal}: {len(found) - len(set(found))} are there twice"
        missing = set(range(1, self.acknowledged + 1)) - set(found)
        assert not missing, f"{self.signal}: {len(missing)} of {self.acknowledged} are lost: {min(missing)} …"
        assert len(found) <= self.acknowledged + self.size


class Predictions(Sender):
    signal = "logs"
    query = "SELECT sequence FROM predictions WHERE stream = ?"

    def made(self) -> Any:
        record = wire.prediction(1, features__x=0.5)
        return wire.events(*([record] * self.size), device=self.device)

    def number(self, request: Any, first: int) -> None:
        for number, record in enumerate(request.resource_logs[0].scope_logs[0].log_records, first):
            record.attributes[0].value.string_value = f"{self.stream}-{number}"
            record.attributes[1].value.int_value = number


class Spans(Sender):
    signal = "traces"
    query = "SELECT sequence FROM spans WHERE stream = ?"

    def made(self) -> Any:
        request = wire.spans(device=self.device, attributes=wire.pairs({names.SEQUENCE: 1}))
        group = request.resource_spans[0].scope_spans[0]
        group.spans.extend([group.spans[0]] * (self.size - 1))
        return request

    def number(self, request: Any, first: int) -> None:
        for number, span in enumerate(request.resource_spans[0].scope_spans[0].spans, first):
            span.span_id = number.to_bytes(8, "big")
            span.attributes[0].value.int_value = number


class Windows(Sender):
    """A window of a second is a record, of two labels."""

    signal = "metrics"
    query = """
        SELECT start_ns // 1000000000 FROM profiles
        WHERE stream = ? AND kind = 'predictions' AND category = '1' AND counts[1] = 2
    """

    def made(self) -> Any:
        labels = [(2, {names.LABEL: "1"}), (3, {names.LABEL: "2"})]
        counter = wire.counter(names.PROFILE_PREDICTIONS, labels)
        return wire.metrics(*([counter] * self.size), device=self.device)

    def number(self, request: Any, first: int) -> None:
        for number, metric in enumerate(request.resource_metrics[0].scope_metrics[0].metrics, first):
            for point in metric.sum.data_points:
                point.start_time_unix_nano = number * SECOND
                point.time_unix_nano = (number + 1) * SECOND


class Unnumbered(Sender):
    """Log records of another SDK: what was sent again without an answer may be there twice."""

    signal = "logs"
    query = "SELECT CAST(json_extract(attributes, '$.number') AS BIGINT) FROM logs WHERE service = ?"

    def made(self) -> Any:
        plain = ("", {"number": 1, "text": "x" * self.text})
        return wire.events(*([plain] * self.size), device={names.SERVICE_NAME: self.stream})

    def number(self, request: Any, first: int) -> None:
        for number, record in enumerate(request.resource_logs[0].scope_logs[0].log_records, first):
            record.attributes[0].value.int_value = number

    def check(self, stored: duckdb.DuckDBPyConnection) -> None:
        found = Counter(number for (number,) in stored.execute(self.query, [self.stream]).fetchall())
        missing = set(range(1, self.acknowledged + 1)) - set(found)
        assert not missing, f"{len(missing)} of {self.acknowledged} are lost: {min(missing)} …"
        # Each request that was not acknowledged may have been stored once, and was sent again.
        assert found.total() <= self.sent * self.size


def one_of_each(size: int = 50, *, text: int = 0) -> list[Sender]:
    """With requests of `size` records, some of which bear so much text."""
    kinds = (Predictions, Spans, Windows, Unnumbered)
    return [kind(letter * 32, size, text) for kind, letter in zip(kinds, "abcd", strict=True)]


class Load:
    """Senders at work; at the end of the block they are stopped."""

    def __init__(self, senders: Iterable[Sender], url: str) -> None:
        self.senders = list(senders)
        self._threads = [
            threading.Thread(target=sender.send, args=(url,), daemon=True) for sender in self.senders
        ]

    def __enter__(self) -> "Load":
        for sender, thread in zip(self.senders, self._threads, strict=True):
            sender.stopping.clear()
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for sender in self.senders:
            sender.stopping.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()


def check(senders: Iterable[Sender], database: Path) -> None:
    """Hold a store that nobody has open to what was acknowledged."""
    with duckdb.connect(database, read_only=True) as stored:
        stored.execute(WITH_ARCHIVE)
        for sender in senders:
            sender.check(stored)
