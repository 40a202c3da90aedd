"""A collector in a process of its own, started by its command as anybody starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

_COLLECTOR = ("-W", "error", "-m", "driftline_collector", "collector", "--json")


class RunningCollector:
    """`driftline collector` in a folder, on a free port unless the configuration names one.

    `under` is a command that starts it; `environment` is beside the usual one.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        port: int = 0,
        under: Sequence[str] = (),
        environment: Mapping[str, str] = {},
    ) -> None:
        bare = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTLINE_")}
        self._errors = (folder / "collector.log").open("a")
        self.process = subprocess.Popen(
            [*under, sys.executable, *_COLLECTOR, *arguments],
            cwd=folder,
            env={
                **bare,
                "DRIFTLINE_SERVER__PORT": str(port),
                "DRIFTLINE_SERVER__GRPC_PORT": "0",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        if not first:
            self._ended()
            raise AssertionError((folder / "collector.log").read_text())
        self.facts: dict[str, Any] = json.loads(first)
        self.url: str = self.facts["url"]
        self.grpc: str = self.facts["grpc"]
        self.api = httpx.Client(base_url=f"{self.url}/api/v1", timeout=60, trust_env=False)

    @property
    def port(self) -> int:
        """The one that was taken."""
        return int(self.url.rpartition(":")[2])

    def get(self, path: str, **parameters: str) -> Any:
        """A JSON answer of the API."""
        return self.api.get(path, params=parameters).raise_for_status().json()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.api.close()
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        """SIGKILL, as a power cut."""
        self.api.close()
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        status = self.process.wait(60)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._errors.close()
        return status


@contextmanager
def collector(
    folder: Path,
    *arguments: str,
    port: int = 0,
    under: Sequence[str] = (),
    environment: Mapping[str, str] = {},
) -> Iterator[RunningCollector]:
    """A running collector; killed at the end where a test has not stopped it."""
    running = RunningCollector(folder, *arguments, port=port, under=under, environment=environment)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.kill()


def wait_until(true: Any, timeout: float = 60.0) -> None:
    """Poll until `true()`; fail at the deadline."""
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
