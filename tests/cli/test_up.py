"""`driftline up` and `driftline dashboard`: what is started is told, and one signal stops all of it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.command import driftline


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
                process.wait(30)
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
        assert process.wait(30) == 0
        assert [answers(part) for part in parts] == [False, False]
    assert (tmp_path / "driftline.duckdb").exists()


def test_a_dashboard_that_dies_takes_the_collector_along_and_is_named(tmp_path: Path) -> None:
    free = {"DRIFTLINE_SERVER__PORT": "0"}
    with running(tmp_path, "up", "--dashboard-port", "0", environment=free) as (process, facts):
        os.kill(_child_of(process.pid), signal.SIGKILL)
        assert process.wait(30) == 1
        assert not answers(f"{facts['url']}/readyz")
    assert "driftline: the dashboard ended by itself with status -9" in (tmp_path / "log").read_text()


def test_the_dashboard_alone_is_started_on_any_collector(tmp_path: Path) -> None:
    elsewhere = "http://127.0.0.1:9"
    with running(tmp_path, "dashboard", "--url", elsewhere, "--port", "0") as (process, facts):
        assert facts["collector"] == elsewhere
        assert answers(f"{facts['url']}/_stcore/health")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert not answers(facts["url"])


@pytest.mark.parametrize(("command", "option"), [("dashboard", "--port"), ("up", "--dashboard-port")])
def test_a_port_that_is_taken_is_named_and_nothing_is_started(
    tmp_path: Path, command: str, option: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = driftline(command, option, port, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"driftline: cannot listen on 127.0.0.1 port {port}: Address already in use;"
        " stop what is there, or choose another port for the dashboard"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["dashboard", "up"])
def test_without_the_dashboards_extra_the_command_says_which_to_install(tmp_path: Path, command: str) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['streamlit'] = None\n")
    done = driftline(command, environment={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "driftline: this command needs the dashboard, and 'streamlit' is not installed."
        " Install it with: pip install 'driftline[collector,dashboard]'"
    )


def _child_of(parent: int) -> int:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    threads = children.parent.parent.iterdir()
    return next(int(child) for thread in threads for child in (thread / "children").read_text().split())
