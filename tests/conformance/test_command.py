"""What the command prints, and how it exits."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.__main__ import EXIT_CONFORMANT, EXIT_NOT_CONFORMANT, EXIT_NOT_RUN, main
from tests.conformance.payloads import ordinary
from tests.conformance.registry import LEVELS, clauses
from tests.conformance.report import BEGIN, END, in_a_cell
from tests.conformance.specification import plain
from tests.conformance.stub_http import serve_http
from tests.conformance.stub_otlp import Fault, Stub

LIMIT = ("--limit", str(256 * 1024))
RIGHT = Stub(limit=256 * 1024)
WRONG = Stub(limit=256 * 1024, faults=frozenset({Fault.HTML_ERRORS}))
WITHOUT_BAD_REQUEST = Stub(limit=256 * 1024, faults=frozenset({Fault.NO_BAD_REQUEST}))


def test_json_is_one_object_with_a_result_for_each_clause_transport_and_signal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serve_http(RIGHT) as endpoint:
        assert main(["--endpoint", endpoint, "--json", "--only", "full success"]) == EXIT_CONFORMANT
    report = json.loads(capsys.readouterr().out)
    assert report["conformant"] is True
    assert report["endpoints"] == {"http": endpoint, "grpc": None}
    first = report["results"][0]
    assert first["url"] == "https://opentelemetry.io/docs/specs/otlp/#full-success"
    assert (first["level"], first["transport"], first["result"]) == ("MUST", "grpc", "skip")
    counted = sum(sum(outcomes.values()) for outcomes in report["counts"].values())
    assert counted == len(report["results"])


def test_a_failed_must_makes_the_exit_status_one_and_shows_what_was_sent_and_seen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serve_http(WRONG) as endpoint:
        assert main(["--endpoint", endpoint, "--only", "status message", *LIMIT]) == EXIT_NOT_CONFORMANT
    shown = capsys.readouterr().out
    assert "sent POST /v1/traces [Content-Type: application/x-protobuf]" in shown
    assert "seen not in the request's encoding: HTTP 400, text/html, 14 bytes: <h1>Error</h1>" in shown
    assert "not conformant" in shown


def test_a_failed_should_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    with serve_http(WITHOUT_BAD_REQUEST) as endpoint:
        assert main(["--endpoint", endpoint, "--only", "bad request", "--json"]) == EXIT_CONFORMANT
    report = json.loads(capsys.readouterr().out)
    assert report["counts"]["SHOULD"]["fail"] == 6


def test_markdown_has_a_table_for_each_section_with_its_address(capsys: pytest.CaptureFixture[str]) -> None:
    with serve_http(RIGHT) as endpoint:
        main(["--endpoint", endpoint, "--markdown", "--only", "duplicate data"])
    shown = capsys.readouterr().out
    assert "### [Duplicate Data](https://opentelemetry.io/docs/specs/otlp/#duplicate-data)" in shown
    assert "| takes the same request twice | pass | pass | skip |" in shown


def test_markdown_goes_between_the_marks_of_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    with serve_http(RIGHT) as endpoint:
        arguments = ["--endpoint", endpoint, "--only", "duplicate data", "--markdown", str(page)]
        assert main(arguments) == EXIT_CONFORMANT
        assert page.read_text().startswith(f"before\n{BEGIN}\n\nOTLP")
        assert page.read_text().endswith(f"{END}\nafter\n")
        assert "old" not in page.read_text()
        page.write_text("no marks")
        assert main(arguments) == EXIT_NOT_RUN
    assert "has no place for the table" in capsys.readouterr().err
    assert page.read_text() == "no marks"


def test_a_request_that_is_taken_in_part_can_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = tmp_path / "metrics.pb"
    message = ordinary("metrics")
    for _ in range(3):  # merging the same points again: four in all, none of them with a time
        message.MergeFrom(ordinary("metrics"))
    resources = message.resource_metrics  # type: ignore[attr-defined]
    for resource in resources:
        resource.scope_metrics[0].metrics[0].sum.data_points[0].time_unix_nano = 0
    request.write_bytes(message.SerializeToString())
    with serve_http(RIGHT) as endpoint:
        arguments = ["--endpoint", endpoint, "--partly-rejected", f"metrics={request}", "--json"]
        main([*arguments, "--only", "counts what it rejected"])
    seen = [r["seen"] for r in json.loads(capsys.readouterr().out)["results"] if r["signal"] == "metrics"]
    assert any("rejected_data_points: 4" in text for text in seen)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--endpoint", "http://127.0.0.1:9"], "Start the server"),
        (["--endpoint", "ftp://127.0.0.1:9"], "give one like http://127.0.0.1:4318"),
        (["--endpoint", "http://127.0.0.1:9", "--header", "key"], "write it as NAME=VALUE"),
        (["--endpoint", "http://127.0.0.1:9", "--partly-rejected", "spans=x"], "write it as SIGNAL=FILE"),
    ],
)
def test_what_keeps_the_suite_from_running_is_said_with_what_to_do(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == EXIT_NOT_RUN
    assert said in capsys.readouterr().err


def test_a_header_is_sent_and_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with serve_http(WRONG) as endpoint:
        main(
            [
                "--endpoint",
                endpoint,
                "--header",
                "api-key=s3cret",
                "--only",
                "status message",
                "--json",
                *LIMIT,
            ]
        )
    shown = capsys.readouterr().out
    assert json.loads(shown)["counts"]["MUST"]["fail"] > 0
    assert "s3cret" not in shown


def test_the_suite_needs_nothing_of_driftline() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, tests.conformance.__main__; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "tests.conformance.run" in loaded
    assert "driftline" not in loaded


def test_no_clause_is_registered_twice() -> None:
    keys = [(each.anchor, each.level, each.quote, each.title, each.on, each.signals) for each in clauses()]
    assert len(set(keys)) == len(keys)


def test_quotes_are_compared_without_markup() -> None:
    assert plain("- The [Status](https://x.test/a)\n  `code` is *not* used") == "The Status code is not used"


def test_the_table_in_the_docs_has_a_row_for_each_clause_of_the_suite_and_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs" / "otlp.md").read_text()
    table = page.partition(BEGIN)[2].partition(END)[0]
    rows = [line for line in table.splitlines() if line.startswith(tuple(f"| {level} " for level in LEVELS))]
    told = {tuple(row.strip("| ").split(" | ")[:3]) for row in rows}
    expected = {(each.level, in_a_cell(each.quote), each.title) for each in clauses()}
    assert told == expected
    assert "| fail" not in table
