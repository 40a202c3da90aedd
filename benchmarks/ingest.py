"""OTLP in: driftline, which stores durably, beside rotel, which throws away. Alternated in one run.

    python -m benchmarks.ingest --json

Load comes from another process over real sockets: requests of 512 prediction events with 12 attributes each,
4 connections, each waiting for its answer. Every run starts a server anew, in the order A B B A; figures are
medians. driftline is the whole collector with an empty database on disk, and each run checks that what was
acknowledged is there, once. rotel (PyPI, Rust) receives the same and exports into its black hole.

- `ratio_rotel`: records acknowledged a second, driftline ÷ rotel.
- `ratio_rotel_gzip`, `ratio_rotel_grpc`: the same in gzip, which the loader packs as it goes, on the same
  cores, and over gRPC, where rotel answered after 44 ms when tried: a wait of its own, not its speed.
- `cpu_ratio_rotel`: CPU seconds of the server per record, rotel ÷ driftline.
- `ack_p50_ms`, `ack_p99_ms`: time to the acknowledgement at half the rate that driftline can take, with the
  checkpoints of its database as they come. `ack_asked_…`: the same while somebody looks at the dashboard,
  which asks ten times a second; `answer_p50_ms` is how long that takes.
"""

import argparse
import importlib.util
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import duckdb

START_SECONDS = 30
#: What the dashboard asks, in turn.
QUESTIONS = ("overview", "samples?model=benchmark&limit=50", "system", "devices?model=benchmark")
ASKED_EVERY_S = 0.1


@dataclass(frozen=True)
class Server:
    """A running server. `stored` counts the distinct predictions in its database, after it has ended."""

    url: str
    grpc: str
    process: "subprocess.Popen[str]"
    stored: Callable[[], int] | None = None

    def cpu_seconds(self) -> float:
        """CPU time of the process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self) -> float:
        """The largest resident memory that it has had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


Start = Callable[[], AbstractContextManager[Server]]


@contextmanager
def driftline() -> Iterator[Server]:
    """A collector with an empty database and no configuration but its place and port."""
    with tempfile.TemporaryDirectory(prefix="driftline-ingest-") as folder:
        database = Path(folder) / "driftline.duckdb"
        config = Path(folder) / "driftline.yaml"
        settings = f"store: {{path: {database}}}\nserver: {{port: 0, grpc_port: 0}}\n"
        config.write_text(settings, encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "driftline_collector",
            "collector",
            "--json",
            "--config",
            str(config),
        ]
        with (Path(folder) / "log").open("w") as log, _running(command, subprocess.PIPE, log) as process:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise SystemExit(f"driftline did not start: {(Path(folder) / 'log').read_text()}")

            def stored() -> int:
                with duckdb.connect(database, read_only=True) as connection:
                    query = "SELECT count(*), count(DISTINCT (stream, sequence)) FROM predictions"
                    ((rows, distinct),) = connection.execute(query).fetchall()
                if rows != distinct:
                    raise SystemExit(f"{rows - distinct} records were stored twice")
                return int(rows)

            facts = json.loads(line)
            yield Server(facts["url"], facts["grpc"], process, stored)


@contextmanager
def rotel() -> Iterator[Server]:
    """rotel with its black hole for an exporter."""
    found = importlib.util.find_spec("rotel")
    if found is None or found.origin is None:
        raise SystemExit(
            "rotel is not installed: make install, or pip install --pre rotel (x86-64 and arm64 Linux)"
        )
    agent = Path(found.origin).parent / "rotel-agent"
    http, grpc = _free_port(), _free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [str(agent), "start", "--exporter", "blackhole"]
        command += ["--otlp-http-endpoint", f"127.0.0.1:{http}", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc}"]
        command += ["--pid-file", f"{folder}/pid", "--log-file", f"{folder}/log"]
        with _running(command, subprocess.DEVNULL, subprocess.DEVNULL) as process:
            _wait_for(http, process)
            yield Server(f"http://127.0.0.1:{http}", f"127.0.0.1:{grpc}", process)


@contextmanager
def _running(command: list[str], stdout: int, stderr: int | IO[str]) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(command, stdout=stdout, stderr=stderr, text=True) as process:
        try:
            yield process
        finally:
            _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_for(port: int, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{process.args!r} did not listen on port {port}")


@contextmanager
def asking(url: str) -> Iterator[list[float]]:
    """Ask the API all the while; how long each answer took, in seconds."""
    took: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        for question in itertools.cycle(QUESTIONS):
            begin = time.perf_counter()
            with urllib.request.urlopen(f"{url}/api/v1/{question}", timeout=60) as answer:  # noqa: S310  # our own server
                answer.read()
            took.append(time.perf_counter() - begin)
            if stop.wait(ASKED_EVERY_S):
                return

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield took
    finally:
        stop.set()
        thread.join()


def measure(server: Start, *load: str, asked: bool = False) -> dict[str, float]:
    """Load a fresh server; what the loader saw, and the server's own cost."""
    with server() as running:
        address = running.grpc if "--grpc" in load else running.url
        command = [sys.executable, "-m", "benchmarks._otlp_load", address, *load]
        before = running.cpu_seconds()
        with asking(running.url) if asked else nullcontext([0.0]) as answers:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            raise SystemExit(f"the load failed:\n{done.stderr}")
        result: dict[str, float] = json.loads(done.stdout)
        result["server_us"] = (running.cpu_seconds() - before) / result["total"] * 1e6
        result["peak_mb"] = running.peak_mb()
        result["answer_p50_ms"] = statistics.median(answers) * 1e3
        _end(running.process)
        if running.stored and running.stored() != result["total"]:
            raise SystemExit(f"{result['total']:.0f} records acknowledged, {running.stored()} stored")
    return result


Results = dict[str, list[dict[str, float]]]


def alternate(rounds: int, say: Callable[[str], None], *load: str) -> Results:
    """Load the servers in turn."""
    found: Results = {name: [] for name in SERVERS}
    for round_ in range(rounds):
        for name in ("driftline", "rotel", "rotel", "driftline"):
            found[name].append(measure(SERVERS[name], *load))
            say(f"round {round_ + 1} {' '.join(load)}: {name} {found[name][-1]}")
    return found


def ratio(found: Results) -> float:
    """Records a second, driftline ÷ rotel."""
    rates = {name: statistics.median(one["records_per_s"] for one in found[name]) for name in SERVERS}
    return round(rates["driftline"] / rates["rotel"], 3)


def compare(rounds: int, seconds: float, say: Callable[[str], None]) -> dict[str, float]:
    """Alternate the servers and take medians."""
    load = ("--seconds", str(seconds))
    found = alternate(rounds, say, *load)
    others = {way: alternate(max(1, rounds // 2), say, *load, f"--{way}") for way in ("gzip", "grpc")}

    def median(name: str, key: str) -> float:
        return statistics.median(result[key] for result in found[name])

    rate = median("driftline", "records_per_s")
    half = measure(driftline, *load, "--rate", str(rate / 2))
    say(f"half load: {half}")
    asked = measure(driftline, *load, "--rate", str(rate / 2), asked=True)
    say(f"half load, asked: {asked}")
    return {
        "ratio_rotel": ratio(found),
        "ratio_rotel_gzip": ratio(others["gzip"]),
        "ratio_rotel_grpc": ratio(others["grpc"]),
        "cpu_ratio_rotel": round(median("rotel", "server_us") / median("driftline", "server_us"), 3),
        "records_per_s": round(rate),
        "ack_p50_ms": round(half["p50_ms"], 1),
        "ack_p99_ms": round(half["p99_ms"], 1),
        "ack_asked_p50_ms": round(asked["p50_ms"], 1),
        "ack_asked_p99_ms": round(asked["p99_ms"], 1),
        "answer_p50_ms": round(asked["answer_p50_ms"], 1),
        "ack_full_p50_ms": round(median("driftline", "p50_ms"), 1),
        "ack_full_p99_ms": round(median("driftline", "p99_ms"), 1),
        "cpu_seconds_per_million": round(median("driftline", "server_us"), 2),
        "peak_mb": round(max(result["peak_mb"] for result in found["driftline"])),
        "rotel_records_per_s": round(median("rotel", "records_per_s")),
        "rotel_cpu_seconds_per_million": round(median("rotel", "server_us"), 2),
        "loader_cpu_seconds_per_million": round(
            statistics.median(
                result["loader_cpu_s"] / result["total"] * 1e6 for result in found["driftline"]
            ),
            2,
        ),
    }


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    parser.add_argument("--rounds", type=int, default=5, help="of A B B A (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each run (default: %(default)s)")
    options = parser.parse_args()
    say = (lambda _: None) if options.json else print
    print(json.dumps(compare(options.rounds, options.seconds, say)))


SERVERS: dict[str, Start] = {"driftline": driftline, "rotel": rotel}

if __name__ == "__main__":
    main()
