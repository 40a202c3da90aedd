"""Streams by the hundred thousand: processes started by cron, each of which says little, and never again."""

import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import httpx
import pytest
from driftline_schemas import attributes as names

from tests.end_to_end.running import collector
from tests.faults.senders import HEADERS
from tests.faults.test_kills import seconds_to_open
from tests.receiver import wire
from tests.receiver.serving import serving

RECORDS = 10
AT_ONCE = 200  # streams in a request, as a forwarder would merge them
_NAME = "x" * 32


def requests(at_ns: int, count: int, only: slice = slice(None)) -> Iterator[tuple[str, bytes]]:
    """Signal and body: predictions and a window of each stream. Messages are joined as bytes are."""
    device = wire.DEVICE | {names.STREAM_ID: _NAME}
    numbers = range(1, RECORDS + 1)
    made = [
        wire.prediction(number, prediction__id=f"{_NAME}-{number}", features__x=0.5) for number in numbers
    ]
    window = wire.counter(names.PROFILE_PREDICTIONS, [(RECORDS, {})], start=at_ns - 60 * 10**9, end=at_ns)
    templates = {
        "logs": wire.events(*made, device=device, time_unix_nano=at_ns).SerializeToString(),
        "metrics": wire.metrics(window, device=device).SerializeToString(),
    }
    streams = [f"{number:032x}".encode() for number in range(count)][only]
    for first in range(0, len(streams), AT_ONCE):
        for signal, template in templates.items():
            some = streams[first : first + AT_ONCE]
            yield signal, b"".join(template.replace(_NAME.encode(), stream) for stream in some)


def send(url: str, bodies: Iterator[tuple[str, bytes]]) -> None:
    with httpx.Client(trust_env=False, timeout=60) as client:
        for signal, body in bodies:
            while (
                answer := client.post(f"{url}/v1/{signal}", content=body, headers=HEADERS)
            ).status_code == 503:
                time.sleep(float(answer.headers["retry-after"]) / 10)
            assert answer.status_code == 200


def come_and_go(folder: Path, count: int) -> tuple[tuple[float, float], float]:
    """Send of so many streams, kill, send a part again; seconds to open the store, peak MB after that."""
    at_ns = time.time_ns()
    bodies = list(requests(at_ns, count))
    again = list(requests(at_ns, count, slice(None, None, 50)))
    with collector(folder) as running:
        send(running.url, iter(bodies))
        running.get("/system")
        send(running.url, iter(again))  # of streams that have long left its memory
        running.kill()
    seconds = seconds_to_open(folder)
    with collector(folder) as running:
        send(running.url, iter(again))
        peak = memory(running.process.pid)
        assert running.stop() == 0
    check(Path(running.facts["database"]), count)
    return seconds, peak


def check(database: Path, count: int) -> None:
    """All is there once, and what came again twice, of each fiftieth stream, was counted."""
    with duckdb.connect(database, read_only=True) as stored:
        query = "SELECT count(*), count(DISTINCT stream) FROM predictions"
        assert stored.execute(query).fetchall() == [(RECORDS * count, count)]
        assert stored.execute("SELECT count(*), sum(counts[1]) FROM profiles").fetchall() == [
            (count, RECORDS * count)
        ]
        query = "SELECT signal, sum(count) FROM refusals WHERE reason = 'repeat' GROUP BY signal"
        resent = 2 * len(range(0, count, 50))
        assert dict(stored.execute(query).fetchall()) == {"logs": RECORDS * resent, "metrics": resent}


def memory(process: int) -> float:
    """The most that a process has held, in MB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    raise AssertionError("the kernel does not tell")


def test_streams_that_come_once_are_known_when_they_are_sent_again(tmp_path: Path) -> None:
    at_ns = time.time_ns()
    again = slice(None, None, 50)
    for bodies in (requests(at_ns, 1000), requests(at_ns, 1000, again), requests(at_ns, 1000, again)):
        with serving(tmp_path) as served:
            send(served.url, bodies)
    check(tmp_path / "served.duckdb", 1000)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_two_hundred_thousand_streams_are_known_when_they_are_sent_again(tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    (_, without), ((seconds, used), peak) = come_and_go(few, 1000), come_and_go(tmp_path, 200_000)
    print(
        f"\n200,000 streams: {seconds:.2f} s ({used:.2f} of CPU) to open the store after a kill; what"
        f" starts then takes {peak:.0f} MB at most, {peak - without:.0f} more than with 1,000 streams"
    )
