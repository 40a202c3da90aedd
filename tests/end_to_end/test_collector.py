"""The collector as a process: how it starts, what keeps it from starting, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from tests.cli.command import driftline
from tests.end_to_end.running import collector

ANY_PORT = {"DRIFTLINE_SERVER__PORT": "0"}
PROTOBUF = {"content-type": "application/x-protobuf"}


def logs(count: int) -> bytes:
    """Plain log records of somebody else's SDK."""
    records = [LogRecord(time_unix_nano=1 + i) for i in range(count)]
    scope = ScopeLogs(log_records=records)
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[scope])]).SerializeToString()


def test_it_starts_in_an_empty_folder_without_any_configuration(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        assert running.facts["config"] is None
        assert running.facts["database"] == str(tmp_path / "driftline.duckdb")
        assert httpx.get(f"{running.url}/healthz").json() == {"status": "ok"}
        assert httpx.get(f"{running.url}/readyz").json() == {"status": "ready"}
        assert (tmp_path / "driftline.duckdb").exists()
        assert running.stop() == 0


def test_what_was_acknowledged_is_there_after_a_stop_and_a_start(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        assert httpx.post(f"{running.url}/v1/logs", content=logs(7), headers=PROTOBUF).status_code == 200
        assert running.stop() == 0
    with collector(tmp_path) as running:
        assert running.get("/system")["ingest"]["committed"]["logs"] == 7


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        assert httpx.post(f"{running.url}/v1/logs", content=logs(7), headers=PROTOBUF).status_code == 200
        running.kill()
    with collector(tmp_path) as running:
        assert running.get("/system")["ingest"]["committed"]["logs"] == 7


def test_otlp_and_api_share_a_port_and_each_answers_errors_in_its_own_way(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        otlp = httpx.post(f"{running.url}/v1/logs", content=b"\xff", headers=PROTOBUF)
        assert (otlp.status_code, otlp.headers["content-type"]) == (400, "application/x-protobuf")
        api = httpx.get(f"{running.url}/api/v1/nothing")
        assert (api.status_code, api.headers["content-type"]) == (404, "application/problem+json")


def test_a_request_larger_than_is_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "driftline.yaml").write_text("server: {max_body_bytes: 2048}\n")
    with collector(tmp_path) as running:
        answer = httpx.post(f"{running.url}/v1/logs", content=logs(1000), headers=PROTOBUF)
        assert answer.status_code == 413


def test_a_port_in_use_is_told_and_no_database_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = driftline("collector", cwd=tmp_path, environment={"DRIFTLINE_SERVER__PORT": str(port)})
    assert done.returncode == 1
    assert done.stderr == (
        f"driftline: cannot listen on 127.0.0.1 port {port}: Address already in use; stop what is there,"
        " or set server.host and server.port (DRIFTLINE_SERVER__PORT=4400)\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_database_that_another_collector_holds_is_told_with_its_process(tmp_path: Path) -> None:
    with collector(tmp_path) as running:
        done = driftline("collector", cwd=tmp_path, environment=ANY_PORT)
        assert done.returncode == 1
        assert f"process {running.process.pid} " in done.stderr
        assert "only one collector can" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert running.get("/system")["ready"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "none" / "d.duckdb"
    done = driftline("collector", cwd=tmp_path, environment={**ANY_PORT, "DRIFTLINE_STORE__PATH": str(path)})
    assert done.returncode == 1
    assert f"the folder {path.parent} does not exist" in done.stderr


def test_people_are_told_one_line_with_address_and_database(tmp_path: Path) -> None:
    """Stopped by SIGINT, as with Ctrl-C, it ends well."""
    process = subprocess.Popen(
        [sys.executable, "-m", "driftline_collector", "collector"],
        cwd=tmp_path,
        env={**os.environ, **ANY_PORT},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    process.stdout.close()
    assert process.wait(60) == 0
    assert line.startswith("driftline collector: OTLP and API on http://127.0.0.1:")
    assert f"database {tmp_path / 'driftline.duckdb'} · configuration none, all defaults" in line
    assert not rest
