"""Real operating-system processes, started, spoken to and ended without leaving any behind."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path


class StartFailed(RuntimeError):
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
            )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, name=f"{name}-output", daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put("")

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        return self._process.poll()

    def wait_ready(self, timeout: float) -> str:
        """Wait for a line ``ready …`` and return what follows. Raises StartFailed."""
        try:
            while line := self._lines.get(timeout=timeout):
                if line.startswith("ready"):
                    return line.removeprefix("ready").strip()
        except queue.Empty:
            raise StartFailed(
                f"{self.name} was not ready in {timeout:.0f} s; it wrote: {self.last_words()}"
            ) from None
        raise StartFailed(f"{self.name} ended at once; it wrote: {self.last_words()}")

    def last_words(self, characters: int = 2000) -> str:
        return self._log.read_text(errors="replace")[-characters:].strip() or "nothing"

    def tell(self, **order: object) -> None:
        """Send one order; a child that is gone is not told."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass

    def hang_up(self) -> None:
        """End the child's standard input, which asks it to finish."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass

    def terminate(self) -> None:
        if self.running:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """``kill -9``, as a power cut would do it."""
        self._process.kill()
        self._process.wait()

    def wait(self, timeout: float) -> bool:
        """Wait for its end; one that does not come is killed, and the answer is then False."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True
