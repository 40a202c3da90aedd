"""What is shipped: the wheel, its extras, the pins and the pages that speak of them."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from scripts.pins import canonical, direct_requirements, read_pins, select

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]
# Spark is not pinned: it must equal the cluster's version.
PINNED = [*(name for name in EXTRAS if name not in {"all", "spark"}), "dev"]

# Hides what the groups in argv[1] do not pull in, so that the code after it runs as on a fresh install.
HIDE_THE_REST = """
import importlib.abc, importlib.metadata, sys
from scripts.pins import canonical, select

pins = select(sys.argv.pop(1).split()).splitlines()
present = {"driftline", *(canonical(line) for line in pins if line[0] != " ")}
owners = importlib.metadata.packages_distributions()

class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if path is None and name in owners and not present & {canonical(owner) for owner in owners[name]}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
"""
IMPORT_EVERY_MODULE = """
import importlib, pkgutil
for package in sys.argv[1:]:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        importlib.import_module(module.name)
        print(module.name)
"""
RUN_THE_COMMAND = """
from driftline_collector.__main__ import main
sys.exit(main())
"""


def run_with_only(groups: str, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` as if only the base install and ``groups`` were installed."""
    return subprocess.run(
        [sys.executable, "-c", HIDE_THE_REST + code, groups, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def imported_modules(path: Path) -> Iterator[str]:
    """What a file imports, wherever in it; of ``from a import b`` a.b, a module or a name in one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def lineage(module: str) -> Iterator[str]:
    """a.b.c, a.b and a."""
    parts = module.split(".")
    return (".".join(parts[:length]) for length in range(len(parts), 0, -1))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from the checkout by the build backend that pip would use."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return zipfile.ZipFile(next(folder.glob("driftline-*.whl")))


def test_the_version_is_the_changelogs_head() -> None:
    head = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert head is not None
    assert head[1] == PYPROJECT["project"]["version"] == importlib.metadata.version("driftline")


def test_the_wheel_holds_every_file_of_the_four_packages(wheel: zipfile.ZipFile) -> None:
    """Type markers, SQL, YAML and JSON too, and nothing beside them."""
    expected = {
        path.relative_to((ROOT / package).parent).as_posix()
        for package in PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {
        f"{package}/py.typed" for package in ("driftline", "driftline_collector", "driftline_schemas")
    } < expected
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == expected


def test_the_wheel_carries_licence_command_and_extras(wheel: zipfile.ZipFile) -> None:
    information = f"driftline-{PYPROJECT['project']['version']}.dist-info"
    metadata = message_from_bytes(wheel.read(f"{information}/METADATA"))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert set(metadata.get_all("Provides-Extra") or ()) == set(EXTRAS)
    assert (
        "driftline = driftline_collector.__main__:main"
        in wheel.read(f"{information}/entry_points.txt").decode()
    )
    assert f"{information}/licenses/LICENSE" in wheel.namelist()


def test_the_all_extra_is_all_of_them() -> None:
    (everything,) = EXTRAS["all"]
    match = re.fullmatch(r"driftline\[(.*)\]", everything)
    assert match is not None
    assert set(match[1].split(",")) == set(EXTRAS) - {"all"}


def test_every_requirement_is_pinned_with_hashes_and_no_address() -> None:
    pins, _ = read_pins()
    assert {canonical(requirement) for requirement in direct_requirements(PINNED)} <= set(pins)
    for name, pin in pins.items():
        assert re.match(r"[a-z0-9-]+==[0-9]\S*", pin), name
        assert "--hash=sha256:" in pin, name
    for name in ("constraints.txt", "constraints-lts.txt"):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8")


def test_nothing_is_pinned_that_no_extra_needs() -> None:
    pins, _ = read_pins()
    assert select(PINNED) == "".join(pins[name] for name in sorted(pins))


def test_the_base_install_stays_small() -> None:
    """A device gets these and no others; adding one here is a decision, not an accident."""
    assert {canonical(line) for line in select([]).splitlines() if not line.startswith(" ")} == {
        "certifi",
        "charset-normalizer",
        "googleapis-common-protos",
        "idna",
        "numpy",
        "opentelemetry-api",
        "opentelemetry-exporter-http-transport",
        "opentelemetry-exporter-otlp-common",
        "opentelemetry-exporter-otlp-proto-common",
        "opentelemetry-exporter-otlp-proto-http",
        "opentelemetry-proto",
        "opentelemetry-sdk",
        "opentelemetry-semantic-conventions",
        "protobuf",
        "requests",
        "typing-extensions",
        "urllib3",
    }


def test_an_unknown_extra_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no extra or dependency group 'colector'"):
        select(["colector"])


def test_every_package_imported_is_a_named_requirement() -> None:
    """What only another package pulls in may be gone with that one's next release."""
    providers: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = canonical(distribution.name)
        for file in distribution.files or ():
            if file.suffix in {".py", ".so"}:
                module = re.sub(r"(/__init__)?(\.[^/]+)?\.(py|so)$", "", str(file)).replace("/", ".")
                providers[module] = name
    unnamed = {"driftline", "pydantic-core"}  # pydantic pins its core exactly and sends its users there
    for groups, folders in (
        ([], ["telemetry", "schemas"]),
        (["collector"], ["collector"]),
        (["dashboard"], ["dashboard"]),
    ):
        named = unnamed | {canonical(requirement) for requirement in direct_requirements(groups)}
        for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
            for module in imported_modules(path):
                provider = next((providers[each] for each in lineage(module) if each in providers), None)
                assert provider is None or provider in named, f"{path.relative_to(ROOT)} imports {module}"


def test_every_requirement_has_a_line_in_the_dependencies_page() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    explained = {canonical(name) for name in re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)}
    wanted = {canonical(requirement) for requirement in direct_requirements([*PINNED, "spark"])}
    assert explained == wanted


def test_the_sdk_needs_the_base_install_only() -> None:
    done = run_with_only("", IMPORT_EVERY_MODULE, "driftline", "driftline_schemas")
    assert done.returncode == 0, done.stderr
    assert "driftline.testing" in done.stdout


def test_the_command_needs_the_collector_extra_only() -> None:
    done = run_with_only("collector", RUN_THE_COMMAND, "--help")
    assert done.returncode == 0, done.stderr
    assert "check-config" in done.stdout


def test_the_command_says_which_extra_is_missing() -> None:
    done = run_with_only("", RUN_THE_COMMAND, "collector")
    assert done.returncode != 0
    assert "driftline[collector]" in done.stderr
    assert "Traceback" not in done.stderr
