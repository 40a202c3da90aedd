"""Bring DuckDB's long-term release beside the one that is installed, and run Python with it.

    python -m scripts.duckdb_lts                            fetch it into .venv, unless it is there
    python -m scripts.duckdb_lts -m pytest tests/store      fetch it, then run that with it

The pin is that of constraints-lts.txt. Where no package index can be reached it says so in a line and ends
well: what can be tested without is still tested. A file that does not match its hash is an error.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.pins import ROOT, read_pins

CONSTRAINTS = ROOT / "constraints-lts.txt"


def version() -> str:
    """The release that is pinned."""
    (pin,) = read_pins(CONSTRAINTS)[0].values()
    if found := re.match(r"duckdb==(\S+)", pin):
        return found[1]
    raise ValueError(f"{CONSTRAINTS} pins no duckdb; run `make lock`")


def folder() -> Path:
    """Where it is put: to stand first in PYTHONPATH."""
    return ROOT / ".venv" / f"duckdb-{version()}"


def fetch() -> str:
    """Bring it, unless it is there; why it cannot be had, or nothing. ValueError where a hash is wrong."""
    target = folder()
    if target.is_dir():
        return ""
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps")
    done = subprocess.run(
        (*pip, "--require-hashes", "-r", CONSTRAINTS, "--target", partial),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(partial, ignore_errors=True)
        if "DO NOT MATCH THE HASHES" in done.stderr:
            raise ValueError(done.stderr)
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        return said[-1].removeprefix("ERROR: ") if said else f"pip ended with {done.returncode}"
    if target.is_dir():  # another process was quicker
        shutil.rmtree(partial)
    else:
        partial.rename(target)
    return ""


def main(arguments: Sequence[str]) -> int:
    """Fetch it, and run Python with these arguments; its status."""
    if why := fetch():
        print(f"duckdb {version()}: what wants it is skipped: {why}", file=sys.stderr)
        return 0
    if not arguments:
        return 0
    path = os.pathsep.join([str(folder()), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *arguments], env=os.environ | {"PYTHONPATH": path}, check=False
    ).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ValueError as error:
        sys.exit(f"duckdb_lts: {error}")
