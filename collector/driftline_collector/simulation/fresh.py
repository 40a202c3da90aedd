"""A collector of the simulation's own, on a store that goes when it ends; what it used."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from driftline_collector.errors import StartError

_STOP_S = 120


@dataclass(frozen=True, slots=True)
class Used:
    """CPU seconds and the most memory of a process so far; what is on disk."""

    cpu_s: float
    peak_bytes: int
    disk_bytes: int


class Fresh:
    """A running collector, in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", url: str, folder: Path) -> None:
        self.url = url
        self._process = process
        self._folder = folder

    def used(self) -> Used:
        """Until now."""
        process = Path(f"/proc/{self._process.pid}")
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        status = (process / "status").read_text()
        return Used(
            cpu_s=(int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
            peak_bytes=int(status.partition("VmHWM:")[2].split()[0]) * 1024,
            disk_bytes=self._disk_bytes(),
        )

    def end(self) -> Used:
        """Stop it, and see what it has used and kept."""
        used = self.used()
        self._process.terminate()
        self._process.wait(_STOP_S)
        return replace(used, disk_bytes=self._disk_bytes())

    def _disk_bytes(self) -> int:
        files = [file for file in self._folder.rglob("*.duckdb*") if file.is_file()]
        return sum(file.stat().st_size for file in files)


@contextmanager
def fresh_collector() -> Iterator[Fresh]:
    """Start one, and wait until it takes connections. Raises StartError."""
    with tempfile.TemporaryDirectory(prefix="driftline-simulate-") as name:
        folder = Path(name)
        configuration = folder / "driftline.yaml"
        configuration.write_text("store: {path: simulated.duckdb}\nserver: {port: 0}\n", encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "driftline_collector",
            "collector",
            "--json",
            "-c",
            configuration.name,
        ]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise StartError(f"no collector could be started:\n{(folder / 'log').read_text()}")
            yield Fresh(process, json.loads(line)["url"], folder)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
