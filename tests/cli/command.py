"""Runs the `driftline` command as a person does: in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def driftline(
    *arguments: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end, in an environment without settings of driftline but these."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTLINE_")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "driftline_collector", *map(str, arguments)],
        cwd=cwd,
        env={**bare, "COLUMNS": "120", "PYTHONIOENCODING": "utf-8", **(environment or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
