"""Real operating-system processes, started, spoken to and ended without leaving any behind."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

# Devices are small, and many: without this each would have a pool of threads for its linear algebra.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class StartError(RuntimeError):
    """A part of the fleet did not start; the message carries the end of what it wrote."""


class Child:
    """A Python process that runs ``-m module arguments``; what it writes to standard error goes to ``log``.

    It has a session of its own, so Ctrl-C in the terminal reaches only its parent, and it ends when its
    standard input does.
    """

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
                env=os.environ | _ONE_THREAD,
            )
        self._orders, self._output = _pipes(self._process)
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, name=f"{name}-output", daemon=True).start()

    def _read(self) -> None:
        with self._output:
            for line in self._output:
                self._lines.put(line.rstrip("\n"))
        self._lines.put("")

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        return self._process.poll()

    def wait_ready(self, timeout: float) -> str:
        """Wait for a line ``ready …`` and return what follows. Raises StartError."""
        try:
            while line := self._lines.get(timeout=timeout):
                if line.startswith("ready"):
                    return line.removeprefix("ready").strip()
        except queue.Empty:
            raise StartError(
                f"{self.name} was not ready in {timeout:.0f} s; it wrote: {self.last_words()}"
            ) from None
        raise StartError(f"{self.name} ended at once; it wrote: {self.last_words()}")

    def last_words(self, characters: int = 2000) -> str:
        return self._log.read_text(errors="replace")[-characters:].strip() or "nothing"

    def tell(self, **order: object) -> None:
        """Send one order; a child that is gone is not told."""
        with contextlib.suppress(BrokenPipeError, ValueError):  # ValueError: hung up already
            self._orders.write(json.dumps(order) + "\n")
            self._orders.flush()

    def hang_up(self) -> None:
        """End the child's standard input, which asks it to finish."""
        with contextlib.suppress(BrokenPipeError):
            self._orders.close()

    def terminate(self) -> None:
        if self.running:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """``kill -9``, as a power cut would do it."""
        self._process.kill()
        self._process.wait()
        self.hang_up()

    def wait(self, timeout: float) -> bool:
        """Wait for its end; one that does not come is killed, and the answer is then False."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        self.hang_up()
        return True


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    """Its standard input and output, which are there because both were asked for as pipes."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("a process without pipes")
    return process.stdin, process.stdout
