"""Print the pins of constraints.txt that some extras need, and no others.

``constraints.txt`` pins the closure of every extra. Installing all of it on a device that needs the base
install alone would be wrong, so this reads the "via" comments that the locking tool leaves beside each pin
and keeps what is reached from the extras asked for:

    python -m scripts.pins collector grpc > requirements.txt
    pip install --require-hashes --no-deps -r requirements.txt

Without arguments it prints the base install (the SDK). It needs the standard library only, since it runs
before anything is installed.
"""

import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def canonical(requirement: str) -> str:
    """The canonical name (PEP 503) of the package that a requirement such as ``Foo.bar>=1`` speaks of."""
    match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    if match is None:
        raise ValueError(f"not a requirement: {requirement!r}")
    return re.sub(r"[-_.]+", "-", match[1].rstrip("-_.")).lower()


def direct_requirements(groups: Iterable[str], pyproject: Path = ROOT / "pyproject.toml") -> list[str]:
    """The requirements that pyproject.toml names for the base install and for ``groups``.

    ``groups`` are names of extras or of dependency groups. An unknown one raises ``ValueError``.
    """
    document = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    project = document["project"]
    known: dict[str, list[str]] = project["optional-dependencies"] | document["dependency-groups"]
    requirements = list(project["dependencies"])
    for group in groups:
        if group not in known:
            raise ValueError(
                f"no extra or dependency group {group!r} in {pyproject}; known: {', '.join(known)}"
            )
        requirements += known[group]
    return requirements


def read_pins(constraints: Path = ROOT / "constraints.txt") -> tuple[dict[str, str], dict[str, set[str]]]:
    """The pins by package name, and for each package the names of those that it pulls in.

    A package pinned once per Python version has both pins, one after the other, under its one name.
    """
    pins: dict[str, str] = defaultdict(str)
    pulled_in: dict[str, set[str]] = defaultdict(set)
    name = ""
    for line in constraints.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("    # via "):
            for parent in line.removeprefix("    # via ").split(","):
                pulled_in[canonical(parent)].add(name)
        elif not line.startswith("#"):
            name = name if line.startswith(" ") else canonical(line)
            pins[name] += line
    return dict(pins), dict(pulled_in)


def select(groups: Iterable[str]) -> str:
    """The part of constraints.txt that the base install and ``groups`` need; ``ValueError`` on a gap."""
    pins, pulled_in = read_pins()
    reached: set[str] = set()
    waiting = [canonical(requirement) for requirement in direct_requirements(groups)]
    while waiting:
        name = waiting.pop()
        if name not in pins:
            raise ValueError(f"constraints.txt has no pin for {name}; run `make lock`")
        if name not in reached:
            reached.add(name)
            waiting += pulled_in.get(name, ())
    return "".join(pins[name] for name in sorted(reached))


if __name__ == "__main__":
    try:
        sys.stdout.write(select(sys.argv[1:]))
    except ValueError as error:
        sys.exit(f"pins: {error}")
