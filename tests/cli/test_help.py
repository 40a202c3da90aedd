"""Every command: its help has an example that can be typed, it knows `--json`, and a page tells of it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from driftline_collector.cli.app import app

from tests.cli.command import driftline, here

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The words of each command that is no group, and the command."""
    if hasattr(group, "commands"):
        for name, child in group.commands.items():
            yield from commands(child, (*path, name))
    else:
        yield path, group


def options_of(words: tuple[str, ...]) -> list[Any]:
    """The options of a command, without its arguments."""
    return [parameter for parameter in ALL[words].params if parameter.param_type_name == "option"]


ALL = dict(commands(typer.main.get_command(app)))
EXPECTED = [
    "up",
    "dashboard",
    "collector",
    "check-config",
    "doctor",
    "drift",
    "report",
    "simulate",
    "devices list",
    "devices changes",
    "devices retire",
    "devices return",
    "devices rename",
    "devices move",
    "reference build",
    "reference register",
    "reference set",
    "reference list",
    "reference verify",
    "labels import",
    "export",
    "backup",
    "restore",
    "purge",
    "alerts list",
    "alerts silence",
    "alerts silences",
    "alerts unsilence",
    "alerts test",
]


def test_these_are_the_commands() -> None:
    assert sorted(" ".join(words) for words in ALL) == sorted(EXPECTED)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_a_command_prints_json_and_explains_its_options(words: tuple[str, ...]) -> None:
    options = options_of(words)
    assert "--json" in {name for option in options for name in option.opts}
    assert all(option.help for option in options)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_the_example_in_a_commands_help_is_one_of_that_command(words: tuple[str, ...]) -> None:
    epilog = (ALL[words].epilog or "").replace("\\\n", " ")
    lines = [shlex.split(line.partition(">")[0]) for line in epilog.splitlines() if "driftline " in line]
    assert lines
    for line in lines:
        arguments = line[line.index("driftline") + 1 :]
        assert tuple(arguments[: len(words)]) == words
        # What follows is parsed as it would be when typed; nothing is run.
        ALL[words].make_context(" ".join(words), arguments[len(words) :])


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_a_command_and_its_options_are_documented(words: tuple[str, ...]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    section = re.search(
        rf"^## `driftline {' '.join(words)}`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL
    )
    assert section
    names = [max(option.opts, key=len) for option in options_of(words)]
    shared = {"--json", "--url", "--help"}
    assert not [name for name in names if name not in shared and f"`{name}`" not in section[1]]


def test_the_command_without_arguments_says_what_there_is() -> None:
    shown = driftline().stderr  # and exit status 2, as click has it
    assert all(name.split()[0] in shown for name in EXPECTED)


def test_a_choice_that_there_is_not_is_told_in_words() -> None:
    done = here("doctor", "--by", "colour")
    assert done.returncode == 2
    assert "Invalid value for '--by': 'colour' is not one of 'model', 'version'," in done.stderr


def test_the_version_is_told() -> None:
    assert re.fullmatch(r"driftline \d+\.\d+\.\d+\n", driftline("--version").stdout)


def test_a_base_install_says_which_extra_is_missing(tmp_path: Path) -> None:
    """As on a device: the package is there, what the collector needs is not."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nfor name in ('typer', 'pydantic', 'duckdb'):\n    sys.modules[name] = None\n"
    )
    done = driftline("drift", environment={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "driftline: this command needs the collector, and 'typer' is not installed."
        " Install it with: pip install 'driftline[collector]'"
    )
    assert not done.stdout
