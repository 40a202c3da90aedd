"""`driftline up` and `driftline dashboard`: what is started is told, and one signal stops all of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import driftline
import httpx
import pytest
from driftline_dashboard.state import read

from tests.alerts.desk import SECRET, desk
from tests.cli.command import driftline as run


@contextmanager
def running(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    """The command in a process, and the facts that its first line tells."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTLINE_")}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "driftline_collector", *arguments, "--json"],
            cwd=folder,
            env={**bare, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, (folder / "log").read_text()
            yield process, json.loads(line)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(60)
            process.stdout.close()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=10, trust_env=False).is_success
    except httpx.ConnectError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_up_serves_both_on_an_embedded_database_and_one_signal_stops_both(
    tmp_path: Path, number: signal.Signals
) -> None:
    free = {"DRIFTLINE_SERVER__PORT": "0"}
    with running(tmp_path, "up", "--dashboard-port", "0", environment=free) as (process, facts):
        assert facts["database"] == str(tmp_path / "driftline.duckdb")
        assert facts["config"] is None
        parts = [f"{facts['url']}/readyz", f"{facts['dashboard']}/_stcore/health"]
        assert [answers(part) for part in parts] == [True, True]
        process.send_signal(number)
        assert process.wait(60) == 0
        assert [answers(part) for part in parts] == [False, False]
    assert (tmp_path / "driftline.duckdb").exists()


def test_a_dashboard_that_dies_takes_the_collector_along_and_is_named(tmp_path: Path) -> None:
    free = {"DRIFTLINE_SERVER__PORT": "0"}
    with running(tmp_path, "up", "--dashboard-port", "0", environment=free) as (process, facts):
        os.kill(_child_of(process.pid), signal.SIGKILL)
        assert process.wait(60) == 1
        assert not answers(f"{facts['url']}/readyz")
    assert "driftline: the dashboard ended by itself with status -9" in (tmp_path / "log").read_text()


def test_the_dashboard_alone_is_started_on_any_collector(tmp_path: Path) -> None:
    elsewhere = "http://127.0.0.1:9"
    with running(tmp_path, "dashboard", "--url", elsewhere, "--port", "0") as (process, facts):
        assert facts["collector"] == elsewhere
        assert answers(f"{facts['url']}/_stcore/health")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert not answers(facts["url"])


@pytest.mark.parametrize(("command", "option"), [("dashboard", "--port"), ("up", "--dashboard-port")])
def test_a_port_that_is_taken_is_named_and_nothing_is_started(
    tmp_path: Path, command: str, option: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run(command, option, port, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"driftline: cannot listen on 127.0.0.1 port {port}: Address already in use;"
        f" stop what is there, or choose another port for the dashboard with {option}"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["dashboard", "up"])
def test_without_the_dashboards_extra_the_command_says_which_to_install(tmp_path: Path, command: str) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['streamlit'] = None\n")
    done = run(command, environment={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "driftline: this command needs the dashboard, and 'streamlit' is not installed."
        " Install it with: pip install 'driftline[collector,dashboard]'"
    )


def _child_of(parent: int) -> int:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    threads = children.parent.parent.iterdir()
    return next(int(child) for thread in threads for child in (thread / "children").read_text().split())


def test_the_dashboard_ends_with_a_command_that_is_killed(tmp_path: Path) -> None:
    free = {"DRIFTLINE_SERVER__PORT": "0"}
    with running(tmp_path, "up", "--dashboard-port", "0", environment=free) as (process, facts):
        dashboard = _child_of(process.pid)
        process.kill()
        process.wait(60)
        deadline = time.monotonic() + 30
        while _runs(dashboard) or answers(f"{facts['dashboard']}/_stcore/health"):
            assert time.monotonic() < deadline
            time.sleep(0.05)


MODEL = "digits & co/7 ü+"
ONE_ALERT = """
server: {{port: 0}}
evaluation: {{window: 1s, lateness: 500ms}}
alerts: {{rules: [{{name: always, measure: coverage, below: 2}}]}}
notifiers:
  - {{name: desk, webhook: {{url: "{url}", secret: "{secret}"}}}}
"""


def test_the_link_of_a_webhook_opens_the_alert_in_the_dashboard_with_the_time_around_it(
    tmp_path: Path,
) -> None:
    with desk() as receiver:
        (tmp_path / "driftline.yaml").write_text(ONE_ALERT.format(url=receiver.url, secret=SECRET))
        with running(tmp_path, "up", "--dashboard-port", "0") as (_, facts):
            _predict_until(lambda: bool(receiver.messages), facts["url"], tmp_path)
            said = receiver.messages[0]["data"]
            address, _, query = said["link"].partition("?")
            assert address == f"{facts['dashboard']}/alert"
            assert answers(said["link"])
            # As the alert page reads it.
            view = read(dict(parse_qsl(query, strict_parsing=True)), own=("id", "segment"))
            assert (view.problems, view.id, view.model) == ((), said["alert_id"], MODEL)
            start, end, since, started = (
                datetime.fromisoformat(moment or "")
                for moment in (view.start, view.end, said["since"], said["started_at"])
            )
            around = 12 * timedelta(seconds=1)
            assert (start, end) == (since - around, started + around)
            alert = httpx.get(f"{facts['url']}/api/v1/alerts/{view.id}", trust_env=False).json()["alert"]
            assert alert["link"] == said["link"]


def _predict_until(done: Callable[[], bool], url: str, folder: Path) -> None:
    """Predictions on one device, for a minute at most."""
    device = driftline.Device(id="cam-1", type="camera-a", region="eu")
    deadline = time.monotonic() + 60
    with driftline.Monitor(
        model=MODEL,
        version="1",
        device=device,
        endpoint=url,
        window=0.5,
        flush_interval=0.1,
        spool_dir=folder / "spool",
    ) as monitor:
        while not done():
            assert time.monotonic() < deadline
            monitor.record({"brightness": 0.5}, label="7", score=0.9)
            time.sleep(0.02)


def _runs(process: int) -> bool:
    """Whether it is there and no zombie that nobody waits for."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
