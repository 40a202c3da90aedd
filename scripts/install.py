"""Make .venv: a virtual environment with the pinned dependencies and driftline itself, editable.

    python3 -m scripts.install [EXTRA_OR_GROUP ...]

Runs on a machine that has a Python >= 3.11 and nothing else. Debian's python3 cannot make a whole virtual
environment until python3-venv is there, and installing that needs root; so where ``ensurepip`` is missing,
the environment is made without pip, and pip is taken out of the Debian package that python3-venv would have
used, fetched with the machine's own apt settings into a temporary folder. Nothing outside .venv is changed,
as root or not.
"""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.pins import ROOT, select

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
DEBIAN_WHEELS = Path("usr/share/python-wheels")

NO_PIP = (
    "this Python cannot make a virtual environment: install its venv module (on Debian and Ubuntu, as root: "
    "apt-get update && apt-get install python3-venv), or name another: make install PYTHON=/path/to/python3"
)


def say(message: str) -> None:
    print(f"install: {message}", flush=True)


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    subprocess.run([str(part) for part in command], cwd=cwd, check=True, stdin=subprocess.DEVNULL)


def succeeds(*command: str | Path, cwd: Path = ROOT) -> bool:
    try:
        done = subprocess.run([str(part) for part in command], cwd=cwd, check=False, capture_output=True)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def fetch_debian_pip(scratch: Path) -> Path | None:
    """Debian's pip wheel: the installed one, or one that apt fetches into ``scratch``; None for neither."""
    installed = sorted((Path("/") / DEBIAN_WHEELS).glob("pip-*.whl"))
    if installed:
        return installed[-1]
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return None
    # Lists and cache of our own: a fresh machine has none yet, and only root may write the system's.
    lists, cache = scratch / "lists", scratch / "cache"
    for folder in (lists / "partial", cache / "archives" / "partial"):
        folder.mkdir(parents=True)
    own = (
        f"Dir::State::lists={lists}",
        f"Dir::Cache={cache}",
        "APT::Sandbox::User=",
        "APT::Update::Post-Invoke=",
    )
    apt_get = ["apt-get", "-qq", *(part for option in own for part in ("-o", option))]
    if not succeeds(*apt_get, "update") or not succeeds(*apt_get, "download", "python3-pip-whl", cwd=scratch):
        return None
    run("dpkg-deb", "-x", next(scratch.glob("python3-pip-whl_*.deb")), scratch / "unpacked")
    return next((scratch / "unpacked" / DEBIAN_WHEELS).glob("pip-*.whl"), None)


def make_environment() -> None:
    """Make .venv with pip in it, unless it is there and works."""
    if succeeds(PYTHON, "-m", "pip", "--version"):
        return
    if VENV.exists():
        shutil.rmtree(VENV)
    if importlib.util.find_spec("ensurepip") is not None:
        run(sys.executable, "-m", "venv", VENV)
        return
    with tempfile.TemporaryDirectory() as scratch:
        say("no ensurepip in this Python; taking pip from the Debian package python3-pip-whl")
        wheel = fetch_debian_pip(Path(scratch))
        if wheel is None:
            sys.exit(f"install: {NO_PIP}")
        run(sys.executable, "-m", "venv", "--without-pip", VENV)
        # A wheel is a zip archive that Python can run from: pip installs itself.
        run(PYTHON, wheel / "pip", "install", "--quiet", "--no-index", wheel)


def install(groups: Sequence[str]) -> None:
    make_environment()
    pins = VENV / "pins.txt"
    pins.write_text(select(groups), encoding="utf-8")
    say(f"installing the pinned packages for {', '.join(['base', *groups])} (a minute or so the first time)")
    pip = (PYTHON, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps")
    run(*pip, "--require-hashes", "-r", pins)
    # Hash checking refuses a folder, so the project goes in a second step, built by the pinned hatchling.
    run(*pip, "--no-build-isolation", "--editable", ROOT)
    run(PYTHON, "-m", "pip", "--quiet", "check")


if __name__ == "__main__":
    try:
        install(sys.argv[1:])
    except (subprocess.CalledProcessError, ValueError) as error:
        sys.exit(f"install: {error}")
