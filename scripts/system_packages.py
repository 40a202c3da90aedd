"""Bring what some tests need and no Python package brings: a browser, Node.js with npm, and shared libraries.

    python3 -m scripts.system_packages

As root on Debian or Ubuntu it installs what is missing. Elsewhere it says in one line what to install; the
tests that need it are then skipped, and say so. It never fails: what can be tested is still tested.
"""

import glob
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

#: Where shared libraries are, on Debian and elsewhere.
FOLDERS = ("/lib", "/usr/lib", "/usr/local/lib", "/usr/lib64", "/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*")
BROWSER = "tests in a browser"
_JAVASCRIPT = "tests from JavaScript"
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Need:
    """A program or shared library under any of its names, its Debian package, and the tests that want it."""

    names: tuple[str, ...]
    package: str
    tests: str

    def met(self) -> bool:
        """Whether it is there."""
        libraries = (f"{folder}/{name}" for folder in FOLDERS for name in self.names if ".so" in name)
        return any(map(shutil.which, self.names)) or any(map(glob.glob, libraries))


NEEDS = (
    Need(("chromium", "chromium-browser", "google-chrome"), "chromium", BROWSER),
    Need(("libatomic.so.1",), "libatomic1", BROWSER),  # of the Node.js in Playwright
    Need(("node",), "nodejs", _JAVASCRIPT),
    Need(("npm",), "npm", _JAVASCRIPT),
    Need((f"libpython{_PYTHON}.so.1.0",), f"libpython{_PYTHON}", "tests with rotel"),
)


def missing() -> list[Need]:
    """What is not there; macOS brings its libraries along."""
    return [
        need for need in NEEDS if not need.met() and (sys.platform == "linux" or "lib" not in need.names[0])
    ]


def install(needs: list[Need]) -> None:
    """Install the packages of what is needed, if apt-get can; where it cannot, its last words say why."""
    packages = [need.package for need in needs]
    print(f"system packages: installing {', '.join(packages)} (some minutes the first time)", flush=True)
    if _apt_get("update"):
        for (
            package
        ) in packages:  # each by itself: one that a mirror does not have must not keep the others away
            _apt_get("install", "--yes", "--no-install-recommends", package)


def _apt_get(*arguments: str) -> bool:
    done = subprocess.run(
        ("apt-get", "-qq", *arguments),
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        print(f"system packages: apt-get {arguments[0]} failed: {said[-1]}", flush=True)
    return not done.returncode


def main() -> None:
    """Install what is missing where that is allowed, and name what is still missing."""
    if (needs := missing()) and os.geteuid() == 0 and shutil.which("apt-get"):
        install(needs)
        needs = missing()
    if needs:
        packages = " ".join(need.package for need in needs)
        skipped = ", ".join(dict.fromkeys(need.tests for need in needs))
        print(
            f"system packages: {skipped} will be skipped: install {packages}"
            f" (as root: apt-get install {packages})",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
