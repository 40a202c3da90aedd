"""kill -9 at random instants under load: what was acknowledged is there, once."""

import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import httpx
from driftline_schemas import attributes as names

from tests.end_to_end.running import RunningCollector
from tests.receiver import wire

KILLS = 3
SENDERS = 3
RECORDS = 20


@dataclass
class Sender:
    """A client that numbers its records, and sends a request again until it is acknowledged."""

    stream: str
    acknowledged: int = 0
    started: threading.Event = field(default_factory=threading.Event)

    def request(self, first: int) -> bytes:
        device = wire.DEVICE | {names.STREAM_ID: self.stream}
        records = [
            wire.prediction(number, prediction__id=f"{self.stream}-{number}", features__x=0.5)
            for number in range(first, first + RECORDS)
        ]
        return wire.events(*records, device=device).SerializeToString()

    def send(self, url: str) -> None:
        """Until the server is gone."""
        headers = {"content-type": "application/x-protobuf"}
        with httpx.Client(trust_env=False, timeout=30) as client:
            while True:
                body = self.request(self.acknowledged + 1)
                try:
                    status = client.post(f"{url}/v1/logs", content=body, headers=headers).status_code
                except httpx.TransportError:
                    return
                if status == 200:
                    self.acknowledged += RECORDS
                    self.started.set()


def test_whatever_was_acknowledged_before_a_kill_is_there_once(tmp_path: Path) -> None:
    rng = random.Random(20)
    senders = [Sender(character * 32) for character in "abc"[:SENDERS]]
    for _ in range(KILLS):
        collector = RunningCollector(tmp_path)
        threads = load(senders, collector)
        time.sleep(rng.uniform(0.05, 0.4))  # any instant will do
        collector.kill()
        for thread in threads:
            thread.join(30)
    collector = RunningCollector(tmp_path)
    assert collector.stop() == 0
    for sender in senders:
        assert sender.acknowledged >= KILLS * RECORDS  # each life acknowledged something
        numbers = stored(Path(collector.facts["database"]), sender.stream)
        assert len(numbers) == len(set(numbers))
        assert set(range(1, sender.acknowledged + 1)) <= set(numbers)
        # At most the request that was under way when the last one was killed is there without an answer.
        assert len(numbers) <= sender.acknowledged + RECORDS


def load(senders: list[Sender], collector: RunningCollector) -> list[threading.Thread]:
    """Send from all, without an end; each has had an answer."""
    threads = [threading.Thread(target=sender.send, args=(collector.url,), daemon=True) for sender in senders]
    for sender, thread in zip(senders, threads, strict=True):
        sender.started.clear()
        thread.start()
    for sender in senders:
        assert sender.started.wait(30)
    return threads


def stored(database: Path, stream: str) -> list[int]:
    with duckdb.connect(database, read_only=True) as connection:
        rows = connection.execute("SELECT sequence FROM predictions WHERE stream = ?", [stream]).fetchall()
        return [number for (number,) in rows]
