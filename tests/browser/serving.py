"""What a browser visits: a collector that a fleet has filled, and a dashboard, each in a process of its own.

    with serving(folder, SMALL) as site:
        print(site.url)

Nothing here needs pytest: benchmarks use it as well.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.usage import note_usage

from tests.seeding import Fleet, fill

ROOT = Path(__file__).parents[2]
_DATABASE = "seeded.duckdb"
_START_S = 60.0


class Program:
    """A program of Python that answers at a port of its own, before and after a restart."""

    def __init__(self, module: str, *arguments: str, log: Path, health: str) -> None:
        # Bound and never listening: the port is ours, though nobody answers while the program is down.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self.port: int = self._reserved.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", module, *arguments, "--port", str(self.port)]
        self._log, self._health = log, f"{self.url}{health}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it has said."""
        return self._log.read_text(errors="replace")

    def start(self) -> None:
        """Start it and wait until it answers. Raises RuntimeError with its log where it ends instead."""
        bare = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTLINE_")}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, cwd=ROOT, env=bare, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{' '.join(self._command)} does not answer:\n{self.log}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return httpx.get(self._health, trust_env=False, timeout=5).is_success
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """SIGTERM, and wait; SIGKILL where that does not help."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def close(self) -> None:
        """Stop it and let go of its port."""
        self.stop()
        self._reserved.close()


@dataclass(frozen=True)
class Site:
    """A dashboard at `url`, the collector that it asks, and the fleet whose data that holds."""

    fleet: Fleet
    collector: Program
    dashboard: Program

    @property
    def url(self) -> str:
        return self.dashboard.url


def filled(folder: Path, fleet: Fleet | None) -> Path:
    """The database of a folder, filled unless it has been: LARGE takes 20 s. Without a fleet it is empty."""
    database = folder / _DATABASE
    if fleet is not None and not database.exists():
        making = folder / f"making-{os.getpid()}.duckdb"
        store = DuckDBStore(making)
        try:
            fill(store, fleet)
            note_usage(store.archive.cursor, fleet.now_ns)  # as a collector does within a minute
        finally:
            store.close()
        making.rename(database)
    return database


@contextmanager
def _running(program: Program) -> Iterator[Program]:
    try:
        program.start()
        yield program
    finally:
        program.close()


@contextmanager
def collector(folder: Path, fleet: Fleet | None) -> Iterator[Program]:
    """A collector over what the fleet has sent; its clock goes on from the fleet's `now_ns`."""
    ahead_ns = 0 if fleet is None else fleet.now_ns - time.time_ns()
    program = Program(
        "tests.browser.collecting",
        *("--database", str(filled(folder, fleet)), "--ahead-ns", str(ahead_ns)),
        log=folder / "collector.log",
        health="/readyz",
    )
    with _running(program):
        yield program


@contextmanager
def dashboard(folder: Path, url: str) -> Iterator[Program]:
    """A dashboard of the collector at `url`."""
    log = folder / "dashboard.log"
    program = Program("driftline_dashboard", "--url", url, log=log, health="/_stcore/health")
    with _running(program):
        yield program


@contextmanager
def serving(folder: Path, fleet: Fleet) -> Iterator[Site]:
    """Both; a folder that has served this fleet before need not be filled again."""
    with collector(folder, fleet) as collecting, dashboard(folder, collecting.url) as showing:
        yield Site(fleet, collecting, showing)
