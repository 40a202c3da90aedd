"""`driftline dashboard`: serves the pages that show a collector's numbers."""

import importlib.util
import signal
import subprocess
import sys
import time
from types import TracebackType
from typing import Annotated, Self

import httpx
import typer

from driftline_collector.cli.output import Json, Url, example, print_json
from driftline_collector.errors import StartError

EXAMPLE = example(
    "driftline dashboard", "driftline dashboard --url http://collector.example:4318 --port 8600"
)
DEFAULT_PORT = 8501
_NEEDED = ("streamlit", "altair")
#: A cold start on a small machine takes seconds, most of them imports.
_STARTING_S = 60.0
_STOPPING_S = 5.0


def dashboard(
    *,
    url: Url,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = DEFAULT_PORT,
    json: Json = False,
) -> None:
    """Serve the dashboard of a collector, until Ctrl-C or SIGTERM.

    With --json the first line of output is an object with url and collector.
    """
    from driftline_collector.server import on_signals  # not for commands that only ask

    with Dashboard(host, port, option="--port") as running, on_signals(running.stop):
        running.start(url)
        if running.ready():
            if json:
                print_json({"url": running.url, "collector": url}, indent=None)
            else:
                typer.echo(f"driftline dashboard: {running.url} · of {url} · stop with Ctrl-C")
        running.wait()


class Dashboard:
    """The dashboard, in a process of its own: what it needs is another extra's. `option` sets its port.

    Raises StartError where the extra is missing or the port cannot be had.
    """

    def __init__(self, host: str, port: int, *, option: str) -> None:
        from driftline_collector.server import address, listen

        missing = next((name for name in _NEEDED if not _installed(name)), None)
        if missing is not None:
            raise StartError(
                f"this command needs the dashboard, and {missing!r} is not installed."
                " Install it with: pip install 'driftline[collector,dashboard]'"
            )
        try:
            with listen(host, port) as free:
                self.url, self._port = address(free), free.getsockname()[1]
        except StartError as error:
            reason = str(error).partition(";")[0]
            raise StartError(
                f"{reason}; stop what is there, or choose another port for the dashboard with {option}"
            ) from error
        self._host = host
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def start(self, collector: str) -> None:
        """Start it, on the numbers of the collector at this address."""
        command = [sys.executable, "-m", "driftline_dashboard", "--url", collector]
        command += ["--host", self._host, "--port", str(self._port)]
        # A session of its own: Ctrl-C reaches the command alone, which then stops all parts in its order.
        # A pipe that nobody writes to: it closes with this process, however that ends, and then it ends too.
        self._process = subprocess.Popen(
            [*command, "--while-stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def ready(self) -> bool:
        """Wait until it serves; False where it was stopped first. Raises StartError where it never does."""
        deadline = time.monotonic() + _STARTING_S
        while not self._over():
            try:
                if httpx.get(f"{self.url}/_stcore/health", timeout=2, trust_env=False).is_success:
                    return True
            except httpx.HTTPError:
                pass
            if time.monotonic() > deadline:
                raise StartError(f"the dashboard does not answer at {self.url} after {_STARTING_S:.0f} s")
            time.sleep(0.05)
        return False

    def wait(self) -> None:
        """Wait until it is to stop. Raises StartError where it ends by itself."""
        while not self._over():
            time.sleep(0.1)

    def stop(self) -> None:
        """Ask it to end; asked twice, do not wait for it. From any thread, or from a signal's handler."""
        asked = signal.SIGKILL if self._stopping else signal.SIGTERM
        self._stopping = True
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(asked)

    def _over(self) -> bool:
        status = None if self._process is None else self._process.poll()
        if status is not None and not self._stopping:
            raise StartError(f"the dashboard ended by itself with status {status}; what it said stands above")
        return self._stopping

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._stopping:
            self.stop()
        if self._process is not None:
            try:
                self._process.wait(_STOPPING_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # made unimportable
        return False
