"""What commands load: one that only asks a collector starts at once, and needs none of what runs one."""

import subprocess
import sys

import pytest

CODE = """
import sys
from driftline_collector.cli.app import run
try:
    status = run()
except SystemExit as left:
    status = left.code
print(status, *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
HEAVY = {"duckdb", "fastapi", "grpc", "numpy", "pandas", "pyarrow", "pydantic_settings", "scipy", "uvicorn"}
#: Nobody listens there.
NOWHERE = ("--url", "http://127.0.0.1:1")


def loaded(*arguments: str) -> tuple[str, set[str]]:
    """The exit status of a command, and the packages that it has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    status, *packages = done.stderr.splitlines()[-1].split()
    return status, set(packages)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--help"], "0"),
        (["collector", "--help"], "0"),
        (["drift", *NOWHERE], "1"),
        (["doctor", *NOWHERE], "1"),
        (["devices", "list", *NOWHERE], "1"),
        (["report", *NOWHERE], "1"),
    ],
    ids=lambda given: " ".join(given[:1]) if isinstance(given, list) else "",
)
def test_asking_loads_nothing_that_runs_a_collector(arguments: list[str], status: str) -> None:
    exit_status, packages = loaded(*arguments)
    assert exit_status == status
    assert {"httpx", "typer"} <= packages
    assert packages & HEAVY == set()


def test_checking_a_configuration_loads_no_server() -> None:
    exit_status, packages = loaded("check-config", "--schema")
    assert exit_status == "0"
    assert "pydantic_settings" in packages
    assert packages & {"fastapi", "grpc", "pandas", "scipy", "uvicorn"} == set()
