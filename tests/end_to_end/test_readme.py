"""The README's way to a first verdict leads there, word for word."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.running import wait_until

ROOT = Path(__file__).parents[2]
SECTION = "## A first verdict, in five minutes\n"


def terminals() -> list[list[str]]:
    """The commands of each block of the section, but for the line that makes and enters the environment."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition(SECTION)[2].partition("\n## ")[0]
    return [block.strip().splitlines()[1:] for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)]


@contextmanager
def left_running(command: str, folder: Path) -> Iterator[None]:
    with (folder / "up.log").open("w") as log:
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=folder,
            env=environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def environment() -> dict[str, str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTLINE_")}
    return bare | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "200"}


def run(command: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


@pytest.mark.alone
@pytest.mark.timeout(240)
def test_the_five_minutes_end_with_a_verdict(tmp_path: Path) -> None:
    """Beside nothing else: it takes the ports that the README names."""
    if answers("http://127.0.0.1:4318/healthz"):
        pytest.skip("a collector runs on this machine's port 4318 already")
    folder = tmp_path / "first_verdict"
    shutil.copytree(ROOT / "examples" / "first_verdict", folder)
    first, second = terminals()
    for command in first[:-1]:
        run(command, folder)
    with left_running(first[-1], folder):
        wait_until(lambda: answers("http://127.0.0.1:4318/readyz"), timeout=60)
        outputs = [run(command, folder) for command in second]
        wait_until(lambda: answers("http://127.0.0.1:8501/_stcore/health"), timeout=60)
    found = outputs[-1].splitlines()
    assert len(found) > 1, (folder / "up.log").read_text()
    assert all(" alcohol " in line and "model=wine" in line for line in found[1:]), outputs[-1]
