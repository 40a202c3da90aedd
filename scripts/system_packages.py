"""Bring the programs that some tests need and no Python package brings: a browser, and Node.js with npm.

    python3 -m scripts.system_packages

As root on Debian or Ubuntu it installs what is missing. Elsewhere it says in one line what to install; the
tests that need it are then skipped, and say so. It never fails: what can be tested is still tested.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

_INSTALL = ("apt-get", "-qq", "install", "--yes", "--no-install-recommends")


@dataclass(frozen=True)
class Need:
    """A program under any of its names, the Debian package that brings it, and the tests that want it."""

    programs: tuple[str, ...]
    package: str
    tests: str


NEEDS = (
    Need(("chromium", "chromium-browser", "google-chrome"), "chromium", "tests in a browser"),
    Need(("node",), "nodejs", "tests from JavaScript"),
    Need(("npm",), "npm", "tests from JavaScript"),
)


def missing() -> list[Need]:
    """What is not on the PATH."""
    return [need for need in NEEDS if not any(map(shutil.which, need.programs))]


def install(needs: list[Need]) -> None:
    """Install the packages of what is needed, if apt-get can; where it cannot, its last words say why."""
    packages = [need.package for need in needs]
    print(f"system packages: installing {', '.join(packages)} (some minutes the first time)", flush=True)
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (("apt-get", "-qq", "update"), (*_INSTALL, *packages)):
        done = subprocess.run(
            command, env=quiet, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            words = (done.stderr or done.stdout).strip().splitlines()
            print(
                f"system packages: {command[0]} failed: {words[-1] if words else done.returncode}", flush=True
            )
            return


def main() -> None:
    """Install what is missing where that is allowed, and name what is still missing."""
    if (needs := missing()) and os.geteuid() == 0 and shutil.which("apt-get"):
        install(needs)
        needs = missing()
    if needs:
        packages = " ".join(need.package for need in needs)
        skipped = " and ".join(dict.fromkeys(need.tests for need in needs))
        print(
            f"system packages: {skipped} will be skipped: install {packages}"
            f" (as root: apt-get install {packages})",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
