"""`driftline check-config` says what a start would say."""

import json
from pathlib import Path

from tests.cli.command import driftline, here

WRONG = "server:\n  prot: 1\nevaluation:\n  window: hour\n"
SAID = [
    "driftline.yaml:2: server.prot: unknown key; did you mean 'port'?",
    "driftline.yaml:4: evaluation.window: expected a duration such as 500ms, 5s, 10m, 1h or 1d; found 'hour'",
]


def test_a_wrong_file_is_told_line_by_line_with_exit_status_2(tmp_path: Path) -> None:
    (tmp_path / "driftline.yaml").write_text(WRONG)
    done = here("check-config", "driftline.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["driftline: the configuration is wrong; nothing was started", *SAID]
    assert not done.stdout


def test_a_start_with_a_wrong_file_says_the_same_and_touches_nothing(tmp_path: Path) -> None:
    (tmp_path / "driftline.yaml").write_text(WRONG)
    done = driftline("collector", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[1:] == SAID
    assert [path.name for path in tmp_path.iterdir()] == ["driftline.yaml"]


def test_a_wrong_file_as_json(tmp_path: Path) -> None:
    (tmp_path / "driftline.yaml").write_text(WRONG)
    done = here("check-config", "driftline.yaml", "--json", cwd=tmp_path)
    assert done.returncode == 2
    found = json.loads(done.stdout)
    assert not found["valid"]
    assert [(p["line"], p["key"]) for p in found["problems"]] == [
        (2, "server.prot"),
        (4, "evaluation.window"),
    ]


def test_a_right_file_is_told_with_its_rules(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text("alerts: {rules: [{name: low, measure: accuracy, below: 0.9}]}\n")
    done = here("check-config", "d.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "d.yaml: correct. Rules: low. Notifiers: none.\n")
    assert json.loads(here("check-config", "d.yaml", "--json", cwd=tmp_path).stdout) == {
        "valid": True,
        "rules": ["low"],
        "notifiers": [],
    }


def test_without_a_file_the_defaults_are_checked(tmp_path: Path) -> None:
    assert here("check-config", cwd=tmp_path).stdout.startswith("The defaults: correct. Rules: drift.")


def test_the_schema_can_be_printed(tmp_path: Path) -> None:
    assert json.loads(here("check-config", "--schema", cwd=tmp_path).stdout)["title"] == "Settings"
