"""Runs the `driftline` command as a person does: in a process of its own."""

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from driftline_collector.cli.app import run


def driftline(
    *arguments: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end, in an environment without settings of driftline but these."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "driftline_collector", *map(str, arguments)],
        cwd=cwd,
        env={**_bare(), "COLUMNS": "120", "PYTHONIOENCODING": "utf-8", **(environment or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def here(
    *arguments: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run the command in this process, which is quicker; where it need not be a process of its own."""
    out, err = io.StringIO(), io.StringIO()
    with (
        chdir(cwd or "."),
        patch.dict(os.environ, {**_bare(), "COLUMNS": "120", **(environment or {})}, clear=True),
        redirect_stdout(out),
        redirect_stderr(err),
        patch.object(sys, "argv", ["driftline", *map(str, arguments)]),
    ):
        try:
            status: object = run()
        except SystemExit as done:
            status = done.code or 0
    return subprocess.CompletedProcess(arguments, int(str(status)), out.getvalue(), err.getvalue())


def _bare() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("DRIFTLINE_")}
