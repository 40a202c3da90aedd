"""Node.js and the packages of tests/clients/javascript, installed once; or why there are none."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "javascript"
_MODULES = FOLDER / "node_modules"


def run(script: str, *arguments: str, folder: Path = FOLDER, **environment: str) -> str:
    """What a script of a folder prints. Skips the test where there is no Node.js or no package."""
    if why := missing():
        pytest.skip(why)
    if folder != FOLDER:
        (folder / "node_modules").symlink_to(_MODULES)
    done = subprocess.run(
        ["node", *_flags(), script, *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


@cache
def _flags() -> tuple[str, ...]:
    """Debian 12 has Node.js 18, where `crypto` has to be asked for; what the docs show wants 20."""
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return ("--experimental-global-webcrypto",) if version.startswith("v18.") else ()


@cache
def missing() -> str:
    """Install what the lock file says, unless it is there; in one line what lacks where that cannot be."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "no JavaScript: install Node.js 18 or newer, with npm"
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    mark = _MODULES / ".installed"
    with (FOLDER / ".lock").open("w") as lock:  # tests run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        if mark.exists() and mark.read_text() == wanted:
            return ""
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = next((line for line in done.stderr.splitlines() if "error" in line), "npm ci failed")
            return f"no JavaScript packages: {reason.removeprefix('npm error ')}"
        mark.write_text(wanted)
    return ""
