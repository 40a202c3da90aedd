"""The documentation of the SDK is run, and leaves no argument out."""

import inspect
import re
from pathlib import Path

import driftline
import pytest

from tests.telemetry.conftest import Collector

PAGE = (Path(__file__).parents[2] / "docs" / "sdk.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
FIRST = "import driftline\n\nmonitor"


@pytest.mark.parametrize(
    "beginning",
    [
        "import driftline\n\nmonitor",
        "import numpy",
        "from driftline.testing",
        "from driftline.exporters",
        "from driftline.summaries",
    ],
)
def test_the_examples_that_stand_alone_run(
    beginning: str, collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRIFTLINE_SPOOL_DIR", str(tmp_path))
    (block,) = [block for block in BLOCKS if block.startswith(beginning)]
    exec(block.replace("http://127.0.0.1:4318", collector.endpoint), {})  # noqa: S102 - our own page
    assert beginning != FIRST or collector.predictions == 1


def test_the_other_examples_are_python() -> None:
    for block in BLOCKS:
        compile(block, "docs/sdk.md", "exec")


def test_each_argument_of_a_monitor_is_documented_with_its_default() -> None:
    for name, parameter in inspect.signature(driftline.Monitor).parameters.items():
        rows = [
            line for line in PAGE.splitlines() if line.startswith("| `") and f"`{name}`" in line.split("|")[1]
        ]
        assert len(rows) == 1, name
        default = parameter.default
        if isinstance(default, (int, float)) and name != "max_spool_bytes":
            assert f"{default:,}".removesuffix(".0") in rows[0], name
