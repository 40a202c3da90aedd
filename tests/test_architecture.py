"""Who may import whom, and that the linter which keeps it would notice a breach."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "driftline": ROOT / "telemetry" / "driftline",
    "driftline_collector": ROOT / "collector" / "driftline_collector",
    "driftline_dashboard": ROOT / "dashboard" / "driftline_dashboard",
    "driftline_schemas": ROOT / "schemas" / "driftline_schemas",
}
OURS = ["telemetry", "collector", "dashboard", "schemas", "tests", "examples", "benchmarks", "scripts"]

# (the package that imports, what it may not import): one breach for each contract and each kind of edge.
BREACHES = [
    ("driftline_schemas", "numpy"),
    ("driftline_schemas", "driftline"),
    ("driftline_schemas", "driftline_collector"),
    ("driftline", "driftline_collector"),
    ("driftline", "duckdb"),
    ("driftline", "pandas"),
    ("driftline", "pyarrow"),
    ("driftline", "scipy"),
    ("driftline", "streamlit"),
    ("driftline_dashboard", "duckdb"),
    ("driftline_dashboard", "driftline_collector"),
    ("driftline_dashboard", "driftline_collector.answers"),
    ("driftline_collector.client", "driftline_collector.store"),
    ("driftline_collector.client", "fastapi"),
    ("driftline_collector.answers", "driftline_collector.store"),
    ("driftline_collector.answers", "pydantic"),
    ("driftline_collector.store", "driftline_collector.receiver"),
    ("driftline_collector.receiver", "driftline_collector.analysis"),
    ("driftline_collector.analysis", "driftline_collector.alerts"),
    ("driftline_collector.analysis.detectors", "driftline_collector.store"),
    ("driftline_collector.analysis.detectors", "pyarrow"),
    ("driftline_collector.alerts", "driftline_collector.analysis"),
    ("driftline_collector.api", "driftline_collector.receiver"),
    ("driftline_collector.api", "driftline_collector.app"),
]


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter in ``root`` on the packages below it, not on the installed ones."""
    search = os.pathsep.join(str(root / folder.relative_to(ROOT).parent) for folder in PACKAGES.values())
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": search, "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def breached(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says of a copy of the project where every breach hides inside a function."""
    copy = tmp_path_factory.mktemp("breached")
    for folder in PACKAGES.values():
        shutil.copytree(folder, copy / folder.relative_to(ROOT), ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "scripts", copy / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for importer, imported in BREACHES:
        package, _, inner = importer.partition(".")
        smuggler = copy / PACKAGES[package].relative_to(ROOT) / inner.replace(".", "/") / "smuggler.py"
        name = re.sub(r"\W", "_", imported)
        with smuggler.open("a", encoding="utf-8") as file:
            file.write(f"def smuggle_{name}() -> None:\n    import {imported}\n\n\n")
    # A way round: the SDK asks the schemas for what it may not have itself.
    with (copy / "telemetry" / "driftline" / "smuggler.py").open("a", encoding="utf-8") as file:
        file.write("def smuggle_through() -> None:\n    from driftline_schemas import fence\n")
    (copy / "schemas" / "driftline_schemas" / "fence.py").write_text(
        "def sell() -> None:\n    import scipy\n"
    )
    done = lint_imports(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def reads_environment(node: ast.AST) -> bool:
    """Whether this is ``os.environ``, ``os.getenv`` or the like, or an import that leads to them."""
    match node:
        case ast.Attribute(value=ast.Name(id="os"), attr=name):
            return name in {"environ", "environb", "getenv", "getenvb"}
        case ast.ImportFrom(module="os"):
            return any(alias.name in {"environ", "environb", "getenv", "getenvb"} for alias in node.names)
        case ast.ImportFrom(module="pydantic_settings"):
            return any(alias.name == "BaseSettings" for alias in node.names)
    return False


def test_every_import_rule_of_the_design_holds() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("importer", "imported"), BREACHES)
def test_a_forbidden_import_inside_a_function_is_caught(importer: str, imported: str, breached: str) -> None:
    assert f"{importer}.smuggler -> {imported} (line" in breached


def test_a_forbidden_import_by_way_of_another_package_is_caught(breached: str) -> None:
    through = breached.partition("through whatever\n")[2]
    assert re.search(
        r"driftline\.smuggler -> driftline_schemas\.fence .*\n.*driftline_schemas\.fence -> scipy", through
    )


def test_importing_the_sdk_loads_nothing_heavy() -> None:
    """Every public name is touched too, so that a lazily loaded one cannot bring it in."""
    code = (
        "import json, sys, driftline\n"
        "[getattr(driftline, name) for name in getattr(driftline, '__all__', ())]\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "driftline" in loaded
    assert not loaded & {"duckdb", "pandas", "pyarrow", "scipy", "streamlit"}


def test_only_the_settings_and_what_finds_them_read_the_environment() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGES["driftline_collector"].rglob("*.py")
        if any(map(reads_environment, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert readers == {f"collector/driftline_collector/{name}.py" for name in ("environment", "settings")}


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "util", "helpers", "helper", "misc", "common"}
    found = [path for folder in OURS for path in (ROOT / folder).rglob("*.py") if path.stem in drawers]
    assert found == []
