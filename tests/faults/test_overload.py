"""Many times what can be taken: memory stays bounded, readers are answered, nothing acknowledged is lost."""

import json
import resource
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from benchmarks._otlp_load import RECORDS
from tests.conformance.payloads import ordinary
from tests.end_to_end.running import RunningCollector, collector, wait_until
from tests.faults.flooding import stream

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a process holds")

ROOT = Path(__file__).parents[2]
MEBIBYTE = 2**20
#: All that the collector's process may hold, DuckDB and Arrow included.
LIMIT = 512 * MEBIBYTE
QUESTIONS = ("/overview", "/system", "/devices")


def test_a_flood_is_put_off_in_bounded_memory_and_what_was_taken_is_there(tmp_path: Path) -> None:
    assert flooded(tmp_path, processes=1, connections=250, seconds=4.0) < LIMIT


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_minutes_of_flood_from_many_sides(tmp_path: Path) -> None:
    assert flooded(tmp_path, processes=2, connections=200, seconds=90.0) < LIMIT


def flooded(folder: Path, *, processes: int, connections: int, seconds: float) -> int:
    """Flood a collector, and hold it to all but its memory, of which it gives the peak in bytes."""
    with small_stacks(), collector(folder) as running:
        forbid_more_memory(running)
        asked = Counter[int]()
        with asking(running, asked):
            floods = flood(running.url, processes, connections, seconds)
        answered = sum((Counter(each["statuses"]) for each in floods), Counter[str]())
        hints = sum((Counter(each["hints"]) for each in floods), Counter[str]())
        # There was too much, and who was put off was told to come again soon, not all at the same time.
        assert set(answered) == {"200", "503"}
        assert sum(hints.values()) == answered["503"] > 0
        assert set(hints) == {"1", "2"}
        # Readers were answered all the while.
        assert set(asked) == {200}
        assert running.process.poll() is None
        # It goes on by itself.
        wait_until(lambda: taken(running), timeout=60)
        peak = held(running, "VmHWM")
        print(
            f"{seconds:.0f} s, {processes * connections} senders: {answered['200']} requests of {RECORDS}"
            f" records taken, {answered['503']} put off; {asked[200]} questions answered;"
            f" peak {peak / MEBIBYTE:.0f} MB"
        )
        assert running.stop() == 0
    acknowledged = [count for each in floods for count in each["acknowledged"]]
    assert_stored_once(Path(running.facts["database"]), acknowledged, floods[0]["first"])
    return peak


def flood(url: str, processes: int, connections: int, seconds: float) -> list[dict[str, Any]]:
    """What each process of the flood tells when it is over."""
    command = [sys.executable, "-m", "tests.faults.flooding", url, "--connections", str(connections)]
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    [*command, "--seconds", str(seconds), "--first-device", str(number * connections)],
                    cwd=ROOT,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for number in range(processes)
        ]
        told = [process.communicate()[0] for process in started]
    return [json.loads(each) for each in told]


@contextmanager
def asking(running: RunningCollector, asked: "Counter[int]") -> Iterator[None]:
    """Ask the API one question after another for as long as the block takes; how they were answered."""
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=f"{running.url}/api/v1", timeout=180, trust_env=False) as client:
            while not over.is_set():
                for question in QUESTIONS:
                    asked[client.get(question).status_code] += 1
                over.wait(0.2)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def taken(running: RunningCollector) -> bool:
    """Whether an ordinary request is taken."""
    body = ordinary("logs").SerializeToString()
    headers = {"content-type": "application/x-protobuf"}
    try:
        answer = httpx.post(f"{running.url}/v1/logs", content=body, headers=headers, timeout=10)
    except httpx.TimeoutException:
        return False
    return answer.status_code == 200


@contextmanager
def small_stacks() -> Iterator[None]:
    """Threads of processes started meanwhile set 1 MiB aside for their stacks, in place of 8."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (MEBIBYTE, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))


def forbid_more_memory(running: RunningCollector) -> None:
    """Have the system refuse private memory beyond the limit, whoever asks for it.

    It counts addresses. What libraries and threads have set aside at their start and never use, some 120 MB,
    comes on top, so what can be in use ends at the limit.
    """
    reserved = held(running, "VmData") - held(running, "RssAnon")
    assert reserved < LIMIT / 3
    limit = LIMIT + reserved
    resource.prlimit(running.process.pid, resource.RLIMIT_DATA, (limit, limit))


def held(running: RunningCollector, what: str) -> int:
    """Bytes that the process holds, by a line of its status."""
    lines = Path(f"/proc/{running.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) * 1024


def assert_stored_once(database: Path, acknowledged: list[int], first: int) -> None:
    with duckdb.connect(database, read_only=True) as connection:
        query = (
            "SELECT stream, count(*), count(DISTINCT sequence), min(sequence), max(sequence) FROM predictions"
        )
        rows = connection.execute(f"{query} WHERE sequence >= ? GROUP BY stream", [first]).fetchall()
    found = {row[0]: row[1:] for row in rows}
    for device, count in enumerate(acknowledged):
        if not count and stream(device) not in found:
            continue
        stored, distinct, lowest, highest = found[stream(device)]
        assert stored == distinct == highest - lowest + 1
        assert lowest == first
        # At most the request whose answer nobody waited for is there without an acknowledgement.
        assert count <= stored <= count + RECORDS
